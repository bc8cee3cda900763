"""`versus audit`: a task of lm-evaluation-harness over our service, by its client and by ours."""

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from app.benchmarks.peers.audit import Audit

SHOWN = 5  # differing documents that are named


def audit(
    task: Annotated[str, typer.Argument(help="The YAML file of an lm-eval task, or the name of one that ships with lm-eval.")],
    model: Annotated[str, typer.Option(help="Name or name@version.")] = "general",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many documents, the first ones.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests of the harness in flight.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of the choice of few-shot examples.")] = 1234,
    url: Annotated[str, typer.Option(help="The service; empty means VERSUS_API_URL or http://host:port of the settings.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the audit as JSON, nothing else.")] = False,
) -> None:
    """Have lm-evaluation-harness score a model over the service, and compare with our own numbers, case by case.

    Exit code 0 when every log-likelihood, every choice and every score agree, 1 when one does not, 2 when nothing could be
    compared. Needs lm-eval: pip install 'versus\\[audit]'. A task file may name functions, which are run: audit what you trust.

    Examples:

      versus audit claims.yaml --model claims

      versus audit arc_easy --model general --limit 200 --json
    """
    from app.benchmarks.client import ServiceClient
    from app.benchmarks.peers.audit import audit as compare
    from app.benchmarks.peers.audit import run_harness
    from app.cli.progress import fail
    from app.errors import VersusError
    from app.settings import Settings

    service = url or Settings().api
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

    async def found(name: str) -> Any:
        async with ServiceClient(service, patience_s=5) as client:
            return await client.get(f"/v1/models/{name}")

    async def compared() -> "Audit":
        async with ServiceClient(service) as client:
            return await compare(theirs, client, model)

    try:
        context = asyncio.run(found(model)).get("context")
        sys.stderr.write(f"lm-eval asks {service} for {model} ..\n")
        theirs = run_harness(task, service, model, context=context, limit=limit, concurrency=concurrency, seed=seed)
        sys.stderr.write(f"The same {len(theirs.cases):,} cases by our own client ..\n")
        result = asyncio.run(compared())
    except VersusError as error:
        fail(error)
    if as_json:
        from dataclasses import asdict

        agrees = {"agrees": result.agrees, "scores": [{**asdict(one), "agrees": one.agrees} for one in result.scores]}
        sys.stdout.write(json.dumps({**asdict(result), **agrees}, indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(_lines(result)) + "\n")
    raise typer.Exit(0 if result.agrees else 1)


def _lines(result: "Audit") -> list[str]:
    lines = [f"{result.task}, {result.model}: {result.cases:,} cases, {result.answers:,} answers ({result.kind})"]
    for score in result.scores:
        ours = "not computed here" if score.ours is None else f"{score.ours:.4f}"
        mark = "-" if score.ours is None else "ok" if score.agrees else "DIFFERS"
        lines.append(f"{mark:<8} {score.metric:<20} lm-eval {score.theirs:.4f}, ours {ours}")
    what = "texts" if result.largest_difference is None else "log-likelihoods and choices"
    same = result.cases - len(result.differing)
    largest = "" if result.largest_difference is None else f"; largest difference {result.largest_difference:.2g} nats"
    lines.append(
        f"{'ok' if not result.differing else 'DIFFERS':<8} {what} of {same:,} of {result.cases:,} cases agree{largest}"
    )
    if result.differing:
        lines.append(f"         documents that differ: {', '.join(map(str, result.differing[:SHOWN]))}")
    return lines
