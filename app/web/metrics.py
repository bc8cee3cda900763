"""Prometheus metrics: requests by route and status, how long they took, and how many are being answered."""

import time
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.engines.base import EngineLoad

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)


class Metrics:
    """One registry per application, so that two in a process do not add up."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self.requests = Counter("versus_requests", "Requests answered.", labels, registry=self.registry)
        self.seconds = Histogram(
            "versus_request_seconds",
            "Until the last byte of the answer.",
            ("route",),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.in_flight = Gauge("versus_requests_in_flight", "Requests being answered now.", registry=self.registry)

    def watch(self, engines: Callable[[], Iterable[EngineLoad]]) -> None:
        """Also tell what the engines have on their hands, as of each scrape."""
        self.registry.register(_EngineLoads(engines))

    def render(self) -> bytes:
        return generate_latest(self.registry)

    @property
    def middleware(self) -> Callable[[ASGIApp], ASGIApp]:
        return lambda app: _Measured(app, self)


class _EngineLoads(Collector):
    """One gauge per field of a EngineLoad, by model."""

    def __init__(self, engines: Callable[[], Iterable[EngineLoad]]) -> None:
        self._engines = engines

    def collect(self) -> Iterator[Metric]:
        loads = [*self._engines()]
        for name, told in _ENGINE_GAUGES.items():
            gauge = GaugeMetricFamily(f"versus_engine_{name}", told, labels=["model"])
            for load in loads:
                gauge.add_metric([load.model], getattr(load, name))
            yield gauge


_ENGINE_GAUGES = {
    "waiting_requests": "Requests that wait for a model.",
    "waiting_tokens": "Tokens of the requests that wait.",
    "running_requests": "Requests in a model's batch.",
    "weights_bytes": "Memory of a model's weights and its adapters'.",
    "prefix_cache_bytes": "Memory of remembered beginnings of prompts.",
}


class _Measured:
    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 500  # an application that fails before it answers

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, watched)
        finally:
            self._metrics.in_flight.dec()
            # The route's pattern, not its path: ids must not become label values.
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.requests.labels(scope["method"] if route != "none" else "other", route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - started)
