"""Puts cases through the office in virtual time: interrupted, it goes on where it was when run again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

import structlog

from models.commands import SimulatedTime
from models.facts import Heard, LinkRequested
from models.refusals import Refusal, Unreachable
from models.reserved import OBSERVER_ID
from motcua.caseloads.script import Act, Case
from motcua.desk import Desk, Taken
from motcua.virtual import VirtualClocks

T = TypeVar("T")
LATE = timedelta(minutes=1)
"""An act sent this much after its planned moment is counted: the servers were away, or the run was. It is
on record at its planned moment all the same."""

log = structlog.get_logger()


@dataclass
class Tally:
    """How far a run is."""

    total: int
    done: int = 0
    known: int = 0
    """Dossiers that an earlier run had finished."""
    acts: int = 0
    late_acts: int = 0
    retries: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Acts that a rule refused, by the refusal's name."""
    office_time: datetime | None = None


class _Begun(NamedTuple):
    """A case that has its code."""

    case: Case
    taken: Taken
    done: set[str]
    """The ids of its commands on record."""


class LinksMissing(Unreachable):
    """Other agencies' dossiers that a caseload waits for in vain."""

    sentence = "Dossier {code} waits for {missing} dossiers of other agencies; the worker's log says why."


class Player:
    """Plays cases, `lanes` at a time; waits up to `patience` seconds for servers that are away."""

    def __init__(
        self, desk: Desk, clocks: VirtualClocks, *, lanes: int = 20, patience: float = 180.0
    ) -> None:
        self._desk, self._clocks, self._lanes, self._patience = desk, clocks, lanes, patience
        self._turn = asyncio.Lock()

    async def play(self, cases: Sequence[Case], tell: Callable[[Tally], None]) -> Tally:
        """Play all cases in the order of their hand-in; `tell` hears of each that is done.

        Their clocks stop where they are left, so that the same cases give the same facts, whenever anybody
        looks; `release` sets them running.
        """
        tally = Tally(total=len(cases))
        ordered = sorted(cases, key=lambda case: case.at)
        queue = iter(case for case in ordered if not case.asks_others)
        await self._at_once([self._lane(queue, tally, tell) for _ in range(self._lanes)])
        # One by one: the dossiers of other agencies get numbers of the day, too, whenever they are opened.
        await self._lane(iter(case for case in ordered if case.asks_others), tally, tell)
        return tally

    async def release(self, codes: Iterable[str]) -> None:
        """Set the clocks of these dossiers running."""
        queue, tally = iter(codes), Tally(total=0)

        async def lane() -> None:
            for code in queue:
                await self._patiently(tally, lambda code=code: self._desk.strike(code))  # type: ignore[misc]

        await self._at_once([lane() for _ in range(self._lanes)])

    async def _at_once(self, works: Iterable[Coroutine[Any, Any, None]]) -> None:
        lanes = [asyncio.create_task(work) for work in works]
        try:
            await asyncio.gather(*lanes)
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)

    async def _lane(self, queue: Iterator[Case], tally: Tally, tell: Callable[[Tally], None]) -> None:
        while (begun := await self._next(queue, tally)) is not None:
            await self._one(begun, tally)
            tally.done += 1
            tally.office_time = begun.case.at
            tell(tally)

    async def _next(self, queue: Iterator[Case], tally: Tally) -> _Begun | None:
        """Take the next case in. One after the other: the day's numbers go by the order of hand-in."""
        async with self._turn:
            case = next(queue, None)
            if case is None:
                return None
            code, done = await self._patiently(tally, lambda: self._desk.progress(case.request_id))
            if code is not None and case.request_id in done:
                return _Begun(case, Taken(code, None), done)
            planned = _planned(case, 0, case.at)
            taken = await self._patiently(
                tally,
                lambda: self._desk.take_in(
                    case.submission, officer=case.officer, simulated=planned, seed=case.seed
                ),
            )
            return _Begun(case, taken, done)

    async def _one(self, begun: _Begun, tally: Tally) -> None:
        case, code, done = begun.case, begun.taken.code, begun.done
        todo = [(n, act) for n, act in enumerate(case.acts) if not _done(case.act_id(n), done)]
        if case.request_id in done and not todo:
            tally.known += 1
        if case.request_id not in done:
            await self._patiently(tally, lambda: self._desk.begin(*begun.taken))
        for number, act in todo:
            await self._act(case, code, number, act, tally)
            if case.asks_others:  # what they answer comes before the clock goes on
                await self._asked(code, tally)
        if (until := case.until) is not None:
            await self._leave(code, case.at, until, tally)
            for child, opened_at in await self._asked(code, tally) if case.asks_others else ():
                await self._leave(child, opened_at, until, tally)

    async def _leave(self, code: str, opened_at: datetime, until: datetime, tally: Tally) -> None:
        """Let a dossier's clock go on to a moment and stop there, with all that it brings on record."""
        left = await self._patiently(tally, lambda: self._clocks.forward(code, opened_at, until))
        if left is not None:
            stop = SimulatedTime(at=until, stops_at=until)
            await self._patiently(tally, lambda: self._desk.strike(code, stop))

    async def _asked(self, code: str, tally: Tally) -> list[tuple[str, datetime]]:
        """The dossiers of other agencies that a dossier has asked for, once each has told its code."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._patience
        while True:
            shown = await self._patiently(tally, lambda: self._desk.show(code))
            events = [fact.event for fact in shown.facts]
            asked = [event for event in events if isinstance(event, LinkRequested)]
            opened = [event.child for event in events if isinstance(event, Heard) and event.what == "opened"]
            if len(opened) == len(asked):
                return [(child, await self._begun(child, tally)) for child in opened]
            if loop.time() > deadline:
                raise LinksMissing(code=code, missing=len(asked) - len(opened))
            await asyncio.sleep(0.05)

    async def _begun(self, code: str, tally: Tally) -> datetime:
        shown = await self._patiently(tally, lambda: self._desk.show(code))
        return shown.facts[0].at

    async def _act(self, case: Case, code: str, number: int, act: Act, tally: Tally) -> None:
        reached = await self._patiently(tally, lambda: self._clocks.forward(code, case.at, act.at))
        if reached is not None and reached - act.at > LATE:
            tally.late_acts += 1
        tally.acts += 1
        act_id = case.act_id(number)

        async def ask(
            command: str, user: str, data: Mapping[str, object], request_id: str, planned: SimulatedTime
        ) -> None:
            await self._patiently(
                tally,
                lambda: self._desk.act(
                    code, command, user, dict(data), request_id, simulated=planned, seed=case.seed
                ),
            )

        planned = _planned(case, number + 1, act.at)
        try:
            await ask(act.command, act.user, act.data, act_id, planned)
        except Refusal as refusal:
            tally.refused[refusal.type] += 1
            log.info("act refused", dossier=code, command=act.command, user=act.user, why=refusal.message)
            if act.stand_in is not None:
                here = SimulatedTime(at=act.at, stops_at=act.at)
                await ask("observe", OBSERVER_ID, deviation(act, refusal), f"{act_id}/deviation", here)
                await ask(act.command, act.stand_in, act.data, f"{act_id}/stand-in", planned)

    async def _patiently(self, tally: Tally, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask again, in the same words, while a service is away; asking again is harmless everywhere."""
        loop = asyncio.get_running_loop()
        until, delay = loop.time() + self._patience, 0.1
        while True:
            try:
                return await ask()
            except Unreachable as problem:
                if loop.time() > until:
                    raise
                tally.retries += 1
                log.warning("waiting for a service", problem=problem.type, why=problem.message)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 2.0)


def deviation(act: Act, refusal: Refusal) -> dict[str, Any]:
    """What is taken down of an act that a rule refused and that somebody else then does."""
    label = f"{act.command} by {act.user}"
    return {"label": label, "said_at": act.at.isoformat(), "deviation": refusal.type}


def _planned(case: Case, after: int, at: datetime) -> SimulatedTime:
    """The moment of an act, and of the one numbered `after`, where the dossier's clock stops next."""
    following = case.acts[after].at if after < len(case.acts) else case.until
    return SimulatedTime(at=at, stops_at=following or at)


def _done(act_id: str, done: set[str]) -> bool:
    return act_id in done or f"{act_id}/stand-in" in done
