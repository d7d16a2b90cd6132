"""Work goes to nobody who has left: automatic and typed assignments, and the look at all open tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from models.commands import Actor
from models.people import Person, Vacated
from models.procedure import Role
from models.refusals import NotTheirTask, NotThere
from motcua.absences import Absences
from motcua.bell import Bell
from motcua.desk import Desk
from motcua.store.notices import NoticeRecord
from motcua.vacancies import Vacancies
from tests.running import PLAIN, Life, Running, always_open, rulebook, submission
from tests.unit.office import PEOPLE, STAFF, at

HANDLED = PLAIN[:5]
"""On the plain way, as far as the leader's review; the handler was handler1, on 3 March 2026."""
GONE: dict[str, dict[str, Any]] = {
    "left": {"until": date(2026, 3, 3)},
    "not-begun": {"since": date(2026, 3, 5)},
    "unit": {"unit": "police"},
    "role": {"roles": (Role.CLERK,)},
}


def staffed(office: Running, calendar: Any = None, **changed: dict[str, Any] | None) -> Running:
    """The office with a desk that knows some of its people otherwise; None: not any more."""

    def person(user: str) -> Person | None:
        known = PEOPLE.people.get(user)
        if user not in changed or known is None:
            return known
        change = changed[user]
        return None if change is None else known.model_copy(update=change)

    book = rulebook(*([calendar] if calendar else []), person=person)
    return replace(office, desk=Desk(office.client, office.store, book))


async def freed(life: Life) -> list[tuple[str, str, str, str]]:
    """Actor, task's step, from whom and why, of each task that was freed."""
    facts = await life.facts()
    return [
        (fact.actor, facts[fact.event.task - 1].event.step, fact.event.assignee, fact.event.why)  # type: ignore[union-attr]
        for fact in facts
        if fact.kind == "task-freed"
    ]


async def task(life: Life) -> tuple[str, str | None]:
    """The open task's step and assignee, as screens see it."""
    (found,) = (await life.office.desk.row(life.code)).tasks
    return found.step, found.assignee


@pytest.mark.parametrize("why", [*GONE, "unknown"])
async def test_work_sent_back_to_somebody_gone_is_open_to_colleagues(office: Running, why: str) -> None:
    """It went to the handler who was gone; now colleagues can take it, and the leader is told."""
    there = staffed(office, handler1=GONE.get(why))
    life = Life(there, (await Life.begin(office, *HANDLED)).code, at("2026-03-02 08:00"))
    await life.run("@ 2026-03-04 08:00", "leader1 send-back step=handle reason=x")
    assert await task(life) == ("handle", None)
    assert await freed(life) == [("clock", "handle", "handler1", why)]
    assert "task-freed" in await rung(life, "leader1")
    assert "task-freed" not in await rung(life, "handler2")
    assert await office.state(life.code) == await office.refolded(life.code)
    await life.run("handler2 claim")
    assert await task(life) == ("handle", "handler2")
    assert "task-freed" not in await rung(life, "leader1")


async def rung(life: Life, user: str) -> list[str]:
    """What somebody's bell says of a dossier."""
    bell = Bell(NoticeRecord(life.office.store), PEOPLE.people, ["demo"])
    moment = at("2026-03-04 09:00")
    return [
        ring.alarm
        for ring in await bell.of(PEOPLE.people[user], moment, moment.date(), most=1000)
        if ring.code == life.code
    ]


async def test_every_way_by_which_work_comes_back_looks_at_the_dates(office: Running) -> None:
    """The step after one that was done again, and a completion that was corrected."""
    there = staffed(office, leader1=GONE["left"], handler1=GONE["left"])
    onward = Life(
        there, (await Life.begin(office, *HANDLED, "leader1 complete")).code, at("2026-03-02 08:00")
    )
    await onward.run("@ 2026-03-04 08:00", "approver1 send-back step=handle reason=x", "handler2 complete")
    assert await task(onward) == ("review", None)
    assert [where for _, where, _, _ in await freed(onward)] == ["handle", "review"]

    begun = await Life.begin(office, *PLAIN[:4], "handler1 claim", "handler1 complete")
    corrected = Life(there, begun.code, at("2026-03-02 08:00"))
    await corrected.run("@ 2026-03-04 08:00", "head1 correct reason=x")
    assert await task(corrected) == ("handle", None)
    assert [whose for _, _, whose, _ in await freed(corrected)] == ["handler1"]


async def test_nobody_is_given_a_task_who_is_not_there(office: Running) -> None:
    """A leader typed a name; the refusal says until when they were there. Nor do they act, or stand in."""
    there = staffed(office, handler1=GONE["left"], handler2=GONE["not-begun"])
    life = Life(there, (await Life.begin(office, *PLAIN[:4])).code, at("2026-03-02 08:00"))
    await life.run("@ 2026-03-04 08:00", "leader1 note text=x")
    before = await life.kinds()
    for who, words in (("handler1", "their time ended on 2026-03-03"), ("handler2", "begin on 2026-03-05")):
        with pytest.raises(NotThere, match=words):
            await life.do("leader1 assign", to=who)
        with pytest.raises(NotThere, match=words):
            await there.desk.act(life.code, "claim", who)
    with pytest.raises(NotTheirTask):
        await life.do("leader1 assign", to="clerk1")
    assert await life.kinds() == before
    await life.do("leader1 assign", to="both1")
    absences = Absences(office.store, there.desk.rulebook)
    with pytest.raises(NotThere, match="handler1"):
        await absences.add(
            "both1", date(2026, 3, 3), date(2026, 3, 9), "handler1", "both1", today=date(2026, 3, 2)
        )


