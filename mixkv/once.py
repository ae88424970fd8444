"""Scores that several methods want of one prompt, computed once for all of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from torch import Tensor

_known: ContextVar[dict | None] = ContextVar("known", default=None)


@contextmanager
def once() -> Iterator[None]:
    """Inside the block, a score that was computed of the same tensors before is not computed again.

    The tensors must not be changed meanwhile; they are held until the block ends, the outermost one where it lies in
    another.
    """
    known = _known.get()
    token = _known.set({} if known is None else known)
    try:
        yield
    finally:
        _known.reset(token)


def shared(score: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function, which inside `once` returns the tensor that it returned for the same arguments before."""

    @wraps(score)
    def looked_up(*args: Any, **kwargs: Any) -> Tensor:
        known = _known.get()
        if known is None:
            return score(*args, **kwargs)
        key = (score, *map(_name, args), *((name, _name(value)) for name, value in sorted(kwargs.items())))
        if key not in known:
            known[key] = score(*args, **kwargs), args, kwargs  # the arguments too: their memory is not used again
        return known[key][0]

    return looked_up


def _name(value: Any) -> Any:
    return (value.data_ptr(), value.shape, value.stride(), value.dtype) if isinstance(value, Tensor) else value
