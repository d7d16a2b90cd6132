"""A dossier over the real servers: what people ask, what they are told, and what goes on record."""

from __future__ import annotations

import asyncio

import pytest

from models.chain import broken_links
from models.refusals import (
    DossierClosed,
    FourEyes,
    Refusal,
    RequestReused,
    TaskTaken,
    UnknownDossier,
    WrongRole,
    WrongStage,
)
from models.service import Answer
from models.view import row
from motcua.desk import Desk
from tests.present import present
from tests.running import ISSUE, NAME, PLAIN, Life, Running, readable, rulebook, submission
from tests.unit.office import STAFF, at

BUSY = PLAIN[:4]
"""On the plain way, as far as the handler's task."""
REASON = "Thiếu bản vẽ của ông Bí Mật"
"""A free-text reason, which must be found nowhere but in erasable rows."""


async def test_the_plain_way(office: Running) -> None:
    """Receive, process, approve, return: each answer is on record when it arrives, in one unbroken chain."""
    desk = Desk(office.client, office.store, rulebook(present()))
    filed = await desk.submit(submission("unrated"))
    assert (filed.seq, filed.stage, filed.status, filed.due_at) == (1, "receive", "submitted", None)
    code, seen = filed.code, []
    for who, kind in (
        ("receiver1", "accept"),
        ("receiver1", "complete"),
        ("handler1", "claim"),
        ("handler1", "complete"),
        ("leader1", "complete"),
        ("approver1", "approve"),
        ("clerk1", "complete"),
        ("returner1", "return"),
    ):
        data = {}
        if who == "clerk1":
            received = (await desk.row(code)).received_at
            assert received is not None
            data = {"number": "12/GP", "date": received.isoformat()}
        answer = await desk.act(code, kind, who, data)
        on_record = await desk.row(code)
        assert (answer.seq, answer.stage, answer.status) == (on_record.seq, on_record.stage, on_record.status)
        seen.append((kind, answer.stage.value, answer.status))
    assert seen == [
        ("accept", "receive", "received"),
        ("complete", "process", "processing"),
        ("claim", "process", "processing"),
        ("complete", "process", "processing"),
        ("complete", "approve", "processing"),
        ("approve", "approve", "processing"),
        ("complete", "return", "ready"),
        ("return", "closed", "returned"),
    ]
    shown = await desk.show(code)
    assert [fact.kind for fact in shown.facts] == [
        *("filed", "accepted", "step-opened", "step-completed", "step-opened", "claimed", "step-completed"),
        *("step-opened", "step-completed", "step-opened", "decided", "step-opened", "step-completed"),
        *("issued", "ready", "step-opened", "returned"),
    ]
    assert broken_links(code, shown.facts) == []
    assert shown.row.timeliness == "early"
    assert shown.row.head == shown.facts[-1].hash
    assert (shown.row.tasks, shown.row.terms) == ((), ())
    assert shown.row == row(await office.refolded(code))
    assert not shown.row.simulated
    result = await office.client.get_workflow_handle(code).result()
    assert result["seq"] == 17


async def test_a_refusal_leaves_no_event(office: Running) -> None:
    """What a rule forbids leaves no trace in history or record, and its id may be used again."""
    life = await Life.begin(office, *BUSY)
    before, facts = await office.events(life.code), await life.facts()
    with pytest.raises(WrongRole, match="approve needs the role handler"):
        await life.do("approver1 approve", "once")
    with pytest.raises(WrongStage, match="refuse is not possible"):
        await life.do("handler1 refuse", "twice", reason=REASON)
    assert await office.events(life.code) == before
    assert await life.facts() == facts
    assert REASON not in (await office.store.private(life.code)).values()
    await life.run("handler1 complete", "leader1 complete")
    assert (await life.do("approver1 approve", "once")).stage == "approve"


async def test_the_same_request_gets_its_first_answer(office: Running) -> None:
    """Also when it comes at the same moment, after others, and after the dossier is closed."""
    life = await Life.begin(office, *BUSY, procedure="unrated")
    first, again = await asyncio.gather(*[life.do("handler1 complete", "mine") for _ in range(2)])
    assert first == again
    await life.run("leader1 complete", "approver1 approve", ISSUE, "returner1 return")
    facts = await life.facts()
    assert await life.do("handler1 complete", "mine") == first
    with pytest.raises(DossierClosed):
        await life.do("handler1 complete", "another")
    assert await life.facts() == facts


async def test_of_concurrent_claims_one_wins(office: Running) -> None:
    """The others are told who has the task."""
    life = await Life.begin(office, *BUSY)
    people = ("handler1", "handler2", "both1")
    outcomes = await asyncio.gather(*[life.do(f"{who} claim") for who in people * 3], return_exceptions=True)
    winners = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
    losers = [outcome for outcome in outcomes if isinstance(outcome, TaskTaken)]
    assert (len(winners), len(losers)) == (1, 8)
    (claimed,) = [fact for fact in await life.facts() if fact.kind == "claimed"]
    assert claimed.actor in people
    assert all(claimed.actor in str(loser) for loser in losers)


