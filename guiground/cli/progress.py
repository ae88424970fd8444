"""What happens meanwhile, told on stderr, and only if a person is looking at it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def status() -> Iterator[Callable[[str], None]]:
    """A function that says what is being done: a spinner on a terminal, nothing elsewhere. NO_COLOR is honoured."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda message: None
        return
    with console.status("starting") as spinner:
        yield lambda message: spinner.update(escape(message))
