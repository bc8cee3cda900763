"""Whether a server keeps the rules by which evaluation clients read log-likelihoods off `/v1/completions`.

A server that breaks one of them still answers, and the scores that come out are wrong without a word; see the rules' sentences.
"""

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

import httpx

State = Literal["holds", "breaks", "not offered"]

_TEXT = "The insured reports that the car was hit at the crossing"
_CLOSE = 1e-4  # between log-probabilities of one token that were computed in another batch


@dataclass(frozen=True)
class Finding:
    """What came of one rule."""

    rule: str
    sentence: str
    state: State
    seen: str = ""


class Breaks(Exception):
    """A rule does not hold; the message tells what was seen."""


class NotOffered(Exception):
    """The server does not have what the rule is about."""


@dataclass
class Server:
    """A server under test: its model, and a prompt in its tokens."""

    http: httpx.AsyncClient
    model: str
    ids: list[int]

    async def ask(self, prompt: Any, **options: Any) -> dict[str, Any]:
        """A completions answer. Raises Breaks for an error."""
        body = {"model": self.model, "prompt": prompt, "temperature": 0, "max_tokens": 1, "seed": 1234} | options
        response = await self.http.post("/v1/completions", json=body)
        if not response.is_success:
            raise Breaks(f"{response.status_code}: {response.text[:200]}")
        answer: dict[str, Any] = response.json()
        return answer

    async def scored(self, prompt: Any, **options: Any) -> list[dict[str, Any]]:
        """The choices of an echoed prompt with log-probabilities, as evaluation clients ask for them, by index."""
        answer = await self.ask(prompt, echo=True, logprobs=1, **options)
        return sorted(answer["choices"], key=lambda choice: int(choice["index"]))


Rule = Callable[[Server], Awaitable[None]]
RULES: dict[str, tuple[str, Rule]] = {}


def rule(name: str, sentence: str) -> Callable[[Rule], Rule]:
    """Adds a check to RULES; it returns when the rule holds and raises Breaks or NotOffered."""

    def add(check: Rule) -> Rule:
        RULES[name] = sentence, check
        return check

    return add


async def examine(url: str, model: str | None = None, *, key: str = "", timeout_s: float = 120.0) -> AsyncIterator[Finding]:
    """The findings, rule by rule. Raises httpx.HTTPError when the server cannot be reached at all."""
    base = url.rstrip("/").removesuffix("/v1")
    # Evaluation clients without a key send the header with nothing behind it.
    async with httpx.AsyncClient(
        base_url=base, timeout=timeout_s, headers={"Authorization": f"Bearer {key}".strip()}, trust_env=False
    ) as http:
        listed = await http.get("/v1/models")
        names = [one["id"] for one in listed.json().get("data", [])] if listed.is_success else []
        server = Server(http, model or (names[0] if names else ""), [])
        if not server.model:
            yield Finding("models", "GET /v1/models lists what can be asked.", "breaks", f"{listed.status_code}, no model")
            return
        server.ids = await _tokens(http, server.model)
        for name, (sentence, check) in RULES.items():
            try:
                await check(server)
            except Breaks as error:
                yield Finding(name, sentence, "breaks", str(error))
            except NotOffered as error:
                yield Finding(name, sentence, "not offered", str(error))
            except (KeyError, TypeError, IndexError, ValueError) as error:
                yield Finding(name, sentence, "breaks", f"the answer has another shape ({type(error).__name__}: {error})")
            except httpx.HTTPError as error:
                yield Finding(name, sentence, "breaks", f"no answer ({type(error).__name__})")
            else:
                yield Finding(name, sentence, "holds")


async def _tokens(http: httpx.AsyncClient, model: str) -> list[int]:
    """A prompt's tokens, or ids that every vocabulary has."""
    response = await http.post("/tokenize", json={"model": model, "prompt": _TEXT, "add_special_tokens": False})
    tokens = response.json().get("tokens") if response.is_success else None
    return [int(token) for token in tokens] if tokens else list(range(40, 52))


