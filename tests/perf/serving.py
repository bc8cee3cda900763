"""The serving engine beside its peers, on a Llama of 17 million parameters with random weights: ratios measured in one run.

`python -m tests.perf serving`. Texts come from ../shared/data where it is, else they are made up at the same lengths.
"""

import asyncio
import csv
import gc
import random
import re
import statistics
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from app.catalog.cards import CARD_FILE, Card, TrainedTask, write_card
from app.catalog.catalog import Catalog, ModelVersion
from app.catalog.prompts import as_messages, classification_prompt
from app.engines.base import GenerateRequest, Sampling, ScoreRequest
from app.engines.embedded.codec import Codec
from app.engines.embedded.engine import EmbeddedEngine
from app.settings import Settings
from app.training.fresh import new_llama
from app.training.make import make_variant
from app.training.recipe import Recipe, TaskRecipe
from tests.models import make_adapter
from tests.perf.service import ROOT, service, transformers_serve
from tests.perf.streams import last_of_stream

DATA = ROOT.parent / "shared" / "data"
PROSE = "the card was charged twice and my transfer is still pending after a refund from the shop near the water pipe"
WORDS = PROSE.split()
Row = tuple[str, str, str]


def rows() -> Iterator[Row]:
    """(what, measured, wanted)."""
    with tempfile.TemporaryDirectory() as folder:
        catalog = make_models(Path(folder) / "models")
        own = {"VERSUS_MODELS_DIR": f"{folder}/models", "VERSUS_MAX_INPUTS": "1000"}
        with service(Path(folder) / "data", **own) as (url, _):
            yield from labels_over_http(url, catalog)
            yield from chats_over_http(url, catalog)
            yield from overhead(url, catalog)
        with service(Path(folder) / "data", **own, VERSUS_LOOKAHEAD="false") as (url, _):
            yield from one_stream(url, catalog, "the same without lookahead")
        yield from variants(catalog)


def make_models(folder: Path, adapters: int = 32) -> Catalog:
    """`general` and adapters of rank 8 with random weights, and the tokenizer of the model in the box; `trained` (see `teach`).
    `variant-…` adapt all linear layers; `usual-…` queries and values, which is what PEFT does for a Llama unless told
    otherwise."""
    tokenizer = AutoTokenizer.from_pretrained(ROOT / "models" / "general")
    model = new_llama(tokenizer, seed=0, hidden=384, layers=6, heads=6, mlp=1024)
    model.save_pretrained(folder / "general")
    tokenizer.save_pretrained(folder / "general")
    size = model.num_parameters()
    tasks = tuple(TrainedTask(name=name, labels=tuple(labels)) for name, (_, labels) in cases().items())
    card = Card(name="general", kind="general", method="pretrained", context=1024, parameters=size, tasks=tasks)
    write_card(card, folder / "general" / CARD_FILE)
    base = Catalog([folder]).find("general")
    teach(base, folder)
    for number in range(adapters):
        make_adapter(folder, base, f"variant-{number}", seed=number, r=8, lora_alpha=16)
        make_adapter(folder, base, f"usual-{number}", seed=number, r=8, lora_alpha=16, target_modules=["q_proj", "v_proj"])
    return Catalog([folder])


def teach(base: ModelVersion, folder: Path) -> None:
    """`trained`, as `versus train` makes it from the base in one pass over labelled messages: sure of most labels."""
    rows = {part: [(text, label) for text, label, own in messages() if own == part] for part in ("train", "validation")}
    recipe = Recipe(
        name="trained", method="full", tasks=(TaskRecipe(name="messages", dataset="messages"),), epochs=1, validations=1
    )
    with tempfile.TemporaryDirectory() as work:
        make_variant(recipe, {"messages": rows}, base, folder, Path(work))


# ---- Labels


