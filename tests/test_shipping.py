"""What is shipped around the code: settings for operators, compose files, the lock file."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.settings import Settings

ROOT = Path(__file__).parents[1]
COMPOSE_ONLY = {"VERSUS_PUBLISH"}
# What the image or the compose file itself decides.
FIXED_IN_COMPOSE = {"data_dir", "models_dir", "host", "port", "api_url", "embedded_worker", "worker_id"}


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"VERSUS_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)  # where no .env lies


def example() -> dict[str, tuple[str, str]]:
    """Variable -> (value, the comment above it)."""
    found = re.findall(r"((?:^# (?!VERSUS_).*\n)+)# (VERSUS_\w+)=(.*)$", (ROOT / ".env.example").read_text(), flags=re.M)
    return {name: (value, comment) for comment, name, value in found}


def compose(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return {key: value for key, value in loaded.items() if not key.startswith("x-")}


def test_the_example_names_every_setting_once_and_nothing_else() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    named = [line.removeprefix("# ").partition("=")[0] for line in lines if re.match(r"(# )?\w+=", line)]
    assert sorted(named) == sorted({f"VERSUS_{name.upper()}" for name in Settings.model_fields} | COMPOSE_ONLY)
    assert sorted(example()) == sorted(named)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_example_tells_the_default_and_the_meaning_of(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value, comment = example()[f"VERSUS_{name.upper()}"]
    monkeypatch.setenv(f"VERSUS_{name.upper()}", value)
    assert getattr(Settings(), name) == Settings.model_fields[name].default
    said, meant = " ".join(comment.replace("#", "").split()).lower(), (Settings.model_fields[name].description or "").lower()
    assert meant in said


def test_the_example_as_it_stands_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text((ROOT / ".env.example").read_text())
    assert Settings() == Settings.model_construct()


def test_a_setting_in_the_file_reaches_the_services_of_compose() -> None:
    services = compose("docker-compose.yml")["services"]
    for service in ("api", "worker", "migrate"):
        handed = {name.removeprefix("VERSUS_").lower() for name in services[service]["environment"]}
        assert handed >= set(Settings.model_fields) - FIXED_IN_COMPOSE
        assert handed <= set(Settings.model_fields)


def test_the_compose_file_without_a_gpu_differs_by_the_gpu_only() -> None:
    with_gpu = compose("docker-compose.yml")
    for service in ("api", "worker"):
        devices = with_gpu["services"][service].pop("deploy")["resources"]["reservations"]["devices"]
        assert [device["capabilities"] for device in devices] == [["gpu"]]
    assert with_gpu == compose("docker-compose.cpu.yml")


def test_no_compose_file_holds_a_password() -> None:
    services = compose("docker-compose.yml")["services"]
    assert services["postgres"]["environment"].keys() == {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD_FILE"}
    assert services["api"]["environment"]["VERSUS_ENVIRONMENT"] == "production"
    url = re.fullmatch(r"\$\{VERSUS_DATABASE_URL:-(.*)\}", services["api"]["environment"]["VERSUS_DATABASE_URL"])
    assert url is not None
    assert Settings(environment="production", database_url=url[1]).database.startswith("postgresql+psycopg://versus@postgres")


def test_everything_that_the_image_copies_is_let_into_its_context() -> None:
    let_in = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (.+) \S+$", (ROOT / "Dockerfile").read_text(), flags=re.M)
    assert {path.partition("/")[0] for paths in copied for path in paths.split()} == let_in
    assert all((ROOT / path).exists() for path in let_in)


def test_the_lock_file_pins_each_dependency_within_its_range() -> None:
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if line]
    pins = {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}
    assert len(pins) == len(lines)
    assert not [version for version in pins.values() if not version or "+" in version]  # +cpu would refuse the other builds
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(each) for each in (*project["dependencies"], *project["optional-dependencies"]["dev"])]
    for requirement in wanted:
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_settings_files_and_make_targets_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text()
    known = {f"VERSUS_{name.upper()}" for name in Settings.model_fields} | COMPOSE_ONLY
    assert set(re.findall(r"\bVERSUS_[A-Z_]*[A-Z]", text)) <= known
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", text, flags=re.M)) <= targets
    assert [file for file in re.findall(r"docker compose -f (\S+)", text) if not (ROOT / file).exists()] == []
