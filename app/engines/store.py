"""Which unfinished work names a version, in SQL."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.database.tables import Run, Scorecard, TrainingRun

UNFINISHED = ("queued", "running")


async def work_with(session: AsyncSession, model: str) -> list[str]:
    """Trainings from the version, benchmark runs and scorecards of it that are on their way, a few words each; `model` is
    name@version."""
    trainings = await session.scalars(select(TrainingRun).where(TrainingRun.status.in_(UNFINISHED)).order_by(TrainingRun.id))
    runs = await session.scalars(select(Run).where(Run.status.in_(UNFINISHED)).order_by(Run.id))
    scorecards = await session.scalars(select(Scorecard).where(Scorecard.status.in_(UNFINISHED)).order_by(Scorecard.id))
    return [
        *(f"training run {run.id} ({run.status}) starts from it" for run in trainings if run.recipe.get("base") == model),
        *(
            f"benchmark run {run.id} ({run.status}) asks it"
            for run in runs
            if any(arm.get("model") == model for arm in run.config.get("arms", ()))
        ),
        *(
            f"scorecard {scorecard.id} ({scorecard.status}) measures it"
            for scorecard in scorecards
            if model in (scorecard.config["general"]["id"], scorecard.config["custom"]["id"])
        ),
    ]
