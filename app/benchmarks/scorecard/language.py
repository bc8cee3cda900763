"""Reasons 1 and 2: does the custom model expect the domain's texts, and its words, better than the general one?"""

from collections.abc import Sequence

from app.benchmarks.client import ServiceClient
from app.benchmarks.scorecard.asking import Asked, Pair, Unmeasured, ask_both
from app.benchmarks.scorecard.jargon import Probe
from app.benchmarks.scorecard.judgement import Evidence
from app.benchmarks.scorecard.likelihood import ALTERNATIVES, bits_per_byte, common_start, echoes
from app.benchmarks.scorecard.measured import Measure, means


async def domain_data(client: ServiceClient, pair: Pair, domain: Sequence[str], general: Sequence[str]) -> Evidence:
    """Bits per UTF-8 byte of the domain's test texts decide; those of general texts are told beside them."""
    measures, notes = [], []
    for name, texts in (("bits per byte of domain text", domain), ("bits per byte of general text", general)):
        try:
            asked = await echoes(client, pair, texts)
        except Unmeasured as error:
            measures.append(Measure(name, "bits/byte", "lower", missing=str(error)))
            continue
        bits = bits_per_byte(asked)
        measures.append(means(name, "bits/byte", bits.general, bits.custom, better="lower"))
        notes += asked.note(f"texts ({name})")
    return Evidence(
        key="domain_data",
        title="1 Domain data",
        claim="The custom model expects the domain's texts better than the general model.",
        deciding=measures[0],
        others=measures[1:],
        notes=[
            *notes,
            "Bits per UTF-8 byte, as the tokenizers may differ: both models are scored on the same bytes of each text, read as "
            "plain text without a chat template.",
        ],
    )


async def vocabulary(
    client: ServiceClient, pair: Pair, words: Sequence[str], written: Sequence[Probe], mined: Sequence[Probe]
) -> Evidence:
    """Bits to expect the right continuation of a phrase of the domain decide; its words must not fall into more tokens."""
    probes, decides = [*written, *mined], "bits to expect the right continuation"
    others, notes = [await _tokens_per_word(client, pair, words)], []
    try:
        asked = await echoes(client, pair, [probe.text for probe in probes], alternatives=await _alternatives(client, pair))
    except Unmeasured as error:
        deciding = Measure(decides, "bits", "lower", missing=str(error))
    else:
        deciding, *more = _continuations(asked, probes, len(written), decides)
        others += more
        notes += asked.note("probes")
    return Evidence(
        key="vocabulary",
        title="2 Vocabulary and patterns",
        claim="The custom model knows the domain's words: it goes on with the right one, and does not cut them to pieces.",
        deciding=deciding,
        others=others,
        notes=[
            *notes,
            f"{len(written):,} probes were written by hand, {len(mined):,} mined: words frequent in the task's test texts and "
            f"rare elsewhere ({', '.join(words[:8])}, ..), each after the beginning of a test text.",
            f"Entropy: of the {ALTERNATIVES} likeliest next tokens (or as many as the engine tells), the rest as one; a lower "
            "bound, and comparable only where both models have one tokenizer.",
        ],
    )


def _continuations(asked: Asked, probes: Sequence[Probe], by_hand: int, decides: str) -> list[Measure]:
    bits: tuple[list[float], list[float]] = ([], [])
    entropy: tuple[list[float], list[float]] = ([], [])
    written: tuple[list[float], list[float]] = ([], [])
    for place, mine, other in zip(asked.kept, asked.general, asked.custom, strict=True):
        # The last place before the word where a token begins for both: most often right before it.
        start = common_start(mine, other, latest=len(probes[place].before))
        if start is None:
            continue
        for model, echo in enumerate((mine, other)):
            bits[model].append(echo.bits_from(start))
            entropy[model].append(echo.entropy_at(start))
            if place < by_hand:
                written[model].append(echo.bits_from(start))
    chances = [[2.0**-one for one in model] for model in bits]
    return [
        means(decides, "bits", *bits, better="lower"),
        means("the same, hand-written probes alone", "bits", *written, better="lower"),
        means("probability of the right continuation", "probability", *chances, better="higher"),
        means("entropy of the next token (lower bound)", "bits", *entropy, better="lower"),
    ]


async def _tokens_per_word(client: ServiceClient, pair: Pair, words: Sequence[str]) -> Measure:
    name, unit = "tokens per word of jargon", "tokens/word"

    async def count(model: str, word: str) -> int:
        return int((await client.post("/tokenize", {"model": model, "prompt": f" {word}"}))["count"])

    try:
        asked = await ask_both(pair, words, count)
    except Unmeasured as error:
        return Measure(name, unit, "lower", guard=True, missing=str(error))
    return means(name, unit, asked.general, asked.custom, better="lower", guard=True)


async def _alternatives(client: ServiceClient, pair: Pair) -> int:
    """As many as both engines tell."""
    told = [(await client.get(f"/v1/models/{model}"))["capabilities"] or {} for model in pair.models]
    return min(ALTERNATIVES, *(int(one.get("max_logprobs", 1)) for one in told))
