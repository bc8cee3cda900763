"""`versus report` as a person types it, against a service with one run that is over and one that is not."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from app.database.migrations import upgrade
from app.main import create_app
from app.settings import Settings
from tests.benchmarks.report.stored import store_run
from tests.server import serve


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report-cli")


@pytest.fixture(scope="module")
def settings(home: Path) -> Settings:
    (home / "models").mkdir()
    return Settings(data_dir=home / "var", models_dir=home / "models", embedded=False, embedded_worker=False)


@pytest.fixture(scope="module")
def run(settings: Settings) -> str:
    upgrade(settings.database)
    return asyncio.run(store_run(settings.database))


@pytest.fixture(scope="module")
def url(settings: Settings, run: str) -> Iterator[str]:
    with serve(create_app(settings)) as url:
        yield url


@pytest.fixture(autouse=True)
def here(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VERSUS_API_URL", url)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, ["report", *words])


def test_a_page_is_written_here_under_the_name_of_the_run(run: str, here: Path) -> None:
    done = invoke(run)
    assert done.exit_code == 0
    assert done.stdout.strip() == f"{run}.html"
    page = (here / f"{run}.html").read_text(encoding="utf-8")
    assert "Verdict: " in page
    assert f"Run {run}" in page
    assert "SHA-256 abababababababab" in page
    assert [path.name for path in here.iterdir()] == [f"{run}.html"], "no half-written file is left"


def test_a_file_that_is_there_is_not_written_over_without_force(run: str, here: Path) -> None:
    kept = here / "report.md"
    kept.write_text("mine")
    refused = invoke(run, "--format", "md", "--out", "report.md")
    assert refused.exit_code == 2
    assert "--force" in refused.stderr
    assert kept.read_text() == "mine"
    assert invoke(run, "--format", "md", "--out", "report.md", "--force").exit_code == 0
    assert kept.read_text().startswith("# claims-type")
    assert "is a folder" in invoke(run, "--out", str(here)).stderr


def test_what_is_no_page_goes_to_the_terminal(run: str, here: Path) -> None:
    assert "| claims@1 |" in invoke(run, "--format", "md").stdout
    assert invoke(run, "--format", "csv").stdout.startswith("arm,kind,")
    assert json.loads(invoke(run, "--format", "json").stdout) == json.loads(invoke(run, "--format", "md", "--json").stdout)
    assert list(here.iterdir()) == []


def test_machines_are_told_where_it_was_written(run: str, here: Path) -> None:
    told = json.loads(invoke(run, "--format", "pack", "--out", "deep/er/pack.html", "--json").stdout)
    file = here / "deep/er/pack.html"
    assert told == {"run": run, "format": "pack", "file": "deep/er/pack.html", "bytes": file.stat().st_size}
    assert "To be written:" in file.read_text(encoding="utf-8")


def test_a_report_that_is_to_be_opened_is_a_file(run: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("typer.launch", opened.append)
    assert invoke(run, "--format", "md", "--open").exit_code == 0
    assert opened == [str(here / f"{run}.md")]
    assert invoke(run, "--format", "csv").exit_code == 0
    assert len(opened) == 1


def test_texts_of_cases_are_shown_as_asked_for(run: str) -> None:
    page = invoke(run, "--format", "md", "--examples", "2").stdout
    assert page.count("tells of") == 4
    assert "2 of " in page
    assert "tells of" not in invoke(run, "--format", "md", "--examples", "0").stdout


def test_a_run_that_is_not_there_or_no_service_ends_with_a_sentence(run: str, here: Path) -> None:
    missing = invoke("run_none")
    assert (missing.exit_code, "There is no run 'run_none'" in missing.stderr) == (2, True)
    assert invoke("../../keys").exit_code == 2
    lost = invoke(run, "--url", "http://127.0.0.1:9")
    assert (lost.exit_code, "versus serve" in lost.stderr) == (2, True)
    assert list(here.iterdir()) == []


def test_the_route_gives_each_form_its_type_and_refuses_what_it_does_not_know(url: str, run: str) -> None:
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:

        def get(**query: str) -> httpx.Response:
            return client.get(f"/v1/runs/{run}/report", params=query)

        kinds = {form: get(format=form).headers["content-type"] for form in ("html", "md", "csv", "json", "pack", "pack-md")}
        assert kinds["html"] == kinds["pack"] == "text/html; charset=utf-8"
        assert kinds["md"] == kinds["pack-md"] == "text/markdown; charset=utf-8"
        assert kinds["csv"] == "text/csv; charset=utf-8"
        assert kinds["json"].startswith("application/json")
        assert get().text == get(format="html").text
        for refused in (get(format="pdf"), get(examples="51"), get(exmples="1")):
            assert refused.status_code == 422
        page = get(format="pack-md").text
        assert "versus bench claims-type --models general@1,custom@1 --baselines majority --limit 60 --seed 7" in page
        assert str(Path.cwd()) not in page
