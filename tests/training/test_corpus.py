"""Texts become weighted tokens in the very form of serving; sources are read whole, and exams are not read at all."""

from itertools import islice
from pathlib import Path

import pytest
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from app.catalog.catalog import ModelVersion
from app.catalog.prompts import as_messages, classification_prompt
from app.domains.general import Example
from app.domains.hold_out import is_held_out
from app.errors import SetupError
from app.training import corpus
from app.training.corpus import Encoder, Passage
from app.training.reading import GAP, Reading
from tests.training.prose import write_data

EXAMPLE = Example(
    "kind",
    "a pipe burst",
    ("theft", "water damage"),
    "water damage",
    "Choose.",
    (("stolen", "theft"), ("wet walls", "water damage")),
)


@pytest.fixture(scope="module")
def tokenizer(base: ModelVersion) -> PreTrainedTokenizerFast:
    return AutoTokenizer.from_pretrained(base.folder)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


def test_an_example_is_the_chat_that_serving_sends_and_then_the_label(tokenizer: PreTrainedTokenizerFast) -> None:
    document = Encoder(tokenizer).example(EXAMPLE)
    prompt = classification_prompt(EXAMPLE.text, EXAMPLE.labels, instruction="Choose.", examples=EXAMPLE.shots)
    served = tokenizer.apply_chat_template(as_messages(prompt), tokenize=False, add_generation_prompt=True)
    assert tokenizer.decode(document.ids) == f"{served}water damage<|end|>"
    assert len(document.ids) == len(document.weights)


def test_only_the_labels_count_in_an_example_those_of_shots_too(tokenizer: PreTrainedTokenizerFast) -> None:
    document = Encoder(tokenizer).example(EXAMPLE)
    counted = [token for token, weight in zip(document.ids, document.weights, strict=True) if weight]
    assert tokenizer.decode(counted) == " theft water damagewater damage<|end|>"
    answer = [weight for weight in document.weights if weight][-len(tokenizer.encode("water damage")) - 1 :]
    assert sum(answer) == pytest.approx(max(corpus.ANSWER_WEIGHT, len(answer)))


def test_what_people_wrote_counts_in_prompts_as_well(tokenizer: PreTrainedTokenizerFast) -> None:
    document = Encoder(tokenizer).chat("Where is it?", "Here.")
    assert set(document.weights) == {0.0, corpus.PROMPT_WEIGHT, 1.0}


def test_prose_is_mended_but_verse_keeps_its_lines(data: Path) -> None:
    passages = list(corpus.prose(data / "general_corpus"))
    by_source: dict[str, list[str]] = {}
    for passage in passages:
        by_source.setdefault(passage.source, []).append(passage.text)
    assert set(by_source) == {"Smith", "Jones", "Poet", "Wikipedia", "a president's speech"}
    assert not any("\n" in text for text in by_source["Smith"])
    assert all(text.count("\n") == 39 for text in by_source["Poet"])


def test_runs_join_neighbours_of_one_source() -> None:
    passages = [Passage("A", "x" * 40), Passage("A", "y" * 40), Passage("B", "z"), Passage("A", "w" * 200)]
    joined = corpus.runs(passages, chars=100)
    assert [(run.source, len(run.text)) for run in joined] == [("A", 82), ("B", 1), ("A", 200)]


def test_a_folder_without_prose_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"holds no \.txt files"):
        list(corpus.prose(tmp_path))


def test_instructions_leave_out_empty_answers_and_the_test_file(data: Path) -> None:
    pairs = corpus.instructions(data / "general_instructions")
    assert ("Where is the river?", "Near the river.") in pairs
    assert ("Two and three?", "It is 2+3=5.\n#### 5") in pairs  # the calculator's marks are gone
    assert ("Repeat.\n\nstone", "stone") in pairs
    assert pairs.count(("Name a colour.", "yellow")) == 2
    assert not any("JSON" in prompt for prompt, _ in pairs)


def test_endless_gives_every_item_once_a_round_in_another_order() -> None:
    drawn = list(islice(corpus.endless(range(20), seed=1), 40))
    assert sorted(drawn[:20]) == sorted(drawn[20:]) == list(range(20))
    assert drawn[:20] != drawn[20:]


def test_a_kind_is_kept_out_by_its_name_alone() -> None:
    assert [is_held_out(kind) for kind in ("hobby", "weather")] == [True, False]


def test_questions_about_prose_can_be_answered_from_it(data: Path) -> None:
    passages = corpus.runs(corpus.prose(data / "general_corpus"), chars=600)
    texts = [passage.text for passage in passages]
    examples = list(islice(Reading(passages, seed=0), 400))
    assert examples == list(islice(Reading(passages, seed=0), 400))
    assert {example.kind for example in examples} == {
        f"reading-{kind}" for kind in ("cloze", "mentioned", "not-mentioned", "next", "author")
    }
    for example in examples:
        assert example.label in example.labels
        assert len(set(example.labels)) == len(example.labels) >= 2
        if example.kind == "reading-cloze":
            whole = example.text.replace(GAP, example.label)
            assert any(whole in " ".join(text.split()) for text in texts)
        if example.kind == "reading-mentioned":
            words = {word.lower().strip(".") for word in example.text.split()}
            assert [label for label in example.labels if label.lower() in words] == [example.label]
        if example.kind == "reading-not-mentioned":
            assert example.label.lower() not in {word.lower().strip(".") for word in example.text.split()}
