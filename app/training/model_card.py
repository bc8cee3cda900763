"""A variant's card for people: what it is for, what it came from, how good it was, and where not to trust it."""

from scipy.stats import binomtest

from app.catalog.cards import Card, TrainedTask

_HOW = {
    "lora": "LoRA: small updates beside the base's weights, which stay as they are",
    "full": "full fine-tuning: every weight of a copy of the base moved",
    "instruct": "instruction tuning: a full fine-tune on prompts with instruction and label list, in many wordings",
    "vocabulary": "words of the domain became tokens, the texts were read, then a full fine-tune",
    "scratch": "a tokenizer and a model of the training texts alone, then the task",
}


def model_card(card: Card, digest: str = "") -> str:
    """Markdown; `digest` is the version's."""
    made = card.made
    tasks = "\n".join(
        f"- `{task.name}`: one of {len(task.labels)} labels: {', '.join(task.labels[:8])}{', …' * (len(task.labels) > 8)}"
        for task in card.tasks
    )
    measured = "\n".join(_row(card, task.name) for task in card.tasks)
    left_out = int(made.validation.get("rows_left_out", 0))
    others = ", unless a prompt lists them" if card.method == "instruct" else ""
    sources = "\n".join(f"- {source}" for source in card.sources) or "- none beyond the datasets above"
    return f"""# {card.id}

{card.summary} {card.parameters / 1e6:.2f} million parameters, {card.context:,} tokens of context.

## Intended use
{tasks}

It answers these questions for texts like those it was trained on ({card.domain}), for people who first check it with a
benchmark on their own cases. A decision about a person or money should not rest on it alone.

## How it was made
| | |
|---|---|
| method | {_HOW.get(card.method, card.method)} |
| digest | {f"SHA-256 `{digest}`" if digest else "not computed"} |
| base | {_base(card)} |
| datasets | {", ".join(made.datasets)} |
| rows | {_hashes(card)} |
| tokens seen, repeats counted | {made.tokens or 0:,} |
| time | {made.seconds or 0:,.0f} s |
| energy, estimated | {_energy(card)} |
| recipe | SHA-256 {made.recipe_digest[:16]}…, whole in `card.toml` |
| licence of the base | {card.licence or "none applies"} |

## Measured on validation
| task | accuracy (95 % interval) | macro-F1 | cases |
|---|---|---|---|
{measured}

The weights were chosen on these cases, so the numbers flatter; a benchmark on test cases tells what to expect.

{chr(10).join(_calibration(card, task) for task in card.tasks)}

## Limits
- It knows the labels above and no others{others}; a text that fits none still gets one.
- {_rows_left_out(left_out)}
- Other languages, other kinds of text and later times than the training's were not tried.

## Sources of the base
{sources}
"""


def _base(card: Card) -> str:
    return f"{card.parent}, SHA-256 {card.parent_digest[:16]}…" if card.parent and card.parent_digest else card.parent or "none"


def _hashes(card: Card) -> str:
    """Of training and validation rows; whole in card.toml."""
    return ", ".join(f"`{name}` SHA-256 {digest[:16]}…" for name, digest in card.made.rows.items()) or "not hashed"


def _energy(card: Card) -> str:
    made = card.made
    if made.energy_wh is None or made.energy_cost is None:
        return "not measured"
    spent = f"{made.cpu_seconds or 0:,.0f} s of processor" + (f", {made.gpu_seconds:,.0f} s of GPU" if made.gpu_seconds else "")
    return f"{made.energy_wh:.3g} Wh, {made.energy_cost:.2g} USD: {spent}; assumed: {made.energy_assumed}"


def _row(card: Card, task: str) -> str:
    found = card.made.validation
    accuracy, cases = found[f"{task}_accuracy"], int(found[f"{task}_cases"])
    interval = binomtest(round(accuracy * cases), cases).proportion_ci(method="wilson")
    return f"| {task} | {accuracy:.3f} [{interval.low:.2f}-{interval.high:.2f}] | {found[f'{task}_macro_f1']:.3f} | {cases:,} |"


def _calibration(card: Card, task: TrainedTask) -> str:
    """How far probabilities are from shares of right answers."""
    before, after = (card.made.validation.get(f"{task.name}_{name}") for name in ("ece", "ece_tempered"))
    if before is None or after is None:
        return f"- `{task.name}`: how far its probabilities can be trusted was not measured."
    if task.temperature == 1.0:
        return f"- `{task.name}`: probabilities are off by {100 * before:.1f} points on average; no temperature mended that."
    return (
        f"- `{task.name}`: log-likelihoods of labels are divided by a temperature of {task.temperature:.2f}; on average "
        f"probabilities are off by {100 * after:.1f} points (on cases that the temperature was not fitted to), without it by "
        f"{100 * before:.1f} (expected calibration error)."
    )


def _rows_left_out(count: int) -> str:
    if not count:
        return "Every row fitted its context."
    return f"{count:,} rows were longer than its context and were left out: nothing is known of such texts."
