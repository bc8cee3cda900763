"""A run's arms carry the kept columns that its task names, case by case."""

from app.benchmarks.results import arm_result
from app.benchmarks.runner import Arm, Case
from app.database.tables import Prediction

TEST = [Case(7, "a pipe", "water"), Case(3, "an oven", "fire"), Case(5, "a tap", "water")]
COLUMNS = {3: {"desk": "N", "client": "c1"}, 5: {"desk": "S", "client": "c2"}, 7: {"desk": "S", "client": "c1"}}


def predictions() -> list[Prediction]:
    return [Prediction(arm="a", case_id=case.id, condition="base", gold=case.gold, label="water") for case in TEST]


def test_slices_and_clusters_are_in_the_order_of_the_cases() -> None:
    arm = Arm(name="a", kind="general", model="a@1")
    made = arm_result(
        arm, predictions(), TEST, timed=0, per_second=None, validated=None, columns=COLUMNS, slices=["desk"], cluster="client"
    )
    assert made.cases == [7, 3, 5]
    assert made.slices == {"desk": ["S", "N", "S"]}
    assert made.clusters == ["c1", "c1", "c2"]


def test_a_task_that_names_no_column_has_none() -> None:
    arm = Arm(name="a", kind="general", model="a@1")
    made = arm_result(arm, predictions(), TEST, timed=0, per_second=None, validated=None, columns=COLUMNS)
    assert (made.slices, made.clusters) == ({}, ())
