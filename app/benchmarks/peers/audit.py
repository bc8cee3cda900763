"""An lm-evaluation-harness task over our service, by its client and by ours: do both find the same, case by case?

The harness cuts each prompt into tokens itself and asks with token ids, one request per answer. We send texts, all answers of a
case in one request, and find where an answer begins by the offsets that the service tells. What is left is what was asked.
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from app.benchmarks.client import ServiceClient
from app.errors import InvalidRequest, SetupError, Unprocessable

CLOSE = 1e-4  # between log-likelihoods of one answer that were computed in another batch
_DIGITS = 4  # of a score, as the harness prints it


@dataclass(frozen=True)
class Case:
    """What the harness asked and found for one document. `arguments`: (context, answer) each, or (context, options) where text
    is generated; `found`: the log-likelihood of each answer, or the text."""

    document: int
    arguments: tuple[tuple[str, Any], ...]
    found: tuple[float | str, ...]
    target: Any


@dataclass(frozen=True)
class Theirs:
    """A task as the harness scored it over the service."""

    task: str
    kind: str  # multiple_choice, loglikelihood or generate_until
    delimiter: str
    scores: Mapping[str, float]
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Score:
    """One metric. `ours` is None where only the harness knows how it is computed."""

    metric: str
    theirs: float
    ours: float | None

    @property
    def agrees(self) -> bool:
        """To the last digit that the harness prints."""
        return self.ours is None or f"{self.ours:.{_DIGITS}f}" == f"{self.theirs:.{_DIGITS}f}"


@dataclass(frozen=True)
class Audit:
    """Both beside each other. `largest_difference` is between log-likelihoods, in nats; None where text was generated."""

    task: str
    model: str
    kind: str
    cases: int
    answers: int
    scores: tuple[Score, ...]
    differing: tuple[int, ...]  # documents on which an answer, its place or its log-likelihood differs
    largest_difference: float | None

    @property
    def agrees(self) -> bool:
        return not self.differing and all(score.agrees for score in self.scores)


async def audit(theirs: Theirs, client: ServiceClient, model: str) -> Audit:
    """Asks the service for what the harness asked it. Raises VersusError when it does not answer."""
    ours = [await _ours(case, theirs.kind, client, model) for case in theirs.cases]
    pairs = list(zip(theirs.cases, ours, strict=True))
    scored = theirs.kind != "generate_until"
    gaps = [abs(float(a) - float(b)) for case, found in pairs for a, b in zip(case.found, found, strict=True)] if scored else []
    return Audit(
        task=theirs.task,
        model=model,
        kind=theirs.kind,
        cases=len(theirs.cases),
        answers=sum(len(case.found) for case in theirs.cases),
        scores=tuple(Score(name, value, _score(name, theirs, ours)) for name, value in theirs.scores.items()),
        differing=tuple(case.document for case, found in pairs if not _same(case.found, found)),
        largest_difference=max(gaps) if scored else None,
    )


# ---- The harness


def run_harness(
    task: str, url: str, model: str, *, context: int | None, limit: int | None, concurrency: int, seed: int
) -> Theirs:
    """The task of that YAML file, or of that name among the harness's own, over `url`.

    context: most tokens of a prompt. Raises SetupError without the harness, InvalidRequest for a task that cannot be audited.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it and its libraries warn of much that is not ours
        try:
            harness, tasks = import_module("lm_eval"), import_module("lm_eval.tasks")
            yaml = import_module("lm_eval.tasks._yaml_loader")
        except ImportError as error:
            raise SetupError(
                f"An audit needs lm-eval ({error.name} is missing); install it with: pip install 'versus[audit]'"
            ) from error
        name, manager = _task(Path(task), tasks, yaml) if task.endswith((".yaml", ".yml")) else (task, tasks.TaskManager())
        if name not in manager.all_tasks:
            raise InvalidRequest(f"lm-eval has no task {name!r}; name a YAML file, or one that `lm-eval ls tasks` lists.")
        found = harness.simple_evaluate(
            model="local-completions",
            model_args={
                "base_url": f"{url.rstrip('/')}/v1/completions",
                "model": model,
                "tokenizer_backend": "remote",
                "num_concurrent": concurrency,
                "max_length": context or 2048,
                "seed": seed,
            },
            tasks=[name],
            task_manager=manager,
            limit=limit,
            bootstrap_iters=0,
            random_seed=seed,
            numpy_random_seed=seed,
            torch_random_seed=seed,
            fewshot_random_seed=seed,
        )
    return _theirs(found, name)


