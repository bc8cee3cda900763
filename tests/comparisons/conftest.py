"""The service with models of the fake engine, spoken to over HTTP."""

from tests.inference.conftest import client, models_dir, rows, start

__all__ = ["client", "models_dir", "rows", "start"]
