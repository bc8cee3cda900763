"""Models of other tools into the catalog: a folder in the Hugging Face layout, a full model or a PEFT adapter.

1. What is in the folder: safetensors only, headers whole, no code, never a pickle.
2. Its base, for an adapter: in the catalog, and every update fits it.
3. Its card: what the folder's own card says, else what can be read from the files.
4. A copy beside the shelf, tried out by the engine; the final name comes last.
"""

import errno
import json
import shutil
from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from app.catalog.adapter_files import CONFIG, WEIGHTS, BadAdapter, Shape, problem_with, tensor_shapes
from app.catalog.cards import CARD_FILE, Card, Method, Name, not_reserved, read_card
from app.catalog.catalog import Catalog, ModelVersion
from app.catalog.digest import model_digest, weight_bytes
from app.catalog.shelf import put_in_place, staging
from app.errors import Conflict, SetupError, TooLarge, Unavailable, Unprocessable

Kind = Literal["general", "custom"]

MODEL, INDEX, MODEL_CONFIG = "model.safetensors", "model.safetensors.index.json", "config.json"
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
# What is copied beside the weights: configuration, tokenizer, chat template, notes. No code.
BESIDE = ("*.json", "*.txt", "*.model", "*.jinja", "README*", "LICEN[CS]E*", "NOTICE*")
LONGEST = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")
DEFAULT_CONTEXT = 1024  # tokens, where a model's configuration tells none
SPARE = 64 * 2**20  # bytes that stay free on the disk


def import_model(
    source: Path,
    name: str,
    catalog: Catalog,
    root: Path,
    *,
    base: str | None = None,
    kind: Kind | None = None,
    context: int | None = None,
    try_out: Callable[[ModelVersion], None] = lambda _: None,
) -> tuple[Card, Path]:
    """The card and the folder of the new version below `root`. `try_out` raises Unavailable for what cannot be served.

    Raises Unprocessable with the reason for a name, a folder or weights that are not taken, UnknownModel for a base that is
    not there, Conflict for a name that is of the other kind, TooLarge and SetupError where it cannot be written.
    """
    check_name(name)
    weights = weight_files(source)
    stands_on = _base_of(source, base, catalog) if _is_adapter(source) else None
    card = _card(source, name, weights, stands_on, base, kind, context, catalog)
    files = [*weights, *(path for pattern in BESIDE for path in sorted(source.glob(pattern)) if path.is_file())]
    _check_room(files, root)
    with staging(root, name, "import") as staged:
        try:
            for path in dict.fromkeys(files):
                shutil.copyfile(path, staged / path.name)
            digest = model_digest(staged, stands_on.digest if stands_on else None)
            _refuse_broken(ModelVersion(card, staged, digest, weight_bytes(staged), stands_on), try_out)
            return put_in_place(card, staged, root)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise SetupError(
                "The disk became full; nothing was imported. Make room, or set VERSUS_DATA_DIR to a larger disk."
                if full
                else f"The model could not be copied ({error.strerror}); nothing was imported."
            ) from error


def check_name(name: str) -> None:
    """Raises Unprocessable for one that no folder and no card may have."""
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        raise Unprocessable(
            f"{name!r} is no name for a model: small letters, digits, dots, hyphens and underscores, at most 100, a letter or "
            "a digit first.",
            param="name",
        ) from error
    try:
        not_reserved(name)
    except ValueError as error:
        raise Unprocessable(f"{error}.", param="name") from error


