"""`versus gate`: holds a run to conditions, with three outcomes: passed, regressed, or too few cases to tell."""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand

from app.errors import SetupError, VersusError

if TYPE_CHECKING:
    from app.benchmarks.gate.check import Report

ERROR = 3


class GateCommand(TyperCommand):
    """A wrong option ends with 3: 2 means that the cases do not tell."""

    def make_context(self, *args: Any, **more: Any) -> Any:
        try:
            return super().make_context(*args, **more)
        except Exception as error:
            if hasattr(error, "exit_code") and error.exit_code == 2:
                error.exit_code = ERROR
            raise


def gate(
    run: Annotated[str, typer.Argument(help="A run's id, or a file of `versus export-run`.")],
    gates: Annotated[list[str], typer.Option("--gate", help='Such as "recall\\[fraud] >= 0.9"; repeat for more.')],
    baseline: Annotated[str | None, typer.Option(help="A run, a file, or another arm of this run.")] = None,
    arm: Annotated[str | None, typer.Option(help="By default the run's only custom arm.")] = None,
    baseline_arm: Annotated[str | None, typer.Option(help="By default the arm of the same name or model.")] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML here.")] = None,
    summary: Annotated[Path | None, typer.Option(help="Write Markdown here.")] = None,
    url: Annotated[str, typer.Option(help="The service; empty means VERSUS_API_URL or http://host:port of the settings.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON, nothing else.")] = False,
) -> None:
    """Hold a run to conditions: exit code 0 passed, 1 regressed, 2 inconclusive (too few cases to tell), 3 error.

    A number with a sign is a difference to the baseline, case by case; without a sign it is a level. A gate passes when its
    whole interval does, so "not enough cases" is never a pass. docs/gate.md lists the metrics and has a workflow.

    Examples:

      versus gate run_1 --gate "accuracy >= 0.85" --gate "recall\\[fraud] >= 0.9 @99%" --gate "always_wrong <= 0"

      versus gate run_2 --baseline run_1 --gate "accuracy >= -0.01 @95%" --gate "regressed <= 5" --junit gate.xml

      versus gate new.json --baseline old.json --gate "macro_f1 >= -0.02" --summary gate.md
    """
    from pydantic import ValidationError

    started = time.perf_counter()
    try:
        report = asyncio.run(_checked(run, gates, baseline, arm, baseline_arm, url))
        _write(report, junit, summary, time.perf_counter() - started)
    except VersusError as error:
        _failed(error.message, junit, summary, time.perf_counter() - started, as_json)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, (error.title, *first["loc"])))
        told = f"{where}: {first['msg']}. Is a setting wrong, or the service of another version?"
        _failed(told, junit, summary, time.perf_counter() - started, as_json)
    except Exception:
        # Python's own exit code for this would be 1, which means regressed.
        import traceback

        traceback.print_exc()
        _failed("The gate broke; see the log.", junit, summary, time.perf_counter() - started, as_json)
    if as_json:
        from dataclasses import asdict

        sys.stdout.write(json.dumps(asdict(report), indent=2, allow_nan=False) + "\n")
    else:
        from app.benchmarks.gate.forms import to_lines

        sys.stdout.write("\n".join(to_lines(report)) + "\n")
    raise typer.Exit(report.exit_code)


async def _checked(
    run: str, gates: list[str], baseline: str | None, arm: str | None, baseline_arm: str | None, url: str
) -> "Report":
    from app.benchmarks.gate.check import check
    from app.benchmarks.gate.grammar import parse_all
    from app.benchmarks.gate.sides import side
    from app.cli.runs import load_baseline, load_run
    from app.settings import Settings

    parsed = parse_all(gates)
    service = url or Settings().api
    this = side(await load_run(run, service), arm)
    return check(parsed, this, await load_baseline(this, baseline, baseline_arm, service) if baseline else None)


def _write(report: "Report", junit: Path | None, summary: Path | None, seconds: float) -> None:
    from app.benchmarks.gate.forms import to_junit, to_markdown
    from app.cli.runs import write

    if junit is not None:
        write(junit, to_junit(report, seconds))
    if summary is not None:
        write(summary, to_markdown(report))


def _failed(message: str, junit: Path | None, summary: Path | None, seconds: float, as_json: bool) -> NoReturn:
    """Tells what went wrong wherever the outcome would have been told, and ends with 3."""
    from app.benchmarks.gate.forms import error_junit, error_markdown
    from app.cli.runs import write

    for path, text in ((junit, error_junit(message, seconds)), (summary, error_markdown(message))):
        if path is not None:
            try:
                write(path, text)
            except SetupError as error:  # perhaps it is this that went wrong
                sys.stderr.write(f"{error.message}\n")
    if as_json:
        sys.stdout.write(json.dumps({"outcome": "error", "exit_code": ERROR, "error": message}, indent=2) + "\n")
    sys.stderr.write(f"{message}\n")
    raise typer.Exit(ERROR)
