"""Adapters beside shared weights: every adapted layer holds all loaded adapters, and each token names the one it uses.

An adapter is read from PEFT's layout (adapter_config.json, adapter_model.safetensors) and checked whole before it is used.
"""

from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from app.catalog.adapter_files import WEIGHTS, BadAdapter, LayerUpdate, layer_updates
from app.catalog.catalog import ModelVersion
from app.engines.embedded.fused import FusedLlama, Packed
from app.engines.embedded.network import Network
from app.engines.embedded.plan import Plan
from app.errors import Unavailable

Halves = tuple[Tensor, Tensor]  # A [rank, in], B [out, rank] times the scale


class Update:
    """The update that each adapter gives to one projection: A [slots, rank, in], B [slots, out, rank]; slot 0 is the base.

    `outputs` tells which outputs of the layer are the projection's. Ranks may differ: each slot is computed at its own, as
    computing with the padding would change the order of sums, and so their last bits.
    """

    def __init__(self, outputs: slice, taken: int, like: Tensor) -> None:
        self.outputs = outputs
        self._ranks = [0]
        self.a = like.new_zeros(1, 1, taken)
        self.b = like.new_zeros(1, outputs.stop - outputs.start, 1)

    def put(self, slot: int, a: Tensor, b: Tensor) -> None:
        """Set a slot's halves, with room for its rank and number."""
        slots, rank = max(slot + 1, len(self.a)), max(a.shape[0], self.a.shape[1])
        if (slots, rank) != self.a.shape[:2]:
            self.a = _resized(self.a, (slots, rank, self.a.shape[2]))
            self.b = _resized(self.b, (slots, self.b.shape[1], rank))
        self._ranks += [0] * (slots - len(self._ranks))
        self.drop(slot)
        self._ranks[slot] = a.shape[0]
        self.a[slot, : a.shape[0]] = a
        self.b[slot, :, : b.shape[1]] = b

    def drop(self, slot: int) -> None:
        if slot < len(self.a):
            self.a[slot] = 0
            self.b[slot] = 0
            self._ranks[slot] = 0

    def rank(self, slot: int) -> int:
        """0 for a slot that has no update here."""
        return self._ranks[slot] if slot < len(self._ranks) else 0

    def add(self, x: Tensor, out: Tensor, plan: Plan) -> None:
        """x [tokens, in], or token ids [tokens], in the order of the plan; to out [tokens, outputs of the layer]."""
        own = out[:, self.outputs]
        for rank, rows, slots in self._of_rows(plan):
            if rows is None:
                low = self._low_rows(x[: plan.rows], slots, rank)
                own[: plan.rows] += torch.bmm(_taken(self.b[:, :, :rank], slots), low)[: plan.rows, :, 0]
            else:
                low = self._low_rows(x[rows], slots, rank)
                own[rows] += torch.bmm(_taken(self.b[:, :, :rank], slots), low)[:, :, 0]
        for start, stop, slot in plan.runs:
            if rank := self.rank(slot):
                own[start:stop] += self._low(x[start:stop], slot, rank) @ self.b[slot, :, :rank].T

    def _of_rows(self, plan: Plan) -> list[tuple[int, Tensor | None, Tensor]]:
        """Rows whose updates have one rank share a product: the rank, the rows (None: all), the slot of each."""
        ranks = tuple(map(self.rank, plan.slots))
        if ranks not in plan.ranked:
            plan.ranked[ranks] = [_ranked(plan.slots, ranks, rank, self.a.device) for rank in sorted({*ranks} - {0})]
        return plan.ranked[ranks]

    def _low_rows(self, x: Tensor, slots: Tensor, rank: int) -> Tensor:
        """Each row times its own A: [rows, rank, 1]."""
        x = x[..., None]
        return torch.bmm(_taken(self.a[:, :rank], slots), x if len(x) == len(slots) else x.expand(len(slots), -1, -1))

    def _low(self, x: Tensor, slot: int, rank: int) -> Tensor:
        """All rows times one A: [rows, rank]."""
        return x @ self.a[slot, :rank].T


class EmbeddingUpdate(Update):
    """Of the input embedding, where a product with A is a look-up of its columns."""

    def _low_rows(self, x: Tensor, slots: Tensor, rank: int) -> Tensor:
        return self.a[slots, :rank, x.expand(len(slots))][..., None]

    def _low(self, x: Tensor, slot: int, rank: int) -> Tensor:
        return self.a[slot, :rank, x].T


def _ranked(slots: list[int], ranks: tuple[int, ...], rank: int, device: torch.device) -> tuple[int, Tensor | None, Tensor]:
    rows = [row for row, own in enumerate(ranks) if own == rank]
    # A batch of one product sums in another order than a larger one: a row alone is computed twice.
    pair = rows * 2 if len(rows) == 1 else rows
    which = None if len(rows) == len(ranks) else torch.tensor(pair, device=device)
    return rank, which, torch.tensor([slots[row] for row in pair], device=device)


def _taken(tensor: Tensor, slots: Tensor) -> Tensor:
    """[slots, ...] of the loaded ones."""
    return tensor.index_select(0, slots)