def weight_files(source: Path) -> list[Path]:
    """The safetensors files of a folder, each with a header that is as long as it says. Raises Unprocessable."""
    if not source.is_dir():
        raise Unprocessable(f"{source} is no folder; name one that holds a model in the Hugging Face layout.")
    found = [source / name for name in _weight_names(source)]
    if not found:
        pickles = sorted(path.name for path in source.iterdir() if path.suffix in PICKLES)
        if pickles:
            raise Unprocessable(
                f"{source.name} holds its weights as a pickle ({', '.join(pickles[:3])}), which can run code when it is read, "
                "so it is not read here. Save them as safetensors where you trust them: model.save_pretrained(folder)."
            )
        raise Unprocessable(
            f"{source.name} holds no weights: neither {MODEL} (or shards with {INDEX}) nor {WEIGHTS}. Name the folder that "
            "save_pretrained wrote."
        )
    for path in found:
        try:
            tensor_shapes(path)
        except BadAdapter as error:
            raise Unprocessable(f"{source.name}: {error}; nothing was imported.") from error
    needed = CONFIG if _is_adapter(source) else MODEL_CONFIG
    if not (source / needed).is_file():
        raise Unprocessable(f"{source.name} has no {needed}, so what its weights compute is not known.")
    return found


def _weight_names(source: Path) -> list[str]:
    """An adapter's file, or a model's one file, or the shards that its index names."""
    for name in (WEIGHTS, MODEL):
        if (source / name).is_file():
            return [name]
    if not (source / INDEX).is_file():
        return []
    mapped = _json(source / INDEX).get("weight_map")
    names = [*mapped.values()] if isinstance(mapped, dict) else []
    plain = all(isinstance(name, str) and name.endswith(".safetensors") and Path(name).name == name for name in names)
    if not names or not plain:
        raise Unprocessable(f"{INDEX} of {source.name} does not name safetensors files of that folder; nothing was imported.")
    return sorted({*names})


def _is_adapter(source: Path) -> bool:
    return (source / WEIGHTS).is_file()


def _base_of(source: Path, named: str | None, catalog: Catalog) -> ModelVersion:
    """The version that an adapter stands on: as told, as its card says, or as PEFT's configuration calls it."""
    told = _own_card(source)
    guesses = [named] if named else [told.parent if told else None, _named_base(source)]
    known = {version.id for version in catalog.versions()} | {version.name for version in catalog.versions()}
    found = named or next((guess for guess in guesses if guess in known), None)
    if found is None:
        said = next((str(guess) for guess in guesses if guess), "no base")
        raise Unprocessable(f"{source.name} is an adapter of {said}; name the base in this catalog with --base.", param="base")
    base = catalog.find(found)
    if base.base is not None:
        raise Unprocessable(f"{base.id} is an adapter itself; name {base.card.parent}, which it stands on.", param="base")
    if base.card.engine != "embedded":
        raise Unprocessable(f"{base.id} is served elsewhere; an adapter needs a base whose weights are here.", param="base")
    if told and told.parent_digest and told.parent_digest != base.digest:
        raise Unprocessable(
            f"{source.name} was made from another {told.parent} (digest {told.parent_digest[:12]}…; {base.id} has "
            f"{base.digest[:12]}…). Import that base too and name it with --base.",
            param="base",
        )
    return base


def _named_base(source: Path) -> str | None:
    found = _json(source / CONFIG).get("base_model_name_or_path")
    if found is not None and not isinstance(found, str):
        raise Unprocessable(
            f"{CONFIG} of {source.name}: base_model_name_or_path is no text; mend it, or name the base with --base.",
            param="base",
        )
    return found


