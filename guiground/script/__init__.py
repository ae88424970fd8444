"""Scripts that drive a desktop: a readable list of steps in a TOML file, read, then played."""
