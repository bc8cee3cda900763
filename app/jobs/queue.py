"""Hands durable work to the workers: enqueue and cancel by job id, from the service or a command."""

import asyncio
import logging
from threading import Lock

from dbos import DBOS, DBOSClient, EnqueueOptions

from app.database.session import DatabaseError
from app.errors import SetupError, Unavailable
from app.jobs.names import APPLICATION, SCHEMA
from app.settings import Settings

# The job system tells of itself at level info, on a handler of its own; what matters to an operator starts at warning.
logging.getLogger("dbos").setLevel(logging.WARNING)


def prepare(settings: Settings) -> None:
    """Makes or updates the job system's own tables; several processes may do so at once."""
    if settings.jobs_database.startswith("sqlite"):
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(f"{settings.data_dir} cannot be made ({error.strerror}); set VERSUS_DATA_DIR.") from error
    DBOS.migrate(settings.jobs_database, schema=SCHEMA)


class JobQueue:
    """Connects at the first call and makes the job tables if no worker has yet; safe to share between tasks and threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._client: DBOSClient | None = None

    async def enqueue(self, workflow: str, queue: str, job_id: str) -> None:
        """Runs `workflow(job_id)` once on some worker, however often this is called with the same job id."""
        await asyncio.to_thread(self._enqueue, workflow, queue, job_id)

    async def cancel(self, job_id: str) -> None:
        """A waiting job never starts, a running one ends before its next step; one that is done or unknown stays as it is."""
        await asyncio.to_thread(self._cancel, job_id)

    async def close(self) -> None:
        await asyncio.to_thread(self._close)

    def _enqueue(self, workflow: str, queue: str, job_id: str) -> None:
        options: EnqueueOptions = {"workflow_name": workflow, "queue_name": queue, "workflow_id": job_id}
        client = self._connect()
        try:
            client.enqueue(options, job_id)
        except DatabaseError as error:
            raise Unavailable(f"The job database cannot be written ({error.orig}); see VERSUS_DATABASE_URL.") from error

    def _cancel(self, job_id: str) -> None:
        client = self._connect()
        try:
            client.cancel_workflow(job_id)
        except DatabaseError as error:
            raise Unavailable(f"The job database cannot be written ({error.orig}); see VERSUS_DATABASE_URL.") from error

    def _close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.destroy()
                self._client = None

    def _connect(self) -> DBOSClient:
        with self._lock:
            if self._client is None:
                try:
                    # The service may come up long before its first worker does.
                    prepare(self._settings)
                    self._client = DBOSClient(
                        system_database_url=self._settings.jobs_database,
                        dbos_system_schema=SCHEMA,
                        application_name=APPLICATION,
                        lazy=True,
                        retry_connection_errors=False,
                    )
                except DatabaseError as error:
                    raise Unavailable(f"The job database cannot be opened ({error.orig}); see VERSUS_DATABASE_URL.") from error
            return self._client
