"""A variant's card for people: what it is for, what it came from, how good it was, and where not to trust it."""

from typing import Any

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
    tasks = "\n".join(f"- `{task.name}`: {_answers(task)}" for task in card.tasks)
    left_out = int(made.validation.get("rows_left_out", 0))
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
{_measured(card)}

The weights were chosen on these cases, so the numbers flatter; a benchmark on test cases tells what to expect.{_refit(card)}

## Limits
{chr(10).join(_limits(card))}
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


def _answers(task: TrainedTask) -> str:
    """What the answer to a text is."""
    if task.kind == "extraction":
        fields = task.json_schema["properties"]
        return "JSON of the fields " + ", ".join(f"{name} ({_type(part)})" for name, part in fields.items())
    if task.kind == "text_to_text":
        return "a text of its own words"
    return f"one of {len(task.labels)} labels: {', '.join(task.labels[:8])}{', …' * (len(task.labels) > 8)}"


def _type(schema: dict[str, Any]) -> str:
    kinds = schema["type"]
    return " or ".join(kinds) if isinstance(kinds, list) else str(kinds)


def _measured(card: Card) -> str:
    """A table for the tasks of labels, one for those whose answers are written."""
    labelled = [task for task in card.tasks if task.labels]
    written = [task for task in card.tasks if not task.labels]
    parts = []
    if labelled:
        head = "| task | accuracy (95 % interval) | macro-F1 | cases |\n|---|---|---|---|"
        parts += ["\n".join([head, *(_row(card, task.name) for task in labelled)])]
        parts += ["\n".join(_calibration(card, task) for task in labelled)]
    if written:
        head = "| task | bits per byte of the answers (95 % interval) | cases |\n|---|---|---|"
        parts += ["\n".join([head, *(_bits(card, task.name) for task in written)])]
        parts += [
            "Bits per byte tell how likely the model finds the answers of people: 0 would be certainty, text without any "
            "knowledge of it has 8. They do not tell how often what it writes is right."
        ]
    return "\n\n".join(parts)


def _refit(card: Card) -> str:
    found = card.made.validation
    if "refit_rows" not in found:
        return ""
    return (
        f"\nThey are of the weights of that training. Those here were then trained anew, {found['best_epoch']:.2f} epochs "
        f"long, on {found['refit_rows']:,.0f} rows, the validation rows among them (`refit`): these can no longer judge this "
        "model, nor may anything be chosen for it on them."
    )


def _limits(card: Card) -> list[str]:
    asked = card.method == "instruct"
    lines = []
    if any(task.kind == "classification" for task in card.tasks):
        others = ", unless a prompt lists them" if asked else ""
        lines += [f"- It knows the labels above and no others{others}; a text that fits none still gets one."]
    if any(task.kind == "extraction" for task in card.tasks):
        others = ", unless a prompt names them" if asked else ""
        lines += [f"- It writes the fields above and no others{others}; a field may hold what the text does not say."]
    if any(task.kind == "text_to_text" for task in card.tasks):
        lines += ["- What it writes may be wrong or made up, however well it reads; read a sample of it against its texts."]
    if handed_on := [dataset for dataset in card.made.refitted_on if dataset not in card.made.datasets]:
        lines += [
            f"- {card.parent}, which it was made from, has learned the validation rows of {', '.join(handed_on)} too: they "
            "cannot judge this model either."
        ]
    return lines


def _bits(card: Card, task: str) -> str:
    found = card.made.validation
    if f"{task}_bits_per_byte" not in found:
        return f"| {task} | not measured | |"
    low, high = (found.get(f"{task}_bits_per_byte_{end}") for end in ("low", "high"))
    interval = "no interval from one case" if low is None or high is None else f"{low:.2f}-{high:.2f}"
    return f"| {task} | {found[f'{task}_bits_per_byte']:.3f} [{interval}] | {int(found[f'{task}_cases']):,} |"


def _row(card: Card, task: str) -> str:
    found = card.made.validation
    if f"{task}_accuracy" not in found:  # by another training, of which this is the refit
        return f"| {task} | not measured | | |"
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
