"""Linked procedures (liên thông) from end to end: one applicant, several agencies, each with its dossier."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from models.chain import broken_links
from models.dossier import Dossier
from models.facts import Fact
from models.linked import OpenLinked, messages
from models.refusals import DossierClosed, LinkPending
from models.service import Answer
from motcua.links import Messages
from tests.running import NAME, Life, Running
from tests.unit.office import at, local
from tests.waiting import until


class Together:
    """Dossiers whose clocks go in step, as clocks of one country do."""

    def __init__(self, office: Running, *lives: Life) -> None:
        self.office, self.lives = office, list(lives)

    async def add(self, parent: Life, link: str) -> Life:
        """The dossier that was opened for a link, once the parent has heard its code."""
        state = await self.hears(parent, link, lambda linked: linked.child is not None)
        child = next(linked.child for linked in reversed(state.links) if linked.link == link)
        assert child is not None
        facts = await self.office.store.facts(child)
        life = Life(self.office, child, facts[0].at)
        self.lives.append(life)
        return life

    async def hears(self, parent: Life, link: str, what: Callable[[Any], bool]) -> Dossier:
        """Wait until the parent has heard it."""

        async def heard() -> bool:
            links = (await self.office.refolded(parent.code)).links
            last = next((linked for linked in reversed(links) if linked.link == link), None)
            return last is not None and what(last)

        await until(heard)
        return await self.office.refolded(parent.code)

    async def at(self, target: str) -> None:
        """Move all clocks, one alarm after the other, so that no message comes before its time."""
        while True:
            calls = [
                call[0]
                for life in self.lives
                if not (d := await self.office.refolded(life.code)).closed
                and (call := d.next_call()) is not None
            ]
            moment = min([*calls, at(target)])
            for life in self.lives:
                await life.forward(moment)
            if moment == at(target):
                return


async def begin(office: Running, procedure: str, opened: str) -> Life:
    """Handed in and accepted at the counter."""
    return await Life.begin(office, procedure=procedure, opened=opened, officer="receiver1")


async def child_done(child: Life, agency: str, number: str) -> Answer:
    """The other agency's two officers do their work."""
    await child.do(f"{agency}1 complete")
    today = (await child.facts())[-1].at
    return await child.do(f"{agency}2 approve", number=number, date=today.isoformat())


def rungs(facts: list[Fact]) -> list[tuple[str, str | None]]:
    """Which alarms sounded, and when each was due."""
    return [
        (fact.event.name, local(fact.event.due_at + timedelta(seconds=30)))
        for fact in facts
        if fact.event.kind == "rung-reached"
    ]


async def sound(office: Running, *lives: Life) -> None:
    """Every chain holds and every workflow is where its facts say."""
    for life in lives:
        facts = await life.facts()
        assert broken_links(life.code, facts) == []
        assert NAME not in str(facts)
        folded = await office.refolded(life.code)
        if not folded.closed:
            assert await office.state(life.code) == folded


def told(facts: list[Fact]) -> list[tuple[str, str]]:
    """What a parent has heard, in order."""
    return [(fact.event.link, fact.event.what) for fact in facts if fact.event.kind == "heard"]


async def test_birth_residence_and_health_card_in_time(office: Running) -> None:
    """The birth is registered, both agencies acknowledge within two hours and are done, all in three days."""
    life = await begin(office, "x.linked-birth", "2026-03-02 08:00")
    together = Together(office, life)
    await together.at("2026-03-02 09:00")
    await life.run("receiver1 complete")
    await together.at("2026-03-02 14:00")
    await life.run("handler1 complete")
    police, insurance = await together.add(life, "residence"), await together.add(life, "health-card")
    assert (await office.desk.row(police.code)).unit == "police"
    assert [fact.kind for fact in await police.facts()] == ["filed", "linked-to"]
    with pytest.raises(LinkPending, match=r"police \(residence\)"):
        await life.do("handler1 complete")
    # 14:00 and two working hours.
    acknowledgements = [term for term in (await office.refolded(life.code)).terms if term.of == "link"]
    assert {local(term.due_at + timedelta(seconds=30)) for term in acknowledgements} == {"2026-03-02 16:00"}
    await together.at("2026-03-02 15:00")
    await police.do("police1 accept")
    await insurance.do("insurance1 accept")
    await together.hears(life, "residence", lambda linked: linked.news == "acknowledged")
    state = await together.hears(life, "health-card", lambda linked: linked.news == "acknowledged")
    assert all(term.closed_at is not None for term in state.terms if term.of == "link")
    await together.at("2026-03-03 16:00")
    await child_done(police, "police", "12/CT")
    await together.hears(life, "residence", lambda linked: linked.news == "ready")
    with pytest.raises(LinkPending, match=r"insurance \(health-card\)"):
        await life.do("handler1 complete")
    await together.at("2026-03-04 10:00")
    await child_done(insurance, "insurance", "HT-1")
    state = await together.hears(life, "health-card", lambda linked: linked.news == "ready")
    await life.do("handler1 complete")
    await together.at("2026-03-04 14:00")
    await life.do("approver1 approve", number="3/KS", date="2026-03-04T14:00")
    row = await office.desk.row(life.code)
    # Three days from 08:00 on Monday, when it was accepted: 08:00 on Thursday; ready on Wednesday.
    assert (local(row.due_at), row.timeliness) == (local(row.original_due_at), "early")
    assert row.due_at is not None
    assert local(row.due_at) == "2026-03-05 08:00"
    facts = await life.facts()
    assert [what for _, what in told(facts) if what == "late"] == []
    assert sorted(told(facts)) == sorted(
        (link, what) for link in ("residence", "health-card") for what in ("opened", "acknowledged", "ready")
    )
    rows = [await office.desk.row(child.code) for child in (police, insurance)]
    assert [row.timeliness for row in rows] == ["early", "on_time"]
    await sound(office, *together.lives)


