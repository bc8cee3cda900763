"""What answering a request needs, in one hand: settings, models, engines, tasks, label scores and the log's database."""

from dataclasses import dataclass

from app.catalog.catalog import Catalog
from app.database.session import Database
from app.engines.registry import Engines
from app.inference.scoring import Scorer
from app.inference.tasks import Tasks
from app.settings import Settings


@dataclass(frozen=True)
class Serving:
    """One per service."""

    settings: Settings
    database: Database
    catalog: Catalog
    engines: Engines
    tasks: Tasks
    scorer: Scorer

    @property
    def at_once(self) -> int:
        """How much of one request runs together: it may fill half of the queue, never all of it."""
        return max(1, self.settings.queue_requests // 2)
