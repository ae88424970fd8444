"""Triton kernels for CUDA, each beside its torch reference with the same signature.

Only what runs inside `fused()` uses them. Triton is imported when a kernel is first needed, never before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import find_spec

from torch import Tensor

_wanted: ContextVar[bool] = ContextVar("wanted", default=False)


@contextmanager
def fused() -> Iterator[None]:
    """Inside the block, tensors on CUDA are scored and attended to by kernels of our own.

    Raises RuntimeError where Triton is not installed.
    """
    if find_spec("triton") is None:
        raise RuntimeError("the kernels need Triton, which comes with torch's builds for CUDA: leave fused() out here")
    token = _wanted.set(True)
    try:
        yield
    finally:
        _wanted.reset(token)


def used_for(states: Tensor) -> bool:
    """Whether a kernel is to work on these states."""
    return _wanted.get() and states.is_cuda
