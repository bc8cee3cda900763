"""What the service says about itself: alive, ready, measured, documented, and its front page."""

import asyncio
import re
from pathlib import Path

from app.database.session import connect, transaction
from app.jobs import store
from app.settings import Settings
from tests.web.conftest import Start


async def _worker_seen(settings: Settings) -> None:
    database = connect(settings.database)
    async with transaction(database) as session:
        await store.seen(session, "local", "1", ["training"])
    await database.close()


def test_ready_once_migrated_with_a_model_and_a_worker(start: Start) -> None:
    client = start()
    waiting = client.get("/readyz")
    assert waiting.status_code == 503
    assert waiting.json()["checks"]["database"] == "ok"
    assert "versus worker" in waiting.json()["checks"]["worker"]

    asyncio.run(_worker_seen(client.app.state.settings))  # type: ignore[attr-defined]
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")


def test_not_ready_tells_each_reason(start: Start, tmp_path: Path) -> None:
    card = tmp_path / "models" / "general" / "card.toml"
    card.write_text(card.read_text().replace('kind = "general"', 'kind = "genral"'))
    checks = start(migrated=False).get("/readyz").json()["checks"]
    assert "versus db upgrade" in checks["database"]
    assert "mend the card" in checks["model"]
    assert start(migrated=False).get("/healthz").json()["status"] == "ok"  # alive all the same


def test_metrics_count_requests_by_route_not_by_path(start: Start) -> None:
    client = start()
    for name in ("general", "general@1", "nobody"):
        client.get(f"/v1/models/{name}")
    client.get("/no/such/route")
    text = client.get("/metrics").text
    counted = dict(re.findall(r'versus_requests_total\{method="(?:\w+)",route="([^"]+)",status="200"\} (\S+)', text))
    assert counted["/v1/models/{model}"] == "2.0"
    assert 'route="/v1/models/{model}",status="404"} 1.0' in text
    assert "nobody" not in text
    assert "/no/such/route" not in text


def test_the_docs_page_loads_nothing_from_elsewhere(start: Start) -> None:
    client = start()
    page = client.get("/docs").text
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert addresses
    assert all(address.startswith("/") for address in addresses)
    assert "://" not in page.replace("http://www.w3.org", "")
    for address in addresses:
        assert client.get(address).status_code == 200, address
    assert client.get("/openapi.json").json()["info"]["title"] == "Versus"


def test_every_route_of_the_api_has_a_sentence_in_the_docs(start: Start) -> None:
    paths = start().get("/openapi.json").json()["paths"]
    assert {"/healthz", "/v1/chat/completions", "/v1/classify", "/v1/compare", "/v1/datasets", "/v1/runs/{run_id}"} <= set(
        paths
    )
    silent = [
        f"{method} {path}" for path, methods in paths.items() for method, told in methods.items() if not told.get("description")
    ]
    assert silent == []


def test_the_front_page_shows_models_and_comparisons(start: Start) -> None:
    client = start()
    before = client.get("/").text
    assert "general@1" in before
    assert "claims@1" in before
    assert "None yet" in before
    made = client.post("/v1/compare", json={"models": ["general", "claims"], "prompt": "<b>smoke</b>", "max_tokens": 4})
    assert made.status_code == 200, made.text
    after = client.get("/").text
    assert f"/v1/comparisons/{made.json()['id']}" in after
