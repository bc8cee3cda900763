"""A recipe is data: it loads from TOML, and what is wrong in it is named."""

from pathlib import Path

import pytest

from app.errors import SetupError
from app.training.recipe import Options, Recipe, TaskRecipe, read_recipe

TOML = """
name = "claims"
method = "lora"
epochs = 3
rank = 16

[[tasks]]
name = "claims-type"
dataset = "claims"

[[tasks]]
name = "claims-decision"
dataset = "claims-decision"
prompt = "Decide: {input}"
"""


def test_a_recipe_loads_from_toml(tmp_path: Path) -> None:
    path = tmp_path / "claims.toml"
    path.write_text(TOML)
    recipe = read_recipe(path)
    assert (recipe.method, recipe.rank, recipe.epochs, recipe.base) == ("lora", 16, 3.0, "general")
    assert [recipe.template(task) for task in recipe.tasks] == ["claims-type: {input}", "Decide: {input}"]
    alone = recipe.model_copy(update={"tasks": recipe.tasks[:1]})
    assert alone.template(alone.tasks[0]) == "{input}"  # nothing to tell apart


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("rank = 16", "rank = 0"), "rank"),
        (("rank = 16", "ranks = 16"), "ranks"),
        (("{input}", "the text"), "must contain {input}"),
        (('"claims-decision"\ndataset', '"claims-type"\ndataset'), "same name"),
        (('name = "claims"\nmethod', 'name = "../claims"\nmethod'), "name"),
        (('name = "claims"\nmethod', 'name = "auto"\nmethod'), "'auto' is kept for requests"),
        (("epochs = 3", "epochs ="), "not readable as TOML"),
        (("epochs = 3", 'epochs = 3\ntexts = ["policies"]'), "the method lora reads no texts"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_named(change: tuple[str, str], says: str, tmp_path: Path) -> None:
    assert change[0] in TOML
    path = tmp_path / "claims.toml"
    path.write_text(TOML.replace(*change))
    with pytest.raises(SetupError, match=says):
        read_recipe(path)


def test_a_recipe_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"none\.toml cannot be read"):
        read_recipe(tmp_path / "none.toml")


def test_every_field_has_its_sentence() -> None:
    for model in (Options, Recipe, TaskRecipe):
        assert all(field.description for field in model.model_fields.values())
