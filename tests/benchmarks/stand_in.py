"""A stand-in for the service in the tests of runs: /v1/classify of two models that are right by rule, a few ms late."""

import asyncio
import hashlib
import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

LABELS = ("auto", "home", "travel")
CONTEXT = 400  # words
SHORT_CONTEXT = 5  # of the model that STAND_IN_SHORT names
DELAY_S = float(os.environ.get("STAND_IN_DELAY_S", "0.003"))

app = FastAPI()


def draw(*parts: object) -> float:
    """Uniform in [0, 1) and the same for the same parts."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4]) / 2**32


def note(model: str) -> None:
    with Path(os.environ["STAND_IN_LOG"]).open("a") as log:
        log.write(f"{model}\n")


@app.post("/v1/classify")
async def classify(request: Request) -> JSONResponse:
    body = await request.json()
    await asyncio.sleep(DELAY_S)
    shown = sum(len(example["text"].split()) for example in body.get("examples", []))
    longest = max(len(text.split()) for text in body["input"]) + shown
    if longest > (SHORT_CONTEXT if body["model"] == os.environ.get("STAND_IN_SHORT") else CONTEXT):
        return refusal(f"The prompt has {longest} tokens.", "context_length_exceeded")
    if body["model"] == os.environ.get("STAND_IN_BROKEN"):
        return refusal("The weights are damaged.", "broken")
    for _ in body["input"]:
        note(body["model"])
    return JSONResponse({"id": "cls_1", "results": [answer(body, text, len(text.split()) + shown) for text in body["input"]]})


def refusal(message: str, code: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "code": code}}, 400)


@app.get("/v1/models/{model}")
async def get_model(model: str) -> dict[str, str]:
    return {"digest": digest_of(model)}


@app.post("/tokenize")
async def tokenize(request: Request) -> dict[str, int]:
    return {"count": len((await request.json())["prompt"].split())}


def digest_of(model: str) -> str:
    return Path(os.environ["STAND_IN_DIGESTS"]).read_text().split()[0 if model.partition("@")[0] == "good" else 1]


def answer(body: dict[str, Any], text: str, words: int) -> dict[str, Any]:
    """`good` is right in 95 %, `plain` in 60 % of the cases, and in 75 % when it is shown examples."""
    text = text.lower()
    right = next(label for label in LABELS if label in text)
    name = body["model"].partition("@")[0]
    skill = 0.95 if name == "good" else 0.75 if body.get("examples") else 0.6
    sampled = body.get("mode") == "generate"
    key = (name, text, body.get("seed") if sampled else None)
    label = right if draw(*key) < skill else LABELS[(LABELS.index(right) + 1) % 3]
    return {
        "model": name,
        "version": 1,
        "digest": digest_of(name),
        "index": 0,
        "label": label,
        "probabilities": None if sampled else {one: 0.8 if one == label else 0.1 for one in LABELS},
        "label_mass": None if sampled else 0.9,
        "margin": None if sampled else 0.7,
        "text": label if sampled else None,
        "prompt_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "seed": body.get("seed"),
        "usage": {"prompt_tokens": words, "completion_tokens": 2 if sampled else 0},
        "timing": {"queue_ms": 0.0, "total_ms": 1000 * DELAY_S},
    }
