"""The resident process: a model that stays loaded, and the client that commands ask it with."""
