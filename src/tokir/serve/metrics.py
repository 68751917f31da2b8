"""What a server has done, in the text format of Prometheus.

Counted with the ``prometheus_client`` library. Several workers count in files of one folder
(``PROMETHEUS_MULTIPROC_DIR``), so that any of them answers for all, those that have ended among them.
"""

from __future__ import annotations

import os
import struct
import time
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from tokir.serve import METRICS_FOLDER

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
RETRIES = 10
BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)  # seconds

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the length of the text


class Metrics:
    """Counters of one worker; paths and systems are those that there are, so that labels stay few."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._labelled: dict[tuple[Any, ...], Any] = {}
        own = self._registry
        self._requests = Counter("tokir_requests", "Requests answered.", ["path", "status"], registry=own)
        self._seconds = Histogram(
            "tokir_request_seconds",
            "Seconds until a request was answered.",
            ["path"],
            buckets=BUCKETS,
            registry=own,
        )
        self._running = Gauge(
            "tokir_requests_running", "Requests being answered.", multiprocess_mode="livesum", registry=own
        )
        self._texts = Counter(
            "tokir_texts", "Texts embedded, and queries searched.", ["work", "system"], registry=own
        )
        self._tokens = Counter("tokir_tokens", "Tokens of texts embedded.", ["system"], registry=own)

    def begin(self) -> None:
        """A request has come."""
        self._running.inc()

    def end(self, path: str, status: int, seconds: float) -> None:
        """It is answered."""
        self._running.dec()
        self._of(self._requests, path, str(status)).inc()
        self._of(self._seconds, path).observe(seconds)

    def embedded(self, system: str, texts: int, tokens: int) -> None:
        """Texts were embedded."""
        self._of(self._texts, "embed", system).inc(texts)
        self._of(self._tokens, system).inc(tokens)

    def searched(self, system: str, queries: int) -> None:
        """Queries were searched."""
        self._of(self._texts, "search", system).inc(queries)

    def _of(self, metric: Any, *labels: str) -> Any:
        """A metric with its labels, which the library takes a while to look up."""
        key = (metric, *labels)
        if key not in self._labelled:
            self._labelled[key] = metric.labels(*labels)
        return self._labelled[key]

    def text(self) -> bytes:
        """Of all workers."""
        if METRICS_FOLDER not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        for _ in range(RETRIES):
            try:
                return generate_latest(registry)
            except (struct.error, ValueError, RuntimeError, OSError):  # a worker that starts is making its file
                time.sleep(0.02)
        return generate_latest(registry)