async def test_four_eyes(office: Running) -> None:
    """Who handled a dossier does not decide on it; another approver does."""
    life = await Life.begin(office, *BUSY, "both1 complete", "leader1 complete")
    with pytest.raises(FourEyes, match="both1"):
        await life.do("both1 approve")
    assert (await life.do("approver1 approve")).status == "processing"


async def test_the_same_submission_is_the_same_dossier(office: Running) -> None:
    """One request id, one code, whatever is asked at once; another content is refused."""
    data = submission()
    opened = at("2026-03-02 08:00")
    answers = await asyncio.gather(*[office.desk.submit(data, at=opened) for _ in range(5)])
    assert len({answer.code for answer in answers}) == 1
    code = answers[0].code
    assert (await office.desk.submit(data, at=opened)).code == code
    assert len(await office.store.facts(code)) == 1
    with pytest.raises(RequestReused, match=data["request_id"]):
        await office.desk.submit({**data, "channel": "post"}, at=opened)
    other = await office.desk.submit(submission(), at=opened)
    assert other.code != code


async def test_a_refused_submission_leaves_nothing(office: Running) -> None:
    """No code is used up, no name is kept, and the same request may come again put right."""
    opened = at("2026-04-01 08:00")
    data = submission(submitted_at="2026-04-01T09:00")
    before = await office.store.counts()
    with pytest.raises(Refusal, match="moment of handing in"):
        await office.desk.submit(data, at=opened)
    assert await office.store.counts() == before
    assert await office.store.progress(data["request_id"]) == (None, set())
    answer = await office.desk.submit({**data, "submitted_at": "2026-04-01T07:00"}, at=opened)
    assert answer.code == "H53.26-260401-0001"


async def test_a_code_that_nobody_has(office: Running) -> None:
    """Told apart from a closed dossier, and no free text is kept for it."""
    with pytest.raises(UnknownDossier, match="H53-0"):
        await office.desk.act("H53-0", "note", "handler1", {"text": REASON})
    assert await office.store.private("H53-0") == {}
    with pytest.raises(UnknownDossier):
        await office.desk.row("H53-0")


async def test_everybody_is_answered_before_the_end(office: Running) -> None:
    """Commands that come with the last one are carried out or refused; none is left hanging."""
    life = await Life.begin(office, *PLAIN[:-1], procedure="unrated")
    notes = [life.do("handler1 note", text=f"note {number}") for number in range(8)]
    outcomes = await asyncio.gather(life.do("returner1 return"), *notes, return_exceptions=True)
    assert isinstance(outcomes[0], Answer)
    assert all(isinstance(outcome, Answer | DossierClosed) for outcome in outcomes)
    await office.client.get_workflow_handle(life.code).result()
    events = await office.events(life.code)
    accepted, completed = "WORKFLOW_EXECUTION_UPDATE_ACCEPTED", "WORKFLOW_EXECUTION_UPDATE_COMPLETED"
    assert events[accepted] == events[completed]
    noted = [fact for fact in await life.facts() if fact.kind == "noted"]
    assert len(noted) == sum(isinstance(outcome, Answer) for outcome in outcomes[1:])


async def test_the_workflow_sees_what_the_facts_tell(office: Running) -> None:
    """The state query equals the fold of the facts in PostgreSQL, open or closed."""
    life = await Life.begin(office, *BUSY, f"handler1 request-supplement reason='{REASON}'")
    assert await office.state(life.code) == await office.refolded(life.code)
    await life.run("citizen1 supply", "citizen1 withdraw")
    assert await office.state(life.code) == await office.refolded(life.code)
    assert (await office.desk.row(life.code)).outcome == "withdrawn"


async def test_personal_data_is_nowhere_in_history_or_facts(office: Running) -> None:
    """Names and free text are in erasable rows only, also those of refused commands."""
    life = await Life.begin(office, *BUSY, f"handler1 request-supplement reason='{REASON}'")
    await life.run(f"citizen1 supply papers='{REASON}'", f"leader1 extend until=2026-03-20 reason='{REASON}'")
    with pytest.raises(Refusal):
        await life.do("leader1 extend", until="2026-03-25", reason=REASON)
    text = readable(await office.history(life.code))
    text += "".join(fact.model_dump_json() for fact in await life.facts())
    assert f"{life.code}/" in text  # by reference
    for secret in (NAME, "0900000001", "Bí Mật", REASON):
        assert secret not in text
    assert NAME in str(await office.store.private(life.code))


async def test_staff_come_from_the_rulebook(office: Running) -> None:
    """A person's roles are looked up by the desk; who asks is on record with their unit."""
    life = await Life.begin(office)
    await office.desk.act(life.code, "accept", "receiver2")
    accepted = (await life.facts())[1]
    assert (accepted.actor, accepted.unit) == ("receiver2", STAFF["receiver2"].unit)