class Adapted(nn.Module):
    """A layer of the base, and the updates of its projections: one, or those that were joined in it."""

    def __init__(self, layer: nn.Linear | Conv1D | Packed | nn.Embedding, network: Network) -> None:
        super().__init__()
        self.layer = layer
        self.updates: dict[int, Update] = {}  # by their first output
        self._network = [network]  # in a list, so that torch does not take it for a part of the layer

    def forward(self, x: Tensor) -> Tensor:
        """x [..., in], or token ids [...], in the order of the step's plan."""
        out: Tensor = self.layer(x)
        tokens = x.view(-1) if isinstance(self.layer, nn.Embedding) else x.view(-1, x.shape[-1])
        for update in self.updates.values():
            update.add(tokens, out.view(len(tokens), -1), self._network[0].plan)
        return out


def sizes(layer: nn.Linear | Conv1D | Packed | nn.Embedding) -> tuple[int, int]:
    """What a layer takes and what it gives; an embedding takes a token of the vocabulary."""
    if isinstance(layer, nn.Embedding):
        return layer.num_embeddings, layer.embedding_dim
    if isinstance(layer, Conv1D):  # GPT-2's linear layer, its weights the other way round
        return layer.nx, layer.nf
    return layer.in_features, layer.out_features


def _resized(tensor: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """Grown with zeros at the end of each dimension."""
    new = torch.zeros(shape, dtype=tensor.dtype, device=tensor.device)
    new[: tensor.shape[0], : tensor.shape[1], : tensor.shape[2]] = tensor
    return new


class Adapters:
    """The adapters of one network, by digest."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._updates: dict[str, Update] = {}  # by the projection's name in the module
        self._slots: dict[str, int] = {}

    def __contains__(self, digest: str) -> bool:
        return digest in self._slots

    def slot(self, digest: str) -> int:
        return self._slots[digest]

    @property
    def digests(self) -> list[str]:
        return [*self._slots]

    def load(self, variant: ModelVersion) -> None:
        """Raises Unavailable that tells what is wrong with the adapter; the others are untouched then."""
        found = read_adapter(variant, self._network.module)
        slot = next(n for n in range(1, len(self._slots) + 2) if n not in self._slots.values())
        for name, (a, b) in found.items():
            if name not in self._updates:
                self._updates[name] = self._adapt(name)
            self._updates[name].put(slot, a, b)
        self._slots[variant.digest] = slot

    def _adapt(self, name: str) -> Update:
        """Find the layer that computes a projection: the module's, or one of the fused pass, where several are joined."""
        root: Any = self._network.module
        start = 0
        if isinstance(self._network.fused, FusedLlama) and name in self._network.fused.parts:
            given = root.get_submodule(name).out_features
            root = self._network.fused
            name, start = root.parts[name]
        else:
            _, given = sizes(root.get_submodule(name))
        layer = root.get_submodule(name)
        if not isinstance(layer, Adapted):
            layer = Adapted(layer, self._network)
            parent, _, child = name.rpartition(".")
            setattr(root.get_submodule(parent), child, layer)
        taken, _ = sizes(layer.layer)
        kind = EmbeddingUpdate if isinstance(layer.layer, nn.Embedding) else Update
        update = kind(slice(start, start + given), taken, layer.layer.weight)
        layer.updates[start] = update
        return update

    def unload(self, digest: str) -> None:
        slot = self._slots.pop(digest)
        for update in self._updates.values():
            update.drop(slot)


def read_adapter(variant: ModelVersion, module: nn.Module) -> dict[str, Halves]:
    """The update of each adapted layer by the layer's name. Raises Unavailable with the reason."""
    try:
        updates = layer_updates(variant.folder, lambda layer, _: _sizes_in(module, layer))
        tensors: dict[str, Tensor] = load_file(variant.folder / WEIGHTS)
        return {layer: _halves(module, layer, update, tensors) for layer, update in updates.items()}
    except BadAdapter as error:
        raise _bad(variant, str(error)) from error
    except (OSError, SafetensorError) as error:
        raise _bad(variant, f"{WEIGHTS} cannot be read ({error})") from error


def _sizes_in(module: Any, name: str) -> tuple[int, int]:
    """What the layer takes and gives; raises BadAdapter."""
    try:
        layer = module.get_submodule(name)
    except AttributeError:
        raise BadAdapter(f"the base has no layer {name}") from None
    layer = layer.layer if isinstance(layer, Adapted) else layer
    if not isinstance(layer, nn.Linear | Conv1D | nn.Embedding):
        raise BadAdapter(f"{name} is a {type(layer).__name__}, and only linear layers and embeddings are adapted here")
    if layer is module.get_output_embeddings():
        raise BadAdapter(f"it adapts the output layer {name}; train it without, or serve it as a full model")
    return sizes(layer)


def _halves(module: nn.Module, layer: str, update: LayerUpdate, tensors: Mapping[str, Tensor]) -> Halves:
    a, b = tensors[update.a].float(), tensors[update.b].float()
    if not (a.isfinite().all() and b.isfinite().all()):
        raise BadAdapter(f"{layer} holds numbers that are not finite")
    return a, b * (update.scale * _embed_scale(module.get_submodule(layer)))


def _embed_scale(layer: Any) -> float:
    """What an embedding multiplies its rows by, Gemma's does; PEFT multiplies the update alike."""
    layer = layer.layer if isinstance(layer, Adapted) else layer
    return float(getattr(layer, "embed_scale", 1.0))


def _bad(variant: ModelVersion, reason: str) -> Unavailable:
    return Unavailable(f"The adapter {variant.id} cannot be loaded: {reason}.")
