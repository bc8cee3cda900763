"""The engines by name, imported on use, and the one that serves a given model."""

import asyncio
from importlib import import_module
from threading import Lock

from app.catalog.catalog import ModelVersion
from app.engines.base import Engine, EngineLoad
from app.errors import Unavailable
from app.settings import Settings

# name -> module and class; its constructor takes the settings
ENGINES = {
    "embedded": ("app.engines.embedded.engine", "EmbeddedEngine"),
    "remote": ("app.engines.remote", "RemoteEngine"),
    "fake": ("app.engines.fake", "FakeEngine"),
}


class Engines:
    """One engine of each name, made when first asked for: a service without embedded models never imports torch."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._made: dict[str, Engine] = {}
        self._making = Lock()  # the first request and the warming up may ask at once, from two threads

    def of(self, model: ModelVersion) -> Engine:
        """The engine that the model's card names. Raises Unavailable where this service does not run it."""
        name = model.card.engine
        if name == "embedded" and not self._settings.embedded:
            raise Unavailable(
                f"{model.id} needs the embedded engine, which VERSUS_EMBEDDED=false turns off; turn it on or ask another model."
            )
        with self._making:
            if name not in self._made:
                module, kind = ENGINES[name]
                try:
                    self._made[name] = getattr(import_module(module), kind)(self._settings)
                except ImportError as error:
                    raise Unavailable(
                        f"The {name} engine needs the package {error.name}, which is missing; install it as the README says."
                    ) from error
            return self._made[name]

    async def warm(self, model: ModelVersion) -> None:
        """Makes the model's engine and its weights resident, without holding up the event loop while libraries are imported."""
        engine = await asyncio.to_thread(self.of, model)
        await engine.load(model)

    def loaded(self, model: ModelVersion) -> bool:
        """Whether the model's weights are resident; asks no engine into being."""
        engine = self._made.get(model.card.engine)
        return engine is not None and engine.loaded(model)

    def in_use(self, model: ModelVersion) -> int:
        """Requests that run or wait for the model or its adapters; asks no engine into being."""
        engine = self._made.get(model.card.engine)
        return engine.in_use(model) if engine is not None else 0

    async def unload(self, model: ModelVersion) -> None:
        """Frees its weights once no request uses them; asks no engine into being."""
        engine = self._made.get(model.card.engine)
        if engine is not None:
            await engine.unload(model)

    def load_now(self) -> list[EngineLoad]:
        """Of all engines that were asked for."""
        return [load for engine in [*self._made.values()] for load in engine.load_now()]

    async def close(self) -> None:
        await asyncio.gather(*(engine.close() for engine in self._made.values()))
        self._made.clear()
