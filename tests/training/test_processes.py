"""Two processes train as one that takes both their batches, whoever is killed; they stop together, and none is left behind."""

import math
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, TrainingArguments

from app.catalog.cards import CARD_FILE, read_card
from app.catalog.catalog import ModelVersion
from app.errors import SetupError
from app.training import loop, optimizer, processes
from app.training.batch import Batch
from app.training.errors import TrainingFailed, TrainingStopped
from app.training.loop import Schedule, best_weights, last_checkpoint
from app.training.make import Rows, digest_of, make_variant
from app.training.processes import train
from app.training.progress import Progress
from tests.training.test_make import recipe

ROOT = Path(__file__).parents[2]
SCHEDULE = Schedule(1e-3)
PAIRS, WIDTH = 6, 8


def batches(poison: int | None = None) -> list[Batch]:
    """One fewer than twice PAIRS, as many rows in each as its weights are different; the loss of `poison` is no number."""
    torch.manual_seed(0)
    made = [Batch(torch.randint(5, 100, (1 + i % 3, WIDTH)), torch.rand(1 + i % 3, WIDTH)) for i in range(2 * PAIRS - 1)]
    if poison is not None:
        made[poison].weights[0, 2] = math.inf
    return made


def in_pairs(each: list[Batch]) -> list[Batch]:
    """What two processes take in one step, as one batch."""
    pairs = [each[i : i + 2] for i in range(0, len(each), 2)]
    return [Batch(torch.cat([b.ids for b in pair]), torch.cat([b.weights for b in pair])) for pair in pairs]


def in_float32(given: list[Batch]) -> list[Batch]:
    for module in (loop, optimizer):
        module.fast_type = lambda: torch.float32
    return given


class InFloat32(list[Batch]):
    """Batches that a process which is sent them trains on without bfloat16, whose rounding depends on how they are cut."""

    def __reduce__(self) -> Any:
        return in_float32, ([*self],)


def fresh(base: ModelVersion) -> Any:
    return AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


class Falls:
    """A validation that is worse each time."""

    def __init__(self) -> None:
        self._times = 0

    def __call__(self, model: nn.Module) -> float:
        self._times += 1
        return -self._times


def apart(some: dict[str, Tensor], others: dict[str, Tensor]) -> float:
    """The largest difference between two numbers of the same place."""
    return max(float((some[name] - others[name]).abs().max()) for name in some)


class Trained:
    """A training of two processes that nothing disturbed."""

    def __init__(self, base: ModelVersion, folder: Path) -> None:
        self.base, self.folder, self.told = base, folder, list[Progress]()
        self.model = fresh(base)
        self.outcome = train(
            self.model,
            batches(),
            SCHEDULE,
            folder,
            processes=2,
            seed=3,
            dropout=0.1,
            save_every=2,
            on_progress=self.told.append,
        )


