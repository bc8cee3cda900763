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
app.command()(demo.demo)
app.command()(serve.serve)
app.command()(worker.worker)
app.add_typer(db.app, name="db")
models.app.command()(add.add)
models.app.command()(versions.export)
models.app.command("import")(versions.import_)
for command in (versions.promote, versions.rollback, versions.alias, versions.aliases, versions.remove, *loading.COMMANDS):
    models.app.command()(command)
app.add_typer(models.app, name="models")
app.add_typer(data.app, name="data")
app.add_typer(tasks.app, name="tasks")
app.command()(train.train)
app.command("learning-curve")(learning_curve.learning_curve)
app.command()(methods.methods)
app.command()(bench.bench)
app.command()(verdict.verdict)
app.command(cls=gate.GateCommand)(gate.gate)
app.command()(deltas.deltas)
app.command()(export_run.export_run)
app.command()(audit.audit)
app.command()(report.report)
app.command()(scorecard.scorecard)
app.command()(conformance.conformance)
app.command()(ask.classify)
app.command()(ask.compare)
app.command()(ask.chat)
app.command("build-general")(models.build)


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
