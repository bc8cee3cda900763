"""From scratch: a tokenizer and a small Llama of the domain's own text, which owe nothing to any other model."""

from collections.abc import Sequence

from transformers import PreTrainedModel, PreTrainedTokenizerFast

from app.errors import Unprocessable
from app.training.fresh import SPECIAL, make_kin_alike, new_llama, new_tokenizer
from app.training.recipe import Recipe

BYTES = 256 + len(SPECIAL)  # entries that every tokenizer has


def begin(recipe: Recipe, texts: Sequence[str]) -> tuple[PreTrainedTokenizerFast, PreTrainedModel]:
    """Random weights and a tokenizer that is learned from `texts`. Raises Unprocessable."""
    if recipe.vocabulary <= BYTES:
        raise Unprocessable(f"a vocabulary of {recipe.vocabulary} holds no words; give it more than {BYTES}", param="options")
    tokenizer = new_tokenizer(texts, recipe.vocabulary, recipe.context)
    model = new_llama(
        tokenizer, seed=recipe.seed, hidden=recipe.hidden, layers=recipe.layers, heads=recipe.heads, mlp=recipe.mlp
    )
    make_kin_alike(model, tokenizer)
    return tokenizer, model
