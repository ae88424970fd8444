"""The curriculum: reading first, then finding on growing parts of a screen, then whole screens."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of training."""

    name: str
    vision: float  # learning rate of the vision tower; 0 freezes it and keeps a bank of screens' features
    sizes: tuple[tuple[int, int, int, int, float], ...]  # width, height, pictures, questions a picture, weight
    screens: tuple[tuple[int, int], ...] = ((1280, 800),)
    levels: tuple[tuple[float, int], ...] = ((0.0, 2),)  # from this share of the stage on, scenes of this level
    decay: float = 0.25
    reading: bool = False  # characters only, the language side is unused
    answer: float = 1.0  # weight of the answer's digits
    rate: float = 1.0  # factor of the learning rates
    icons: float = 0.2  # share of the icons that are asked for: they are many, and learnt last
    seeing: tuple[tuple[float, float], ...] = ((0.0, 0.0),)  # from this share on, so many steps on sheets of icons
    toolkits: float = 0.0  # share of the screens that real toolkits rendered, where there are any
    again: float = 0.0  # share of the steps with other questions on a screen of late
    relations: int = 0  # questions by place on a screen, at most
    absent: int = 0  # questions for what a screen does not show


SMALL = ((256, 128, 8, 8, 3.0), (384, 256, 4, 12, 1.0))
MIDDLE = (
    (256, 256, 4, 12, 1.0),
    (384, 256, 4, 12, 1.0),
    (640, 128, 4, 12, 0.5),
    (640, 384, 2, 24, 2.0),
    (512, 512, 2, 24, 1.0),
)
LARGE = (
    (512, 384, 2, 24, 1.0),
    (640, 512, 2, 32, 1.0),
    (1280, 256, 2, 32, 0.5),
    (896, 640, 1, 48, 1.5),
    (1280, 800, 1, 64, 4.0),
)
WHOLE = (
    (640, 512, 2, 32, 0.6),
    (1280, 800, 1, 64, 6.0),
    (1366, 768, 1, 64, 1.5),
    (1280, 1024, 1, 64, 0.5),
    (1920, 1080, 1, 64, 0.7),
)
EVERY = (
    (640, 512, 2, 40, 0.5),
    (1280, 800, 1, 80, 6.0),
    (1366, 768, 1, 80, 1.2),
    (1280, 1024, 1, 80, 0.5),
    (1920, 1080, 1, 96, 0.8),
    (2560, 1440, 1, 96, 0.25),
)
SCREENS = ((1280, 800),) * 5 + ((1366, 768),) * 2 + ((1280, 1024), (1920, 1080))
TOGETHER = Stage(
    "together",
    0.6,
    EVERY,
    decay=0.62,
    rate=0.4,
    answer=2.0,
    icons=1.0,
    seeing=((0.0, 0.8), (0.12, 0.35)),
    toolkits=0.35,
    again=0.6,
    relations=5,
    absent=7,
)
# Tokens learn where the middle of what they show is (labels.places): a token's own place is too coarse to hit with.
EXACT = replace(
    TOGETHER, name="exact", decay=0.75, rate=0.22, seeing=((0.0, 0.2),), answer=3.0, relations=3, toolkits=0.5
)
STAGES = {
    stage.name: stage
    for stage in (
        Stage("read", 1.0, ((256, 128, 6, 0, 1.0),), levels=((0.0, 0), (0.12, 1), (0.35, 2)), reading=True),
        Stage("small", 0.0, SMALL, levels=((0.0, 1), (0.5, 2)), decay=0.1),
        Stage("middle", 0.0, MIDDLE, decay=0.1),
        Stage("large", 0.0, LARGE, decay=0.1, rate=0.5),
        Stage("whole", 0.0, WHOLE, screens=SCREENS, decay=0.5, rate=0.5, icons=0.25),
        Stage("again", 0.0, WHOLE, screens=SCREENS, decay=0.7, rate=0.4, icons=0.25),
        Stage("answers", 0.0, WHOLE, screens=SCREENS, decay=0.8, rate=0.3, icons=0.25, answer=4.0),
        TOGETHER,
        replace(TOGETHER, name="longer", decay=0.7, rate=0.25, seeing=((0.0, 0.25),)),
        EXACT,
    )
}


def pick(sizes, draw_: float):
    """The size whose share of the weights `draw_` falls into."""
    total = sum(size[-1] for size in sizes)
    for size in sizes:
        draw_ -= size[-1] / total
        if draw_ < 0:
            return size
    return sizes[-1]


def level_at(steps, done: float):
    """The value of the last of `steps`, (share of the stage, value), that has begun."""
    return [value for start, value in steps if done >= start][-1]
