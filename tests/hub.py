"""A hub on this machine that speaks the Hugging Face protocol as far as models are fetched: info, files, ranges, redirects."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = ".safetensors"  # kept apart from the small files, with the SHA-256 known, as a hub does


@dataclass
class Repository:
    """Files by name, and what the hub says about them."""

    files: dict[str, bytes]
    card: dict[str, Any] = field(default_factory=dict)
    commit: str = COMMIT
    revisions: tuple[str, ...] = ("main", "v1")
    gated: bool = False  # whoever sends no token may not read it
    damaged: str = ""  # the file that comes with other bytes than it should

    @classmethod
    def of(cls, folder: Path, **options: Any) -> "Repository":
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != "card.toml"}
        return cls(files, **({"card": {"license": "apache-2.0"}} | options))


class StandInHub:
    """Repositories by name; what was asked, and how many bytes went out."""

    def __init__(self) -> None:
        self.url = self.storage = ""  # large files come from another server, which must not see tokens
        self.repositories: dict[str, Repository] = {}
        self.asked: list[str] = []
        self.ranges: list[str] = []
        self.tokens: list[str] = []  # that the storage saw
        self.status = 0  # answer everything with it
        self.cut_after: dict[str, int] = {}  # a file's connection ends after so many bytes, once


class _Handler(BaseHTTPRequestHandler):
    hub: StandInHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *words: Any) -> None:
        """Silent."""

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        self.hub.asked.append(f"{self.command} {path}")
        if self.hub.status:
            return self._send(self.hub.status)
        if path.startswith("api/models/"):
            name, _, revision = path.removeprefix("api/models/").partition("/revision/")
            return self._info(name, revision or "main")
        if path.startswith("lfs/"):
            name, _, file = path.removeprefix("lfs/").rpartition("/")
            if "authorization" in self.headers:
                self.hub.tokens.append(self.headers["authorization"])
            return self._file(self.hub.repositories[name], file, with_body=with_body)
        name, _, rest = path.partition("/resolve/")
        revision, _, file = rest.partition("/")
        repository = self._find(name, revision)
        if repository is None:
            return None
        headers = {"X-Repo-Commit": repository.commit}
        if file not in repository.files:
            return self._send(404, {"X-Error-Code": "EntryNotFound"} | headers)
        if file.endswith(LARGE):
            content = repository.files[file]
            linked = {"X-Linked-Etag": f'"{_sha256(content)}"', "X-Linked-Size": str(len(content))}
            return self._send(302, headers | linked | {"Location": f"{self.hub.storage}/lfs/{name}/{file}"})
        return self._file(repository, file, headers, with_body=with_body)

    def _find(self, name: str, revision: str) -> Repository | None:
        """None where the refusal has been sent."""
        repository = self.hub.repositories.get(name)
        if repository is None:  # a hub does not tell strangers what is private and what is not there
            return self._send(401, {"X-Error-Code": "RepoNotFound"})
        if repository.gated and "authorization" not in self.headers:
            return self._send(401, {"X-Error-Code": "GatedRepo"})
        if repository.gated and self.headers["authorization"] != "Bearer friend":
            return self._send(403, {"X-Error-Code": "GatedRepo"})
        if revision not in (*repository.revisions, repository.commit):
            return self._send(404, {"X-Error-Code": "RevisionNotFound"})
        return repository

    def _info(self, name: str, revision: str) -> None:
        repository = self._find(name, revision)
        if repository is None:
            return
        siblings: list[dict[str, Any]] = []
        for file, content in repository.files.items():
            large = {"lfs": {"sha256": _sha256(content), "size": len(content), "pointerSize": 130}}
            about = {"rfilename": file, "size": len(content), "blobId": _sha1(content)}
            siblings.append(about | (large if file.endswith(LARGE) else {}))
        info = {"id": name, "modelId": name, "sha": repository.commit, "siblings": siblings, "tags": []}
        if repository.card:
            info |= {"cardData": repository.card, "tags": [f"license:{repository.card.get('license', '')}"]}
        self._send(200, {"Content-Type": "application/json"}, json.dumps(info).encode())

    def _file(self, repository: Repository, file: str, headers: dict[str, str] | None = None, *, with_body: bool) -> None:
        content = repository.files[file]
        etag = {"ETag": f'"{_sha256(content) if file.endswith(LARGE) else _sha1(content)}"'}
        if repository.damaged == file:
            content = bytes(len(content))
        status, first, more = 200, 0, {}
        if asked := self.headers.get("range"):
            self.hub.ranges.append(asked)
            first = int(asked.removeprefix("bytes=").split("-")[0])
            status, more = 206, {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"}
        self._send(status, (headers or {}) | etag | more, content[first:], file=file, with_body=with_body)

    def _send(
        self,
        status: int,
        headers: dict[str, str] | None = None,
        content: bytes = b"",
        *,
        file: str = "",
        with_body: bool = True,
    ) -> None:
        self.send_response(status)
        for name, value in ((headers or {}) | {"Content-Length": str(len(content))}).items():
            self.send_header(name, value)
        self.end_headers()
        if not with_body:
            return
        most = self.hub.cut_after.pop(file, len(content))
        self.wfile.write(content[:most])
        if most < len(content):
            self.close_connection = True


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


@contextmanager
def stand_in_hub() -> Iterator[StandInHub]:
    """On two free ports; both have ended when this returns."""
    hub = StandInHub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with _listening(handler) as hub.url, _listening(handler) as hub.storage:
        yield hub


@contextmanager
def _listening(handler: type[_Handler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
