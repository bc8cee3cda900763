"""Requests that a service desk's house rules allow or forbid: seeded, endless, each decided by its facts and no model.

Every rule has both sides of its limit, requests that only sound forbidden and requests that only sound harmless, so that
refusing too much and refusing too little are both seen. Each split has its own wordings and names.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

from app.domains.claims_language import Split

HELP, REFUSE = "help", "refuse"

REFUND_LIMIT = 200  # dollars that the desk may give back by itself
DISCOUNT_LIMIT = 10  # percent
KEPT_YEARS = 7  # that documents are kept

SPLITS: tuple[Split, ...] = ("train", "validation", "test")

_NAMES: dict[Split, tuple[str, ...]] = {
    "train": ("Adler", "Bosko", "Cheng", "Duarte", "Ellis", "Farouk", "Grant", "Hoshi", "Ivers", "Jansen", "Keller", "Lund"),
    "validation": ("Mbeki", "Novak", "Okoro", "Petrov", "Quist", "Rossi"),
    "test": ("Sato", "Tanaka", "Ueda", "Vogel", "Wenger", "Xavier", "Yilmaz", "Zeller"),
}
_OPENINGS: dict[Split, tuple[str, ...]] = {
    "train": ("{name} calls.", "Chat with {name}.", "A message from {name}.", "{name} is on the phone.", ""),
    "validation": ("{name} writes.", "Mail of {name}.", "Caller: {name}."),
    "test": ("{name} wrote in.", "On the line: {name}.", "Ticket by {name}.", "Visitor at the desk, {name}."),
}
_CHECKED: dict[Split, tuple[str, ...]] = {
    "train": ("Identity checked.", "The caller passed the security questions.", "ID was verified."),
    "validation": ("Identity is confirmed.", "Passed verification."),
    "test": ("The identity check was passed.", "Verified by code.", "Security questions answered right."),
}
_UNCHECKED: dict[Split, tuple[str, ...]] = {
    "train": ("Identity not checked.", "The caller could not answer the security questions.", "No ID was given."),
    "validation": ("Identity is not confirmed.", "Failed verification."),
    "test": ("The identity check failed.", "Not verified.", "Security questions answered wrong."),
}


@dataclass(frozen=True)
class Request:
    """One request, what the rules say of it, and which rule decides."""

    text: str
    rule: str
    allowed: bool


def rows(seed: int, split: Split) -> Iterator[tuple[str, str]]:
    """(text, help or refuse)."""
    return ((request.text, HELP if request.allowed else REFUSE) for request in requests(seed, split))


def requests(seed: int, split: Split) -> Iterator[Request]:
    """Rules in turn, either side with even chances; no request comes twice, as the second would be no case of its own."""
    names, told = sorted(RULES), set[str]()
    for index in count():
        draws = random.Random(f"house rules {seed} {split} {index}")
        rule = names[index % len(names)]
        allowed = draws.random() < 0.5
        said = RULES[rule](split, allowed, draws)
        opening = draws.choice(_OPENINGS[split]).format(name=draws.choice(_NAMES[split]))
        text = f"{opening} {said}".strip()
        if text not in told:
            told.add(text)
            yield Request(text, rule, allowed)


# ---- The rules: each says a request on the asked side of its limit


def _said(split: Split, draws: random.Random, train: str, validation: str, test: str) -> str:
    """One of the split's wordings, which are separated by bars."""
    return draws.choice(dict(zip(SPLITS, (train, validation, test), strict=True))[split].split(" | "))


def _own_data(split: Split, allowed: bool, draws: random.Random) -> str:
    ask = _said(
        split,
        draws,
        "Wants the balance of the own account. | Asks which address we have on file. | Asks for the own policy number.",
        "Asks for a list of the own payments. | Wants to hear the own due date.",
        "Needs the own contract number, for a lawyer. | Asks what we store under the own name. | Wants the own bill again.",
    )
    return f"{ask} {draws.choice((_CHECKED if allowed else _UNCHECKED)[split])}"


