"""Models from a hub that speaks the Hugging Face protocol: looked up, checked and fetched at one commit, never any code.

1. `look_up`: one request tells the commit, the licence and every file with its size.
2. `fetch`: small files first, so that what cannot be served is told before gigabytes come; what has come is not fetched again.
3. The folder gets its final name (shelf.py) when everything in it is whole.

The library reads HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE itself; nothing is kept in its cache.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.errors import HTTPError as Unreached  # type: ignore[attr-defined]  # its HTTP client's, whichever that is
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers, tqdm  # type: ignore[attr-defined]  # in its documentation

from app.catalog.cards import CARD_FILE, NAME_PATTERN, Card, read_card
from app.errors import Conflict, NotFound, SetupError, TooLarge, Unavailable, Unprocessable, VersusError

PREFIX = "hf:"
SOURCE = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[^\s@]+))?")
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
# Licences that let anyone use, change and pass on the weights for any purpose; others are the user's to read.
PERMISSIVE = {
    *("apache-2.0", "mit", "bsd", "bsd-2-clause", "bsd-3-clause", "bsd-3-clause-clear", "isc", "zlib", "unlicense"),
    *("cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "odc-by", "pddl", "cdla-permissive-1.0"),
    *("cdla-permissive-2.0", "ms-pl", "bsl-1.0", "postgresql", "ncsa", "afl-3.0", "ecl-2.0", "wtfpl"),
}
SETTINGS = (
    *("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    *("added_tokens.json", "vocab.json", "merges.txt", "chat_template.jinja"),
)
NOTES = re.compile(r"(README\.md|(LICEN[SC]E|NOTICE|USE_POLICY)[\w.-]*)", re.IGNORECASE)
TOKENIZERS = ({"tokenizer.json"}, {"vocab.json", "merges.txt"})  # any of these sets will do
TIMEOUT_S = 30.0  # for the hub to say something
SPARE = 64 * 2**20  # bytes that stay free on the disk


@dataclass(frozen=True)
class HubFile:
    """A file of a repository; `sha256` is known for the large ones."""

    name: str
    bytes: int
    sha256: str | None = None


@dataclass(frozen=True)
class HubModel:
    """A repository at one commit."""

    repo: str
    commit: str
    licence: str  # as its card names it; empty: none
    terms: str  # where the licence is to be read, as its card says; may be empty
    files: tuple[HubFile, ...]

    @property
    def source(self) -> str:
        return f"{PREFIX}{self.repo}@{self.commit}"

    @property
    def permissive(self) -> bool:
        return self.licence.lower() in PERMISSIVE

    @property
    def settings(self) -> tuple[HubFile, ...]:
        """The small files: configuration, tokenizer, licence, its makers' notes."""
        return tuple(file for file in self.files if file.name in (*SETTINGS, INDEX) or NOTES.fullmatch(file.name))

    def weights(self, folder: Path) -> tuple[HubFile, ...]:
        """The safetensors files to fetch; where there are several, the index in `folder` names them. Raises Unprocessable."""
        by_name = {file.name: file for file in self.files}
        if WEIGHTS in by_name:
            return (by_name[WEIGHTS],)
        try:
            names = sorted({*json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values()})
            safetensors = {name: file for name, file in by_name.items() if name.endswith(".safetensors")}
            return tuple(safetensors[name] for name in names)
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise Unprocessable(f"{INDEX} of {self.repo} does not name files of that repository; nothing was added.") from error


