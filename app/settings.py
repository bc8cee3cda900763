"""Settings from the environment (prefix VERSUS_); refuses default secrets outside development."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_SECRETS = {"change-me", "postgres", "password", "versus", "secret"}


class Settings(BaseSettings):
    """Every setting, its default and, in its description, what it does; `.env.example` lists them for operators."""

    model_config = SettingsConfigDict(env_prefix="VERSUS_", env_file=".env", extra="ignore", frozen=True)

    environment: Literal["development", "production"] = Field(
        "development", description="production refuses to start with a default database password"
    )
    data_dir: Path = Field(Path("var"), description="the database file, trained models and uploads live here")
    models_dir: Path = Field(Path("models"), description="models that ship with Versus; read only")
    database_url: str = Field("", description="SQLAlchemy URL; empty means an SQLite file in data_dir")
    host: str = Field("127.0.0.1", description="address that `versus serve` binds")
    port: int = Field(8000, ge=0, le=65535, description="port that `versus serve` binds")
    general_model: str = Field("general", description="the default general model's name")
    embedded: bool = Field(True, description="serve models with torch in this process; false needs no torch")
    embedded_worker: bool = Field(True, description="`versus serve` starts one job worker as its child")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where the embedded engine runs")
    threads: int = Field(0, ge=0, description="torch threads of each process; 0 leaves torch's own choice")
    training_processes: int = Field(
        0, ge=0, description="processes that train one model together, a batch each in every step; 0 is one for each GPU"
    )
    api_url: str = Field("", description="where workers reach the API; empty means http://host:port of this machine")
    worker_id: str = Field("local", description="name of this worker; a restarted worker resumes what its name had begun")
    max_request_bytes: int = Field(4 * 2**20, gt=0, description="largest JSON request body, bytes")
    max_prompt_chars: int = Field(200_000, gt=0, description="longest prompt or input text, characters")
    max_inputs: int = Field(256, gt=0, description="most inputs in one classify or completions request")
    max_labels: int = Field(1000, gt=1, description="most labels in one classify request")
    max_upload_bytes: int = Field(100 * 2**20, gt=0, description="largest dataset upload, bytes")
    max_upload_rows: int = Field(200_000, gt=0, description="most rows in one dataset")
    queue_requests: int = Field(256, gt=0, description="requests that may wait for a model before 429")
    queue_tokens: int = Field(500_000, gt=0, description="tokens of requests that may wait for a model before 429")
    batch_rows: int = Field(32, gt=0, description="most rows that generate together")
    batch_tokens: int = Field(16384, gt=0, description="most prompt tokens computed in one step")
    lookahead: bool = Field(
        True,
        description="where few answers run, guess tokens from the text so far and check them in one step; changes no token",
    )
    model_memory: int = Field(
        0, ge=0, description="memory for weights, bytes; what is idle leaves first; 0 is half of the machine's, or of the GPU's"
    )
    prefix_cache_bytes: int = Field(
        256 * 2**20,
        ge=0,
        description="memory for the beginnings of prompts that requests share, for each model, bytes; 0 keeps none",
    )
    request_timeout_s: float = Field(120.0, gt=0, description="a request that takes longer ends with 504, seconds")
    watts_per_core: float = Field(
        10.0, ge=0, description="power of one busy processor core, by which a training's energy is estimated, watts"
    )
    watts_per_gpu: float = Field(400.0, ge=0, description="power of one busy GPU, for the same estimate, watts")
    price_per_kwh: float = Field(0.25, ge=0, description="price of a kilowatt-hour, for the same estimate, US dollars")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="lowest level that is logged")

    @field_validator("database_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if value and "://" not in value:
            raise ValueError("not a database URL; write it like postgresql://user:password@host:5432/versus")
        return value

    @model_validator(mode="after")
    def _refuse_default_secrets(self) -> Self:
        if self.environment == "production" and self.database_url:
            password = urlsplit(self.database_url).password
            if password is not None and unquote(password) in DEFAULT_SECRETS:
                raise ValueError(
                    "VERSUS_DATABASE_URL holds a default password, which is refused in production; set one of your own"
                )
        return self

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force, with an async driver."""
        if not self.database_url:
            return f"sqlite+aiosqlite:///{self.data_dir.absolute() / 'versus.db'}"
        scheme, rest = self.database_url.split("://", 1)
        drivers = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "sqlite": "sqlite+aiosqlite"}
        return f"{drivers.get(scheme, scheme)}://{rest}"

    @property
    def jobs_database(self) -> str:
        """The URL of the job system's own tables: a second SQLite file, or the same PostgreSQL."""
        if self.database.startswith("sqlite"):
            return f"sqlite:///{self.data_dir.absolute() / 'jobs.db'}"
        return self.database

    @property
    def made_models_dir(self) -> Path:
        """Where trained models are written, one folder per name and version."""
        return self.data_dir / "models"

    @property
    def api(self) -> str:
        """Base URL by which a worker reaches the API, without a trailing slash."""
        # "Every address of this machine" is where a service listens, not where it is reached.
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)
        return (self.api_url or f"http://{host}:{self.port}").rstrip("/")
