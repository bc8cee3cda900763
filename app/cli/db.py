"""`versus db`: brings the database to this version's tables, and tells where it stands."""

import json
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The database: upgrade, state.")

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


@app.command()
def upgrade(
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for a server that takes no connections yet.")] = 0.0,
    as_json: JsonFlag = False,
) -> None:
    """Create or upgrade all tables of VERSUS_DATABASE_URL (by default an SQLite file in VERSUS_DATA_DIR).

    Does nothing when they are current; safe to run from several processes at once.

    Examples:

      versus db upgrade

      VERSUS_DATABASE_URL=postgresql://versus:...@db:5432/versus versus db upgrade --wait 60
    """
    from app.cli.progress import fail
    from app.database import migrations
    from app.errors import SetupError
    from app.settings import Settings

    settings = Settings()
    try:
        migrations.wait_for(settings.database, wait)
        before = migrations.state(settings.database)
        migrations.upgrade(settings.database)
    except SetupError as error:
        fail(error)
    typer.echo(json.dumps({"before": before, "state": "current"}) if as_json else f"The database was {before}; it is current.")


@app.command()
def state(as_json: JsonFlag = False) -> None:
    """Tell whether the database is current, behind, newer than this version, or empty; exit code 1 unless current.

    Examples:

      versus db state

      versus db state --json
    """
    from app.cli.progress import fail
    from app.database import migrations
    from app.errors import SetupError
    from app.settings import Settings

    try:
        found = migrations.state(Settings().database)
    except SetupError as error:
        fail(error)
    typer.echo(json.dumps({"state": found}) if as_json else found)
    if found != "current":
        raise typer.Exit(1)