def look_up(source: str) -> HubModel:
    """What the hub has under `hf:ORG/NAME[@revision]`. Raises VersusError with a sentence for each way in which it has not."""
    match = SOURCE.fullmatch(source)
    if match is None:
        raise Unprocessable(f"{source!r} names no model; write hf:ORG/NAME or hf:ORG/NAME@REVISION.")
    repo, revision = match["repo"], match["revision"]
    with _told(repo, revision):
        info = HfApi(endpoint=_endpoint()).model_info(repo, revision=revision, files_metadata=True, timeout=TIMEOUT_S)
    data: Any = info.card_data
    card: dict[str, Any] = data.to_dict() if data else {}
    licence = card.get("license") or next((tag[8:] for tag in info.tags or () if tag.startswith("license:")), "")
    licence = ", ".join(licence) if isinstance(licence, list) else str(licence)
    if licence == "other" and card.get("license_name"):
        licence = str(card["license_name"])
    files = tuple(
        HubFile(sibling.rfilename, sibling.size or 0, sibling.lfs.sha256 if sibling.lfs else None)
        for sibling in info.siblings or ()
        if "/" not in sibling.rfilename and "\\" not in sibling.rfilename  # the model is at the top; paths lead nowhere else
    )
    if not re.fullmatch(r"[0-9a-f]{40}", info.sha or ""):
        raise Unavailable(f"The hub does not tell at which commit {repo} is, so it cannot be pinned; nothing was added.")
    model = HubModel(repo, str(info.sha), licence, str(card.get("license_link") or ""), files)
    _check_files(model)
    return model


def _check_files(model: HubModel) -> None:
    names = {file.name for file in model.files}
    if "adapter_config.json" in names and "config.json" not in names:
        raise Unprocessable(f"{model.repo} is an adapter, not a model; add the base that its card names.")
    if not names & {WEIGHTS, INDEX}:
        others = sorted(name for name in names if name.endswith((".bin", ".pt", ".pth", ".gguf", ".ckpt", ".h5", ".onnx")))
        has = f"; it has {', '.join(others[:3])}, which are not read here" if others else ""
        raise Unprocessable(f"{model.repo} has no safetensors weights{has}. Choose a repository or a revision that has them.")
    if "config.json" not in names:
        raise Unprocessable(f"{model.repo} has no config.json, so what its weights compute is not known.")
    if not any(needed <= names for needed in TOKENIZERS):
        raise Unprocessable(
            f"{model.repo} has no tokenizer that is read here (tokenizer.json, or vocab.json with merges.txt); "
            "choose a repository that has one."
        )


def check_room(folder: Path, files: Sequence[HubFile]) -> None:
    """Raises TooLarge where the disk won't hold what is still to come."""
    missing = [file for file in files if not _is_whole(folder / file.name, file)]
    parts = [folder / f"{file.name}.part" for file in missing]
    needed = sum(file.bytes for file in missing) - sum(part.stat().st_size for part in parts if part.is_file()) + SPARE
    free = shutil.disk_usage(next(path for path in (folder, *folder.absolute().parents) if path.exists())).free
    if needed > free:
        raise TooLarge(
            f"The model needs {needed / 1e6:,.0f} MB more and the disk has {free / 1e6:,.0f} MB free; make room, or set "
            "VERSUS_DATA_DIR to a larger disk."
        )


def fetch(model: HubModel, files: Sequence[HubFile], folder: Path, on_bytes: Callable[[int], None] = lambda _: None) -> None:
    """Bring files into `folder`, each whole or not at all; `on_bytes` is told how many more have come.

    A file that is there with its size stays, and one that came in part goes on where it stopped. Raises VersusError.
    """
    with _told(model.repo, model.commit):
        folder.mkdir(parents=True, exist_ok=True)
        for file in files:
            if _is_whole(folder / file.name, file):
                on_bytes(file.bytes)
            else:
                _bring(model, file, folder, on_bytes)