@pytest.fixture(scope="module")
def undisturbed(base: ModelVersion, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield Trained(base, tmp_path_factory.mktemp("undisturbed"))
    torch.set_num_threads(threads)


def test_two_processes_end_with_the_weights_of_one_that_takes_both_batches_in_a_step(
    base: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (loop, optimizer):
        monkeypatch.setattr(module, "fast_type", lambda: torch.float32)
    # Two steps, one batch in the second: Muon makes float errors of later ones visible.
    given = {2: InFloat32(batches()[:3]), 1: in_pairs(batches()[:3])}
    told: dict[int, list[Progress]] = {1: [], 2: []}
    ends: dict[int, dict[str, Tensor]] = {}
    best: dict[int, dict[str, Tensor]] = {}
    done = {}
    for count in (2, 1):
        model, folder = fresh(base), tmp_path / str(count)
        done[count] = train(
            model,
            given[count],
            SCHEDULE,
            folder,
            processes=count,
            on_progress=told[count].append,
            validate=Falls(),
            validate_every=1,
        )
        ends[count], best[count] = weights(model), best_weights(folder) or {}
    assert apart(ends[2], ends[1]) < 1e-5
    assert apart(best[2], best[1]) < 1e-5
    assert min(apart(ends[2], weights(fresh(base))), apart(ends[2], best[2])) > 3e-4
    assert [one.loss for one in told[2]] == pytest.approx([one.loss for one in told[1]], abs=1e-5)
    assert [(one.step, one.validation) for one in told[2]] == [(1, -1), (2, -2)]
    for end in ("steps", "tokens", "best", "best_step"):
        assert getattr(done[2], end) == getattr(done[1], end)
    assert not (tmp_path / "2" / processes.FOLDER).exists()


def test_the_last_step_takes_the_batches_that_are_left_and_each_counts_once(undisturbed: Trained) -> None:
    assert (undisturbed.outcome.steps, len(undisturbed.told)) == (PAIRS, PAIRS)
    assert undisturbed.outcome.tokens == sum(batch.ids.numel() for batch in batches())


def test_killed_in_the_job_and_then_in_one_process_it_goes_on_to_the_weights_of_an_undisturbed_one(
    undisturbed: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = undisturbed.base

    # 1. The job's process is killed: those that it started end too.
    script = f"""
import json, os, time
from pathlib import Path
import psutil, torch
from tests.training.test_processes import *
torch.set_num_threads(1)
def look(progress):
    if progress.step == 3:
        print(json.dumps([p.pid for p in psutil.Process().children(recursive=True)]), flush=True)
        time.sleep(600)
model = AutoModelForCausalLM.from_pretrained({str(base.folder)!r}, dtype=torch.float32)
work = Path({str(tmp_path)!r})
train(model, batches(), SCHEDULE, work, processes=2, seed=3, dropout=0.1, save_every=2, on_progress=look)
"""
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        started = [int(pid) for pid in job.stdout.readline().strip("[]\n").split(",")]
        job.kill()
    assert len(started) >= 3  # two that train, and who starts them
    deadline = time.monotonic() + 60
    while any(psutil.pid_exists(pid) for pid in started):
        assert time.monotonic() < deadline, "a process was left behind"
        time.sleep(0.05)

    # 2. One of the two is killed: the training fails, says so, and goes on when it is started again.
    team: list[processes._Member] = []
    start = processes._start

    def note(*given: Any) -> processes._Member:
        team.append(start(*given))
        return team[-1]

    def kill_the_second(progress: Progress) -> None:
        if progress.step == 5:
            os.kill(team[1].process.pid or 0, signal.SIGKILL)

    monkeypatch.setattr(processes, "_start", note)
    again = {"processes": 2, "seed": 3, "dropout": 0.1, "save_every": 2}
    with pytest.raises(TrainingFailed, match=r"Process 2 of 2 of the training was killed by SIGKILL"):
        train(fresh(base), batches(), SCHEDULE, tmp_path, on_progress=kill_the_second, **again)
    assert last_checkpoint(tmp_path) is not None

    # 3. Undisturbed it ends with the weights that it would have had, to the last bit.
    model, steps = fresh(base), list[int]()
    train(model, batches(), SCHEDULE, tmp_path, on_progress=lambda now: steps.append(now.step), **again)
    assert steps[0] > 2  # from a checkpoint
    assert apart(weights(model), weights(undisturbed.model)) == 0


def test_a_loss_that_is_no_number_in_one_process_ends_both_with_that_reason(base: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match=r"the loss became (nan|inf) at step 2; lower the learning rate"):
        train(fresh(base), batches(poison=3), SCHEDULE, tmp_path, processes=2)


def test_both_stop_at_one_step_and_keep_it(base: ModelVersion, tmp_path: Path) -> None:
    steps: list[int] = []
    many = batches() * 20
    with pytest.raises(TrainingStopped, match=r"stopped at step \d+ of 110; start it again"):
        train(
            fresh(base),
            many,
            SCHEDULE,
            tmp_path,
            processes=2,
            on_progress=lambda now: steps.append(now.step),
            should_stop=lambda: len(steps) > 2,
        )
    assert last_checkpoint(tmp_path) == str(tmp_path / f"checkpoint-{steps[-1]}")


def test_early_stopping_ends_both_at_one_step(base: ModelVersion, tmp_path: Path) -> None:
    many = batches() * 20
    done = train(fresh(base), many, SCHEDULE, tmp_path, processes=2, validate=Falls(), validate_every=1, patience=2)
    assert (done.steps, done.best_step) == (3, 1)
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-3")


def test_a_variant_is_made_by_two_processes_and_its_card_says_so(base: ModelVersion, claims: Rows, tmp_path: Path) -> None:
    told: list[Progress] = []
    drawn = recipe("lora", epochs=1.0)
    folder = make_variant(drawn, claims, base, tmp_path / "made", tmp_path / "work", processes=2, on_progress=told.append)
    made = read_card(folder / CARD_FILE).made
    assert made.processes == 2
    assert made.validation["steps"] == told[-1].step == told[-1].steps
    assert made.cpu_seconds
    assert digest_of(drawn, claims, base, processes=2) == made.recipe_digest != digest_of(drawn, claims, base)
    assert not list((tmp_path / "work").iterdir())


def test_one_process_starts_none(base: ModelVersion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(processes, "_start")
    ends = []
    for run in (train, loop.train):
        model = fresh(base)
        run(model, batches(), SCHEDULE, tmp_path / str(len(ends)), seed=1)
        ends.append(weights(model))
    assert apart(*ends) == 0


@pytest.mark.parametrize(("gpus", "wanted", "found"), [(0, 0, 1), (0, 2, 2), (4, 0, 4), (4, 2, 2)])
def test_as_many_as_there_are_gpus_unless_a_setting_says_other(
    gpus: int, wanted: int, found: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert processes.processes_here(wanted) == found
    if gpus:
        with pytest.raises(SetupError, match="is 5, and this machine shows 4 GPU"):
            processes.processes_here(5)


def test_of_several_gpus_one_process_uses_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def where_four_are_visible(**given: Any) -> TrainingArguments:
        arguments = TrainingArguments(**given)
        arguments._n_gpu = 4
        return arguments

    monkeypatch.setattr(loop, "TrainingArguments", where_four_are_visible)
    arguments = loop._arguments(4, SCHEDULE, tmp_path, 0, 10, experts=False)
    assert (arguments.n_gpu, arguments.train_batch_size) == (1, 1)


class TwoReasons(Exception):
    """Cannot be made again from its message alone, which is all that is pickled of it."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


@pytest.mark.parametrize(
    ("error", "comes", "says"),
    [
        (ValueError("no rows"), ValueError, "no rows"),
        (TwoReasons("no rows", "no disk"), RuntimeError, "TwoReasons: no rows and no disk"),
    ],
)
def test_an_error_of_a_process_is_told_with_its_trace_whether_it_can_be_sent_or_not(
    error: Exception, comes: type[Exception], says: str
) -> None:
    try:
        raise error
    except Exception as caught:
        sent = processes._sendable(caught)
    again = pickle.loads(pickle.dumps(sent))
    assert (type(again), str(again)) == (comes, says)
    assert "in test_an_error_of_a_process" in again.__notes__[0]
