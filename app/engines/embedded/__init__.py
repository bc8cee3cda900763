"""The embedded engine: torch in this process, a general model and its variants in the same batches.

Files, from the protocol's face down to the arithmetic:
engine.py     the protocol: checks a request, tokenizes it, sends it to its lane, hands back what comes
jobs.py       what travels between the event loop and a lane's thread
lane.py       the queue of a base model and the life of its one thread
shift.py      what that thread holds: weights, adapters, batch; loading and unloading
batch.py      the rows in work: which tokens the next step computes, and what follows from its logits
row.py        an answer in work: tokens, text, end
lookahead.py  guesses of how an answer goes on
scoring.py    label trees: all labels of a case behind one prompt
search.py     the best label without the others
sampling.py   the next token of each row, and log-probabilities
text.py       tokens to text as they come: whole characters, stop strings
turns.py      the turns of a chat to a text
codec.py      the tokenizer of a model version: prompts to ids and back
plan.py       what a step computes, and who sees what
network.py    the packed forward pass
fused.py      the same for a Llama, in few operations
attention.py  each request on its own tokens
kv.py         keys and values of the running rows
lora.py       adapters beside shared weights
outline.py    what a model's small files tell before its weights are there
weights.py    safetensors to a checked network
faults.py     errors of libraries, as callers may read them
"""
