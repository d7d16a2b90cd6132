"""People with the inbox open, each following what changes as the page's script does: a process of its own.

Browsers run on other machines: in the process that times clicks they would be in the way of its clock, and at
its priority in the way of the servers.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from random import Random
from typing import Annotated

import typer

from benchmarks.screens import Visitor


class Person(Visitor):
    """A handler of the office with a browser."""

    csrf = ""

    async def sign_in(self, person: str, password: str = "") -> None:
        """As the desk's own form does; what later forms need is in the first page."""
        await super().sign_in(person, password)
        page = (await self.client.get("/inbox")).text
        found = re.search(r'name="csrf" value="([^"]+)"', page)
        assert found is not None, page[:500]
        self.csrf = found[1]


class Onlooker(Person):
    """Somebody whose list is fetched anew when something changes."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__(url)
        self.random, self.fetched, self._last = Random(number), 0, 0.0

    async def watch(self) -> None:
        """Until cancelled: the list anew at once, but not all day long (static/desk.js)."""
        due: asyncio.Task[None] | None = None
        async with self.client.stream("GET", "/events", timeout=None) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data:") and (due is None or due.done()):
                    lately = time.monotonic() - self._last < 10
                    due = asyncio.create_task(self._renew((4 if lately else 1) * self.random.uniform(1, 2)))
        raise AssertionError("the stream has ended")

    async def _renew(self, after: float) -> None:
        await asyncio.sleep(after)
        self._last = time.monotonic()
        answer = await self.client.get("/inbox", headers={"x-fragment": "list"})
        assert answer.status_code == 200, answer.status_code
        self.fetched += 1


async def follow(url: str, password: str, count: int) -> int:
    """Sign in as so many handlers and look on until SIGTERM; how often lists were fetched."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    people = [Onlooker(url, number) for number in range(1, count + 1)]
    for number, person in enumerate(people, 1):
        await person.sign_in(f"demo-handler-{number}", password)
    watching = [asyncio.create_task(person.watch()) for person in people]
    print("ready", flush=True)
    ending = asyncio.create_task(stop.wait())
    await asyncio.wait([*watching, ending], return_when=asyncio.FIRST_COMPLETED)
    for task in watching:
        if task.done():
            task.result()
        task.cancel()
    return sum(person.fetched for person in people)


def main(url: Annotated[str, typer.Argument()], password: str, count: int) -> None:
    """Look on; prints how often lists were fetched."""
    os.nice(19)
    print(asyncio.run(follow(url, password, count)))


if __name__ == "__main__":
    typer.run(main)
