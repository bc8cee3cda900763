"""Finds what the columns of a table are for (text, label, answer, fields): as told, or by points for how cells and names look.

Confidence: each column gets points for a role, and so does "none of them" (0); the softmax over these is the confidence. It is
a measure of how clear the case is, not a probability that was calibrated on files.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from app.datasets.kinds import KINDS, ROLES, Kind, Role
from app.datasets.looks import Looks
from app.datasets.reading import Table, several_of
from app.errors import UnclearColumns, Unprocessable

MIN_CONFIDENCE = 0.6  # below it a guess is shown and not trusted
MIN_TOLD = 0.1  # another kind that is this likely is told
MAX_NAME_CHARS = 200
# Names that such columns usually have.
ROLE_NAMES: Mapping[Role, str] = {
    "text": "text body narrative message question utterance description content comment review sentence dialogue dialog "
    "document clause input prompt instruction story post email ticket abstract article transcript query note",
    "label": "label labels category class intent target y kind type tag topic queue sentiment stars rating score "
    "outcome decision",
    "answer": "answer summary output response completion target highlights reference reply",
    "fields": "fields entities extraction labels output answer target",
}


@dataclass(frozen=True)
class Choice:
    """The column for a role, or the columns of fields. `confidence` is 1 where it was named."""

    role: Role
    columns: tuple[str, ...]
    named: bool
    confidence: float
    reasons: tuple[str, ...]

    def sentence(self) -> str:
        shown = ", ".join(map(repr, self.columns))
        why = "; ".join(self.reasons)
        are = "are" if self.role == "fields" else "is"
        return f"The {self.role} {are} column {shown}: not named, guessed ({why}; confidence {self.confidence:.2f})."


@dataclass(frozen=True)
class Columns:
    """What the columns of a file are for, and how sure that is."""

    kind: Kind
    kind_confidence: float
    choices: tuple[Choice, ...]
    unclear: UnclearColumns | None = None  # why a guess is not to be trusted
    notes: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.choices[0].columns[0]

    @property
    def target(self) -> tuple[str, ...]:
        """The columns of what belongs to the text; none for texts alone."""
        return self.choices[1].columns if len(self.choices) > 1 else ()


def choose_columns(
    table: Table,
    columns: Sequence[Looks],
    *,
    named: Mapping[Role, tuple[str, ...]],
    kind: Kind | None = None,
    not_these: Collection[str] = (),
) -> Columns:
    """`named`: role -> the columns that the caller named; `not_these` are for something else.

    Raises Unprocessable for columns that are not there or do not fit the kind, and where nothing can be guessed; a guess below
    MIN_CONFIDENCE has `unclear` set."""
    for role, names in named.items():
        for name in names:
            require(table, name, role)
    targets = [role for role in named if role != "text"]
    if len(targets) > 1 or (kind is not None and any(role not in ROLES[kind] for role in targets)):
        raise Unprocessable(
            f"{' and '.join(f'{role}=...' for role in targets)} {'do' if len(targets) > 1 else 'does'} not fit "
            f"{f'kind={kind}' if kind else 'together'}: name label for classification, fields for extraction, answer for "
            "text_to_text, none for text.",
            param=targets[-1],
        )
    if exported := _exported(table, named, kind, not_these):
        reason = "the columns are named as in an export"
        return Columns(
            exported,
            1.0,
            tuple(
                Choice(role, (role,), role in named, 1.0, ("named" if role in named else reason,)) for role in ROLES[exported]
            ),
        )
    taken = {name for names in named.values() for name in names} | set(not_these)
    all_free = [looks for looks in columns if looks.name not in taken]

    # 1. The text first: the others are looked for among what is left.
    text = _choose("text", all_free, named, table)
    free = [looks for looks in all_free if looks.name not in text.columns]

    # 2. The kind: as named, or that of the role for which a column speaks most.
    kind_confidence, could_be = 1.0, list[str]()
    if kind is None:
        likely = {kind: (1.0, "") for kind in KINDS if targets and targets[0] in ROLES[kind]} or _kinds(free)
        (kind, (kind_confidence, _)), *others = likely.items()
        could_be += [
            f"It could also be {other} with {ROLES[other][-1]}={column} (confidence {confidence:.2f})."
            for other, (confidence, column) in others
            if confidence >= MIN_TOLD
        ]

    # 3. What belongs to the text.
    choices = [text, *(_choose(role, free, named, table) for role in ROLES[kind][1:])]
    if len(choices) > 1 and set(choices[0].columns) & set(choices[1].columns):
        raise Unprocessable(f"Column {text.columns[0]!r} cannot be both text and {choices[1].role}.", param=choices[1].role)
    if long := [name for choice in choices for name in choice.columns if len(name) > MAX_NAME_CHARS]:
        raise Unprocessable(f"The column name {long[0][:60]!r}... is longer than {MAX_NAME_CHARS} characters; shorten it.")
    if len(",".join(choices[-1].columns)) > MAX_NAME_CHARS:
        raise Unprocessable(f"The names of the fields have more than {MAX_NAME_CHARS} characters; name fewer.", param="fields")
    notes = [*(choice.sentence() for choice in choices if not choice.named), *could_be]
    if kind_confidence < 1 and (kind != "classification" or could_be):
        notes.insert(0, f"The kind is {kind}: not named, guessed (confidence {kind_confidence:.2f}).")
    unclear = _unclear_choice(table, text, all_free)
    for choice in choices[1:]:
        unclear = unclear or _unclear_choice(table, choice, free)
    if unclear is None and kind_confidence < MIN_CONFIDENCE:
        unclear = _unclear_kind(table, kind, kind_confidence)
    return Columns(kind, kind_confidence, tuple(choices), unclear, notes)


def require(table: Table, column: str, param: str) -> None:
    """Raises Unprocessable that lists the columns when there is none of this name, or several."""
    known = table.columns + (table.nested if param == "fields" else [])
    count = known.count(column)
    if count == 1:
        return
    if count:
        raise Unprocessable(several_of(table.name, column, count), param=param)
    names = {name.lower(): name for name in known}
    near = [names[name] for name in get_close_matches(column.lower(), names, n=3, cutoff=0.5)]
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    raise Unprocessable(f"{table.name} has no column {column!r}. {hint}{_listed(table)}", param=param)


def _exported(
    table: Table, named: Mapping[Role, tuple[str, ...]], kind: Kind | None, not_these: Collection[str]
) -> Kind | None:
    """The kind of which this is an export, where the columns have exactly the names that an export gives them."""
    names = sorted(name for name in (*table.columns, *table.nested) if name == "split" or name not in not_these)
    for one in KINDS if kind is None else [kind]:
        roles = ROLES[one]
        if names == sorted(["split", *roles]) and not set(roles) & set(not_these):
            return one if all(role in roles and columns == (role,) for role, columns in named.items()) else None
    return None


# ---- What speaks for a column


def _points(role: Role, column: Looks) -> tuple[float, tuple[str, ...]] | None:
    """Points and the reasons that a person should read; None where the column cannot be it."""
    if column.looks == "empty" or (column.looks == "object") != (role == "fields"):
        return None
    evidence = list(_evidence(role, column))
    if any(points == -math.inf for points, _ in evidence):
        return None
    return sum(points for points, _ in evidence), tuple(reason for points, reason in evidence if points > 0 and reason)


def _evidence(role: Role, column: Looks) -> Iterator[tuple[float, str]]:
    yield {2: 3.0, 1: 1.0, 0: 0.0}[_named_like(column.name, role)], "its name"
    if role == "fields":
        return
    if role == "label":
        yield (0.0 if 2 <= column.distinct <= max(2, column.rows / 2) else -math.inf), ""
        repeats = (column.rows - column.empty) / column.distinct if column.distinct else 0
        yield (2.5 if repeats >= 20 else 1.5 if repeats >= 5 else 0.0), f"{column.distinct} distinct values"
        yield (1.0 if column.mean_chars <= 60 else -4.0 if column.mean_chars > 200 else 0.0), "short cells"
        yield (-4.0 if column.looks == "date" else 0.0), ""
        # A code may be a label, but where the same stands in words, the words are.
        yield (-2.5 if column.looks == "number" and _named_like(column.name, role) < 2 else 0.0), ""
        return
    wordy = column.looks == "words" and column.mean_words >= 2
    yield (2.0 if wordy and column.mean_words >= 3 else 0.0 if column.looks == "words" else -4.0), "cells of several words"
    yield min(3.0, max(-2.0, math.log2(max(1.0, column.mean_chars) / 20))), f"{column.mean_chars:.0f} characters a cell"
    share = column.distinct / max(1, column.rows - column.empty)
    yield (1.0 if share >= 0.9 else -2.0 if share < 0.2 else 0.0), "cells that hardly repeat"
    if role == "text":
        yield (-2.5 if _named_like(column.name, "answer") == 2 else 0.0), ""
    else:
        # A second column of long cells is often a remark; its name has to speak for it.
        yield (0.0 if wordy else -math.inf), ""
        yield -3.0, ""


def _named_like(column: str, role: Role) -> int:
    """2 where the whole name is a usual one for the role, 1 where its first or last word is."""
    words = [word for word in re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", column).lower()) if word]
    usual = ROLE_NAMES[role].split()
    if "_".join(words) in usual:
        return 2
    return int(bool(words) and (words[0] in usual or words[-1] in usual))


def _ranked(role: Role, free: Sequence[Looks]) -> list[tuple[float, float, Looks, tuple[str, ...]]]:
    """(confidence, points, column, reasons), the best first."""
    found = [(column, scored) for column in free if (scored := _points(role, column)) is not None]
    total = 1.0 + sum(math.exp(points) for _, (points, _) in found)
    ranked = [(math.exp(points) / total, points, column, reasons) for column, (points, reasons) in found]
    return sorted(ranked, key=lambda one: -one[1])


def _choose(role: Role, free: Sequence[Looks], named: Mapping[Role, tuple[str, ...]], table: Table) -> Choice:
    if role in named:
        return Choice(role, named[role], True, 1.0, ("named",))
    ranked = _ranked(role, free)
    if not ranked:
        raise UnclearColumns(
            f"No column of {table.name} looks like the {role}. Name the column that holds the {role} ({_option(role)}). "
            f"{_listed(table)}",
            param=role,
            choices=[column.name for column in free],
        )
    confidence, _, best, reasons = ranked[0]
    require(table, best.name, role)
    return Choice(role, (best.name,), False, confidence, reasons or ("no other fits better",))


def _kinds(free: Sequence[Looks]) -> dict[Kind, tuple[float, str]]:
    """Kind -> how sure it is that the file is of it, and the column that speaks for it; the likeliest first."""
    if not free:
        return {"text": (1.0, "")}
    best: dict[Kind, tuple[float, str]] = {}
    for kind in KINDS[:3]:
        if ranked := _ranked(ROLES[kind][-1], free):
            best[kind] = (math.exp(ranked[0][1]), ranked[0][2].name)
    if not best:
        return {"text": (0.0, "")}  # there are other columns: what they are for has to be said
    total = 1.0 + sum(weight for weight, _ in best.values())
    ranked_kinds = sorted(best.items(), key=lambda item: -item[1][0])
    return {kind: (weight / total, column) for kind, (weight, column) in ranked_kinds}


def _unclear_choice(table: Table, choice: Choice, free: Sequence[Looks]) -> UnclearColumns | None:
    if choice.confidence >= MIN_CONFIDENCE:
        return None
    ranked = _ranked(choice.role, free)
    shown = ", ".join(f"{column.name!r} {confidence:.2f}" for confidence, _, column, _ in ranked[:4])
    return UnclearColumns(
        f"It is not clear which column of {table.name} is the {choice.role}: {shown} (confidence; {MIN_CONFIDENCE} is needed). "
        f"Name it ({_option(choice.role)}). {_listed(table)}",
        param=choice.role,
        choices=[column.name for _, _, column, _ in ranked],
    )


def _unclear_kind(table: Table, kind: Kind, confidence: float) -> UnclearColumns:
    if confidence:
        why = (
            f"It is not clear what {table.name} holds: {kind} has confidence {confidence:.2f}, and {MIN_CONFIDENCE} is needed."
        )
    else:
        why = f"No column of {table.name} looks like a label (a few values that repeat), an answer or fields."
    return UnclearColumns(
        f"{why} Name the column that belongs to the text: label=... for classification, answer=... for text to text, "
        f"fields=... for extraction; or kind=text for texts alone. {_listed(table)}",
        param="kind",
        choices=list(KINDS),
    )


def _option(role: Role) -> str:
    return f"{role}=... or --{role}"


def _listed(table: Table) -> str:
    names = [*table.columns, *table.nested]
    shown = [name[:60] for name in names if name]
    more = f" and {len(shown) - 30} more" if len(shown) > 30 else ""
    return f"Its columns: {', '.join(shown[:30])}{more}."
