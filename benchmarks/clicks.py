"""Many handlers at once: `python -m benchmarks.clicks`.

An office as `starter.py up` opens it, and people with the inbox open who complete tasks through the desk's
pages at a steady rate; beside it, in turn and at the same rate, steps of the bare workflow. What is timed is
the click: from the form that is sent to the answer that it is done.
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
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.crowd import staffed
from benchmarks.screens import Visitor
from benchmarks.variants import PROCEDURE, ROOT, BareLife, environment
from motcua.catalogue import Catalogue
from motcua.config import Settings
from motcua.desk import Desk
from motcua.forms import Applicant, Submission
from motcua.local import whereabouts
from motcua.rulebook import rulebook
from motcua.store import Store
from motcua.telemetry import configure_logging
from motcua.temporal import connect

AIM = 1.5
"""How much longer a click may take than a step of the bare workflow, at the 95th percentile."""
err = Console(stderr=True, highlight=False)


class Person(Visitor):
    """A handler with a browser: signed in, the inbox open and following what changes."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.csrf, self.fetched, self.random, self.leaving = "", 0, Random(), False

    async def sign_in(self, person: str, password: str = "") -> None:
        """As the desk's own form does; a first password is changed first."""
        await super().sign_in(person, password)
        self.random = Random(person)
        page = await self.client.get("/inbox", follow_redirects=True)
        self.csrf = _csrf(page.text)
        if page.url.path == "/password":
            new = "một mật khẩu đủ dài"
            sent = {"csrf": self.csrf, "old": password, "new": new, "again": new}
            answer = await self.client.post("/password", data=sent)
            assert answer.status_code == 303, answer.text
            self.csrf = _csrf((await self.client.get("/inbox")).text)

    async def watch(self) -> None:
        """Follow what changes as the page's script does: the list anew at once, but not all day long."""
        due: asyncio.Task[None] | None = None
        last = 0.0

        async def renew(after: float) -> None:
            nonlocal last
            await asyncio.sleep(after)
            last = time.monotonic()
            if not self.leaving:
                await self.client.get("/inbox", headers={"x-fragment": "list"})
                self.fetched += 1

        async with self.client.stream("GET", "/events", timeout=None) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:") and (due is None or due.done()) and not self.leaving:
                    due = asyncio.create_task(
                        renew(
                            self.random.uniform(4, 8)
                            if time.monotonic() - last < 10
                            else self.random.uniform(1, 2)
                        )
                    )

    async def complete(self, code: str, seen: int) -> None:
        """Send the form of a task."""
        data = {"csrf": self.csrf, "request_id": str(uuid.uuid4()), "seen": str(seen)}
        answer = await self.client.post(f"/dossiers/{code}/complete", data=data)
        assert answer.status_code == 303, f"{answer.status_code}: {answer.text[:500]}"


def _csrf(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None, page[:500]
    return found[1]


async def at_rate(acts: list[Callable[[], Awaitable[None]]], rate: float, random: Random) -> list[float]:
    """Begin the acts at random moments, so many a second on the average; milliseconds of each."""

    async def timed(act: Callable[[], Awaitable[None]]) -> float:
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
        self.folder, self.catalog = folder, staffed(Settings().catalog_dir, folder)
        self.env = {
            **environment(),
            "MOTCUA_DATA_DIR": str(folder / "office"),
            "MOTCUA_CATALOG_DIR": str(self.catalog),
        }
        self.processes: list[asyncio.subprocess.Process] = []

    async def start(self, *argv: str) -> asyncio.subprocess.Process:
        """A process of it; ended with all others by `stop`."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, *argv, cwd=ROOT, env=self.env, stdout=asyncio.subprocess.PIPE
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
    """Both in turn at each rate, round after round."""
    office, random = Office(folder), Random(1)
    found: dict[float, dict[str, list[float]]] = {rate: {"bare": [], "desk": []} for rate in rates}
    watching: list[asyncio.Task[None]] = []
    people: list[Person] = []
    try:
        err.print("an office with its servers ...")
        there = await office.up()
        settings = Settings(data_dir=folder / "office", catalog_dir=office.catalog)
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
            watching = [asyncio.create_task(person.watch()) for person in people]
            for round_ in range(1, rounds + 1):
                for rate in rates:
                    err.print(f"round {round_} of {rounds}: {rate:g} a second ...")
                    acts = await _desk_acts(desk, people, clicks, round_)
                    steps = await _bare_acts(bare, clicks, f"{round_}/{rate}")
                    for name, what in [("bare", steps), ("desk", acts)][:: 1 if round_ % 2 else -1]:
                        await asyncio.sleep(6)  # the lists are quiet again
                        found[rate][name] += await at_rate(what, rate, random)
        fetched = sum(person.fetched for person in people)
        err.print(f"the open inboxes fetched their lists {fetched} times")
    finally:
        for person in people:
            person.leaving = True
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        await office.stop()
    return found


async def _desk_acts(
    desk: Desk, people: list[Person], count: int, round_: int
) -> list[Callable[[], Awaitable[None]]]:
    gate = asyncio.Semaphore(8)

    async def ready(number: int) -> Callable[[], Awaitable[None]]:
        async with gate:
            submission = Submission(
                request_id=str(uuid.uuid4()),
                procedure=PROCEDURE,
                channel="counter",
                unit="demo",
                applicant=Applicant(name=f"Người {round_}.{number}"),
            )
            code = (await desk.submit(submission, officer="receiver1")).code
            seen = (await desk.act(code, "complete", "receiver1")).seq
            person = people[number % len(people)]
            return lambda: person.complete(code, seen)

    return list(await asyncio.gather(*(ready(number) for number in range(count))))


async def _bare_acts(bare: BareLife, count: int, key: str) -> list[Callable[[], Awaitable[None]]]:
    codes = [await bare.receive(f"{key}/{number}") for number in range(count)]
    return [lambda code=code: bare.step(code, 1) for code in codes]  # type: ignore[misc]


def show(found: dict[float, dict[str, list[float]]], handlers: int) -> bool:
    """The table for people; whether the aim is reached."""
    console, good = Console(), True
    table = Table(title=f"{handlers} handlers: a completed task, ms")
    for column in ("a second", "clicks", "bare p50", "p95", "desk p50", "p95", "ratio p50", "p95"):
        table.add_column(column, justify="right")
    for rate, both in found.items():
        figures = [(median(each), quantiles(each, n=20)[-1]) for each in both.values()]
        (bare50, bare95), (desk50, desk95) = figures
        good = good and desk95 <= AIM * bare95
        row = (bare50, bare95, desk50, desk95)
        ratios = (f"{desk50 / bare50:.2f}", f"{desk95 / bare95:.2f}")
        table.add_row(f"{rate:g}", str(len(both["desk"])), *(f"{each:.1f}" for each in row), *ratios)
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
