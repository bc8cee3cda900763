"""Dropout while a model is trained, put into any architecture from outside: served weights and code know nothing of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from app.errors import Unprocessable

PARTS = ("Attention", "MLP")  # how the classes of what a layer adds to its stream end, in transformers


@contextmanager
def dropout(model: Any, share: float) -> Iterator[None]:
    """While it trains, a `share` of the numbers is 0 in what each attention and MLP adds to the stream and in the embeddings of
    the tokens, as in "Attention Is All You Need" (A. Vaswani et al., 2017, section 5.4); the others grow to keep the mean.

    A forward pass in evaluation is as without. Raises Unprocessable for an architecture that has no such parts."""
    if not share:
        yield
        return

    def drop(module: nn.Module, _: Any, output: Any) -> Any:
        if not module.training:
            return None  # leaves it as it is
        if isinstance(output, Tensor):
            return nn.functional.dropout(output, share)
        first, *rest = output  # attention gives its weights too
        return (nn.functional.dropout(first, share), *rest)

    parts = [module for module in model.modules() if type(module).__name__.endswith(PARTS)]
    if not parts:
        raise Unprocessable(
            f"no attention or MLP was found in {type(model).__name__} to put dropout into; set dropout to 0", param="options"
        )
    hooks = [module.register_forward_hook(drop) for module in (model.get_input_embeddings(), *parts)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