async def test_birth_with_a_late_agency(office: Running) -> None:
    """The police neither acknowledge nor finish in time: both sides are alarmed, and they apologise."""
    life = await begin(office, "x.linked-birth", "2026-03-02 08:00")
    together = Together(office, life)
    await life.run("receiver1 complete", "handler1 complete")  # at once: the partners have all the time
    police, insurance = await together.add(life, "residence"), await together.add(life, "health-card")
    await insurance.do("insurance1 accept")
    await together.at("2026-03-02 10:30")
    state = await together.hears(life, "residence", lambda linked: linked.late)
    term = next(term for term in state.terms if term.of == "link" and term.name == "residence")
    assert term.closed_at is None
    assert ("due", "2026-03-02 10:00") in rungs(await life.facts())
    assert ("due", "2026-03-02 10:00") in rungs(await police.facts())
    await police.do("police1 accept")
    await child_done(insurance, "insurance", "HT-2")
    await together.hears(life, "health-card", lambda linked: linked.news == "ready")
    # Accepted at 10:30, two days: 10:30 on Wednesday. They promise Friday and are done on Thursday.
    await together.at("2026-03-04 11:00")
    reason = "Chờ xác minh nơi cư trú"
    assert (await office.refolded(police.code)).apology is not None  # drafted before they were late
    await police.do("police2 apologise", until="2026-03-06T09:00", reason=reason)

    async def promised() -> bool:
        return ("residence", "promised") in told(await life.facts())

    await until(promised)
    await together.at("2026-03-05 14:00")
    await child_done(police, "police", "13/CT")
    await together.hears(life, "residence", lambda linked: linked.news == "ready")
    await life.do("handler1 complete")
    await life.do("approver1 approve", number="4/KS", date="2026-03-05T14:00")
    whole, part = await office.desk.row(life.code), await office.desk.row(police.code)
    assert (whole.timeliness, part.timeliness) == ("on_time", "overdue")
    heard = [fact.event for fact in await life.facts() if fact.event.kind == "heard"]
    assert [(news.what, news.term) for news in heard if news.link == "residence"] == [
        ("opened", None),
        ("late", "intake"),
        ("acknowledged", None),
        ("promised", None),
        ("late", "dossier"),  # by date: from the midnight after the due day on, before any alert
        ("ready", None),
    ]
    assert reason not in str(await life.facts())
    await sound(office, *together.lives)


@pytest.mark.parametrize("late", [False, True])
async def test_land_transfer_does_not_count_the_tax_office(office: Running, *, late: bool) -> None:
    """While the tax office works the land dossier's clock stands still, however long it takes."""
    life = await begin(office, "x.land-transfer", "2026-03-02 08:00")
    together = Together(office, life)
    await life.do("receiver1 complete")
    await together.at("2026-03-03 08:00")
    await life.do("handler1 complete")
    tax = await together.add(life, "tax")
    row = await office.desk.row(life.code)
    assert (row.paused, row.status, row.national_status) == (True, "awaiting-answer", 4)
    await together.at("2026-03-03 09:00")
    await tax.do("tax1 accept")
    await together.hears(life, "tax", lambda linked: linked.news == "acknowledged")
    done = "2026-03-12 09:00" if late else "2026-03-06 09:00"
    await together.at(done)
    await child_done(tax, "tax", "TB-7")
    await together.hears(life, "tax", lambda linked: linked.news == "ready")
    row, part = await office.desk.row(life.code), await office.desk.row(tax.code)
    # Ten days from Monday 08:00, of which one was used; nine are left from the day of the tax office's end.
    assert row.due_at is not None
    expected = "2026-03-25 09:00" if late else "2026-03-19 09:00"
    assert not row.paused
    assert abs(row.due_at - at(expected)) < timedelta(minutes=2), local(row.due_at)
    assert part.timeliness == ("overdue" if late else "early")
    await life.do("handler1 complete")
    await life.run("leader1 complete", "approver1 approve")
    await life.do("clerk1 complete", number="5/GCN", date=f"{done[:10]}T09:00")
    assert (await office.desk.row(life.code)).timeliness == "early"
    assert ("tax", "late") not in told(await life.facts()) or late
    await sound(office, *together.lives)


