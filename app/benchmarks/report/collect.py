"""Collects what a report tells beside a run's summary: from the database, the cards, the aliases and the learning curves."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.benchmarks import store
from app.benchmarks.report.facts import Cases, Facts, cases_of, sample, turned
from app.benchmarks.verdict.store import list_verdicts
from app.catalog.aliases import read_decisions
from app.catalog.catalog import Catalog, ModelVersion
from app.database.session import Session
from app.database.tables import Dataset, Run
from app.errors import UnknownModel, VersusError
from app.settings import Settings

CURVES = "learning-curves"  # of the data folder: where `versus learning-curve` writes unless told otherwise
VERDICTS = 100  # of the run, the newest, in the log of decisions
_DATASET = ("id", "name", "version", "sha256", "source", "kind", "split", "counts", "notes", "rows", "report")
_CARD = ("id", "kind", "method", "domain", "summary", "licence", "parent", "sources", "context", "parameters")
_MADE = ("recipe_digest", "recipe", "datasets", "seconds", "tokens", "energy_wh", "energy_cost", "energy_assumed")


async def collect(session: Session, run: Run, catalog: Catalog, settings: Settings, examples: int) -> Facts:
    """`run` has a summary. examples: at most so many cases that custom fixed, and so many that it broke."""
    dataset = await store.dataset_by_id(session, run.dataset_id) if run.dataset_id else None
    verdicts, _ = await list_verdicts(session, run_id=run.id, cursor=None, limit=VERDICTS)
    models = {row["arm"]: row for row in run.summary["rows"] if row["model"]} if run.summary else {}
    return Facts(
        run={
            "id": run.id,
            "created_at": _utc(run.created_at),
            "updated_at": _utc(run.updated_at),
            "config": run.config,
        },
        dataset={name: getattr(dataset, name) for name in _DATASET} if dataset else {},
        models={arm: found for arm, row in models.items() if (found := _model(catalog, row))},
        cases=await _cases(session, run, examples),
        curve=_curve(settings.data_dir / CURVES, dataset),
        verdicts=[
            {"created_at": _utc(one.created_at), "decision": one.decision, "sentence": one.sentence}
            for one in reversed(verdicts)
        ],
        aliases=_aliases(settings.made_models_dir, {row["model"] for row in models.values()}),
    )


def _utc(moment: Any) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _model(catalog: Catalog, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the card tells; None for a version that is no longer there, or is no longer the one that was measured."""
    try:
        version: ModelVersion = catalog.find(row["model"])
    except UnknownModel:
        return None
    if version.digest != row["digest"]:
        return None
    card = version.card
    return {name: getattr(card, name) for name in _CARD} | {name: getattr(card.made, name) for name in _MADE}


async def _cases(session: Session, run: Run, examples: int) -> Cases:
    verdict = run.summary["verdict"] if run.summary else None
    if verdict is None or run.dataset_id is None:
        return Cases()
    custom = await store.base_answers(session, run.id, verdict["custom"])
    general = await store.base_answers(session, run.id, verdict["general"])
    turns = turned(custom, general)
    shown = [case for cases in turns for case in sample(cases, examples, run.config.get("seed", 0))]
    return cases_of(turns, shown, custom, general, await store.texts(session, run.dataset_id, shown))


def _curve(folder: Path, dataset: Dataset | None) -> dict[str, Any] | None:
    """The newest learning curve of this very dataset version. A file that is no curve is none of ours."""
    if dataset is None:
        return None
    for path in sorted(folder.glob("*/curve.json"), key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            curve = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(curve, dict) and curve.get("dataset") == f"{dataset.name}@{dataset.version}":
            return curve
    return None


def _aliases(root: Path, models: Iterable[str]) -> list[dict[str, Any]] | None:
    """Decisions that concern one of `models`, oldest first; None where they cannot be read."""
    known = set(models)
    try:
        return [asdict(one) for one in read_decisions(root) if {one.target, one.before} & known]
    except VersusError:
        return None
