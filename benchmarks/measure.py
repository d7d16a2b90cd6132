"""One measurement: so many lifecycles, so many at a time, against one worker process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean, median, quantiles

import psutil
from temporalio.client import Client

from benchmarks.bare import STEPS
from benchmarks.variants import Life
from models.base import Value

SAMPLED = 3
"""Dossiers of each measurement whose histories are weighed."""


class Figures(Value):
    """What one variant did at one concurrency; times in milliseconds, CPU in milliseconds a lifecycle."""

    rate: float
    """Lifecycles a second."""
    receive_p50: float
    step_p50: float
    step_p99: float
    cpu_server: float
    cpu_worker: float
    cpu_client: float
    cpu_postgres: float
    cpu_all: float
    events: float
    bytes: float


def medians(rounds: Sequence[Figures]) -> Figures:
    """Each figure's median over the rounds."""
    return Figures(**{name: median(getattr(each, name) for each in rounds) for name in Figures.model_fields})


def ratios(rounds: Sequence[Figures], baseline: Sequence[Figures]) -> dict[str, float | None]:
    """Each figure against the baseline's of the same round, as a median; None where the baseline has none.

    Rounds are paired because another load on the machine slows neighbours down alike.
    """
    found: dict[str, float | None] = {}
    for name in Figures.model_fields:
        pairs = [(getattr(one, name), getattr(of, name)) for one, of in zip(rounds, baseline, strict=True)]
        found[name] = median(value / of for value, of in pairs) if all(of for _, of in pairs) else None
    return found


@dataclass
class Watch:
    """The durations of the calls of a measurement, in seconds, and the dossiers that came of it."""

    receives: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)


async def measure(
    client: Client,
    life: Life,
    pids: Mapping[str, int],
    *,
    lifecycles: int,
    concurrency: int,
    key: str,
) -> Figures:
    """Warm up, then measure; `pids` are the processes of server, worker, client and postgres."""
    await _run(life, Watch(), max(concurrency, 10), concurrency, f"{key}-warm-up")
    watch, cpu, began = Watch(), _cpu_of(pids), time.perf_counter()
    await _run(life, watch, lifecycles, concurrency, key)
    seconds = time.perf_counter() - began
    used = {name: 1000 * (now - cpu[name]) / lifecycles for name, now in _cpu_of(pids).items()}
    weights = [await _weight(client, code) for code in watch.codes[-SAMPLED:]]
    return Figures(
        rate=lifecycles / seconds,
        receive_p50=1000 * median(watch.receives),
        step_p50=1000 * median(watch.steps),
        step_p99=1000 * quantiles(watch.steps, n=100, method="inclusive")[-1],
        cpu_server=used["server"],
        cpu_worker=used["worker"],
        cpu_client=used["client"],
        cpu_postgres=used["postgres"],
        cpu_all=sum(used.values()),
        events=mean(events for events, _ in weights),
        bytes=mean(size for _, size in weights),
    )


async def _run(life: Life, watch: Watch, lifecycles: int, concurrency: int, key: str) -> None:
    keys = (f"{key}-{number}" for number in range(lifecycles))
    await asyncio.gather(*(_lane(life, watch, keys) for _ in range(concurrency)))


async def _lane(life: Life, watch: Watch, keys: Iterator[str]) -> None:
    """One person after another: a call begins when the call before it is answered."""
    for key in keys:
        tick = _stopwatch()
        code = await life.receive(key)
        watch.receives.append(tick())
        for number in range(1, STEPS):
            await life.step(code, number)
            watch.steps.append(tick())
        watch.codes.append(code)


def _stopwatch() -> Callable[[], float]:
    """Seconds since it was last asked."""
    last = time.perf_counter()

    def tick() -> float:
        nonlocal last
        before, last = last, time.perf_counter()
        return last - before

    return tick


def _cpu_of(pids: Mapping[str, int]) -> dict[str, float]:
    """CPU seconds of each process so far; PostgreSQL's with its backends, those that ended included."""
    used = {}
    for name, pid in pids.items():
        process = psutil.Process(pid)
        times = process.cpu_times()
        used[name] = times.user + times.system
        if name == "postgres":
            used[name] += times.children_user + times.children_system
            used[name] += sum(sum(child.cpu_times()[:2]) for child in process.children(recursive=True))
    return used


async def _weight(client: Client, code: str) -> tuple[int, int]:
    """Events and serialized bytes of the history of a dossier that is done."""
    handle = client.get_workflow_handle(code)
    await handle.result()  # the last call is answered a moment before the workflow has ended
    history = await handle.fetch_history()
    return len(history.events), sum(event.ByteSize() for event in history.events)
