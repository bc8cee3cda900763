"""`make perf`: prints the speed that users feel, beside what it should be; run it on a machine that does nothing else.

The time from a fresh clone to a verdict is that of `make demo ARGS=--exit` in a new clone.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.perf import bench, data, report, serving, training
from tests.perf import statistics as numbers
from tests.perf.peers import one_row_per_label
from tests.perf.service import ROOT, service

CLAIM = (
    "Insured reports that in the night a supply line under the kitchen sink burst while the family slept. Water ran for "
    "about six hours, soaked the cabinets and the oak floor, and dripped into the basement."
)


def main() -> None:
    """All parts, or those that are named: start, serving, training, data, bench, statistics, report."""
    parts = {
        "start": start,
        "serving": serving.rows,
        "training": training.rows,
        "data": data.rows,
        "bench": bench.rows,
        "statistics": numbers.rows,
        "report": report.rows,
    }
    for name in sys.argv[1:] or [*parts]:
        for what, measured, wanted in parts[name]():
            sys.stdout.write(f"{what:<60}{measured:>12}  {wanted}\n")
            sys.stdout.flush()


def start() -> Iterator[tuple[str, str, str]]:
    rows = [("versus --help", f"{help_seconds():.2f} s", "under 0.5 s")]
    with tempfile.TemporaryDirectory() as folder:
        with service(Path(folder)):
            pass
        with service(Path(folder)) as (url, seconds):
            rows.append(("versus serve, second start until /readyz", f"{seconds:.1f} s", "at most 10 s"))
            rows.extend(classify(url))
        with service(Path(folder), VERSUS_EMBEDDED="false") as (_, seconds):
            rows.append(("the same without the embedded engine", f"{seconds:.1f} s", ""))
    yield from rows


def help_seconds() -> float:
    """The best of five, so that the disk's cache is warm."""
    times = []
    for _ in range(5):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "app.cli", "--help"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return min(times)


def classify(url: str, warm: int = 20, calls: int = 200) -> Iterator[tuple[str, str, str]]:
    """One claim at a time, as a single caller does; then many in one request."""
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        labels = client.get("/v1/benchmarks/claims-type").raise_for_status().json()["labels"]
        tokens = client.post("/tokenize", json={"model": "general", "prompt": CLAIM}).raise_for_status().json()["count"]
        body = {"model": "general", "input": CLAIM, "labels": labels}
        times = []
        for _ in range(warm + calls):
            started = time.perf_counter()
            client.post("/v1/classify", json=body).raise_for_status()
            times.append(1000 * (time.perf_counter() - started))
        times = times[warm:]
        what = f"POST /v1/classify, {tokens} tokens, {len(labels)} labels"
        yield f"{what}, p50", f"{statistics.median(times):.1f} ms", "under 30 ms"
        yield f"{what}, p95", f"{statistics.quantiles(times, n=20)[-1]:.1f} ms", f"n = {calls}"
        alone = one_row_per_label(ROOT / "models" / "general", CLAIM, labels)
        yield "the same by transformers alone, a row per label", f"{1000 * alone:.1f} ms", "n = 10"
        started = time.perf_counter()
        many = client.post("/v1/classify", json=body | {"input": [f"{number}: {CLAIM}" for number in range(64)]})
        many.raise_for_status()
        yield "the same, 64 claims in one request", f"{64 / (time.perf_counter() - started):.0f} claims/s", ""


if __name__ == "__main__":
    main()
