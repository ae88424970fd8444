"""What surrounds every call into torch and transformers: silence, and words for memory that runs out."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from guiground.errors import ModelError, UsageError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from mixkv import Method

_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "cannot allocate memory")


@contextmanager
def memory_explained() -> Iterator[None]:
    """Turns every way in which memory runs out into one ModelError."""
    try:
        yield
    except MemoryError as error:
        raise _memory_error() from error
    except RuntimeError as error:  # torch.OutOfMemoryError is one; on a CPU the allocator raises a plain RuntimeError
        if any(words in str(error).lower() for words in _OUT_OF_MEMORY):
            raise _memory_error() from error
        raise


def _memory_error() -> ModelError:
    return ModelError(
        "there is not enough memory for this model and picture"
        " (let it look at fewer pixels: --max-pixels 500000, choose a smaller model or --dtype bfloat16)"
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps transformers' remarks and progress bars off stderr, and puts its settings back."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def compressed(model: "PreTrainedModel", method: "Method") -> Iterator[None]:
    """`mixkv.compress`; that a method does not fit the model, or wants scores that nobody measured, is a UsageError."""
    import mixkv
    from mixkv.head_scores import MissingHeadScores

    with ExitStack() as stack:
        try:
            stack.enter_context(mixkv.compress(model, method))
        except MissingHeadScores as error:
            raise UsageError(
                f"method '{method.name}' needs the visual head scores of this model, which were not measured yet"
                " (run `guiground heads` with the same --model once)"
            ) from error
        except ValueError as error:
            raise UsageError(str(error)) from error
        yield
