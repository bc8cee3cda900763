"""General, custom or both: the verdict on one run, by the stated rule, with its numbers and the cases still needed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from app.benchmarks.arms import ArmResult, aligned
from app.benchmarks.called import Called
from app.benchmarks.economics import Economics, Made, Price, Spending, economics, spending
from app.benchmarks.statistics import holm
from app.benchmarks.verdict import words
from app.benchmarks.verdict.cheaper import cheaper, cost_rule_words
from app.benchmarks.verdict.costs import cost_table
from app.benchmarks.verdict.differences import LABEL_METRICS, Difference
from app.benchmarks.verdict.floors import Floor, judge_floors, standing
from app.benchmarks.verdict.needed import Needed, needed
from app.benchmarks.verdict.pairs import Pair, chosen, compare, every_pair, named, wins_general
from app.benchmarks.verdict.question import Question, Setting
from app.benchmarks.verdict.rule import ALPHA, Margin, Outcome, Side, judge, rule_words
from app.benchmarks.verdict.trial import Trial, certified, try_cascade
from app.benchmarks.verdict.verdict import Decision, Verdict
from app.errors import InvalidRequest

KINDS: dict[Side, Literal["custom", "general"]] = {"first": "custom", "second": "general"}


def decide(
    arms: Sequence[ArmResult],
    labels: Sequence[str],
    question: Question | None = None,
    *,
    validation: Mapping[str, ArmResult] | None = None,
    made: Mapping[str, Made] | None = None,
    seed: int = 0,
) -> Verdict:
    """The verdict on a custom and a general arm: those that are named, or the best of each by accuracy on validation.

    labels: all labels of the task. validation: arm -> its answers there, for the cascade. made: arm -> how its model was
    trained.
    Raises InvalidRequest when there is no pair, when a choice lacks validation accuracies, when the cases differ, or when a
    floor, a cost or a price cannot be read.
    """
    question = question or Question()
    _check(question)
    # 1. The two arms, on the same cases in the same order.
    custom, general = two_arms(arms, question)
    general, called = aligned(general, custom), Called.of(custom, general)
    table = cost_table(question.costs, labels) if question.costs else None
    setting = Setting(question, labels, table, _spent(arms, custom, general, question, seed), seed)

    # 2. Who is better, and who is cheaper.
    pair = compare(custom, general, labels, seed=seed)
    differences = setting.differences(custom, general)
    cost = cheaper(custom, general, question.cost_rule, setting.spent, seed=seed)

    # 3. The cascade, if validation says that one is worth a test; all tests are adjusted together.
    trial = try_cascade(custom, general, cost, validation or {}, setting) if question.cascade else ""
    tests = [d.p_value for d in differences] + ([trial.p_value] if isinstance(trial, Trial) else [])
    adjusted = holm(tests)
    differences = [replace(d, adjusted=p) for d, p in zip(differences, adjusted, strict=False)]

    # 4. The rule: the pair, then the floors, then the cascade.
    floors = [judge_floors(arm, question.recall_floors, labels) for arm in (custom, general)]
    outcome = _with_floors(judge(differences, cost.cheaper, question.margin), called, *floors)
    decision: Decision = KINDS[outcome.winner] if outcome.winner else "not enough evidence"
    reason, cascade = outcome.reason, None
    if isinstance(trial, Trial):
        leads = pair.significant and pair.difference.estimate < 0
        cascade = certified(trial, adjusted[-1], general, leads, setting)
        if cascade.certified:
            decision = "cascade"
            reason = f"{cascade.wins_cheap} (against {cascade.cheap}), {cascade.wins_dear} (against {cascade.dear})"

    # 5. What belongs beside the decision.
    open_ended = decision == "not enough evidence" and not outcome.settled and custom.arm != general.arm
    missing = _needed(differences, custom, pair, outcome.leader or cost.cheaper, question.margin) if open_ended else None
    classical = chosen(arms, "baseline")
    verdict = Verdict(
        decision=decision,
        rule=rule_words(
            question.decided_by,
            question.margin,
            cost_rule_words("money" if cost.by == "money" else question.cost_rule),
            question.recall_floors,
            clustered=bool(custom.clusters),
            cascade=question.cascade,
        ),
        reason=reason,
        custom=custom.arm,
        general=general.arm,
        pair=pair,
        margin_points=question.margin_points,
        cheaper=KINDS[cost.cheaper] if cost.cheaper else None,
        cost=cost.words,
        cost_by=cost.by,
        metrics=tuple(differences),
        floors=(*floors[0], *floors[1]),
        cascade=cascade,
        cascade_note=words.cascade_note(cascade, trial if isinstance(trial, str) else ""),
        economics=_economics(
            custom, general, setting, trial if isinstance(trial, Trial) else None, (made or {}).get(custom.arm, Made())
        ),
        needed=missing,
        cases_needed=missing.cases if missing else None,
        wins_general=wins_general(custom, general),
        baseline=compare(custom, classical, labels, seed=seed) if classical and classical.arm != custom.arm else None,
        pairs=every_pair(arms) if question.every_pair else (),
        notes=tuple(words.notes(custom, general)),
        sentence="",
    )
    return replace(verdict, sentence=words.sentence(verdict, called))


def _check(question: Question) -> None:
    """Raises InvalidRequest for parts of a question that do not go together."""
    if strangers := [metric for metric in question.decided_by if metric not in LABEL_METRICS]:
        raise InvalidRequest(
            f"{strangers[0]} is not measured where answers are labels; there are {', '.join(LABEL_METRICS)}.", param="metrics"
        )
    by_cost = "cost" in question.decided_by
    if by_cost and question.costs is None:
        raise InvalidRequest("The metric cost needs a cost matrix; give costs (--cost-matrix).", param="costs")
    if question.margin_money is not None and not by_cost:
        raise InvalidRequest(
            "margin_money is a margin of the metric cost, which does not decide here; give costs, or margin_points instead.",
            param="margin_money",
        )


def two_arms(arms: Sequence[ArmResult], question: Question) -> tuple[ArmResult, ArmResult]:
    custom = named(arms, question.custom, "custom") if question.custom else chosen(arms, "custom")
    general = named(arms, question.general, "general") if question.general else chosen(arms, "general")
    if custom is None or general is None:
        raise InvalidRequest(
            "A verdict needs at least one general and one custom arm in the run. Name any two of its arms to compare those: "
            f"{', '.join(arm.arm for arm in arms)}."
        )
    if custom.arm == general.arm:
        raise InvalidRequest(f"{custom.arm} would be compared with itself; name two arms of the run.", param="general")
    return custom, general


def _spent(
    arms: Sequence[ArmResult], custom: ArmResult, general: ArmResult, question: Question, seed: int
) -> dict[str, Spending | str]:
    """What the two arms cost to run, or what to give so that it is known. A later name overrides an earlier one."""
    prices: dict[str, Price] = {}
    for name, price in question.prices.items():
        if name in ("custom", "general"):
            meant = [custom.arm if name == "custom" else general.arm]
        else:
            meant = [arm.arm for arm in arms if name in (arm.arm, arm.model, (arm.model or "").partition("@")[0])]
        if not meant:
            known = ", ".join(arm.arm for arm in arms)
            raise InvalidRequest(
                f"There is a price for {name!r}, which is no arm or model of the run; it has: {known}. Or say "
                "custom or general.",
                param=f"prices.{name}",
            )
        prices |= dict.fromkeys(meant, price)
    return {
        arm.arm: spending(arm, prices[arm.arm], seed)
        if arm.arm in prices
        else f"no price is given for {arm.arm}; give money per million tokens (--price {side}=IN/OUT) or per hour of its "
        f"machine (--price {side}=N/h)"
        for side, arm in (("general", general), ("custom", custom))
    }


def _with_floors(outcome: Outcome, called: Called, custom: Sequence[Floor], general: Sequence[Floor]) -> Outcome:
    """Recall floors come first: who misses one cannot win, and nobody wins before meeting all of them."""
    if not custom:
        return outcome
    states = {"first": standing(custom), "second": standing(general)}
    sides: tuple[Side, Side] = ("first", "second")
    if states["first"] == states["second"] == "missed":
        return Outcome(None, "neither keeps the recall floors", settled=True)
    for side, other in (sides, sides[::-1]):
        if states[side] == "met" and states[other] == "missed":
            return Outcome(side, "the only one that keeps the recall floors")
    if outcome.winner is None:
        return outcome
    if states[outcome.winner] == "met":
        return outcome
    unmet = [f.label for f in (custom if outcome.winner == "first" else general) if f.state != "met"]
    what = "misses" if states[outcome.winner] == "missed" else "has not yet shown that it keeps"
    who = called.custom if outcome.winner == "first" else called.general
    return Outcome(None, f"{who} is {outcome.reason}, but {what} the recall floor of {', '.join(unmet)}", settled=True)


def _needed(differences: Sequence[Difference], custom: ArmResult, pair: Pair, side: Side | None, margin: Margin) -> Needed:
    """For the metric that needs most of those that are open; `side`: whose being not worse would decide."""
    undecided = [d for d in differences if d.adjusted >= ALPHA] or differences[:1]
    return max(
        (needed(d, pair, side, margin, clustered=bool(custom.clusters)) for d in undecided), key=lambda one: one.cases or 0
    )


def _economics(custom: ArmResult, general: ArmResult, setting: Setting, trial: Trial | None, made: Made) -> Economics | None:
    question = setting.question
    if not question.currency:
        return None
    spent = dict(setting.spent)
    if trial and trial.spent:
        spent[trial.arm.arm] = trial.spent
    return economics(custom, general, spent, question.currency, question.training, made, seed=setting.seed)