def labels_over_http(url: str, catalog: Catalog) -> Iterator[Row]:
    base, trained = catalog.find("general"), catalog.find("trained")
    for name, (texts, labels) in cases().items():
        theirs = lm_eval_cases_per_second(base.folder, texts[:20], labels)
        ours = classified_per_second(url, base, name, texts)
        bare = bare_cases_per_second(base, texts[0], labels)
        what = f"classify, {len(texts)} {name} x {len(labels)} labels over lm-eval in process"
        yield what, f"{ours / theirs:.1f}x", f"at least 5x ({ours:.1f} against {theirs:.2f} cases/s)"
        yield "  of a bare forward over the prompt and the label tree", f"{ours / bare:.2f}", f"0.7 ({bare:.1f} cases/s)"
        if name == "messages":
            best = classified_per_second(url, trained, name, texts, probabilities=False)
            astray = classified_per_second(url, base, name, texts, probabilities=False)
            yield "  only the best label, a trained model", f"{best / theirs:.0f}x", f"20x ({best:.0f} cases/s)"
            yield "  only the best label, random weights: the worst case", f"{astray / theirs:.1f}x", f"({astray:.1f} cases/s)"


def classified_per_second(url: str, model: ModelVersion, task: str, texts: Sequence[str], **more: Any) -> float:
    with httpx.Client(base_url=url, trust_env=False, timeout=600) as client:
        body = {"model": model.name, "task": task, **more}  # the prompt is the text alone, as for a model trained for the task
        client.post("/v1/classify", json=body | {"input": texts[-1]}).raise_for_status()
        began = time.perf_counter()
        client.post("/v1/classify", json=body | {"input": texts}).raise_for_status()
        return len(texts) / (time.perf_counter() - began)


