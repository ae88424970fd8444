"""The eviction method that a name and a budget stand for."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from guiground.errors import UsageError

if TYPE_CHECKING:
    from mixkv import Method


DEFAULT = "gistkv"  # the method where only a budget is given
REMEMBERING, REMEMBERED = "coverkv", "25%"  # the method that needs no instruction, and what it is given by itself
AFTER_PREFILL, STRICT, MEMORY = "after-prefill", "strict", "memory"
PROTOCOLS = (AFTER_PREFILL, STRICT, MEMORY)


def check_protocol(name: str) -> str:
    """When entries are evicted: after the whole prompt was read, as the papers do; before its last token; or before the
    instruction, so that all instructions share what is held of a screenshot. Raises UsageError for anything else."""
    if name not in PROTOCOLS:
        raise UsageError(f"unknown protocol '{name}' (choose from: {', '.join(PROTOCOLS)})")
    return name


def protocols(names: str) -> list[str]:
    """Protocols as written with commas between them, each once. Raises UsageError for unknown ones, and for none."""
    found = [check_protocol(name.strip()) for name in names.split(",")]
    return list(dict.fromkeys(found))


def build(
    name: str | None,
    budget: int | str | None,
    settings: Mapping[str, Any] | None = None,
    protocol: str = AFTER_PREFILL,
) -> "Method":
    """The eviction method with its budget and its own settings; what mixkv says against them becomes a UsageError.

    Without a name it is what suits the protocol, and without a budget too nothing is evicted, unless a screenshot is to
    be remembered.
    """
    import difflib

    import mixkv

    if name is None and protocol == MEMORY:
        name, budget = REMEMBERING, REMEMBERED if budget is None else budget
    elif name is None:
        name = "full" if budget is None else DEFAULT
    if name not in mixkv.METHODS:
        near = difflib.get_close_matches(name.casefold(), mixkv.METHODS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise UsageError(f"unknown method '{name}' ({hint}choose from: {', '.join(mixkv.METHODS)})")
    if name == "full" and budget is not None:
        raise UsageError(f"method 'full' evicts nothing, so it takes no budget, got {budget} (leave one of them out)")
    settings = dict(settings or {})
    if "budget" in settings:
        raise UsageError(f"the budget is no setting of its own, got {settings['budget']} (say it as the budget)")
    try:
        return mixkv.make_method(name, **settings, **({} if budget is None else {"budget": mixkv.parse_budget(budget)}))
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from error


def parse_settings(pairs: Sequence[str]) -> dict[str, Any]:
    """The settings that NAME=VALUE pairs stand for; numbers, true and false are read as such. Else UsageError."""
    settings: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"'{pair}' is no setting of a method (write it as NAME=VALUE, such as alpha=2)")
        settings[name] = _value(text)
    return settings


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def cells(methods: str, budgets: str) -> list[tuple[str, str | None]]:
    """Every method with every budget, as written with commas; once, without one, where a method takes none.

    Raises UsageError for lists with nothing in them.
    """
    import mixkv

    named = [name.strip() for name in methods.split(",") if name.strip()]
    sizes = [size.strip() for size in budgets.split(",") if size.strip()]
    found: list[tuple[str, str | None]] = []
    for name in named:
        method = mixkv.METHODS.get(name)
        takes_none = method is not None and "budget" not in method.__dataclass_fields__
        found += [(name, None)] if takes_none else [(name, size) for size in sizes]
    if not found:
        raise UsageError(f"there is nothing to show: methods '{methods}', budgets '{budgets}' (give one of each)")
    return list(dict.fromkeys(found))
