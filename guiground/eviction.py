"""The eviction method that a name and a budget stand for."""

from typing import TYPE_CHECKING

from guiground.errors import UsageError

if TYPE_CHECKING:
    from mixkv import Method


def build(name: str | None, budget: int | str | None) -> "Method":
    """The eviction method with its budget; what mixkv says against either becomes a UsageError."""
    import difflib

    import mixkv

    if name is None:
        name = "full" if budget is None else "mixkv"
    if name not in mixkv.METHODS:
        near = difflib.get_close_matches(name.casefold(), mixkv.METHODS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UsageError(f"unknown method '{name}' ({hint}choose from: {', '.join(mixkv.METHODS)})")
    if name == "full" and budget is not None:
        raise UsageError(f"method 'full' evicts nothing, so it takes no budget, got {budget} (leave one of them out)")
    try:
        return mixkv.make_method(name, **({} if budget is None else {"budget": mixkv.parse_budget(budget)}))
    except ValueError as error:
        raise UsageError(str(error)) from error
