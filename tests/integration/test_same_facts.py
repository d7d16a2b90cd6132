"""The same caseload gives the same facts: no delay of a machine or a server is in any of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.commands import SimulatedTime
from models.limits import Limit
from models.refusals import RealClock
from models.terms import due
from motcua.caseloads.open_work import OpenWorkPlan, read_open_work
from motcua.caseloads.player import Player
from motcua.caseloads.script import Act, Case
from motcua.caseloads.town import TownPlan, read_town
from motcua.rulebook import rulebook
from motcua.virtual import VirtualClocks
from tests.running import (
    CATALOGUE,
    PROCEDURES,
    SETTINGS,
    Life,
    Running,
    Telemetry,
    running,
    submission,
    until,
)
from tests.unit.office import CALENDAR, at, procedure

FOLDER = SETTINGS.catalog_dir / "caseloads"
TOWN, WORK = read_town(FOLDER / "hoa-thanh.toml"), read_open_work(FOLDER / "hoa-thanh-open.toml")
OPENED = at("2026-03-02 08:00")
ALERTED = """
select f.code, f.seq from facts f
 where f.kind = 'rung-reached' and not exists (
       select from occasions o where o.code = f.code and o.fact = f.seq)
"""


async def every_fact(office: Running) -> list[tuple[Any, ...]]:
    """All facts with all that is hashed, and their hashes."""
    facts = [fact async for fact in office.store.every_fact()]
    return [
        tuple(fact[name] for name in ("code", "seq", "kind", "at", "actor", "command", "data", "hash"))
        for fact in facts
    ]


class Slow(VirtualClocks):
    """On a loaded machine: what follows a forward comes late, while alarms are close behind."""

    def __init__(self, office: Running) -> None:
        super().__init__(office.client)

    async def forward(self, code: str, opened_at: datetime, target: datetime) -> datetime | None:
        """As the real one, and then the way back takes long; the clock of the server goes on meanwhile."""
        reached = await super().forward(code, opened_at, target)
        if reached is not None:
            await super().forward(code, opened_at, target + timedelta(seconds=40))
        return reached


@pytest.mark.slow  # a caseload is played twice
async def test_the_same_seed_gives_the_same_facts(tmp_path: Path, telemetry: Telemetry) -> None:
    """Two offices, one of them slow: the same facts with the same hashes, and each rung has its alert."""
    opened = OpenWorkPlan(WORK, CATALOGUE, 3)
    # With those that ask other agencies: their dossiers get codes, and tell of themselves, too.
    cases = [*TownPlan(TOWN, CATALOGUE, 3, left_at=opened.moment).cases(30), *opened.draw(0.01).cases]
    found = []
    for name in ("first", "second"):
        book = rulebook(CATALOGUE, CATALOGUE.calendar("vn"))
        async with running(tmp_path / name, telemetry.runtime, book=book) as office:
            clocks = office.clocks if name == "first" else Slow(office)
            tally = await Player(office.desk, clocks).play(cases, lambda _: None)
            assert (tally.done, dict(tally.refused)) == (len(cases), {})
            found.append(await every_fact(office))
            async with office.store._connection() as connection:
                assert await connection.fetch(ALERTED) == []
            rungs = [fact for fact in found[-1] if fact[2] == "rung-reached"]
            assert len(rungs) > 5
    assert found[0] == found[1]


DUE = due(CALENDAR, Limit.parse("5 days"), OPENED)


def case(name: str, *acts: Act, last: datetime | None = None) -> Case:
    """A case whose timeliness is measured by instant, accepted at once; its due instant is DUE."""
    given = submission("fixed", request_id=f"same-{name}", due_at=DUE.isoformat())
    return Case(given, OPENED, "receiver1", acts, last)


def handled(ready: datetime) -> tuple[Act, ...]:
    """The acts of a case whose result is ready at a moment."""
    first = OPENED + timedelta(minutes=30)
    return (
        Act(first, "complete", "receiver1"),
        Act(first, "complete", "handler1"),
        Act(first, "complete", "leader1"),
        Act(first, "approve", "approver1"),
        Act(ready, "complete", "clerk1", {"number": "1", "date": OPENED.isoformat()}),
        Act(ready, "return", "returner1"),
    )


async def played(office: Running, case: Case) -> Life:
    """A case, played on a machine that is slow."""
    await Player(office.desk, Slow(office)).play([case], lambda _: None)
    code, _ = await office.desk.progress(case.request_id)
    assert code is not None
    return Life(office, code, case.at)


async def test_a_result_at_its_deadline_is_in_time(office: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """It came out late when it arrived 0.3 s after its planned moment; its alarm sounds first."""
    by_instant = procedure(code="instant", limit=None, timeliness="instant", rating_window=None)
    monkeypatch.setitem(PROCEDURES, "fixed", by_instant)
    for ready, timeliness in ((DUE, "on_time"), (DUE + timedelta(microseconds=1), "overdue")):
        life = await played(office, case(f"deadline-{timeliness}", *handled(ready)))
        assert (await office.desk.row(life.code)).timeliness == timeliness
        facts = await life.facts()
        assert [fact.at for fact in facts if fact.kind in ("filed", "ready")] == [OPENED, ready]
        rung = next(f for f in facts if f.kind == "rung-reached" and getattr(f.event, "due_at", None) == DUE)
        assert (rung.at, rung.seq < facts[-1].seq) == (DUE, True)


async def test_a_refused_act_delays_nothing(office: Running) -> None:
    """The clock goes on to the next act and to the end: each alarm at its instant, in its place."""
    early, later = OPENED + timedelta(hours=1), DUE + timedelta(days=2)
    acts = (
        Act(early, "complete", "receiver1"),
        Act(early, "complete", "clerk1"),  # refused: it is not the clerk's task
        Act(later, "note", "handler1", {"text": "still here"}),
        Act(later, "complete", "clerk1"),  # refused, and nothing follows
    )
    last = later + timedelta(days=2)
    life = await played(office, case("refused", *acts, last=last))
    facts = await life.facts()
    assert [fact.at for fact in facts] == sorted(fact.at for fact in facts)
    noted = next(fact for fact in facts if fact.kind == "noted")
    assert noted.at == later
    rungs = [fact for fact in facts if fact.kind == "rung-reached"]
    assert {fact.seq < noted.seq for fact in rungs} == {True, False}
    for rung in rungs:
        assert rung.at == getattr(rung.event, "due_at", None)
    call = (await office.refolded(life.code)).next_call()
    assert call is None or call[0] > last


async def test_a_person_sets_the_clock_of_a_played_dossier_running(office: Running) -> None:
    """It stops where its case left it; what somebody does by hand happens when they do it."""
    life = await played(office, case("stopped", last=OPENED + timedelta(hours=1)))
    call = (await office.refolded(life.code)).next_call()
    assert call is not None
    await office.clocks.forward(life.code, OPENED, call[0] + timedelta(hours=1))
    assert await life.kinds() == ["filed", "accepted", "step-opened"]
    await life.do("receiver1 note", text="by hand")
    *_, rung, noted = await life.facts()
    assert (rung.kind, rung.at, noted.kind) == ("rung-reached", call[0], "noted")
    assert noted.at >= call[0] + timedelta(hours=1)


async def test_released_clocks_run_on(office: Running) -> None:
    """The desk of a demo is alive: alarms go on sounding in the dossiers that nobody touches."""
    life = await played(office, case("released", last=OPENED + timedelta(hours=1)))
    call = (await office.refolded(life.code)).next_call()
    assert call is not None
    await Player(office.desk, office.clocks).release([life.code])
    await office.clocks.forward(life.code, OPENED, call[0])

    async def sounded() -> bool:
        return (await life.kinds())[-1] == "rung-reached"

    await until(sounded)


async def test_a_real_dossier_takes_no_planned_moment(office: Running) -> None:
    """Not through the desk either, whatever sends it: its workflow refuses it, and nothing is recorded."""
    given = {**submission("fixed"), "due_at": "2199-01-01T00:00:00Z"}
    code = (await office.desk.submit(given)).code
    planned = SimulatedTime(at=OPENED)
    with pytest.raises(RealClock):
        await office.desk.act(code, "accept", "receiver1", simulated=planned)
    with pytest.raises(RealClock):
        await office.desk.strike(code, planned)
    assert [fact.kind for fact in await office.store.facts(code)] == ["filed"]
