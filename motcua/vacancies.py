"""Tasks of people who cannot do them any more: found by their holders, and opened to the colleagues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Literal

import structlog

from models.commands import Vacancy
from models.people import Vacated
from models.refusals import Problem, Refusal, UnknownDossier
from models.service import Held
from motcua.desk import Desk, TemporalGone
from motcua.many import Tell, each
from motcua.store import DatabaseUnreachable, Store

Fate = Literal["freed", "moved", "failed"]

log = structlog.get_logger()


class Vacancies:
    """Looks through the open tasks of an office; asked again it goes on with what is left."""

    def __init__(self, desk: Desk, store: Store, clock: Callable[[], datetime]) -> None:
        self._desk, self._store, self._clock = desk, store, clock

    async def free(self, tell: Callable[[int], None]) -> Vacated:
        """Free each task whose holder's time has ended, who has gone from the catalogue, or who has another
        unit or lost the role. Simulated dossiers, whose day is another, are freed when they are acted on.

        `tell` hears how many tasks have been asked for. Raises where a service is away.
        """
        total, asked = Counter[Fate](), 0
        for holder in await self._store.holders():
            held = Held(task=0, at=self._clock(), **holder)
            if (why := self._desk.rulebook.vacancy(held)) is None:
                continue
            tasks = await self._store.held(held.assignee, held.role.value, held.unit)
            fates = await each(tasks, self._asking(held, why), after(asked, tell))
            asked += len(tasks)
            total += fates
            log.info("tasks were freed", of=held.assignee, why=why, fates=dict(fates))
        return Vacated(freed=total["freed"], moved=total["moved"], failed=total["failed"])

    def _asking(
        self, held: Held, why: Vacancy
    ) -> Callable[[tuple[str, int, int]], Coroutine[Any, Any, Fate]]:
        async def ask(task: tuple[str, int, int]) -> Fate:
            code, number, seq = task
            try:
                await self._desk.free(code, held.model_copy(update={"task": number}), seq, why)
            except (Refusal, UnknownDossier):
                return "moved"
            except (TemporalGone, DatabaseUnreachable):
                raise
            except Exception as error:  # one dossier that cannot answer must not keep the others
                bug = None if isinstance(error, Problem) else error
                log.error(
                    "a task could not be freed", dossier=code, of=held.assignee, why=str(error), exc_info=bug
                )
                return "failed"
            return "freed"

        return ask


def after(before: int, tell: Callable[[int], None]) -> Tell:
    """Tells how many have been asked for in all, with those `before`."""
    return lambda done, _total: tell(before + done)
