"""The steps of `versus demo`: data, service, training, benchmarks, verdict, one comparison to look at."""

import asyncio
import fcntl
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from app.benchmarks import tasks
from app.benchmarks.client import ServiceClient
from app.benchmarks.report import to_table
from app.catalog.catalog import Catalog
from app.cli.bench import follow
from app.cli.progress import print_table
from app.cli.serve import bind
from app.cli.service import service_child
from app.cli.train import follow_training
from app.database.migrations import upgrade
from app.database.session import connect
from app.errors import SetupError
from app.settings import Settings


@dataclass(frozen=True)
class Budget:
    """What two processor cores do in the time that a demo may take: 6 minutes, or 10 with a file of one's own."""

    training: Mapping[str, Any]  # options: epochs where the data is known, minutes where it is not
    cases: int  # of each benchmark's test split
    repeated: int = 40  # cases that are rerun and reworded
    validation: int = 60  # cases on which the general arms are chosen between


BUILT_IN = Budget({"epochs": 1.5, "validations": 2}, cases=300)
FILE = Budget({"minutes": 4.7, "validations": 3}, cases=500)


@dataclass(frozen=True)
class Plan:
    """What to demonstrate, as the command's options say it; None is their default."""

    data: Path | None = None
    text: str | None = None
    label: str | None = None
    split_by: str | None = None
    top: int | None = None
    name: str | None = None
    method: str | None = None
    minutes: float | None = None
    limit: int | None = None
    tasks: tuple[str, ...] = ("claims-type",)  # built-in ones, where no data is given

    @property
    def model(self) -> str:
        if self.name is not None or self.data is None:
            return self.name or "claims"
        return re.sub(r"[^a-z0-9._-]+", "-", self.data.stem.lower()).strip("-._")[:100] or "custom"

    @property
    def budget(self) -> Budget:
        return FILE if self.data else BUILT_IN

    def training(self, datasets: Mapping[str, str]) -> dict[str, Any]:
        """The body of a training run over task -> dataset id."""
        return {
            "name": self.model,
            "method": self.method or ("auto" if self.data else "lora"),
            "domain": self.data.name if self.data else "insurance claims",
            "tasks": [{"name": task, "dataset": dataset} for task, dataset in datasets.items()],
            "options": {**self.budget.training, **({"minutes": self.minutes} if self.minutes else {})},
        }

    def benchmark(self, models: list[str]) -> dict[str, Any]:
        """The body of a benchmark run."""
        return {
            "models": models,
            "limit": self.limit or self.budget.cases,
            "consistency_cases": self.budget.repeated,
            "validation_cases": self.budget.validation,
        }


def walk(plan: Plan, settings: Settings, *, again: bool, leave: bool) -> None:
    """Raises VersusError where a step fails; Ctrl-C ends the service in order, and what was done is kept."""
    console = Console()
    with _alone(settings):
        # 1. What can fail at once fails first.
        bind(settings).close()
        upgrade(settings.database)
        general = Catalog([settings.models_dir, settings.made_models_dir]).find(settings.general_model)
        console.print(
            f"The general model is [bold]{general.id}[/]: {general.card.parameters:,} parameters, {general.bytes / 1e6:.1f} MB."
        )
        # 2. Everything else goes through the service.
        with service_child(settings) as service:
            console.print(f"The service is ready at {settings.api}", highlight=False)
            try:
                asyncio.run(_measure(plan, settings, console, again))
                if not leave:
                    console.print("The service runs until Ctrl-C.")
                    service.wait()
            except KeyboardInterrupt:
                console.print("Ending the service. What is done is kept: the same command goes on from there.")
                if not leave:
                    return
                raise


async def _measure(plan: Plan, settings: Settings, console: Console, again: bool) -> None:
    async with ServiceClient(settings.api) as client:
        datasets = await _datasets(plan, settings, client, console)
        model = await _train(client, plan.training(datasets), console)
        for task in datasets:
            await _benchmark(client, task, plan.benchmark([settings.general_model, model]), console, again)
        task = next(iter(datasets))
        url = await _compare(client, task, datasets[task], [settings.general_model, model], console)
        console.print(f"\nDocs:        {settings.api}/docs", highlight=False)
        console.print(f"Comparison:  {settings.api}{url}", highlight=False)
        console.print(f"Everything:  {settings.api}/", highlight=False)