def _bring(model: HubModel, file: HubFile, folder: Path, on_bytes: Callable[[int], None]) -> None:
    """The library's own download keeps no part of a file for the next command, so that here is made of its pieces."""

    class Bar(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **(options | {"disable": True}))  # type: ignore[no-untyped-call]

        def update(self, n: float | None = 1) -> bool | None:
            on_bytes(int(n or 0))
            return None

    url = hf_hub_url(model.repo, file.name, revision=model.commit, endpoint=_endpoint())
    place = get_hf_file_metadata(url, endpoint=_endpoint(), timeout=TIMEOUT_S).location
    headers = build_hf_headers()
    if urlsplit(place)[:2] != urlsplit(url)[:2]:
        headers.pop("authorization", None)  # the storage's address is signed; the token is for the hub alone
    part = folder / f"{file.name}.part"
    if part.is_file() and part.stat().st_size > file.bytes:
        part.unlink()
    with part.open("ab") as opened:
        here = opened.tell()
        on_bytes(here)
        http_get(place, opened, resume_size=here, headers=headers, expected_size=file.bytes, tqdm_class=Bar)
    if file.sha256 and _sha256(part) != file.sha256:
        part.unlink()
        raise Unavailable(f"{file.name} of {model.repo} came damaged (its SHA-256 differs); run the command again.")
    part.rename(folder / file.name)


@contextmanager
def only_one(folder: Path, repo: str) -> Iterator[None]:
    """Raises Conflict while another command fetches the same, and SetupError where nothing can be written."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        file = folder.with_name(f"{folder.name}.lock").open("w")
    except OSError as error:
        raise SetupError(
            f"The data folder cannot be written ({error.strerror}); set VERSUS_DATA_DIR to one that can."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"Another command adds {repo} at this moment; wait for it.") from error
        yield


def find_added(root: Path, source: str) -> Card | None:
    """The card of what was added from this very commit."""
    for path in sorted(root.glob(f"*/*/{CARD_FILE}")):
        try:
            card = read_card(path)
        except SetupError:
            continue  # the catalog tells about it
        if card.method == "pretrained" and source in card.sources:
            return card
    return None


def default_name(repo: str) -> str:
    """The repository's own name, as the catalog writes names."""
    name = re.sub(r"[^a-z0-9._-]+", "-", repo.split("/")[1].lower()).lstrip("._-")[:100]
    if not re.fullmatch(NAME_PATTERN, name):
        raise Unprocessable(f"{repo} gives no name for the catalog; choose one with --name.")
    return name


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None  # None: the library's own


def _is_whole(path: Path, file: HubFile) -> bool:
    return path.is_file() and path.stat().st_size == file.bytes


def _sha256(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@contextmanager
def _told(repo: str, revision: str | None) -> Iterator[None]:
    """The library's errors in our words."""
    try:
        yield
    except VersusError:
        raise
    except GatedRepoError as error:
        raise SetupError(
            f"{repo} is gated: accept its terms on its page, then set HF_TOKEN to a token of an account that may read it."
        ) from error
    except RevisionNotFoundError as error:
        raise NotFound(f"{repo} has no revision {revision!r}; name a branch, a tag or a whole commit hash.") from error
    except RepositoryNotFoundError as error:
        raise NotFound(f"There is no model {repo} on the hub, or it is private: check the name, or set HF_TOKEN.") from error
    except HFValidationError as error:
        raise Unprocessable(f"{repo!r} names no model; write hf:ORG/NAME or hf:ORG/NAME@REVISION.") from error
    except OfflineModeIsEnabled as error:
        raise SetupError("HF_HUB_OFFLINE is set, so nothing is fetched; unset it to add a model.") from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise SetupError(
                f"The hub does not let this account read {repo} ({status}); set HF_TOKEN to one that may."
            ) from error
        raise Unavailable(f"The hub answers {status} for {repo}; try again later.") from error
    except (Unreached, EntryNotFoundError, ConnectionError) as error:
        raise Unavailable(
            f"The hub cannot be reached for {repo}; check the network, or set HF_ENDPOINT to a mirror that you reach."
        ) from error
    except OSError as error:
        if error.errno is None:  # the library says so of sizes that differ
            raise Unavailable(f"A file of {repo} did not come whole; run the command again.") from error
        raise SetupError(f"{repo} cannot be written ({error.strerror}); make room, or set VERSUS_DATA_DIR.") from error
