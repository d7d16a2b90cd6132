"""A slow dossier in virtual time: its apology is drafted before the breach, found, and confirmed once."""

from __future__ import annotations

import pytest

from models.facts import ApologyDrafted, Extended
from models.refusals import NothingDrafted
from tests.integration.test_clock import HANDLING, SOON, when
from tests.running import ISSUE, Life, Running


async def test_a_slow_dossier_gets_its_apology(office: Running) -> None:
    """Two days of work follow the handler's: on Thursday they begin to be missing before Monday."""
    life = await Life.begin(office, *HANDLING, procedure="apologised")
    await life.forward("2026-03-05 07:30")
    assert "apology-drafted" not in await life.kinds()
    assert life.code not in {draft["code"] for draft in await office.store.apologies()}
    await life.forward("2026-03-05 09:00")
    (drafted,) = [fact for fact in await life.facts() if isinstance(fact.event, ApologyDrafted)]
    assert isinstance(drafted.event, ApologyDrafted)
    assert (drafted.actor, when(drafted.at)) == ("clock", "2026-03-05 08:00")
    assert drafted.event.reason == "work-does-not-fit"
    assert when(drafted.event.proposed_at) == "2026-03-10 14:00"
    (found,) = [draft for draft in await office.store.apologies("demo") if draft["code"] == life.code]
    assert (found["step"], found["apology_reason"]) == ("handle", "work-does-not-fit")
    assert abs(found["apology_at"] - drafted.at) < SOON
    assert life.code not in {draft["code"] for draft in await office.store.apologies("elsewhere")}

    await life.do("leader1 apologise", reason="nhiều hồ sơ")
    confirmed = (await life.facts())[-1].event
    assert isinstance(confirmed, Extended)
    assert (confirmed.draft, confirmed.moves) == (drafted.seq, ())
    row = await office.desk.row(life.code)
    assert (when(row.promised_at), row.apology_at) == ("2026-03-10 14:00", None)
    assert when(row.due_at) == when(row.original_due_at) == "2026-03-09 08:00"
    with pytest.raises(NothingDrafted):
        await life.do("leader1 apologise")

    await life.run("@ 2026-03-10 09:00", "handler1 complete", "leader1 complete", "approver1 approve", ISSUE)
    assert (await office.desk.row(life.code)).timeliness == "overdue"
    assert (await life.kinds()).count("apology-drafted") == 1
    assert await office.state(life.code) == await office.refolded(life.code)
