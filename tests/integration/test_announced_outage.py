"""An announced outage: told to every open dossier, counted once, and again after a kill."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

import pytest

from models.facts import OutageCounted
from models.refusals import BadOutage, WrongRole
from motcua.outages import announce
from tests.integration.test_clock import HANDLING, rungs, when
from tests.running import PLAIN, Life, Running
from tests.unit.office import at

SINCE, UNTIL = at("2026-03-03 10:00"), at("2026-03-03 14:00")


async def told(office: Running, *codes: str, until: datetime = UNTIL, user: str = "admin1") -> dict[str, Any]:
    """Announce it to these dossiers: those of other tests live at other times."""

    class Few:
        async def open_codes(self) -> list[str]:
            return list(codes)

    heard: list[tuple[int, int]] = []
    found = await announce(
        office.desk,
        cast(Any, Few()),
        since=SINCE,
        until=until,
        notice="12/TB",
        user=user,
        tell=lambda done, total: heard.append((done, total)),
    )
    assert heard == [(number, len(codes)) for number in range(1, len(codes) + 1)]
    return found.model_dump(include={"open", "counted", "known", "missed", "closed"})


async def test_each_open_dossier_has_the_time_back(office: Running) -> None:
    """Of four dossiers one lost two hours, one came later, one is closed, and one had it counted by hand."""
    slow = await Life.begin(office, *HANDLING, "@ 2026-03-03 14:30")
    fresh = await Life.begin(office, "receiver1 accept", opened="2026-03-03 15:00")
    done = await Life.begin(office, *PLAIN, procedure="unrated")
    known = await Life.begin(office, *HANDLING, "@ 2026-03-03 14:30")
    await known.do("admin1 outage", since="2026-03-03T10:00", until="2026-03-03T14:00", notice="12/TB")
    codes = [slow.code, fresh.code, done.code, known.code]
    expected = {"open": 4, "counted": 1, "known": 1, "missed": 1, "closed": 1}
    assert await told(office, *codes) == expected
    assert await told(office, *codes) == expected  # once more, as after a kill
    assert (await slow.kinds()).count("outage-counted") == 1
    (counted,) = [fact.event for fact in await slow.facts() if isinstance(fact.event, OutageCounted)]
    assert {(pause.since, pause.until) for move in counted.moves for pause in move.pauses} == {(SINCE, UNTIL)}
    row = await office.desk.row(slow.code)
    assert (when(row.due_at), when(row.original_due_at)) == ("2026-03-09 10:00", "2026-03-09 08:00")
    await slow.forward("2026-03-09 10:30")
    assert [each for each in rungs(await slow.facts()) if each[0] != "late"] == [
        ("due", "2026-03-04 07:00"),  # the handler's: two hours after 15:00, and some ms
        ("soon", "2026-03-06 10:00"),
        ("due", "2026-03-09 10:00"),
    ]
    assert await office.state(slow.code) == await office.refolded(slow.code)


async def test_what_is_wrong_with_the_announcement_ends_it(office: Running) -> None:
    """A rule that says no to all of them is told once, by its name."""
    life = await Life.begin(office, *HANDLING, "@ 2026-03-03 14:30")
    for until in (at("2026-03-03 18:00"), SINCE, at("2026-06-01 08:00")):
        with pytest.raises(BadOutage):
            await told(office, life.code, until=until)
    with pytest.raises(WrongRole, match="administrator"):
        await told(office, life.code, user="leader1")
