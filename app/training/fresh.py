"""A tokenizer and a model from nothing: byte-level BPE with our chat template, and a small Llama with random weights."""

import json
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
SPECIAL = ("<|pad|>", "<|begin|>", "<|end|>", *ROLES)
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


SPACE = "Ġ"  # a space in the alphabet of byte-level BPE
PIECES = 0.6  # share of the learned entries that are pieces of words; the others are pieces with a space before them


def new_tokenizer(texts: Iterable[str], vocabulary: int, context: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE trained on `texts`: any text encodes and decodes back exactly; each digit is a token of its own.

    The merge with a space before a word comes last, so a word splits alike with and without one: a label is the same pieces in
    the list of labels, in a text and as an answer, which makes copying it easy for a small model.
    """
    texts = list(texts)
    digits, byte_level = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    # 1. Merges inside words, with spaces kept apart.
    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.Split(Regex(" (?=[^ ])"), "isolated"), byte_level])
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    first = len(SPECIAL) + len(alphabet)
    trainer = trainers.BpeTrainer(
        vocab_size=first + round((vocabulary - first) * PIECES),
        special_tokens=list(SPECIAL),
        initial_alphabet=alphabet,
        show_progress=False,
    )
    words.train_from_iterator(texts, trainer)
    learned = json.loads(words.to_str())["model"]
    entries: dict[str, int] = learned["vocab"]
    merges = [tuple(merge) for merge in learned["merges"]]
    # 2. The pieces that most often begin a word get a form with a space before them.
    piece = {number: text for text, number in entries.items()}
    after_space = Counter(
        later
        for encoding in words.encode_batch(texts)
        for earlier, later in pairwise(encoding.ids)
        if earlier == entries[SPACE] and not piece[later].startswith(SPACE)
    )
    often = sorted(after_space, key=lambda number: (-after_space[number], number))
    for number in often[: vocabulary - len(entries)]:
        merges.append((SPACE, piece[number]))
        entries[SPACE + piece[number]] = len(entries)
    # 3. Both together.
    bpe = Tokenizer(models.BPE(vocab=entries, merges=merges))
    bpe.add_special_tokens(list(SPECIAL))
    bpe.pre_tokenizer = pre_tokenizers.Sequence([digits, byte_level])
    bpe.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<|begin|>",
        eos_token="<|end|>",
        pad_token="<|pad|>",
        additional_special_tokens=list(ROLES),
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=context,
    )


def new_llama(
    tokenizer: PreTrainedTokenizerFast, *, seed: int, hidden: int, layers: int, heads: int, mlp: int
) -> LlamaForCausalLM:
    """Random weights that depend on `seed` only; the context is the tokenizer's."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        intermediate_size=mlp,
        max_position_embeddings=tokenizer.model_max_length,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LlamaForCausalLM(config)


def make_kin_alike(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> None:
    """Let tokens that differ only in a space before them or in capitals begin near each other, so that what is learned about
    one form of a word soon holds for the others."""
    weight = model.get_input_embeddings().weight
    entries = tokenizer.get_vocab()
    special = set(SPECIAL)
    with torch.no_grad():
        forms = torch.randn(2, weight.shape[1], generator=torch.Generator().manual_seed(len(entries))) * weight.std()
        for text, number in sorted(entries.items(), key=lambda entry: entry[1]):
            bare = text.removeprefix(SPACE)
            root = entries.get(bare.lower(), entries.get(bare))
            if text in special or root is None or root == number or not bare:
                continue
            weight[number] = weight[root] + 0.5 * weight[number]
            if text != bare:
                weight[number] += forms[0]
            if bare != bare.lower():
                weight[number] += forms[1]