async def _datasets(plan: Plan, settings: Settings, client: ServiceClient, console: Console) -> dict[str, str]:
    """task -> id of its dataset: the built-in ones, or the file's."""
    if plan.data is None:
        database = connect(settings.database)
        built_in = tasks.built_in()
        if strangers := [name for name in plan.tasks if name not in built_in]:
            raise SetupError(f"There is no built-in task {strangers[0]!r}; there are {', '.join(built_in)}.")
        found = {name: await tasks.dataset_of(database, built_in[name]) for name in plan.tasks}
        await database.close()
        for name, data in found.items():
            sizes = ", ".join(f"{sum(labels.values()):,} {split}" for split, labels in data.counts.items())
            console.print(f"Data: {name}, {len(data.labels)} labels, {sizes} cases.", highlight=False)
        return {name: data.id for name, data in found.items()}
    fields = {"text": plan.text, "label": plan.label, "split_by": plan.split_by, "top": plan.top, "name": plan.model}
    with console.status(f"reading {plan.data.name}"):
        given = {name: str(value) for name, value in fields.items() if value is not None}
        dataset = await client.upload("/v1/datasets", plan.data, given)
    sizes = ", ".join(f"{rows:,} {split}" for split, rows in dataset["sizes"].items())
    console.print(f"Data: {dataset['name']}@{dataset['version']}, {len(dataset['labels'])} labels, {sizes}.", highlight=False)
    for note in dataset["notes"]:
        console.print(f"  {note}", highlight=False, style="dim")
    return {dataset["name"]: dataset["id"]}


async def _train(client: ServiceClient, body: Mapping[str, Any], console: Console) -> str:
    """name@version of the model; at once when this very training is done."""
    run = await client.post("/v1/training-runs", body)
    done_before = run["status"] == "succeeded"
    run = await follow_training(client, run)
    if run["status"] != "succeeded":
        raise SetupError(f"The training {run['status']}: {run['error'] or 'see /v1/training-runs'}")
    model = await client.get(f"/v1/models/{run['model']}")
    how = "was made before by the same recipe" if done_before else "is made"
    source = model["parent"] or "the texts alone"
    console.print(f"The custom model [bold]{run['model']}[/] {how}: {model['method']} from {source}.", highlight=False)
    return str(run["model"])


async def _benchmark(client: ServiceClient, task: str, body: dict[str, Any], console: Console, again: bool) -> None:
    run = None if again else await _same_run(client, task, body)
    if run is None:
        run = await client.post(f"/v1/benchmarks/{task}/runs", body)
    elif run["status"] == "succeeded":
        console.print(f"\n{task} was measured before, on {run['created_at'][:16]}; --again measures anew.", style="dim")
    run = await follow(client, run["id"], console)
    if run["status"] != "succeeded":
        raise SetupError(f"The benchmark of {task} {run['status']}: {run['error'] or run['id']}")
    console.print()
    print_table(to_table(run["summary"]), console)
    console.print(f"Report: {client.url}/v1/runs/{run['id']}/report", highlight=False)


async def _same_run(client: ServiceClient, task: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The newest run of the same models (by digest) on the same data with the same limit that succeeded or is under way."""
    digests = {(await client.get(f"/v1/models/{model}"))["digest"] for model in body["models"]}
    dataset = (await client.get(f"/v1/benchmarks/{task}"))["dataset"]
    for run in (await client.get("/v1/runs", task=task, limit="100"))["data"]:
        config = run["config"]
        same = {arm["digest"] for arm in config["arms"] if arm["digest"]} == digests and config["limit"] == body["limit"]
        if same and config["dataset"]["name"] == dataset and run["status"] in ("succeeded", "running", "queued"):
            return dict(run)
    return None


async def _compare(client: ServiceClient, task: str, dataset: str, models: list[str], console: Console) -> str:
    """Logs one comparison of a test case; the path where it can be read."""
    rows = await client.get(f"/v1/datasets/{dataset}/rows", split="test", limit="1")
    case = rows["data"][0]
    compared = await client.post("/v1/compare", {"models": models, "task": task, "input": case["text"]})
    console.print(f"\nOne case side by side. {case['text']}", highlight=False)
    for output in compared["outputs"]:
        answer = output["error"]["message"] if output["error"] else output["label"]
        console.print(f"  {output['model']}: {answer}", highlight=False)
    console.print(f"  right: {case['label']}", highlight=False)
    return f"/v1/comparisons/{compared['id']}"


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Raises SetupError when another demo works on the same data folder, or when that cannot be written."""
    path = settings.data_dir / "demo.lock"
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise SetupError(
            f"The data folder {settings.data_dir} cannot be written ({error.strerror}); set VERSUS_DATA_DIR to one that can."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SetupError(
                f"Another demo runs on {settings.data_dir}; wait for it, or give this one its own folder with VERSUS_DATA_DIR "
                "and its own PORT."
            ) from error
        yield