async def test_a_withdrawn_dossier_calls_its_children_back(office: Running) -> None:
    """Nobody works for an applicant who has withdrawn, and a child's end is heard by nobody."""
    life = await begin(office, "x.land-transfer", "2026-03-02 08:00")
    together = Together(office, life)
    await life.run("receiver1 complete", "handler1 complete")
    tax = await together.add(life, "tax")
    await life.do("citizen withdraw")

    async def gone() -> bool:
        return (await office.desk.row(tax.code)).status == "withdrawn"

    await until(gone)
    for one in (life, tax):
        await office.client.get_workflow_handle(one.code).result()
    assert told(await life.facts()) == [("tax", "opened")]
    await sound(office, life, tax)


async def test_a_refused_child_can_be_asked_for_again(office: Running) -> None:
    """The agency turns it away; sent back and done again, the step asks anew, with another dossier."""
    life = await begin(office, "x.linked-birth", "2026-03-02 08:00")
    together = Together(office, life)
    await life.run("receiver1 complete", "handler1 complete")
    first, insurance = await together.add(life, "residence"), await together.add(life, "health-card")
    await first.do("police1 refuse", reason="Sai nơi cư trú")
    await insurance.do("insurance1 accept")
    await child_done(insurance, "insurance", "HT-3")
    await together.hears(life, "residence", lambda linked: linked.news == "refused")
    await together.hears(life, "health-card", lambda linked: linked.news == "ready")
    await life.do("handler1 send-back", step="register-birth", reason="Sửa nơi cư trú")
    await life.do("handler1 complete")
    second = await together.add(life, "residence")
    assert second.code != first.code
    state = await office.refolded(life.code)
    assert [(linked.link, linked.round) for linked in state.links] == [
        ("residence", 1),
        ("health-card", 1),
        ("residence", 2),
    ]
    await sound(office, life, second)


async def test_a_message_that_comes_again_changes_nothing(office: Running) -> None:
    """A worker that died after it had delivered delivers again: one child, and every word heard once."""
    life = await begin(office, "x.land-transfer", "2026-03-02 08:00")
    together = Together(office, life)
    await life.run("receiver1 complete", "handler1 complete")
    tax = await together.add(life, "tax")
    await tax.do("tax1 accept")
    await together.hears(life, "tax", lambda linked: linked.news == "acknowledged")
    before = [await life.kinds(), await tax.kinds()]
    messenger = Messages(office.desk)
    parent, child = await office.refolded(life.code), await office.refolded(tax.code)
    again = [*messages(parent, await life.facts()), *messages(child, await tax.facts())]
    assert [message.kind for message in again] == ["open", "tell"]
    for message in again:
        await (messenger.open(message) if isinstance(message, OpenLinked) else messenger.tell(message))
    assert [await life.kinds(), await tax.kinds()] == before
    await sound(office, life, tax)


async def test_withdrawn_while_its_children_are_opened(office: Running) -> None:
    """They stayed at their agencies for ever: the parent had closed before it heard their codes."""
    life = await begin(office, "x.linked-birth", "2026-03-02 08:00")
    await life.run("receiver1 complete")
    completed, withdrawn = await asyncio.gather(
        life.do("handler1 complete"), life.do("citizen withdraw"), return_exceptions=True
    )
    # Whichever comes first: a step of a dossier that has been withdrawn is not completed any more.
    assert isinstance(completed, Answer | DossierClosed)
    assert isinstance(withdrawn, Answer)
    await office.client.get_workflow_handle(life.code).result()
    folded = await office.refolded(life.code)
    for linked in folded.links:
        code, _ = await office.desk.progress(f"{life.code}/{linked.link}/1")
        if code is not None:

            async def gone(code: str = code) -> bool:
                return (await office.desk.row(code)).status == "withdrawn"

            await until(gone)


async def test_a_child_that_is_not_needed_any_more_is_not_opened(office: Running) -> None:
    """The other agency was away until after the parent had closed."""
    life = await begin(office, "x.land-transfer", "2026-03-02 08:00")
    await life.run("receiver1 complete", "handler1 complete", "citizen withdraw")
    (message,) = [
        m for m in messages(await office.refolded(life.code), await life.facts()) if m.kind == "open"
    ]
    late = message.model_copy(update={"round": 2})
    await Messages(office.desk).open(late)
    assert await office.desk.progress(late.request_id) == (None, set())


async def test_a_worker_that_died_after_it_had_opened_a_child(office: Running) -> None:
    """The parent was withdrawn before the message came again: the child is called back, not forgotten."""
    life = await begin(office, "x.land-transfer", "2026-03-02 08:00")
    await life.run("receiver1 complete", "handler1 complete")
    tax = await Together(office, life).add(life, "tax")
    facts = await life.facts()
    (message,) = [m for m in messages(await office.refolded(life.code), facts) if m.kind == "open"]
    again = message.model_copy(update={"round": 2})
    child = (await office.desk.open_linked(again)).code
    await life.do("citizen withdraw")
    await office.client.get_workflow_handle(life.code).result()
    await Messages(office.desk).open(again)
    assert [(await office.desk.row(code)).status for code in (tax.code, child)] == ["withdrawn", "withdrawn"]
