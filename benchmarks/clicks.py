"""Many handlers at once: `python -m benchmarks.clicks`.

An office as `starter.py up` opens it, and people with the inbox open who complete tasks through the desk's
pages at a steady rate. Beside it, in turn and at the same rate: steps of the bare workflow, and the same
tasks completed by the desk's operation without a page. What is timed is the click: from the form that is sent
to the answer that it is done.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.crowd import staffed
from benchmarks.onlookers import Person
from benchmarks.variants import PROCEDURE, ROOT, BareLife, environment
from motcua.catalogue.catalogue import Catalogue
from motcua.config import Settings
from motcua.desk import Desk
from motcua.forms import Applicant, Submission
from motcua.guardian import GUARDIAN
from motcua.local import whereabouts
from motcua.rulebook import rulebook
from motcua.store import Store
from motcua.telemetry import configure_logging
from motcua.temporal import connect

AIM = 1.5
"""How much longer a click may take than a step of the bare workflow, at the 95th percentile."""
KINDS = ("bare", "recorded", "click")
Act = Callable[[], Awaitable[None]]
err = Console(stderr=True, highlight=False)


class Line:
    """A connection of somebody's browser, kept open; by hand, for an HTTP library takes 4 ms of its own."""

    def __init__(self, person: Person) -> None:
        self._person, self._url = person, person.client.base_url
        self._cookies = "; ".join(f"{name}={value}" for name, value in person.client.cookies.items())
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def complete(self, code: str, seen: int) -> None:
        """Send the form of a task, and wait for the answer that it is done."""
        form = {"csrf": self._person.csrf, "request_id": str(uuid.uuid4()), "seen": str(seen)}
        body = urlencode(form).encode()
        if self._streams is None or self._streams[0].at_eof():
            self._streams = await asyncio.open_connection(self._url.host, self._url.port)
        reader, writer = self._streams
        head = (
            f"POST /dossiers/{code}/complete HTTP/1.1\r\nhost: {self._url.netloc.decode()}\r\n"
            f"cookie: {self._cookies}\r\ncontent-type: application/x-www-form-urlencoded\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", answer)
        page = await reader.readexactly(int(length[1]) if length else 0)
        assert answer.startswith(b"HTTP/1.1 303"), (answer, page[:500])

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()


async def at_rate(acts: list[Act], rate: float, random: Random) -> list[float]:
    """Begin the acts at random moments, so many a second on the average; milliseconds of each."""

    async def timed(act: Act) -> float:
        began = time.perf_counter()
        await act()
        return (time.perf_counter() - began) * 1000

    running = []
    for act in acts:
        running.append(asyncio.create_task(timed(act)))
        await asyncio.sleep(random.expovariate(rate))
    return list(await asyncio.gather(*running))


