"""The embedded model: its packaged weights, and how they are made (scenes, training, measurement).

Nothing imports this package. The catalogue finds `weights/` like any other checkpoint folder; `python -m
guiground.nano.train` and `python -m guiground.nano.measure` make and measure it.
"""
