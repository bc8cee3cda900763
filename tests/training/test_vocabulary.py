"""Words of the domain become tokens; every text still decodes to itself, and the model begins as what it was."""

from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from app.catalog.catalog import ModelVersion
from app.errors import Unprocessable
from app.training import vocabulary
from app.training.recipe import Recipe, TaskRecipe

TEXTS = ["the subrogation of the endorsement", "Subrogation, endorsement and subrogation!"] * 4 + ["once only: escutcheon"]
UNSEEN = ["", " ", "a subrogation", "subrogationsubrogation 12\n\n", "Ünïcode 🎈 endorsement…", "<|end|>", "\tno  words "]


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(name="x", method="vocabulary", tasks=(TaskRecipe(name="t", dataset="d"),), new_tokens=40)


def test_frequent_words_become_shorter_and_every_text_decodes_to_itself(base: ModelVersion, recipe: Recipe) -> None:
    before: Any = AutoTokenizer.from_pretrained(base.folder)
    after, _ = vocabulary.begin(recipe, base, TEXTS)

    def count(tokenizer: Any, text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])

    assert count(before, "the subrogation") > 3
    assert count(after, "the subrogation") < count(before, "the subrogation") / 2
    assert count(after, "escutcheon") == count(before, "escutcheon")  # said once: not worth a token
    for text in (*TEXTS, *UNSEEN):
        ids = after(text, add_special_tokens=False)["input_ids"]
        assert after.decode(ids, skip_special_tokens=False) == text
    assert after.chat_template == before.chat_template
    assert [after.bos_token, after.eos_token, after.pad_token] == [before.bos_token, before.eos_token, before.pad_token]
    assert after("<|end|>")["input_ids"][-1:] == before("<|end|>")["input_ids"][-1:]  # still one token


def test_the_new_tokenizer_survives_being_saved(base: ModelVersion, recipe: Recipe, tmp_path: Any) -> None:
    tokenizer, model = vocabulary.begin(recipe, base, TEXTS)
    tokenizer.save_pretrained(tmp_path)
    again: Any = AutoTokenizer.from_pretrained(tmp_path)
    for text in (*TEXTS, *UNSEEN):
        assert again(text)["input_ids"] == tokenizer(text)["input_ids"]
    assert len(again) <= model.get_input_embeddings().weight.shape[0]


def test_a_new_token_begins_as_the_mean_of_its_pieces_and_the_old_ones_stay(base: ModelVersion, recipe: Recipe) -> None:
    old: Any = AutoTokenizer.from_pretrained(base.folder)
    _, pieces = vocabulary.extend(old, TEXTS, recipe.new_tokens, "x")
    _, model = vocabulary.begin(recipe, base, TEXTS)
    weight = model.get_input_embeddings().weight
    assert pieces
    for number, own in enumerate(pieces):
        assert torch.allclose(weight[len(old) + number], weight[own].mean(0))
    assert model.get_output_embeddings().weight.shape == weight.shape


def test_no_more_tokens_than_asked_and_always_the_same(base: ModelVersion, recipe: Recipe) -> None:
    few = recipe.model_copy(update={"new_tokens": 3})
    old: Any = AutoTokenizer.from_pretrained(base.folder)
    first, pieces = vocabulary.extend(old, TEXTS, few.new_tokens, "x")
    second, _ = vocabulary.extend(old, TEXTS[::-1], few.new_tokens, "x")
    assert len(pieces) == 3
    assert first.get_vocab() == second.get_vocab()


def test_a_tokenizer_that_is_not_bpe_is_refused_with_what_to_do() -> None:
    words = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]")))
    with pytest.raises(Unprocessable, match=r"words can be added to BPE only\. Use the method full"):
        vocabulary.extend(words, TEXTS, 5, "words@1")
