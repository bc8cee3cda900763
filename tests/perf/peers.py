"""What our numbers are set beside: the same work by a library alone, on the same weights, in the same run."""

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from app.catalog.prompts import as_messages, classification_prompt


def one_row_per_label(folder: Path, text: str, labels: Sequence[str], runs: int = 10) -> float:
    """Median seconds of scoring all labels of one text as padded rows of a batch, prompt and label in each."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    messages = as_messages(classification_prompt(text, labels))
    prompt = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    rows = [tokenizer(prompt + label + tokenizer.eos_token, add_special_tokens=False)["input_ids"] for label in labels]
    width = max(map(len, rows))
    ids = torch.tensor([row + [tokenizer.pad_token_id] * (width - len(row)) for row in rows])
    seconds = []
    with torch.inference_mode():
        for _ in range(runs):
            started = time.perf_counter()
            logprobs = model(input_ids=ids, use_cache=False).logits[:, :-1].log_softmax(-1)
            logprobs.gather(2, ids[:, 1:, None]).sum()
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)
