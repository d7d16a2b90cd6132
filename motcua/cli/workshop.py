"""What the command line needs and `starter.py` hands in: servers, desk and player, all made elsewhere."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import typer

if TYPE_CHECKING:
    from models.archive import Replays, Swept
    from models.calendar import Calendar
    from models.commands import Actor
    from models.seals import Keys, Seal
    from models.service import Restarted
    from motcua.accounts import Accounts
    from motcua.audit import Verified
    from motcua.caseloads.player import Tally
    from motcua.caseloads.script import Case
    from motcua.catalogue.catalogue import Catalogue
    from motcua.config import Settings
    from motcua.desk import Desk, Rulebook
    from motcua.documents import Documents
    from motcua.erasure import Erasure
    from motcua.papers import Papers
    from motcua.proof.sealer import Sealer
    from motcua.store import Store


class Office(Protocol):
    """A running office with servers of its own."""

    desk: Desk
    store: Store
    ui: str
    """Address of Temporal's own pages."""
    namespace: str
    url: str
    """Address of the desk."""
    password: str
    """That of everybody who has set none of their own."""

    async def verify(self, tell: Callable[[int], None]) -> Verified:
        """Check the whole record; `tell` receives the number of facts checked so far."""
        ...

    async def play(self, cases: Sequence[Case], tell: Callable[[Tally], None]) -> Tally:
        """Put a caseload through it in virtual time."""
        ...

    async def release(self, at: datetime | None = None) -> None:
        """Set the clocks of its simulated dossiers running, which a caseload leaves stopped.

        The desk's clock goes on from a moment, else from the last that happened.
        """
        ...

    async def workflows(self) -> int:
        """How many dossiers Temporal has a workflow of, open or closed; raises Unreachable."""
        ...

    def cpu(self) -> dict[str, float]:
        """Seconds of processor time that each process has used so far."""
        ...


class Proving(Protocol):
    """What proves the record of an office."""

    store: Store
    sealer: Sealer
    erasure: Erasure

    @property
    def keys(self) -> Keys:
        """The public keys of its seals."""
        ...

    async def verify(self, tell: Callable[[int], None]) -> Verified:
        """Check the record; `tell` hears the number of facts checked so far."""
        ...

    async def sweep(self, tell: Callable[[Swept], None]) -> Swept:
        """Archive every closed history that is not there yet."""
        ...

    async def replay(
        self,
        tell: Callable[[int, int], None],
        *,
        since: datetime | None,
        code: str | None,
        jobs: int | None,
    ) -> Replays:
        """Run this code over histories; `tell` hears how many were gone through, and of how many."""
        ...

    async def export(self, code: str, run: str | None) -> tuple[str, str]:
        """(run, history as JSON) of a dossier's last run, or of one of them."""
        ...

    async def seals(self) -> tuple[list[Seal], set[int]]:
        """The seals, and the numbers of those that are stamped."""
        ...


class Restarts(Protocol):
    """What restarts dossiers whose workflow is gone."""

    async def restart(self, code: str, actor: Actor, reason: str) -> Restarted:
        """Begin the workflow of an open dossier anew from its facts."""
        ...


class Workshop(Protocol):
    """Makes what commands work with."""

    @property
    def settings(self) -> Settings:
        """The settings of this process; BadSetting names the first variable that cannot be used."""
        ...

    def catalogue(self) -> Catalogue:
        """The catalogue, read and checked."""
        ...

    def calendar(self, name: str | None) -> Calendar:
        """A calendar of the catalogue, or that of the office; nothing else of the catalogue is read."""
        ...

    def rulebook(self, catalogue: Catalogue, calendar: Calendar) -> Rulebook:
        """The catalogue as the desk needs it, with the calendar to count by."""
        ...

    def office(self) -> AbstractAsyncContextManager[tuple[Desk, Store]]:
        """The office that runs here, or on the servers that the environment names."""
        ...

    def record(self) -> AbstractAsyncContextManager[Store | None]:
        """Its record alone; None where no office runs."""
        ...

    def proving(self) -> AbstractAsyncContextManager[Proving]:
        """What proves that record; Temporal is asked only where histories are."""
        ...

    def restarts(self) -> AbstractAsyncContextManager[Restarts]:
        """What restarts the dossiers of that office."""
        ...

    def papers(self) -> AbstractAsyncContextManager[Papers]:
        """What prints from that record; the workflows are not asked."""
        ...

    def web(self) -> AbstractAsyncContextManager[str]:
        """The desk in a browser, on that office; its address."""
        ...

    def documents(self, store: Store) -> Documents:
        """What takes files in and gives them out."""
        ...

    def accounts(self) -> AbstractAsyncContextManager[Accounts]:
        """The accounts of that office."""
        ...

    def embedded(self, name: str, rulebook: Rulebook) -> AbstractAsyncContextManager[Office]:
        """An office on embedded servers, up until the end of the block."""
        ...


async def until_told() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    await told.wait()


def work(task: Coroutine[Any, Any, Any]) -> Any:
    """Run a command's coroutine; SIGTERM and SIGINT cancel it, so that what it started is stopped."""

    async def main() -> Any:
        current = asyncio.current_task()
        assert current is not None
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, current.cancel)
        return await task

    try:
        return asyncio.run(main())
    except asyncio.CancelledError:
        raise typer.Abort from None
