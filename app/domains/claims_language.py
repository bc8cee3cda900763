"""How claim files are written: money, days, dates, shorthand, typos, and pools of phrases of which each split has its own."""

import random
import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Pool:
    """Phrases for one purpose. No phrase is in two splits, so a test text is worded as no training text is."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def of(self, split: Split) -> tuple[str, ...]:
        found: tuple[str, ...] = getattr(self, split)
        return found


def vary(phrase: str, draws: random.Random) -> str:
    """Chooses one way at each [this|that]."""
    return re.sub(r"\[([^\]]+)\]", lambda found: draws.choice(found[1].split("|")), phrase)


# ---- Numbers and dates

MONTHS = ("Jan", "Feb", "March", "April", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec")
MONEY = ("${dollars:,}", "{dollars}", "{dollars:,}", "{thousands:g}k")
MONEY_WEIGHTS = (60, 18, 12, 10)
DATES = ("{month}/{day}/{short}", "{month}/{day}/{year}", "{day} {name} {year}", "{name} {day}, {year}")
DATE_WEIGHTS = (45, 20, 20, 15)


def money(amount: int, form: str) -> str:
    """Whole dollars in one of the forms of MONEY; amounts below 1,000 are never written in thousands."""
    form = MONEY[0] if amount < 1000 and "thousands" in form else form
    return form.format(dollars=amount, thousands=amount / 1000)


def day(when: date, form: str) -> str:
    return form.format(
        month=when.month, day=when.day, year=when.year, short=f"{when.year % 100:02}", name=MONTHS[when.month - 1]
    )


def span(days: int, draws: random.Random) -> str:
    """A number of days, now and then in weeks; no span is rounded."""
    if days == 1:
        return "1 day"
    if days % 7 == 0 and days > 7 and draws.random() < 0.4:
        return f"{days // 7} weeks"
    return f"{days} days"


# ---- Hands in a hurry

_SHORT = {
    "third party": "TP",
    "insured vehicle": "IV",
    "date of loss": "DOL",
    "bodily injury": "BI",
    "property damage": "PD",
    "police report": "PR",
    "waiting period": "wait",
    "claimant": "clmt",
    "insured": "insd",
    "policy": "pol",
    "estimate": "est",
    "estimated": "est",
    "reported": "rptd",
    "reports": "rpts",
    "deductible": "ded",
    "vehicle": "veh",
    "damage": "dmg",
    "damaged": "dmgd",
    "days": "d",
    "because": "b/c",
    "without": "w/o",
    "with": "w/",
    "through": "thru",
    "neighbor": "nbr",
    "neighbor's": "nbr's",
    "received": "rcvd",
    "documents": "docs",
    "statement": "stmt",
    "previous": "prev",
    "overnight": "o/n",
    "premium": "prem",
    "approximately": "approx",
    "hospital": "hosp",
    "lawyer": "atty",
    "invoice": "inv",
    "customer": "cust",
    "building": "bldg",
    "parking": "pkg",
    "street": "st",
    "replace": "repl",
    "and": "&",
}
_PATTERN = re.compile(r"\b(" + "|".join(sorted(_SHORT, key=len, reverse=True)) + r")(?![\w'])", re.IGNORECASE)


def shorten(text: str, share: float, draws: random.Random) -> str:
    """Replaces about `share` of the words that have a short form in claim files."""

    def one(found: re.Match[str]) -> str:
        return _SHORT[found.group().lower()] if draws.random() < share else found.group()

    return _PATTERN.sub(one, text) if share else text


def slip(text: str, count: int, draws: random.Random) -> str:
    """`count` words get a slip of the fingers after their first letter; never one with a digit or under 5 letters."""
    words = text.split(" ")
    places = [place for place, word in enumerate(words) if len(word) > 4 and word.isalpha()]
    for place in draws.sample(places, min(count, len(places))):
        word = words[place]
        at = draws.randrange(1, len(word) - 1)
        kind = draws.random()
        if kind < 0.4:
            words[place] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        elif kind < 0.8:
            words[place] = word[:at] + word[at + 1 :]
        else:
            words[place] = word[:at] + word[at] + word[at:]
    return " ".join(words)


def sentence(phrase: str) -> str:
    return phrase[:1].upper() + phrase[1:]
