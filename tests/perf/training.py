"""What training costs: tokens a second beside a bare torch loop on the same batches, memory of LoRA beside inference."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from app.training import full, lora
from app.training.batch import Batch
from app.training.loop import Schedule, train
from app.training.optimizer import MuonAdamW, fast_type
from app.training.plan import Encoded, Plan
from app.training.recipe import Recipe
from tests.perf.service import ROOT
from tests.perf.serving import Row

GENERAL = ROOT / "models" / "general"
STEPS, RUNS = 12, 3
SCHEDULE = Schedule(learning_rate=1e-4)
Method = Literal["full", "lora"]
Loss = Callable[[Any, Batch], Tensor]


def rows() -> Iterator[Row]:
    yield "numbers are multiplied in", str(fast_type()).removeprefix("torch."), "bfloat16 where the processor has it"
    methods: tuple[Method, ...] = ("full", "lora")
    for method in methods:
        batches = batches_of(2048)
        ours, bare, plain = (
            len_of(batches) / statistics.median(run(method, batches) for _ in range(RUNS))
            for run in (with_our_loop, with_a_bare_loop, with_logits_everywhere)
        )
        what = f"training ({method}) over a bare torch loop, same batches"
        yield what, f"{ours / bare:.2f}x", f"at least 0.9x ({ours:,.0f} against {bare:,.0f} tokens/s)"
        yield "  over one that computes logits of all tokens", f"{ours / plain:.2f}x", f"({plain:,.0f} tokens/s)"
    inference, activations, training = (measured(what) for what in ("inference", "activations", "training"))
    yield (
        "LoRA training, peak memory over inference and activations",
        f"{training / (inference + activations):.2f}x",
        f"under 2x ({training >> 20} over {inference >> 20} and {activations >> 20} MiB, a step of 4,096 tokens)",
    )


def batches_of(tokens: int) -> list[Batch]:
    """Made-up rows as long as reports are; what they say changes no time."""
    torch.manual_seed(0)
    lengths = torch.randint(20, 200, (400,)).tolist()
    made = [Encoded(torch.randint(300, 4000, (length,)).tolist(), [5, 2], 0) for length in lengths]
    plan = Plan(made, epochs=1, batch_tokens=tokens, prompt_weight=0.0, pad=0, seed=0)
    return [plan[i] for i in range(min(STEPS, len(plan)))]


def fresh(method: Method) -> nn.Module:
    recipe = Recipe.model_validate({"name": "speed", "method": method, "tasks": [{"name": "speed", "dataset": "speed"}]})
    model = AutoModelForCausalLM.from_pretrained(GENERAL, dtype=torch.float32)
    return (full if method == "full" else lora).adapt(model, recipe)


def len_of(batches: Sequence[Batch]) -> int:
    """Tokens of all steps but the first, which warms up."""
    return sum(batch.ids.numel() for batch in batches[1:])


def with_our_loop(method: Method, batches: Sequence[Batch]) -> float:
    """Seconds from the end of the first step to that of the last."""
    ends: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        train(
            fresh(method),
            batches,
            SCHEDULE,
            Path(folder),
            save_every=10**6,
            on_progress=lambda _: ends.append(time.perf_counter()),
        )
    return ends[-1] - ends[0]


def with_a_bare_loop(method: Method, batches: Sequence[Batch], loss: Loss | None = None) -> float:
    """Forward, loss, backward, clip, step, and nothing else; the same optimizer, as the same work is to be done."""
    model = cast(Any, fresh(method)).train()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = MuonAdamW(model, SCHEDULE.learning_rate, weight_decay=SCHEDULE.weight_decay, betas=(0.9, SCHEDULE.beta2))
    ends: list[float] = []
    for batch in batches:
        with torch.autocast("cpu", torch.bfloat16, enabled=fast_type() == torch.bfloat16):
            found = (loss or loss_of)(model, batch)
        found.backward()
        nn.utils.clip_grad_norm_(trained, SCHEDULE.clip)
        optimizer.step()
        optimizer.zero_grad()
        ends.append(time.perf_counter())
    return ends[-1] - ends[0]


def with_logits_everywhere(method: Method, batches: Sequence[Batch]) -> float:
    return with_a_bare_loop(method, batches, loss_everywhere)


def loss_of(model: Any, batch: Batch) -> Tensor:
    """Logits only of the tokens that count."""
    weights, ids = batch.weights[:, 1:], batch.ids
    counts = weights > 0
    hook = model.get_output_embeddings().register_forward_pre_hook(lambda _, inputs: (inputs[0][:, :-1][counts],))
    logits = model(input_ids=ids, use_cache=False).logits
    hook.remove()
    losses = nn.functional.cross_entropy(logits.float(), ids[:, 1:][counts], reduction="none")
    return cast(Tensor, (losses * weights[counts]).sum() / weights.sum())


def loss_everywhere(model: Any, batch: Batch) -> Tensor:
    """As most write it: logits of each token, those that do not count are ignored."""
    targets = batch.ids[:, 1:].masked_fill(batch.weights[:, 1:] == 0, -100)
    logits = model(input_ids=batch.ids, use_cache=False).logits[:, :-1]
    return nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=-100)


def measured(what: str) -> int:
    """Bytes that a process of its own needed for `what`, beyond Python and its libraries."""
    command = [sys.executable, "-m", "tests.perf.training", what]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return int(json.loads(done.stdout.splitlines()[-1]))


def inference() -> int:
    """Peak of a forward pass without gradients."""
    batch = batches_of(4096)[0]
    before = memory("VmRSS")
    model = AutoModelForCausalLM.from_pretrained(GENERAL, dtype=torch.float32).eval()
    with torch.no_grad():
        loss_of(model, batch)
    return memory("VmHWM") - before


def training() -> int:
    """Peak of a few steps of LoRA."""
    batches = batches_of(4096)
    before = memory("VmRSS")
    with_our_loop("lora", batches)
    return memory("VmHWM") - before


def activations() -> int:
    """Bytes that autograd keeps of one forward pass for the backward pass, weights left out, each storage counted once."""
    model = fresh("lora")
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor  # held, so that no other takes its place
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss_of(model.train(), batches_of(4096)[0])
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def memory(field: str) -> int:
    """Bytes, from what Linux tells of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024


if __name__ == "__main__":
    parts: dict[str, Callable[[], int]] = {"inference": inference, "activations": activations, "training": training}
    sys.stdout.write(f"{json.dumps(parts[sys.argv[1]]())}\n")
