"""Trains one model in several processes, a GPU each: starts them, relays what they tell, and leaves none behind."""

import math
import os
import pickle
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event, Thread
from typing import TypedDict, Unpack

import torch
from accelerate.utils import check_cuda_p2p_ib_support
from safetensors.torch import load_file, save_file
from torch import nn

from app.errors import SetupError, VersusError
from app.training import loop, ranks
from app.training.batch import Batches
from app.training.errors import TrainingFailed
from app.training.loop import Outcome, Schedule
from app.training.progress import OnProgress, Progress
from app.training.watch import ShouldStop, Validate, trained_weights

FOLDER = "processes"  # below the training's own: where they meet, and what is handed over
TRAINING, WEIGHTS = "training", "weights"  # to them, and back
STOP = "stop"
POLL_S = 0.3  # between two looks whether to stop
GRACE_S = 3.0  # after one failed, for what the others say of it: the cause may be told after its effects
LONGEST_WAIT = timedelta(days=7)  # of one for another, as while the first validates; who died is seen at once, without it


class Options(TypedDict, total=False):
    """As `loop.train` takes them."""

    seed: int
    dropout: float
    save_every: int
    validate: Validate | None
    validate_every: int
    patience: int


@dataclass(frozen=True)
class _Member:
    process: BaseProcess
    wire: Connection


@dataclass(frozen=True)
class _Failure:
    rank: int
    error: BaseException
    at: float  # by the monotonic clock, which all processes share


def processes_here(wanted: int) -> int:
    """How many processes train together on this machine; of `wanted` 0 is one for each GPU, or one.

    Raises SetupError for more than there are GPUs."""
    gpus = torch.cuda.device_count()
    if gpus and wanted > gpus:
        raise SetupError(
            f"VERSUS_TRAINING_PROCESSES is {wanted}, and this machine shows {gpus} GPU(s); a GPU trains in one process. "
            "Set it to 0 for one on each."
        )
    return wanted or max(1, gpus)


def train(
    model: nn.Module,
    batches: Batches,
    schedule: Schedule,
    work_dir: Path,
    *,
    processes: int = 1,
    on_progress: OnProgress | None = None,
    should_stop: ShouldStop | None = None,
    **options: Unpack[Options],
) -> Outcome:
    """As `loop.train`, in this process where one is enough. In several, a step takes a batch for each of them, and numbers of
    steps in `options` are of such steps; a training must go on with as many processes as it began with.

    `validate` is called in the first process, and like `batches` must bear being pickled. Raises what the first process to fail
    raised, TrainingFailed for one that was killed.
    """
    if processes == 1:
        return loop.train(model, batches, schedule, work_dir, on_progress=on_progress, should_stop=should_stop, **options)
    folder = work_dir / FOLDER
    shutil.rmtree(folder, ignore_errors=True)  # of a training that was killed
    folder.mkdir(parents=True)
    torch.save((model, batches, schedule, work_dir, options), folder / TRAINING)
    team: list[_Member] = []
    try:
        for rank in range(processes):
            team.append(_start(rank, processes, folder))
        outcome = _relay(team, on_progress, should_stop)
        model.load_state_dict(load_file(folder / WEIGHTS), strict=False)
        return outcome
    finally:
        for member in team:
            member.process.kill()
            member.process.join()
            member.wire.close()
        shutil.rmtree(folder, ignore_errors=True)


