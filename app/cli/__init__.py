"""The command `versus`: one file per group of commands; each imports what it needs when it runs."""

import os
import sys

import typer

from app.cli import (
    add,
    ask,
    audit,
    bench,
    conformance,
    data,
    db,
    deltas,
    demo,
    export_run,
    gate,
    learning_curve,
    loading,
    methods,
    models,
    report,
    scorecard,
    serve,
    tasks,
    train,
    verdict,
    versions,
    worker,
)

app = typer.Typer(
    name="versus",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="For this task: the general-purpose LLM, or a custom-built one? Versus answers with evidence.",
)
models.app.command()(add.add)
models.app.command()(versions.export)
models.app.command("import")(versions.import_)
for command in (versions.promote, versions.rollback, versions.alias, versions.aliases, versions.remove, *loading.COMMANDS):
    models.app.command()(command)

SERVING, MAKING, ASKING, DECIDING, CHECKING = "Serve", "Data and models", "Ask", "Measure and decide", "Check a server"

app.command(rich_help_panel=SERVING)(demo.demo)
app.command(rich_help_panel=SERVING)(serve.serve)
app.command(rich_help_panel=SERVING)(worker.worker)
app.add_typer(db.app, name="db", rich_help_panel=SERVING)
app.add_typer(data.app, name="data", rich_help_panel=MAKING)
app.add_typer(models.app, name="models", rich_help_panel=MAKING)
app.command(rich_help_panel=MAKING)(train.train)
app.command(rich_help_panel=MAKING)(methods.methods)
app.command("learning-curve", rich_help_panel=MAKING)(learning_curve.learning_curve)
app.command("build-general", rich_help_panel=MAKING)(models.build)
app.command(rich_help_panel=ASKING)(ask.chat)
app.command(rich_help_panel=ASKING)(ask.classify)
app.command(rich_help_panel=ASKING)(ask.compare)
app.add_typer(tasks.app, name="tasks", rich_help_panel=DECIDING)
app.command(rich_help_panel=DECIDING)(bench.bench)
app.command(rich_help_panel=DECIDING)(report.report)
app.command(rich_help_panel=DECIDING)(verdict.verdict)
app.command(rich_help_panel=DECIDING)(scorecard.scorecard)
app.command(rich_help_panel=DECIDING)(deltas.deltas)
app.command(cls=gate.GateCommand, rich_help_panel=DECIDING)(gate.gate)
app.command("export-run", rich_help_panel=DECIDING)(export_run.export_run)
app.command(rich_help_panel=CHECKING)(conformance.conformance)
app.command(rich_help_panel=CHECKING)(audit.audit)


@app.callback(invoke_without_command=True)
def _main(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    if version:
        from app import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Runs one command. Wrong settings end it with 2 and a sentence that names them, Ctrl-C with 130."""
    from pydantic import ValidationError

    # Threads of torch that wait let go of their core: spinning, the service and its worker would slow each other tenfold.
    # Read when torch is loaded, and by the processes that this one starts.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app()
    except ValidationError as error:
        if error.title != "Settings":
            raise
        first = error.errors()[0]
        name = f"VERSUS_{str(first['loc'][0]).upper()}: " if first["loc"] else ""
        sys.stderr.write(f"{name}{first['msg'].removeprefix('Value error, ')}\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
