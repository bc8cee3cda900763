"""The domain's vocabulary: words that a base splits into pieces become tokens of their own, which begin as what they were.

A new token is a merge behind all merges that the tokenizer has, so any text still encodes and decodes exactly; its embedding
begins as the mean of its pieces' (J. Hewitt, "Initializing New Word Embeddings for Pretrained Language Models", 2021, for why
a mean and not noise).
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from app.catalog.catalog import ModelVersion
from app.engines.embedded.turns import read_tokenizer
from app.errors import Unprocessable
from app.training.recipe import Recipe

FEWEST = 5  # times that a word must be said to be worth a token
LONGEST = 8  # pieces: what is longer is no word
WORD = re.compile(r"▁?\w+")  # of a text whose spaces are ▁, as SentencePiece writes them


def begin(recipe: Recipe, base: ModelVersion, texts: Sequence[str]) -> tuple[PreTrainedTokenizerFast, PreTrainedModel]:
    """The base with the new tokens. Raises Unprocessable where its tokenizer cannot be extended."""
    tokenizer: Any = read_tokenizer(base.folder)
    model: Any = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
    extended, pieces = extend(tokenizer, texts, recipe.new_tokens, base.id)
    _grow(model, len(tokenizer), pieces)
    return extended, model


def extend(
    tokenizer: PreTrainedTokenizerFast, texts: Iterable[str], most: int, name: str
) -> tuple[PreTrainedTokenizerFast, list[list[int]]]:
    """The tokenizer with at most so many new tokens, numbered on from its length, and the old pieces of each."""
    backend = tokenizer.backend_tokenizer
    document = json.loads(backend.to_str())
    if document["model"]["type"] != "BPE":
        raise Unprocessable(
            f"{name} has a tokenizer of the kind {document['model']['type']}; words can be added to BPE only. Use the method "
            "full, or scratch.",
            param="base",
        )
    entries: dict[str, int] = document["model"]["vocab"]
    names = {number: text for text, number in entries.items()}
    first = len(tokenizer)
    merges: list[list[str]] = []
    pieces: list[list[int]] = []
    for word in _worthwhile(backend, texts):
        parts = [names[number] for number in word]
        so_far, known = parts[0], [word[0]]
        for part, number in zip(parts[1:], word[1:], strict=True):
            pair, known = [so_far, part], [*known, number]
            so_far += part
            if so_far in entries:  # a merge of other pieces leads there
                if pair not in merges:
                    merges.append(pair)
                continue
            if len(pieces) == most:
                break
            entries[so_far] = first + len(pieces)
            merges.append(pair)
            pieces.append(known)
    before = document["model"]["merges"]
    as_text = bool(before) and isinstance(before[0], str)  # older files write a merge as one string
    document["model"]["merges"] = before + [" ".join(pair) if as_text else pair for pair in merges]
    # Not of the base's own class: that may build its table itself, without what is new.
    extended = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(document)), **_settings(tokenizer))
    return extended, pieces


def _settings(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    """What a tokenizer has beside its table: special tokens, template, context."""
    kept = {name: value for name, value in tokenizer.init_kwargs.items() if name not in {"tokenizer_file", "tokenizer_object"}}
    return kept | {"chat_template": tokenizer.chat_template, "model_max_length": tokenizer.model_max_length}


def _worthwhile(backend: Tokenizer, texts: Iterable[str]) -> list[list[int]]:
    """The pieces of words that would save most tokens, in that order, which is always the same."""
    said: Counter[str] = Counter()
    for text in texts:
        normal = backend.normalizer.normalize_str(text) if backend.normalizer else text
        if backend.pre_tokenizer:
            said.update(piece for piece, _ in backend.pre_tokenizer.pre_tokenize_str(normal))
        else:  # the table itself joins what stands between spaces, and spaces are letters
            said.update(WORD.findall(normal))
    split: dict[tuple[int, ...], int] = {}
    for word, count in said.items():
        if count >= FEWEST and any(map(str.isalpha, word)):
            numbers = tuple(token.id for token in backend.model.tokenize(word))
            if 1 < len(numbers) <= LONGEST:
                split[numbers] = count
    return [[*word] for word in sorted(split, key=lambda word: (-split[word] * (len(word) - 1), word))]


def _grow(model: Any, first: int, pieces: Sequence[Sequence[int]]) -> None:
    """Rows for the new tokens in the input embedding and the output layer, each the mean of its pieces' rows."""
    model.resize_token_embeddings(max(first + len(pieces), model.config.vocab_size), mean_resizing=False)
    layers = {id(layer.weight): layer for layer in (model.get_input_embeddings(), model.get_output_embeddings())}
    with torch.no_grad():
        for layer in layers.values():
            for number, own in enumerate(pieces):
                layer.weight[first + number] = layer.weight[[*own]].mean(0)