# ---- Log-likelihoods


def _logprobs(choice: dict[str, Any]) -> tuple[list[float | None], list[dict[str, float] | None]]:
    told = choice["logprobs"]
    if told is None:
        raise Breaks("logprobs is null although it was asked for")
    return told["token_logprobs"], told["top_logprobs"]


@rule("length", "Both arrays hold the echoed prompt and the generated token: prompt tokens + 1; clients cut the last one off.")
async def _length(server: Server) -> None:
    (choice,) = await server.scored([server.ids])
    values, tops = _logprobs(choice)
    if (len(values), len(tops)) != (len(server.ids) + 1,) * 2:
        raise Breaks(f"{len(values)} and {len(tops)} entries for {len(server.ids)} prompt tokens and one generated")


@rule("first", "The first entry of both is null: nothing precedes the first token.")
async def _first(server: Server) -> None:
    (choice,) = await server.scored([server.ids])
    values, tops = _logprobs(choice)
    if values[0] is not None or tops[0] is not None:
        raise Breaks(f"{values[0]} and {tops[0]}")


@rule("natural logs", "All others are natural logs: finite, not above 0, and a token's alternatives sum to at most 1.")
async def _natural(server: Server) -> None:
    (choice,) = await server.scored([server.ids])
    values, tops = _logprobs(choice)
    for place, (value, top) in enumerate(zip(values[1:], tops[1:], strict=True), 1):
        if value is None or not math.isfinite(value) or value > 0:
            raise Breaks(f"entry {place} is {value}")
        if top and math.fsum(math.exp(one) for one in top.values()) > 1 + _CLOSE:
            raise Breaks(f"the alternatives of entry {place} sum to more than 1")


@rule("conditional", "Entry i is log p(token i | tokens before i): what follows does not change it.")
async def _conditional(server: Server) -> None:
    half = len(server.ids) // 2
    (long,), (short,) = await server.scored([server.ids]), await server.scored([server.ids[:half]])
    _same(_logprobs(long)[0][1:half], _logprobs(short)[0][1:half], "in the longer prompt")


@rule("argmax", "top_logprobs holds at least the likeliest token, and no token's own value is above it.")
async def _argmax(server: Server) -> None:
    (choice,) = await server.scored([server.ids])
    for place, (value, top) in enumerate(zip(*_logprobs(choice), strict=True)):
        if place and not top:
            raise Breaks(f"entry {place} has no alternatives")
        if place and value is not None and value > max((top or {}).values()):
            raise Breaks(f"entry {place}: {value} is above the best alternative, {max((top or {}).values())}")


@rule("greedy is exact", "Where a token is the likeliest one, its value is the very float of the best alternative.")
async def _exact(server: Server) -> None:
    generated = await server.ask([server.ids], max_tokens=8, logprobs=1)
    values, tops = _logprobs(generated["choices"][0])
    for place, (value, top) in enumerate(zip(values, tops, strict=True)):
        if value != max((top or {}).values()):
            raise Breaks(f"greedy token {place} has {value}, the best alternative {max((top or {}).values())}")


@rule("temperature", "temperature and top_p do not touch what is reported.")
async def _temperature(server: Server) -> None:
    (plain,), (warm,) = await server.scored([server.ids]), await server.scored([server.ids], temperature=1.5, top_p=0.5)
    _same(_logprobs(plain)[0][1:-1], _logprobs(warm)[0][1:-1], "with temperature 1.5 and top_p 0.5")


@rule("batch", "A prompt has the same values alone and in a list of prompts.")
async def _batch(server: Server) -> None:
    (alone,) = await server.scored([server.ids])
    several = await server.scored([server.ids[:3], server.ids, server.ids[:5]])
    _same(_logprobs(alone)[0][1:-1], _logprobs(several[1])[0][1:-1], "in a list")