async def test_the_last_day_counts_and_so_does_an_absence(office: Running) -> None:
    """Until the evening of the last day work comes back to them; who is only away keeps it, and a transfer
    leaves the task open as before."""
    there = staffed(office, handler1={"until": date(2026, 3, 4)})
    life = Life(there, (await Life.begin(office, *HANDLED)).code, at("2026-03-02 08:00"))
    await life.run("@ 2026-03-04 16:59", "leader1 send-back step=handle reason=x")
    assert (await task(life), await freed(life)) == (("handle", "handler1"), [])
    await life.run("leader1 transfer unit=police")
    assert (await task(life), await freed(life)) == (("handle", None), [])

    away = await Life.begin(office, *HANDLED, "@ 2026-03-04 08:00")
    absences = Absences(office.store, office.desk.rulebook)
    span, today = (date(2026, 3, 4), date(2026, 3, 6)), date(2026, 3, 4)
    number = await absences.add("handler1", *span, "handler2", "handler1", today=today)
    try:
        await away.run("leader1 send-back step=handle reason=x")
        assert (await task(away), await freed(away)) == (("handle", "handler1"), [])
    finally:
        await absences.end(number, "handler1")


GHOST = Actor(id="ghost", roles=(Role.HANDLER,), unit="demo")
"""Somebody of the sample office who is in none of its lists."""


def haunted(office: Running, known: Callable[[], Person | None]) -> Desk:
    """A desk with real dossiers that knows the ghost as told."""

    def person(user: str) -> Person | None:
        return known() if user == GHOST.id else PEOPLE.people.get(user) or office.desk.rulebook._person(user)  # type: ignore[misc]

    return Desk(office.client, office.store, rulebook(always_open(), person=person))


async def test_the_tasks_of_somebody_whose_time_ends_are_freed_once(office: Running) -> None:
    """Each with a fact by the clock; asked again, or twice at once, there is nothing left. Simulated dossiers
    have another day and stay."""
    present = Person(id=GHOST.id, name="Ghost", roles=GHOST.roles, unit=GHOST.unit)
    desk = haunted(office, lambda: present)
    codes = []
    for _ in range(25):
        code = (await desk.submit(submission("unrated"), officer="receiver1")).code
        await desk.act(code, "complete", "receiver1")
        await desk.act(code, "claim", GHOST)
        codes.append(code)
    simulated = await Life.begin(office, *PLAIN[:4])
    await desk.act(simulated.code, "claim", GHOST)
    today = datetime(2027, 5, 3, 1, tzinfo=UTC)
    told: list[int] = []

    still = Vacancies(
        haunted(office, lambda: present.model_copy(update={"until": date(2027, 5, 3)})),
        office.store,
        lambda: today,
    )
    assert await still.free(told.append) == Vacated()
    gone = Vacancies(
        haunted(office, lambda: present.model_copy(update={"until": date(2027, 5, 2)})),
        office.store,
        lambda: today,
    )
    first = await gone.free(told.append)
    assert (first.freed, first.failed, max(told)) == (25, 0, 25)
    assert await gone.free(told.append) == Vacated()
    for code in codes:
        facts = [fact for fact in await office.store.facts(code) if fact.kind == "task-freed"]
        assert [(fact.actor, fact.event.why) for fact in facts] == [("clock", "left")]  # type: ignore[union-attr]
        assert (await desk.row(code)).tasks[0].assignee is None
    assert (await desk.row(simulated.code)).tasks[0].assignee == GHOST.id


async def test_a_task_that_somebody_has_taken_meanwhile_is_left_to_them(office: Running) -> None:
    """Between the look at the tasks and the question a colleague was given it."""
    present = Person(id=GHOST.id, name="Ghost", roles=GHOST.roles, unit=GHOST.unit)
    desk = haunted(office, lambda: present)
    code = (await desk.submit(submission("unrated"), officer="receiver1")).code
    await desk.act(code, "complete", "receiver1")
    await desk.act(code, "claim", GHOST)
    stale = haunted(office, lambda: None)
    listed = await office.store.held(GHOST.id, "handler", "demo")
    await desk.act(code, "assign", STAFF["leader1"], {"to": "handler2"})

    class Late(type(office.store)):  # type: ignore[misc]
        async def held(self, *_: str) -> list[tuple[str, int, int]]:
            return listed

        async def holders(self) -> list[dict[str, Any]]:
            return [{"assignee": GHOST.id, "role": "handler", "unit": "demo"}]

    late = Late(office.store._pool)
    found = await Vacancies(stale, late, lambda: datetime(2027, 5, 3, tzinfo=UTC)).free(lambda _: None)
    assert (found.freed, found.moved) == (0, len(listed))
    assert (await desk.row(code)).tasks[0].assignee == "handler2"
