"""What the user can mend: one sentence each, with the exit code the command line ends with."""


class GuigroundError(Exception):
    """Something the user can mend; the message is one sentence with the remedy."""

    exit_code = 1


class UsageError(GuigroundError):
    """A wrong argument, file or name."""

    exit_code = 2


class CaptureError(GuigroundError):
    """The screen cannot be grabbed, or input cannot be sent."""

    exit_code = 3


class ModelError(GuigroundError):
    """The model cannot be found, loaded or run in the memory at hand."""

    exit_code = 4


class AnswerError(GuigroundError):
    """The model answered with something that is no point."""

    exit_code = 5