class Office:
    """An office of its own in another process."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.catalog = folder, staffed(Settings.read().catalog_dir, folder)
        self.env = {
            **environment(),
            "MOTCUA_DATA_DIR": str(folder / "office"),
            "MOTCUA_CATALOG_DIR": str(self.catalog),
        }
        self.processes: list[asyncio.subprocess.Process] = []

    async def start(self, *argv: str) -> asyncio.subprocess.Process:
        """A process of it; ended with all others by `stop`."""
        guarded, stdin = GUARDIAN.guarded([sys.executable, *argv])
        process = await asyncio.create_subprocess_exec(
            *guarded, cwd=ROOT, env=self.env, stdin=stdin, stdout=asyncio.subprocess.PIPE
        )
        self.processes.append(process)
        return process

    async def up(self) -> dict[str, Any]:
        """Open it; its addresses."""
        process = await self.start("starter.py", "up", "--json")
        assert process.stdout is not None
        line = await process.stdout.readline()
        return dict(json.loads(line))

    async def stop(self) -> None:
        """End what was started, the last first."""
        for process in reversed(self.processes):
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            await process.wait()


async def run(folder: Path, handlers: int, rates: list[float], clicks: int, rounds: int) -> dict[float, Any]:
    """All in turn at each rate, round after round: milliseconds by rate and kind."""
    office, random = Office(folder), Random(1)
    found: dict[float, dict[str, list[float]]] = {rate: {kind: [] for kind in KINDS} for rate in rates}
    try:
        err.print("an office with its servers ...")
        there = await office.up()
        settings = Settings.read(data_dir=folder / "office", catalog_dir=office.catalog)
        address, namespace, url = whereabouts(settings)
        client = await connect(address, namespace)
        await office.start("-m", "benchmarks.bare_worker", "bare-clicks", "--pass-through")
        bare = BareLife(client, "bare-clicks")
        async with Store.connect(url) as store:
            desk = Desk(client, store, rulebook(Catalogue.load(office.catalog)))
            err.print(f"{handlers} handlers sign in ...")
            people = [Person(there["desk"]) for _ in range(handlers)]
            for number, person in enumerate(people, 1):
                await person.sign_in(f"demo-handler-{number}", there["password"])
            lines = [Line(person) for person in people]
            who = there["desk"], there["password"], str(handlers)
            onlookers = await office.start("-m", "benchmarks.onlookers", *who)
            assert onlookers.stdout is not None
            assert await onlookers.stdout.readline() == b"ready\n"
            for round_ in range(1, rounds + 1):
                for rate in rates:
                    err.print(f"round {round_} of {rounds}: {rate:g} a second ...")
                    acts = {
                        "bare": await _steps(bare, clicks, f"{round_}/{rate}"),
                        "recorded": await _records(desk, clicks),
                        "click": await _clicks(desk, lines, clicks),
                    }
                    for kind in KINDS if round_ % 2 else reversed(KINDS):
                        await asyncio.sleep(6)  # the lists are quiet again
                        found[rate][kind] += await at_rate(acts[kind], rate, random)
            for line in lines:
                line.close()
        onlookers.send_signal(signal.SIGTERM)
        fetched = int(await onlookers.stdout.read())
        err.print(f"the open inboxes fetched their lists {fetched} times")
    finally:
        await office.stop()
    return found


async def _steps(bare: BareLife, count: int, key: str) -> list[Act]:
    """Steps of the bare workflow."""
    codes = [await bare.receive(f"{key}/{number}") for number in range(count)]
    return [partial(bare.step, code, 1) for code in codes]


async def _records(desk: Desk, count: int) -> list[Act]:
    """The desk's operation without its pages, as another client of it would ask."""

    async def act(code: str, seen: int) -> None:
        await desk.act(code, "complete", "demo-handler-1", {"seen": seen})

    return [partial(act, *task) for task in await _tasks(desk, count)]


async def _clicks(desk: Desk, lines: list[Line], count: int) -> list[Act]:
    """Clicks of one after another."""
    tasks = await _tasks(desk, count)
    return [partial(lines[number % len(lines)].complete, *task) for number, task in enumerate(tasks)]


async def _tasks(desk: Desk, count: int) -> list[tuple[str, int]]:
    """Dossiers that are to be processed, with the last fact of each."""
    gate = asyncio.Semaphore(8)

    async def task(number: int) -> tuple[str, int]:
        async with gate:
            submission = Submission(
                request_id=str(uuid.uuid4()),
                procedure=PROCEDURE,
                channel="counter",
                unit="demo",
                applicant=Applicant(name=f"Người {number}"),
            )
            code = (await desk.submit(submission, officer="receiver1")).code
            return code, (await desk.act(code, "complete", "receiver1")).seq

    return list(await asyncio.gather(*(task(number) for number in range(count))))


def show(found: dict[float, dict[str, list[float]]], handlers: int) -> bool:
    """The table for people; whether the aim is reached."""
    console, good = Console(), True
    table = Table(title=f"{handlers} handlers: a completed task, ms")
    for column in ("a second", "of each", *(f"{kind} {p}" for kind in KINDS for p in ("p50", "p95"))):
        table.add_column(column, justify="right")
    for rate, kinds in found.items():
        figures = [figure for each in kinds.values() for figure in (median(each), quantiles(each, n=20)[-1])]
        ratios = [figure / figures[place % 2] for place, figure in enumerate(figures)]
        good = good and ratios[-1] <= AIM
        table.add_row(f"{rate:g}", str(len(kinds["click"])), *(f"{each:.1f}" for each in figures))
        table.add_row("", "to bare", *(f"{each:.2f}" for each in ratios), end_section=True)
    console.print(table)
    return good


def main(
    handlers: Annotated[int, typer.Option(min=1, max=50)] = 50,
    rates: Annotated[str, typer.Option(help="Clicks a second, separated by commas.")] = "2,5,10",
    clicks: Annotated[int, typer.Option(min=20, help="How many at each rate in each round.")] = 100,
    rounds: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Time completed tasks at the desk against steps of the bare workflow; exit code 1 beyond the aim."""
    configure_logging("error")
    with tempfile.TemporaryDirectory(prefix="motcua-clicks-") as directory:
        found = asyncio.run(
            run(Path(directory), handlers, [float(rate) for rate in rates.split(",")], clicks, rounds)
        )
    raise typer.Exit(0 if show(found, handlers) else 1)


if __name__ == "__main__":
    typer.run(main)
