"""`versus worker`: runs training and benchmark jobs."""

import sys
from typing import Annotated

import typer


def worker(
    name: Annotated[
        str, typer.Option("--name", help="This worker's name (VERSUS_WORKER_ID); a restarted worker resumes what it had begun.")
    ] = "",
    queues: Annotated[
        str | None,
        typer.Option(
            help="Take jobs of these alone, separated by commas: training, training-gpu, benchmarks; by default all that this "
            "machine can run, training-gpu where there is a GPU."
        ),
    ] = None,
) -> None:
    """Run durable jobs (training, benchmark runs) until stopped.

    A worker needs the database of the service (VERSUS_DATABASE_URL) and, for benchmarks, its API (VERSUS_API_URL). Killed in
    the middle of a job, it goes on where it stopped when started again under the same name. Ctrl-C ends it in order, a second
    Ctrl-C at once.

    Examples:

      versus worker

      VERSUS_API_URL=http://gpu-host:8000 versus worker --name second

      versus worker --name trainer --queues training-gpu
    """
    from app.errors import SetupError
    from app.jobs.worker import run_worker
    from app.settings import Settings

    settings = Settings()
    if name:
        settings = settings.model_copy(update={"worker_id": name})
    try:
        run_worker(settings, queues=None if queues is None else [queue.strip() for queue in queues.split(",")])
    except SetupError as error:
        sys.stderr.write(f"{error.message}\n")
        raise typer.Exit(2) from error