def bare_cases_per_second(model: ModelVersion, text: str, labels: Sequence[str]) -> float:
    """As many tokens as a prompt and its labels' tree have, by transformers, all logits, nothing done with them."""
    codec = Codec(model)
    nodes = sum(len(branch.tokens) for branch in codec.tree(tuple(labels)).branches)
    tokens = nodes + len(codec.prompt_ids(as_messages(text)))
    plain = AutoModelForCausalLM.from_pretrained(model.folder, dtype=torch.float32).eval()
    ids = torch.randint(3, 16000, (1, tokens), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        return median_rate(1, lambda: plain(input_ids=ids, use_cache=False), runs=7)


def cases() -> dict[str, tuple[list[str], list[str]]]:
    draws = random.Random(0)

    def made(count: int, words: int) -> list[str]:
        return [" ".join(draws.choices(WORDS, k=draws.randint(words // 2, words * 3 // 2))) for _ in range(count)]

    found = {
        "messages": (made(100, 12), [" ".join(draws.choices(WORDS, k=3)) + f" {n}" for n in range(77)]),
        "narratives": (made(200, 40), [" ".join(draws.choices(WORDS, k=2)) + f" {n}" for n in range(12)]),
    }
    for name, path, text, label in (
        ("messages", DATA / "support_banking77" / "test.csv", "text", "category"),
        ("narratives", DATA / "claims_msha" / "msha_dev_2010_2012.csv", "narrative", "body_part"),
    ):
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                known = [(one[text], one[label]) for one in csv.DictReader(file)]
            often = Counter(label for _, label in known).most_common(len(found[name][1]))
            labels = [one for one, _ in often]
            texts = [one for one, own in known if own in labels]
            found[name] = (draws.sample(texts, len(found[name][0])), labels)
    return found


def messages() -> list[Row]:
    """(text, label, split) of Banking77; made-up texts that end in their label where it is not at hand."""
    _, labels = cases()["messages"]
    found: list[Row] = []
    for name in ("train", "test"):
        path = DATA / "support_banking77" / f"{name}.csv"
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                rows = [(one["text"], one["category"]) for one in csv.DictReader(file) if one["category"] in labels]
        else:
            draws = random.Random(name)
            said = [labels[n % len(labels)] for n in range(3080)]
            rows = [(f"{n} {' '.join(draws.choices(WORDS, k=8))} {label}", label) for n, label in enumerate(said)]
        found += [
            (text, label, "validation" if name == "train" and n % 10 == 0 else name) for n, (text, label) in enumerate(rows)
        ]
    return found


def lm_eval_cases_per_second(folder: Path, texts: Sequence[str], labels: Sequence[str]) -> float:
    """Its Hugging Face backend, in this process, on the prompt that the service uses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lm_eval.api.instance import Instance
        from lm_eval.models.huggingface import HFLM

        backend = HFLM(pretrained=str(folder), dtype="float32", device="cpu", batch_size=16, add_bos_token=False)
        tokenizer = AutoTokenizer.from_pretrained(folder)
        requests = []
        for number, text in enumerate(texts):
            prompt = tokenizer.apply_chat_template(as_messages(text), tokenize=False, add_generation_prompt=True)
            requests += [
                Instance("loglikelihood", {}, (prompt, label), place, metadata=("labels", number, 1))
                for place, label in enumerate(labels)
            ]
        return median_rate(len(texts), lambda: backend.loglikelihood(requests, disable_tqdm=True), runs=2)


# ---- Generation


def chats_over_http(url: str, catalog: Catalog) -> Iterator[Row]:
    base = catalog.find("general")
    bare = tokens_per_second_of_generate(base.folder, rows=16, tokens=64)
    many = asyncio.run(chats(url, 16, 64))
    yield (
        "16 chats of 64 tokens over a bare padded batch",
        f"{many / bare:.2f}x",
        f"1.2x ({many:.0f} against {bare:.0f} tokens/s)",
    )
    with transformers_serve(base.folder) as theirs:
        served = asyncio.run(chats(theirs, 16, 64, model=str(base.folder), ours=False))
    yield "  over transformers serve --continuous-batching", f"{many / served:.2f}x", f"2x ({served:.0f} tokens/s)"
    yield from one_stream(url, catalog, "one stream of 128 tokens over bare generate")


def one_stream(url: str, catalog: Catalog, what: str) -> Iterator[Row]:
    alone = tokens_per_second_of_generate(catalog.find("general").folder, rows=1, tokens=128)
    one = asyncio.run(chats(url, 1, 128))
    yield what, f"{one / alone:.2f}x", f"2x ({one:.0f} against {alone:.0f} tokens/s)"


async def chats(url: str, count: int, tokens: int, model: str = "general", *, ours: bool = True) -> float:
    """Tokens per second of so many streams at once, the median of three rounds."""

    async def chat(number: int) -> int:
        body = {
            "model": model,
            "messages": [{"role": "user", "content": f"{number}: {' '.join(WORDS)}"}],
            "max_tokens": tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if ours:
            body["logit_bias"] = {"2": -100}  # no end before the last token; random weights hardly ever say it
        last = await last_of_stream(url, "/v1/chat/completions", body)
        used = re.findall(rb"\"completion_tokens\": ?(\d+)", last)
        if not used:
            raise RuntimeError(f"{url} told no usage: {last.decode()[-300:]}")
        return int(used[-1])

    await chat(0)
    found = []
    for _ in range(3):
        began = time.perf_counter()
        made = sum(await asyncio.gather(*(chat(number) for number in range(count))))
        found.append(made / (time.perf_counter() - began))
    return statistics.median(found)


def tokens_per_second_of_generate(folder: Path, rows: int, tokens: int) -> float:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.randint(3, 16000, (rows, 40), generator=torch.Generator().manual_seed(0))
    return median_rate(rows * tokens, lambda: greedy(model, ids, tokens))


def greedy(model: Any, ids: torch.Tensor, tokens: int, **more: Any) -> None:
    with torch.inference_mode():
        model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            use_cache=True,
            min_new_tokens=tokens,
            max_new_tokens=tokens,
            **more,
        )


def median_rate(amount: float, work: Callable[[], object], runs: int = 3) -> float:
    work()
    found = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        found.append(amount / (time.perf_counter() - began))
    return statistics.median(found)


# ---- Variants side by side


def variants(catalog: Catalog) -> Iterator[Row]:
    base = catalog.find("general")
    adapters = [catalog.find(f"variant-{number}") for number in range(16)]
    one = asyncio.run(mixed([adapters[0]] * 16))
    sixteen = asyncio.run(mixed(adapters))
    yield (
        "16 variants in a batch of 16 over one variant",
        f"{sixteen / one:.2f}x",
        f"0.9x ({sixteen:.0f} and {one:.0f} tokens/s)",
    )
    peers = asyncio.run(mixed(adapters[:8] * 4))
    theirs = peft_rate(base, adapters[:8], rows=32)
    yield "8 variants in a batch of 32 over PEFT's adapter_names", f"{peers / theirs:.2f}x", f"1.5x ({theirs:.0f} tokens/s)"
    for name, what in (("usual", "queries and values"), ("variant", "all linear layers")):
        plain, whole = asyncio.run(resident(base, [catalog.find(f"{name}-{number}") for number in range(32)]))
        yield f"memory of base and 32 adapters of rank 8, {what}", f"{whole / plain:.2f}x", "1.15x at most"


async def mixed(models: Sequence[ModelVersion], tokens: int = 48) -> float:
    """Tokens per second of one answer per model, all at once, in the bare engine."""
    engine = EmbeddedEngine(Settings())
    ids = torch.randint(3, 16000, (len(models), 40), generator=torch.Generator().manual_seed(0)).tolist()

    async def answer(model: ModelVersion, prompt: list[int]) -> None:
        asked = GenerateRequest(model, prompt, Sampling(max_tokens=tokens, temperature=0.0, logit_bias=((2, -100.0),)))
        async for _ in engine.generate(asked):
            pass

    async def every() -> float:
        began = time.perf_counter()
        await asyncio.gather(*(answer(model, prompt) for model, prompt in zip(models, ids, strict=True)))
        return len(models) * tokens / (time.perf_counter() - began)

    await every()
    found = statistics.median([await every() for _ in range(3)])
    await engine.close()
    return found


def peft_rate(base: ModelVersion, adapters: Sequence[ModelVersion], rows: int, tokens: int = 48) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32).eval()
        model = PeftModel.from_pretrained(plain, adapters[0].folder, adapter_name=adapters[0].name)
        for adapter in adapters[1:]:
            model.load_adapter(adapter.folder, adapter_name=adapter.name)
    names = [adapters[row % len(adapters)].name for row in range(rows)]
    ids = torch.randint(3, 16000, (rows, 40), generator=torch.Generator().manual_seed(0))
    return median_rate(rows * tokens, lambda: greedy(model.eval(), ids, tokens, adapter_names=names))


async def resident(base: ModelVersion, adapters: Sequence[ModelVersion]) -> tuple[int, int]:
    """Bytes of all tensors that live because of the base, then with its adapters."""
    engine = EmbeddedEngine(Settings())
    before = tensor_bytes()
    await engine.load(base)
    plain = tensor_bytes() - before
    for adapter in adapters:
        await engine.load(adapter)
    whole = tensor_bytes() - before
    await engine.close()
    return plain, whole


def tensor_bytes() -> int:
    gc.collect()
    warnings.filterwarnings("ignore", category=FutureWarning)  # of objects that are only looked at
    storages: dict[int, int] = {}
    for one in gc.get_objects():
        if isinstance(one, torch.Tensor) and one.is_mkldnn:
            storages[id(one)] = one.numel() * one.element_size()
        elif isinstance(one, torch.Tensor):
            storages[one.untyped_storage().data_ptr()] = one.untyped_storage().nbytes()
    return sum(storages.values())


def overhead(url: str, catalog: Catalog, calls: int = 100) -> Iterator[Row]:
    """What HTTP, checks and the log add to a classification of one token."""
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        body = {"model": "general", "input": "x", "labels": ["a", "b"]}
        over_http = median_ms(calls, lambda: client.post("/v1/classify", json=body).raise_for_status())
    bare = asyncio.run(bare_ms(catalog.find("general"), calls))
    what = "a one-word classify over HTTP minus the bare engine"
    yield what, f"{over_http - bare:.1f} ms", f"3 ms ({over_http:.1f})"


async def bare_ms(base: ModelVersion, calls: int) -> float:
    engine = EmbeddedEngine(Settings())
    asked = ScoreRequest(base, as_messages(classification_prompt("x", ["a", "b"])), ["a", "b"])
    times = []
    for _ in range(calls + 10):
        began = time.perf_counter()
        await engine.score(asked)
        times.append(1000 * (time.perf_counter() - began))
    await engine.close()
    return statistics.median(times[10:])


def median_ms(calls: int, work: Callable[[], object]) -> float:
    times = []
    for _ in range(calls + 10):
        began = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - began))
    return statistics.median(times[10:])
