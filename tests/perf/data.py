"""What a team's file costs: 100,000 rows of CSV (and Parquet) uploaded, cleaned, split, searched for near copies and stored."""

import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx

from tests.perf.service import ROOT, service

ROWS = 100_000
WORDS = 40  # of a row, about as an injury report has them
_NEAR_COPIES = 500


def rows() -> Iterator[tuple[str, str, str]]:
    """CSV by REST, without and with the embedded engine in the process, by the command line, and then as Parquet."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table, parquet = folder / "claims.csv", folder / "claims.parquet"
        write(table)
        what = f"{ROWS:,} rows of CSV ({table.stat().st_size / 1e6:.0f} MB)"
        with service(folder / "rest", VERSUS_EMBEDDED="false") as (url, _):
            yield f"{what}, POST /v1/datasets", f"{upload(url, table):.1f} s", "under 30 s"
            yield "the service's memory at its peak", f"{memory_mb(serving_at(url), 'VmHWM'):.0f} MB", "under 500 MB"
        with service(folder / "engine") as (url, _):
            before = settled_mb(serving_at(url))
            yield "the same where the service also runs the models", f"{upload(url, table):.1f} s", "under 30 s"
            more = memory_mb(serving_at(url), "VmHWM") - before
            yield "what its memory grows by", f"{more:.0f} MB", f"from {before:.0f} MB with the general model loaded"
        seconds, memory = added(table, folder / "cli")
        yield f"{what}, versus data add", f"{seconds:.1f} s", "under 30 s"
        yield "its memory at its peak", f"{memory:.0f} MB", "under 500 MB"
        to_parquet(table, parquet)
        seconds, memory = added(parquet, folder / "parquet")
        yield f"the same as Parquet ({parquet.stat().st_size / 1e6:.0f} MB), versus data add", f"{seconds:.1f} s", ""
        yield "its memory at its peak", f"{memory:.0f} MB", ""


def write(path: Path) -> None:
    """Made-up reports: words by rank as in natural text, 20 labels, 500 rows that are nearly another."""
    rng = random.Random(0)
    vocabulary = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(20_000)]
    weights = [1 / (rank + 10) for rank in range(len(vocabulary))]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "day"])
        text = ""
        for number in range(ROWS):
            text = " ".join(rng.choices(vocabulary, weights, k=WORDS)) if number % (ROWS // _NEAR_COPIES) else f"{text} again"
            writer.writerow([text, f"label {number % 20}", f"2026-{number % 12 + 1:02}-{number % 28 + 1:02}"])


def to_parquet(table: Path, parquet: Path) -> None:
    from pyarrow import csv as arrow_csv
    from pyarrow import parquet as arrow_parquet

    arrow_parquet.write_table(arrow_csv.read_csv(table), parquet)


def upload(url: str, path: Path) -> float:
    started = time.perf_counter()
    with path.open("rb") as file, httpx.Client(base_url=url, trust_env=False, timeout=120) as client:
        answer = client.post("/v1/datasets", files={"file": (path.name, file)}, data={"text": "text", "label": "label"})
    assert answer.status_code == 201, answer.text
    assert answer.json()["rows"] == ROWS
    return time.perf_counter() - started


def serving_at(url: str) -> Path:
    """The folder of the process that serves `url` (Linux)."""
    port = url.rpartition(":")[2].encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if {b"serve", port} <= set((folder / "cmdline").read_bytes().split(b"\0")):
                return folder
    sys.exit(f"No process serves {url}.")


def memory_mb(process: Path, what: str) -> float:
    """VmRSS, now, or VmHWM, at its peak."""
    lines = (process / "status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))


def settled_mb(process: Path) -> float:
    """When the models are warm: no change within 4 s."""
    before = 0.0
    while (now := memory_mb(process, "VmRSS")) != before:
        before = now
        time.sleep(4)
    return now


def added(path: Path, folder: Path) -> tuple[float, float]:
    """Seconds and the most memory, MB."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "app.cli", "data", "add", str(path), "--text", "text", "--label", "label", "--json"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"VERSUS_DATA_DIR": str(folder)}, stdout=subprocess.DEVNULL)
    most = 0.0
    while process.poll() is None:
        # What the system counts for an ended child includes the parent before the child became another program.
        with suppress(StopIteration, FileNotFoundError, ProcessLookupError):
            most = memory_mb(Path("/proc") / str(process.pid), "VmHWM")
        time.sleep(0.02)
    assert process.returncode == 0
    return time.perf_counter() - started, most