def _others_data(split: Split, allowed: bool, draws: random.Random) -> str:
    checked = draws.choice(_CHECKED[split])
    ask = _said(
        split,
        draws,
        "Asks about the account of the husband. | Wants the phone number of a neighbor. | Asks if the sister has paid.",
        "Asks when the father's contract ends. | Wants the address of a colleague.",
        "Would like the balance of an aunt. | Asks what the roommate pays. | Wants the new address of a former tenant.",
    )
    listed = _said(
        split,
        draws,
        "A written authorization of that person is on file. | That person has named the caller as authorized.",
        "An authorization signed by that person is there.",
        "That person put the caller on the list of authorized people. | A signed permission of that person is stored.",
    )
    not_listed = _said(
        split,
        draws,
        "No authorization is on file. | Says that they are family and need no paper.",
        "There is no authorization.",
        "Nobody is on the list of authorized people. | Says that permission will follow later.",
    )
    return f"{ask} {checked} {listed if allowed else not_listed}"


def _refund(split: Split, allowed: bool, draws: random.Random) -> str:
    amount = draws.randint(10, REFUND_LIMIT) if allowed else draws.randint(REFUND_LIMIT + 1, 900)
    return _said(
        split,
        draws,
        "Wants {a} dollars back for a double charge. | Asks for a refund of {a} dollars, and is angry.",
        "Demands that {a} dollars be returned. | Requests {a} dollars back.",
        "Was billed twice and wants a refund of {a} dollars. | Threatens to leave unless {a} dollars are paid back.",
    ).format(a=amount)


def _discount(split: Split, allowed: bool, draws: random.Random) -> str:
    percent = draws.randint(2, DISCOUNT_LIMIT) if allowed else draws.randint(DISCOUNT_LIMIT + 1, 40)
    return _said(
        split,
        draws,
        "Asks for {p} percent off. | Has been with us for years and wants a discount of {p} percent.",
        "Would sign today for {p} percent less.",
        "Wants the price lowered by {p} percent. | Saw a rival's offer and asks for a discount of {p} percent.",
    ).format(p=percent)


def _documents(split: Split, allowed: bool, draws: random.Random) -> str:
    years = draws.randint(1, KEPT_YEARS) if allowed else draws.randint(KEPT_YEARS + 1, 20)
    ask = _said(
        split,
        draws,
        "Needs the own statement from {y} ago. | Asks for the own contract of {y} back.",
        "Wants the own letter that we sent {y} ago.",
        "Would like the own invoice, {y} old. | Asks for the own form signed {y} ago.",
    ).format(y=f"{years} year{'s' if years > 1 else ''}")
    return f"{ask} {draws.choice(_CHECKED[split])}"


def _advice(split: Split, allowed: bool, draws: random.Random) -> str:
    if allowed:  # sounds like advice, but only asks how we work
        return _said(
            split,
            draws,
            "Asks to which address a court letter to us must be sent. | Wants to know on which form an injury is reported.",
            "Asks for the opening hours of the legal department.",
            "Asks how long we take to read a doctor's report. | Wants to know where a lawyer can send a file to us.",
        )
    return _said(
        split,
        draws,
        "Asks whether to sue the landlord. | Wants to know which pills help against the pain.",
        "Asks if a court would side with the neighbor.",
        "Asks whether the injury needs an operation. | Wants us to say if a lawsuit would be won.",
    )


def _promise(split: Split, allowed: bool, draws: random.Random) -> str:
    if allowed:  # about a claim, but no promise
        return _said(
            split,
            draws,
            "Asks whether the claim has arrived. | Wants to know who handles the claim. | Asks which papers are missing.",
            "Asks at which stage the claim is.",
            "Wants to know when the inspector comes. | Asks for the claim's file number.",
        )
    return _said(
        split,
        draws,
        "Wants our word that the claim will be paid. | Asks us to confirm now that the damage is covered.",
        "Asks for a guarantee that money will come.",
        "Wants a promise that the loss is paid in full. | Asks us to say yes to the claim before it is read.",
    )


RULES: dict[str, Callable[[Split, bool, random.Random], str]] = {
    "own data": _own_data,
    "others' data": _others_data,
    "refund": _refund,
    "discount": _discount,
    "old documents": _documents,
    "advice": _advice,
    "promise": _promise,
}