def _start(rank: int, processes: int, folder: Path) -> _Member:
    # Forked by a server that has imported this module and no more: imports take seconds, and a making has several trainings.
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    ours, theirs = context.Pipe()
    threads = max(1, torch.get_num_threads() // processes)
    process = context.Process(target=_work, args=(rank, processes, folder, threads, theirs), daemon=True)
    process.start()
    theirs.close()  # the only other holder is the process: when it ends, so does the wire
    return _Member(process, ours)


def _relay(team: Sequence[_Member], on_progress: OnProgress | None, should_stop: ShouldStop | None) -> Outcome:
    """What the training came to, once all processes ended well; raises what the first of them failed by."""
    talking = {member.wire: rank for rank, member in enumerate(team)}
    outcomes: dict[int, Outcome] = {}
    failures: dict[int, _Failure] = {}
    asked, until = False, math.inf
    while len(outcomes) < len(team) and talking and time.monotonic() < until:
        for wire in wait([*talking], POLL_S):
            assert isinstance(wire, Connection)
            rank = talking[wire]
            try:
                said = wire.recv()
            except (EOFError, OSError):
                del talking[wire]
                if rank not in outcomes and rank not in failures:
                    said = _Failure(rank, _killed(rank, team), time.monotonic())
                else:
                    continue
            if isinstance(said, Progress) and on_progress is not None:
                on_progress(said)
            elif isinstance(said, Outcome):
                outcomes[rank] = said
            elif isinstance(said, _Failure):
                failures[rank] = said
                until = min(until, time.monotonic() + GRACE_S)
        if not asked and should_stop is not None and should_stop():
            asked = True
            with suppress(OSError):  # it has just ended
                team[0].wire.send(STOP)
    if failures:
        # Others fail as they hear no more of the one that failed: an error of ours, or a kill, is the cause.
        raise min(failures.values(), key=lambda failure: (not isinstance(failure.error, VersusError), failure.at)).error
    return outcomes[0]


def _killed(rank: int, team: Sequence[_Member]) -> TrainingFailed:
    team[rank].process.join(GRACE_S)
    code = team[rank].process.exitcode
    how = f"was killed by {signal.Signals(-code).name}" if code and code < 0 else f"ended with exit code {code}"
    return TrainingFailed(
        f"Process {rank + 1} of {len(team)} of the training {how}, as when memory runs out; start the training again: it goes "
        "on from the last whole checkpoint."
    )


def _work(rank: int, processes: int, folder: Path, threads: int, wire: Connection) -> None:
    """One of the processes, from its start to its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the one that started this one decides
    stop = Event()
    Thread(target=_listen, args=(wire, stop), name="wire", daemon=True).start()
    try:
        torch.set_num_threads(threads)
        _meet(rank, processes, folder)
        model, batches, schedule, work_dir, options = torch.load(
            folder / TRAINING, map_location="cpu", weights_only=False, mmap=True
        )
        outcome = loop.train(
            model,
            batches,
            schedule,
            work_dir,
            on_progress=wire.send if ranks.first() else None,
            should_stop=stop.is_set if ranks.first() else None,
            **options,
        )
        if ranks.first():
            save_file(trained_weights(model), folder / WEIGHTS)
        torch.distributed.destroy_process_group()
        wire.send(outcome)
    except BaseException as error:
        wire.send(_Failure(rank, _sendable(error), time.monotonic()))
        os._exit(1)  # nothing may wait for the others on the way out


def _listen(wire: Connection, stop: Event) -> None:
    """Until the process that holds the other end dies, however it dies."""
    try:
        while wire.recv() == STOP:
            stop.set()
    finally:
        os._exit(1)


def _meet(rank: int, processes: int, folder: Path) -> None:
    """Joins the others of this machine; accelerate finds what was joined, by the names that torchrun gives."""
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
    }
    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # all are here: no other machine need reach them
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(rank)
        if not check_cuda_p2p_ib_support():
            os.environ |= {"NCCL_P2P_DISABLE": "1", "NCCL_IB_DISABLE": "1"}
    torch.distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
        init_method=f"file://{(folder / 'meeting').absolute()}",
        rank=rank,
        world_size=processes,
        timeout=LONGEST_WAIT,
    )


def _sendable(error: BaseException) -> BaseException:
    """The error, or what it says where it cannot be pickled; its trace as a note."""
    try:
        again: BaseException = pickle.loads(pickle.dumps(error))
    except Exception:  # whatever an error's own pickling raises: it must be told all the same
        again = RuntimeError(f"{type(error).__name__}: {error}")
    again.add_note("".join(traceback.format_exception(error)))
    return again
