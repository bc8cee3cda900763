"""Tiny models with random weights of the architectures that teams fetch, each with the habits of its tokenizer and template."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma3TextConfig,
    GemmaConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from app.catalog.cards import CARD_FILE, Card, write_card
from tests.models import TEXTS

CONTEXT = 256
BYTES = tuple(f"<0x{number:02X}>" for number in range(256))  # tokens for what is not in the table, as SentencePiece has them

LLAMA = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' + m['content'] "
    "| trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
CHATML = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are helpful.<|im_end|>\n' }}{% endif %}"
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# Both refuse a system turn, each in its way.
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}{% else %}{{ m['content'] + eos_token }}{% endif %}"
    "{% endfor %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\n' "
    "+ m['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)


class Habits(NamedTuple):
    """Of a tokenizer; `ends` are listed in generation_config.json."""

    special: tuple[str, ...]
    bos: str | None
    eos: str
    pad: str | None
    template: str | None
    ends: tuple[str, ...] = ()
    kind: str = "PreTrainedTokenizerFast"  # as tokenizer_config.json names it
    spaces: bool = False  # a space is a letter of its own (▁), as SentencePiece has it; else byte-level


TURNS = ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
LLAMA_3 = Habits(
    ("<|begin_of_text|>", "<|end_of_text|>", *TURNS), "<|begin_of_text|>", "<|eot_id|>", None, LLAMA, ("<|end_of_text|>",)
)
QWEN = Habits(
    ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    None,
    "<|im_end|>",
    "<|endoftext|>",
    CHATML,
    ("<|endoftext|>",),
    "Qwen2Tokenizer",
)
MISTRAL_1 = Habits(("<unk>", "<s>", "</s>"), "<s>", "</s>", None, MISTRAL, (), "LlamaTokenizer", spaces=True)
GEMMA_TURNS = ("<start_of_turn>", "<end_of_turn>")
GEMMAS = Habits(
    ("<pad>", "<eos>", "<bos>", "<unk>", *GEMMA_TURNS),
    "<bos>",
    "<eos>",
    "<pad>",
    GEMMA,
    ("<eos>", "<end_of_turn>"),
    spaces=True,
)
GPT_2 = Habits(("<|endoftext|>",), "<|endoftext|>", "<|endoftext|>", None, None, (), "GPT2Tokenizer")

SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": CONTEXT,
}
ROPE_3 = {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
ROPE_3 |= {"original_max_position_embeddings": 64}
GPT_2_SIZES = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": CONTEXT}

ARCHITECTURES: dict[str, tuple[Habits, type[Any], dict[str, Any]]] = {
    "llama": (LLAMA_3, LlamaConfig, SIZES | {"rope_parameters": ROPE_3, "tie_word_embeddings": False}),
    "qwen2": (QWEN, Qwen2Config, SIZES | {"tie_word_embeddings": True}),
    "qwen3": (QWEN, Qwen3Config, SIZES | {"head_dim": 16, "tie_word_embeddings": True}),
    "mistral": (MISTRAL_1, MistralConfig, SIZES | {"sliding_window": None, "tie_word_embeddings": False}),
    "gemma": (GEMMAS, GemmaConfig, SIZES | {"head_dim": 16}),
    "gemma3": (
        GEMMAS,
        Gemma3TextConfig,
        SIZES | {"head_dim": 16, "sliding_window": CONTEXT, "layer_types": ["sliding_attention", "full_attention"]},
    ),
    "gpt2": (GPT_2, GPT2Config, GPT_2_SIZES),
}
# Known, and not served: its scores are capped.
REFUSED = {"gemma2": (GEMMAS, Gemma2Config, SIZES | {"head_dim": 16, "sliding_window": CONTEXT})}


def make_tiny(root: Path, architecture: str, *, seed: int = 0) -> Path:
    """Write `root/<architecture>/` as its makers publish it, with our card, and return that folder."""
    habits, config_class, sizes = (ARCHITECTURES | REFUSED)[architecture]
    folder = root / architecture
    tokenizer = _tokenizer(habits)
    ids = {name: tokenizer.convert_tokens_to_ids(token) for name, token in _named(habits).items()}
    # A few rows more than tokens, as many have.
    config = config_class(vocab_size=len(tokenizer) + 8, **(sizes | {f"{name}_id": number for name, number in ids.items()}))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Any = AutoModelForCausalLM.from_config(config)
        for name, weight in model.named_parameters():
            if weight.ndim == 1:  # biases and norms, which would begin as nothing
                torch.nn.init.normal_(weight, mean=weight.mean().item(), std=0.1)
            elif "embed" not in name and "wte" not in name:
                torch.nn.init.normal_(weight, std=0.2)
    if habits.ends:
        model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids(
            [*{habits.eos: 0} | dict.fromkeys(habits.ends, 0)]
        )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text()) | {"tokenizer_class": habits.kind}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    card = Card(
        name=architecture,
        kind="general",
        method="pretrained",
        context=CONTEXT,
        parameters=model.num_parameters(),
        licence="mit",
    )
    write_card(card, folder / CARD_FILE)
    return folder


def _named(habits: Habits) -> dict[str, str]:
    named = {"bos_token": habits.bos, "eos_token": habits.eos, "pad_token": habits.pad}
    return {name: token for name, token in named.items() if token is not None}


def _tokenizer(habits: Habits) -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.BPE())
    alphabet: list[str] = []
    if habits.spaces:
        backend.normalizer = normalizers.Replace(" ", "▁")
        backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
        alphabet = [chr(number) for number in range(32, 127)] + ["\n", "▁"]
    else:
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=len(habits.special) + (len(BYTES) if habits.spaces else 0) + len(alphabet) + 60,
        special_tokens=[*habits.special, *(BYTES if habits.spaces else ())],
        initial_alphabet=alphabet,
        show_progress=False,
        max_token_length=6,
    )
    backend.train_from_iterator(TEXTS * 4, trainer)
    if habits.spaces:
        document = json.loads(backend.to_str())
        document["model"]["byte_fallback"] = True
        document["added_tokens"] = [token for token in document["added_tokens"] if token["content"] not in BYTES]
        backend = Tokenizer.from_str(json.dumps(document))
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, chat_template=habits.template, model_max_length=CONTEXT, **_named(habits)
    )