def _card(
    source: Path,
    name: str,
    weights: list[Path],
    stands_on: ModelVersion | None,
    base: str | None,
    kind: Kind | None,
    context: int | None,
    catalog: Catalog,
) -> Card:
    told = _own_card(source)
    same = [version for version in catalog.versions() if version.name == name]
    kind = kind or (told.kind if told else "custom" if stands_on or base else "general")
    if stands_on and kind == "general":
        raise Unprocessable("An adapter is a custom model; leave --kind general out.", param="kind")
    if any(version.card.kind != kind for version in same):
        raise Conflict(
            f"{name!r} is a {same[0].card.kind} model, and this is a {kind} one; give it another name.", param="name"
        )
    if other := catalog.alias_of_another(name):
        raise Conflict(f"{name!r} is an alias of {other}; give the model another name.", param="name")
    shapes: dict[str, Shape] = {}
    for path in weights:
        shapes |= tensor_shapes(path)
    own = sum(prod(shape) for shape in shapes.values())
    if own < 1:
        raise Unprocessable(
            f"{source.name}: {', '.join(path.name for path in weights)} holds no numbers; nothing was imported."
        )
    lineage = stands_on or (catalog.find(base) if base else None)
    parent = lineage.id if lineage else told.parent if told else None
    digest = lineage.digest if lineage else told.parent_digest if told else None
    method: Method = "lora" if stands_on else "pretrained" if kind == "general" else "full"
    if told and not stands_on and told.method not in ("lora", "pretrained") and kind == "custom":
        method = told.method
    first = Card(
        name=name,
        version=max((version.card.version + 1 for version in same), default=1),
        kind=kind,
        method=method,
        parent=parent,
        parent_digest=digest,
        context=_context(source, stands_on, told, context),
        parameters=own + (stands_on.card.parameters if stands_on else 0),
        summary=f"Imported from {source.absolute().name}.",
        domain="general" if kind == "general" else name,
        licence=lineage.card.licence if lineage else "",
        sources=lineage.card.sources if lineage else (),
    )
    if told is None:
        return first
    kept = ("domain", "summary", "licence", "tasks", "made", "sources")
    return first.model_copy(update={field: getattr(told, field) for field in kept})


def _context(source: Path, stands_on: ModelVersion | None, told: Card | None, wanted: int | None) -> int:
    """Tokens: as wanted, else as its card says, else all that its configuration can."""
    if stands_on is not None:
        most: int | None = stands_on.card.context
    else:
        config = _json(source / MODEL_CONFIG)
        nested = config.get("text_config")
        text = nested if isinstance(nested, dict) else config
        most = next((tokens for key in LONGEST if (tokens := _tokens(text, key))), None)
        window = _tokens(text, "sliding_window")
        if most and window and text.get("use_sliding_window", True):
            most = min(most, window)
    if wanted and most and wanted > most:
        raise Unprocessable(f"The model reads at most {most:,} tokens; lower --context.", param="context")
    known = min(told.context, most or told.context) if told else most
    return wanted or known or DEFAULT_CONTEXT


def _tokens(config: dict[str, Any], key: str) -> int | None:
    """None where it tells none, or nothing above 0."""
    value = config.get(key)
    if value is not None and type(value) is not int:  # true is an int too
        raise Unprocessable(f"{MODEL_CONFIG}: {key} is {json.dumps(value)[:40]}, no number of tokens; nothing was imported.")
    return value if value and value > 0 else None


def _refuse_broken(version: ModelVersion, try_out: Callable[[ModelVersion], None]) -> None:
    """On the copy, so that what was tried is what is kept."""
    problem = problem_with(version.folder, version.base.folder) if version.base else None
    if problem is None:
        try:
            try_out(version)
        except Unavailable as error:
            problem = error.message.rstrip(".")
    if problem is not None:
        raise Unprocessable(f"It cannot be served, so it was not imported: {problem}.")


def _own_card(source: Path) -> Card | None:
    """The card of a folder that Versus exported."""
    if not (source / CARD_FILE).is_file():
        return None
    try:
        return read_card(source / CARD_FILE)
    except SetupError as error:
        raise Unprocessable(f"{error.message}, or remove it: the model can be imported without.") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise Unprocessable(f"{path.name} cannot be read ({_why(error)}); nothing was imported.") from error
    if not isinstance(found, dict):
        raise Unprocessable(f"{path.name} holds no JSON object; nothing was imported.")
    return found


def _why(error: Exception) -> str | None:
    return error.strerror if isinstance(error, OSError) else str(error)  # without the path


def _check_room(files: list[Path], root: Path) -> None:
    needed = sum(path.stat().st_size for path in files) + SPARE
    free = shutil.disk_usage(next(path for path in (root, *root.absolute().parents) if path.exists())).free
    if needed > free:
        raise TooLarge(
            f"The model needs {needed / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB free; make room, or set "
            "VERSUS_DATA_DIR to a larger disk."
        )