def _task(path: Path, tasks: Any, yaml: Any) -> tuple[str, Any]:
    try:
        config = yaml.load_yaml(path.resolve(), resolve_func=False)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read ({error.strerror}); name the YAML file of an lm-eval task.") from error
    except Exception as error:
        raise Unprocessable(f"{path} is no YAML that lm-eval reads: {error}") from error
    name = config.get("task") if isinstance(config, dict) else None
    if not isinstance(name, str):
        raise InvalidRequest(f"{path} has no task name (a `task:` line); groups of tasks are audited one by one.")
    return name, tasks.TaskManager(include_path=str(path.resolve().parent), include_defaults=False)


def _theirs(found: Any, name: str) -> Theirs:
    if found is None or name not in found["samples"]:
        raise InvalidRequest(f"{name!r} is a group of tasks; audit them one by one.")
    config, samples = found["configs"][name], found["samples"][name]
    kind = config["output_type"]
    if kind not in ("multiple_choice", "loglikelihood", "generate_until"):
        raise InvalidRequest(f"{name!r} has the output type {kind}, which is not audited: only answers to a prompt are.")
    first = samples[0]["filter"] if samples else "none"  # the responses are the same under each filter
    cases = [_case(sample, kind) for sample in samples if sample["filter"] == first]
    if not cases:
        raise InvalidRequest(f"{name!r} has no case to audit; raise --limit or check its data.")
    results = found["results"][name]
    scores = {
        key: float(value)
        for key, value in results.items()
        if isinstance(value, float | int) and "," in key and "stderr" not in key
    }
    return Theirs(name, kind, config["target_delimiter"], scores, tuple(sorted(cases, key=lambda case: case.document)))


def _case(sample: Mapping[str, Any], kind: str) -> Case:
    arguments = tuple((str(context), answer) for context, answer, *_ in sample["arguments"])
    found = [one[0] for one in sample["resps"]]
    return Case(
        document=int(sample["doc_id"]),
        arguments=arguments,
        found=tuple(map(str, found)) if kind == "generate_until" else tuple(float(one[0]) for one in found),
        target=sample["target"],
    )


# ---- Our own


async def _ours(case: Case, kind: str, client: ServiceClient, model: str) -> tuple[float | str, ...]:
    body: dict[str, Any] = {"model": model, "temperature": 0, "seed": 0}
    if kind == "generate_until":
        (context, options), *_ = case.arguments
        stop = options.get("until") or []
        asked = {
            "prompt": context,
            "max_tokens": options.get("max_gen_toks", 256),
            "stop": [stop] if isinstance(stop, str) else stop,
        }
        answer = await client.post("/v1/completions", body | asked)
        return (str(answer["choices"][0]["text"]),)
    prompts = [context + str(said) for context, said in case.arguments]
    answer = await client.post("/v1/completions", body | {"prompt": prompts, "max_tokens": 0, "logprobs": 1, "echo": True})
    choices = sorted(answer["choices"], key=lambda choice: int(choice["index"]))
    # The harness counts spaces at the end of a context to the answer.
    starts = [len(context.rstrip()) for context, _ in case.arguments]
    return tuple(_log_likelihood(choice["logprobs"], start) for choice, start in zip(choices, starts, strict=True))


def _log_likelihood(told: Mapping[str, Any], start: int) -> float:
    """Of the tokens whose text begins at `start` or later."""
    pairs = zip(told["token_logprobs"], told["text_offset"], strict=True)
    return math.fsum(value for value, offset in pairs if offset >= start and value is not None)


def _same(theirs: Sequence[float | str], ours: Sequence[float | str]) -> bool:
    if any(isinstance(one, str) for one in theirs):
        return list(theirs) == list(ours)
    numbers, own = [float(one) for one in theirs], [float(one) for one in ours]
    return numbers.index(max(numbers)) == own.index(max(own)) and all(
        abs(a - b) <= CLOSE for a, b in zip(numbers, own, strict=True)
    )


def _score(key: str, theirs: Theirs, ours: Sequence[Sequence[float | str]]) -> float | None:
    """acc, acc_norm and acc_bytes of a multiple choice from our own log-likelihoods; ties go to the first answer."""
    metric, _, filtered = key.partition(",")
    lengths: dict[str, Callable[[str], int]] = {
        "acc": lambda _: 1,
        "acc_norm": len,
        "acc_bytes": lambda text: len(text.encode()),
    }
    if theirs.kind != "multiple_choice" or metric not in lengths or filtered != "none":
        return None
    right = 0
    for case, found in zip(theirs.cases, ours, strict=True):
        answers = [str(said).removeprefix(theirs.delimiter) for _, said in case.arguments]
        values = [float(value) / max(1, lengths[metric](said)) for value, said in zip(found, answers, strict=True)]
        target = case.target if isinstance(case.target, int) else answers.index(str(case.target))
        right += values.index(max(values)) == target
    return right / len(theirs.cases)
