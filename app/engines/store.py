"""Which unfinished work names a version, in SQL."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.tables import Run, TrainingRun

UNFINISHED = ("queued", "running")


async def work_with(session: AsyncSession, model: str) -> list[str]:
    """Trainings from the version and benchmark runs of it that are on their way, a few words each; `model` is name@version."""
    trainings = await session.scalars(select(TrainingRun).where(TrainingRun.status.in_(UNFINISHED)).order_by(TrainingRun.id))
    runs = await session.scalars(select(Run).where(Run.status.in_(UNFINISHED)).order_by(Run.id))
    return [
        *(f"training run {run.id} ({run.status}) starts from it" for run in trainings if run.recipe.get("base") == model),
        *(
            f"benchmark run {run.id} ({run.status}) asks it"
            for run in runs
            if any(arm.get("model") == model for arm in run.config.get("arms", ()))
        ),
    ]
