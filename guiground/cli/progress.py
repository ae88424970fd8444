"""What happens meanwhile, told on stderr, and only if a person is looking at it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def status() -> Iterator[Callable[[str], None]]:
    """A function that says what is being done: a spinner on a terminal, nothing elsewhere. NO_COLOR is honoured."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda message: None
        return
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    with console.status("starting") as spinner:
        yield lambda message: spinner.update(escape(message))