def _same(one: list[float | None], other: list[float | None], where: str) -> None:
    if len(one) != len(other):
        raise Breaks(f"{len(other)} entries {where}, {len(one)} otherwise")
    for place, (a, b) in enumerate(zip(one, other, strict=True)):
        if a is None or b is None or abs(a - b) > _CLOSE:
            raise Breaks(f"entry {place + 1} is {b} {where}, and {a} otherwise")


# ---- Prompts and choices


@rule("choices", "One choice per prompt, its index the prompt's place.")
async def _choices(server: Server) -> None:
    answer = await server.ask([server.ids[:3], server.ids[:4], server.ids[:5]], echo=True, logprobs=1)
    found = sorted(choice["index"] for choice in answer["choices"])
    if found != [0, 1, 2]:
        raise Breaks(f"three prompts gave the indices {found}")


@rule("shapes", "A text, a list of texts, a list of ids and a list of lists of ids are all prompts.")
async def _shapes(server: Server) -> None:
    for prompt in (_TEXT, [_TEXT], server.ids, [server.ids]):
        answer = await server.ask(prompt)
        if len(answer["choices"]) != 1:
            raise Breaks(f"{len(answer['choices'])} choices for one prompt")


@rule("nothing added", "Ids are taken as they are: no start token, no chat template, nothing stripped.")
async def _nothing_added(server: Server) -> None:
    answer = await server.ask([server.ids])
    used = (answer.get("usage") or {}).get("prompt_tokens")
    if used is None:
        raise NotOffered("the answer has no usage")
    if used != len(server.ids):
        raise Breaks(f"{len(server.ids)} ids were counted as {used}")


# ---- Generation


@rule("stop", "The text ends before the first stop string.")
async def _stop(server: Server) -> None:
    whole = (await server.ask(_TEXT, max_tokens=12))["choices"][0]["text"]
    stop = whole[len(whole) // 2 :][:3]
    if not stop:
        raise NotOffered("the model answers nothing that could be stopped")
    cut = await server.ask(_TEXT, max_tokens=12, stop=[stop])
    if cut["choices"][0]["text"] != whole[: whole.find(stop)]:
        raise Breaks(f"with the stop string {stop!r} the text is {cut['choices'][0]['text']!r}, without {whole!r}")


@rule("greedy again", "A greedy answer is the same when it is asked for again.")
async def _again(server: Server) -> None:
    first, again = [(await server.ask(_TEXT, max_tokens=12))["choices"][0]["text"] for _ in range(2)]
    if first != again:
        raise Breaks(f"{first!r}, then {again!r}")


@rule("errors", "What cannot be answered is a 4xx with a readable body: clients retry others.")
async def _errors(server: Server) -> None:
    body = {"model": "no such model", "prompt": "x", "max_tokens": 1}
    response = await server.http.post("/v1/completions", json=body)
    if not 400 <= response.status_code < 500:
        raise Breaks(f"an unknown model is answered with {response.status_code}")
    if not response.json():
        raise Breaks("the body says nothing")


# ---- Tokenizer, so that a client needs no download


@rule("tokenizer_info", "GET /tokenizer_info names eos_token.")
async def _info(server: Server) -> None:
    response = await server.http.get("/tokenizer_info", params={"model": server.model})
    if response.status_code == 404:
        raise NotOffered("there is no such route")
    if not isinstance(response.json().get("eos_token"), str):
        raise Breaks(f"{response.status_code}: {response.text[:100]}")


@rule("tokenize", "POST /tokenize and /detokenize give a text's ids and the text of ids.")
async def _round_trip(server: Server) -> None:
    body = {"model": server.model, "prompt": _TEXT, "add_special_tokens": False}
    response = await server.http.post("/tokenize", json=body)
    if response.status_code == 404:
        raise NotOffered("there is no such route")
    tokens = response.json()["tokens"]
    back = await server.http.post("/detokenize", json={"model": server.model, "tokens": tokens})
    if back.json()["prompt"] != _TEXT:
        raise Breaks(f"{_TEXT!r} comes back as {back.json()['prompt']!r}")
