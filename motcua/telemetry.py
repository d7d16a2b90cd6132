"""Seeing it: structlog as JSON, once per line that happened, and Temporal's runtime with Prometheus."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog
from temporalio import activity, workflow
from temporalio.common import MetricMeter
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from models.refusals import Unreachable

LAG_BUCKETS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600, 14400, 86400]


class MetricsPortInUse(Unreachable):
    """Somebody else listens on the port for metrics."""

    sentence = "The port {port} for metrics is in use; set MOTCUA_METRICS_PORT to a free one."


def runtime(metrics_port: int) -> Runtime:
    """The process's one Temporal runtime, serving its and our metrics on loopback."""
    try:
        return Runtime(
            telemetry=TelemetryConfig(
                logging=None,
                metrics=PrometheusConfig(
                    bind_address=f"127.0.0.1:{metrics_port}",
                    counters_total_suffix=True,
                    unit_suffix=True,
                    durations_as_seconds=True,
                    histogram_bucket_overrides=dict.fromkeys(
                        ("motcua_rung_lag", "motcua_notice_lag"), LAG_BUCKETS
                    ),
                ),
            )
        )
    except ValueError as error:
        raise MetricsPortInUse(port=metrics_port) from error


class Counts:
    """What a worker counts of notices."""

    def __init__(self, meter: MetricMeter) -> None:
        self._ended = meter.create_counter("motcua_notices", "Notices that came to an end, by fate.")
        self._failed = meter.create_counter(
            "motcua_notices_failed", "Attempts at a notice that its channel did not take."
        )
        self._lag = meter.create_histogram_float(
            "motcua_notice_lag", "From the moment a notice was meant for to its sending.", "seconds"
        )

    def ended(self, channel: str, fate: str, lag: float | None) -> None:
        """A notice came to an end; `lag` is in seconds."""
        self._ended.add(1, {"channel": channel, "fate": fate})
        if lag is not None:
            self._lag.record(max(0.0, lag), {"channel": channel})

    def failed(self, channel: str) -> None:
        """A channel did not take a notice."""
        self._failed.add(1, {"channel": channel})


class Repeats(logging.Filter):
    """Lets the same message of a library through a few times a minute: one that is repeated fills a disk."""

    FEW, SECONDS, KINDS = 5, 60.0, 1_000

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[object, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is written; the next one after a minute says how many were not."""
        now, kind = time.monotonic(), self._kind(record)
        since, count = self._seen.get(kind, (now, 0))
        if now - since >= self.SECONDS:
            if count > self.FEW:
                record.msg = f"{record.msg} ({count - self.FEW} more like this were not written)"
            since, count = now, 0
        if len(self._seen) >= self.KINDS:
            self._seen.clear()
        self._seen[kind] = since, count + 1
        return count < self.FEW

    @staticmethod
    def _kind(record: logging.LogRecord) -> tuple[object, ...]:
        """The message without what varies, and where its exception comes from."""
        error = record.exc_info[1] if record.exc_info else None
        place = error.__traceback__ if error else None
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = (place.tb_frame.f_code.co_filename, place.tb_lineno) if place else None
        return record.name, record.levelno, str(record.msg).partition("\n")[0], type(error), where


def quiet_runtime() -> Runtime:
    """A runtime that says nothing: Temporal's default one writes warnings to stdout, among the results."""
    return Runtime(telemetry=TelemetryConfig(logging=None))


class _Unfailing:
    """A stream for the log that raises nothing: one on a full disk must not end what is logged about."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def _last_flush(stream: TextIO) -> None:
    """Python flushes standard error at its end, and ends with 120 where that fails, whatever was done."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except ValueError:
        pass  # it was closed


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """JSON lines for our own log and for the libraries', to stderr unless told otherwise."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        _dossier,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
    ]
    out = stream or sys.stderr
    atexit.unregister(_last_flush)
    atexit.register(_last_flush, out)
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(ensure_ascii=False)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Unfailing(out))),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(cast(TextIO, _Unfailing(out)))
    handler.addFilter(Repeats())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(logging.getLevelName(level.upper()), logging.WARNING))


def _dossier(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Binds the dossier, and drops what a replay says again."""
    if workflow.in_workflow():
        if workflow.unsafe.is_replaying_history_events():
            raise structlog.DropEvent
        info = workflow.info()
        event.setdefault("dossier", info.workflow_id)
        event.setdefault("run", info.run_id)
        event.setdefault("clock", workflow.now().isoformat())
    elif activity.in_activity():
        event.setdefault("dossier", activity.info().workflow_id)
    return event
