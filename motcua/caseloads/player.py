"""Puts cases through the office in virtual time: interrupted, it goes on where it was when run again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

import structlog

from models.refusals import Refusal, Unreachable
from motcua.caseloads.script import Act, Case
from motcua.desk import Desk
from motcua.virtual import VirtualClocks

T = TypeVar("T")
LATE = timedelta(minutes=1)
"""An act this much after its planned moment is counted: the servers were away, or the run was."""
OBSERVER = "import"
"""Who takes down what another system says, and who stands in where a rule refuses."""

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


class Player:
    """Plays cases, `lanes` at a time; waits up to `patience` seconds for servers that are away."""

    def __init__(
        self, desk: Desk, clocks: VirtualClocks, *, lanes: int = 20, patience: float = 180.0
    ) -> None:
        self._desk, self._clocks, self._lanes, self._patience = desk, clocks, lanes, patience

    async def play(self, cases: Sequence[Case], tell: Callable[[Tally], None]) -> Tally:
        """Play all cases in the order of their hand-in; `tell` hears of each that is done."""
        tally = Tally(total=len(cases))
        queue = iter(sorted(cases, key=lambda case: case.at))
        lanes = [asyncio.create_task(self._lane(queue, tally, tell)) for _ in range(self._lanes)]
        try:
            await asyncio.gather(*lanes)
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
        return tally

    async def _lane(self, queue: Iterator[Case], tally: Tally, tell: Callable[[Tally], None]) -> None:
        for case in queue:
            await self._one(case, tally)
            tally.done += 1
            tally.office_time = case.at
            tell(tally)

    async def _one(self, case: Case, tally: Tally) -> None:
        code, done = await self._patiently(tally, lambda: self._desk.progress(case.request_id))
        todo = [(n, act) for n, act in enumerate(case.acts) if not _done(case.act_id(n), done)]
        if code is not None and not todo:
            tally.known += 1
        if code is None or case.request_id not in done:
            answer = await self._patiently(
                tally, lambda: self._desk.submit(case.submission, officer=case.officer, at=case.at)
            )
            code = answer.code
        for number, act in todo:
            await self._act(case, code, number, act, tally)
        if (until := case.until) is not None:
            await self._patiently(tally, lambda: self._clocks.forward(code, case.at, until))

    async def _act(self, case: Case, code: str, number: int, act: Act, tally: Tally) -> None:
        reached = await self._patiently(tally, lambda: self._clocks.forward(code, case.at, act.at))
        if reached is not None and reached - act.at > LATE:
            tally.late_acts += 1
        tally.acts += 1
        act_id = case.act_id(number)

        async def ask(command: str, user: str, data: Mapping[str, object], request_id: str) -> None:
            await self._patiently(tally, lambda: self._desk.act(code, command, user, dict(data), request_id))

        try:
            await ask(act.command, act.user, act.data, act_id)
        except Refusal as refusal:
            tally.refused[refusal.type] += 1
            log.info("act refused", dossier=code, command=act.command, user=act.user, why=refusal.message)
            if act.stand_in is not None:
                label = f"{act.command} by {act.user}"
                said = {"label": label, "said_at": act.at.isoformat(), "deviation": refusal.type}
                await ask("observe", OBSERVER, said, f"{act_id}/deviation")
                await ask(act.command, act.stand_in, act.data, f"{act_id}/stand-in")

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


def _done(act_id: str, done: set[str]) -> bool:
    return act_id in done or f"{act_id}/stand-in" in done
