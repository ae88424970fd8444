"""The checkpoints: what each one is asked, sees and answers (spec, catalogue), and how it is loaded and read."""
