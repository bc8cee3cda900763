"""What a curve can be asked for, and what is said about data it cannot be measured on."""

from dataclasses import replace

import pytest

from app.benchmarks.curve.study import make_study, parse_sizes
from app.benchmarks.runner import Case
from app.errors import InvalidRequest
from tests.benchmarks.curve.conftest import rows, study


def test_sizes_are_sorted_and_all_is_every_label() -> None:
    assert parse_sizes("200, 50,all,1_000,50", 2000) == ((50, 200, 1000, 2000), [])


def test_sizes_above_the_data_take_all_of_it_and_say_so() -> None:
    sizes, notes = parse_sizes("50,5000,9000,all", 300)
    assert sizes == (50, 300)
    assert notes == ["There are 300 labels to learn from, fewer than 5,000, 9,000: all of them are taken instead."]


@pytest.mark.parametrize("sizes", ["0", "1", "-5", "ten", "1.5", "", ",", "²", "9" * 30])
def test_sizes_that_are_none_are_refused(sizes: str) -> None:
    with pytest.raises(InvalidRequest, match="50,100,all"):
        parse_sizes(sizes, 100)


def make(**splits: list[Case]):
    return make_study(
        dataset="claims@1", task="claims", instruction="", labels=["a", "b"], rows=splits, sizes="all", seeds=3, limit=None
    )


def cases(*labels: str) -> list[Case]:
    return [Case(number, f"text {number}", label) for number, label in enumerate(labels)]


def test_data_without_a_test_split_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no test rows"):
        make(train=cases("a", "b", "a", "b"), validation=cases("a"), test=[])


def test_data_of_one_class_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="1 label"):
        make(train=cases("a", "a", "a"), test=cases("a", "b"))


def test_data_whose_labels_do_not_repeat_is_no_classification() -> None:
    with pytest.raises(InvalidRequest, match="hardly repeat"):
        make(train=cases("one answer", "another", "a third", "a fourth"), test=cases("a"))


def test_train_and_validation_are_one_pool_and_the_test_stays_out_of_it() -> None:
    found = study(sizes="all")
    assert found.sizes == (80,)
    assert len(found.test) == 60
    assert not set(found.pool) & set(found.test)
    assert found.notes == ()


def test_a_limited_test_is_a_sample_and_one_seed_is_said() -> None:
    found = study(seeds=1, limit=20)
    assert len(found.test) == 20
    assert found.notes[0] == "Tested on a stratified sample of 20 of 60 test cases."
    assert found.notes[1].startswith("One seed:")


def test_a_label_that_only_the_test_has_is_a_label_and_is_told() -> None:
    data = rows()
    data["test"] = [*data["test"], Case(9999, "hail on the roof", "hail")]
    found = make_study(dataset="claims@1", task="claims", instruction="", labels=[], rows=data, sizes="10", seeds=2, limit=None)
    assert "hail" in found.labels
    assert found.notes == ("1 labels of the test are in no row to learn from: hail.",)
    assert found.missing(10) == ["hail"]


def test_a_tasks_own_template_is_what_models_are_asked() -> None:
    plain = study()
    own = replace(plain, prompt="{{ text }}: {{ labels|join(' or ') }}?")
    assert own.question().put("rain") == f"rain: {' or '.join(own.labels)}?"
    assert (plain.shows_examples, own.shows_examples) == (True, False)
    assert own.wording == plain.wording | {"prompt": own.prompt}
