"""What compression costs and saves: measured on random models in real shapes, with an uncompressed cache and a peer."""
