"""The general model is made whole from its recipe, goes on after a kill, and its card tells how it was made."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from app.catalog.catalog import Catalog
from app.catalog.digest import recipe_digest
from app.domains.hold_out import is_held_out
from app.errors import SetupError
from app.training import evaluate
from app.training.circuits import build_in_copying
from app.training.errors import TrainingStopped
from app.training.fresh import make_kin_alike, new_llama, new_tokenizer
from app.training.general import GeneralRecipe, _readme, _trained_kinds, build_general
from tests.training.prose import write_data

BOX = Path(__file__).parents[2] / "models" / "general"
SMALL = GeneralRecipe(
    tokens=24 * 512, vocabulary=400, hidden=32, layers=2, heads=4, mlp=32, context=512, batch_tokens=512, row=256
)
CARD_TEXT = "the thief took a bicycle; water in the cellar, 12 boxes\n\nLabels: theft; water damage"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    # Measuring hundreds of cases would take most of the time of these tests.
    monkeypatch.setattr(evaluate, "CASES", 8)


@pytest.mark.usefixtures("few_cases")
def test_a_small_one_is_built_whole_and_after_a_kill_goes_on_to_the_same_weights(data: Path, tmp_path: Path) -> None:
    whole = tmp_path / "models" / "general"
    card = build_general(SMALL, data, whole, tmp_path / "work")

    catalog = Catalog([tmp_path / "models"])
    assert catalog.broken == {}
    assert catalog.find("general").card == card
    assert (card.parameters, card.made.tokens) == (AutoModelForCausalLM.from_pretrained(whole).num_parameters(), SMALL.tokens)
    assert card.made.validation["unseen_zero_shot_cases"] == 8
    assert card.made.validation["prose_perplexity"] > 1
    assert all(source.partition(":")[2] for source in card.sources)  # each with its licence
    assert "Sources and licences" in (whole / "README.md").read_text()
    assert next(iter(load_file(whole / "model.safetensors").values())).dtype == torch.bfloat16

    steps = iter(range(1000))
    with pytest.raises(TrainingStopped):
        build_general(SMALL, data, tmp_path / "cut" / "general", tmp_path / "cut.work", should_stop=lambda: next(steps) >= 9)
    assert not (tmp_path / "cut").exists()  # nothing half made
    build_general(SMALL, data, tmp_path / "cut" / "general", tmp_path / "cut.work")

    one, two = (load_file(folder / "model.safetensors") for folder in (whole, tmp_path / "cut" / "general"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_data_that_lacks_a_source_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "general_corpus").mkdir()
    with pytest.raises(SetupError, match="point --data at the folder"):
        build_general(SMALL, tmp_path, tmp_path / "out", tmp_path / "work")


def test_no_example_of_a_kind_that_is_kept_out_is_trained_on() -> None:
    drawn = [next(examples) for examples in [_trained_kinds(seed=0)] for _ in range(2000)]
    assert not any(is_held_out(example.kind) for example in drawn)


def test_a_word_splits_alike_with_and_without_a_space_and_any_text_comes_back() -> None:
    tokenizer = new_tokenizer([CARD_TEXT] * 20, vocabulary=400, context=256)
    for word in ("theft", "water", "bicycle", "unheard", "Zürich"):
        bare, spaced = (tokenizer.tokenize(text) for text in (word, f" {word}"))
        assert spaced in (["Ġ" + bare[0], *bare[1:]], ["Ġ", *bare])
    for text in (CARD_TEXT, "  two  spaces \n\n\ttab", "naïve 😀 日本", "x=1;y=22", ""):
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.tokenize("2024") == ["2", "0", "2", "4"]


def test_untrained_weights_can_copy_already() -> None:
    """After `a b c ... a b` the next guess is `c` far more often than the one in hundreds of chance."""
    tokenizer = new_tokenizer([CARD_TEXT] * 20, vocabulary=400, context=256)
    model = new_llama(tokenizer, seed=0, hidden=256, layers=3, heads=4, mlp=64)
    make_kin_alike(model, tokenizer)
    build_in_copying(model)
    again = torch.randint(6, len(tokenizer), (8, 30), generator=torch.Generator().manual_seed(0)).repeat(1, 2)
    with torch.inference_mode():
        guesses = model(again).logits.argmax(-1)
    copied = (guesses[:, 34:-1] == again[:, 35:]).float().mean()
    assert copied > 0.2


def test_forms_of_one_word_begin_near_each_other() -> None:
    tokenizer = new_tokenizer(["Theft theft of the Theft, theft"] * 20, vocabulary=300, context=256)
    model = new_llama(tokenizer, seed=0, hidden=64, layers=2, heads=4, mlp=64)
    make_kin_alike(model, tokenizer)
    entries, weights = tokenizer.get_vocab(), model.get_input_embeddings().weight.detach()

    def likeness(one: str, two: str) -> float:
        return float(torch.cosine_similarity(weights[entries[one]], weights[entries[two]], dim=0))

    assert likeness("theft", "Ġtheft") > 0.4
    assert abs(likeness("theft", "x")) < 0.4


def test_the_model_in_the_box_was_made_by_the_default_recipe_and_is_small() -> None:
    card = Catalog([BOX.parent]).find("general").card
    assert card.made.recipe == GeneralRecipe().model_dump(mode="json")
    assert card.made.recipe_digest == recipe_digest(card.made.recipe)
    assert 3_000_000 <= card.parameters <= 6_000_000
    assert (BOX / "model.safetensors").stat().st_size <= 12 * 2**20
    assert {path.name for path in BOX.iterdir()} >= {"README.md", "chat_template.jinja", "config.json", "tokenizer.json"}


def test_the_readme_of_the_box_says_what_its_card_says() -> None:
    assert (BOX / "README.md").read_text() == _readme(Catalog([BOX.parent]).find("general").card)


def test_the_vocabulary_of_the_box_holds_ordinary_words_whole() -> None:
    tokenizer = AutoTokenizer.from_pretrained(BOX)
    words = (
        "water house fire car street people money doctor police letter please where because yesterday damage work family "
        "school phone problem"
    )
    pieces = [len(tokenizer.tokenize(f" {word}")) for word in words.split()]
    assert sum(pieces) / len(pieces) < 1.4
