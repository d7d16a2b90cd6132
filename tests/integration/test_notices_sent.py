"""Notices on their way out: real mail and webhooks, at a decent hour, once, whatever fails meanwhile."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import time, timedelta
from email.message import EmailMessage
from typing import Any

import asyncpg
import pytest
from temporalio.client import ScheduleActionStartWorkflow, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError

from models.notices import Notice
from models.people import EMAIL, Absence
from motcua.desk import Desk
from motcua.replays import Replaying
from motcua.schedules import DIGEST, keep_digest
from motcua.store.notices import NoticeFilter
from tests.auditing import replayed
from tests.present import always_open, now
from tests.running import ISSUE, Life, Telemetry, rulebook, scrape, submission
from tests.servers import Answer, Mood
from tests.telling import APPLICANT, HELD, Post, away, plain, telling, told
from tests.unit.office import ZONE, at
from tests.waiting import PATIENCE, a_few_at_once, until


@pytest.fixture(scope="module")
async def post(tmp_path_factory: pytest.TempPathFactory, telemetry: Telemetry) -> AsyncIterator[Post]:
    """One such office for all tests here."""
    async with telling(tmp_path_factory.mktemp("telling"), telemetry.runtime) as post:
        yield post


@pytest.fixture(autouse=True)
async def _calm(post: Post) -> AsyncIterator[None]:
    yield
    post.mail.mood, post.hook.answer = None, None
    post.mail.close_idle()


async def test_an_overdue_dossier_climbs_its_ladder(post: Post, telemetry: Telemetry) -> None:
    """Reminder, due and escalation: by mail and where its rung says so by webhook, to whom it concerns."""
    before = await scrape(telemetry.port, "motcua_notices_total")
    life = await Life.begin(post.office, *HELD, procedure="told", applicant=APPLICANT)
    await life.forward("2026-03-13 12:00")
    # the receipt; an apology to confirm; soon, due twice, late three times by mail and by SMS
    sent = await post.settled(life.code, 11)
    letters = post.letters(life.code)
    assert told(letters) == ["anh", "handler1", "handler1", *["head1"] * 3, *["leader1"] * 2]
    assert len(letters) == len({each["id"] for each in sent if each["channel"] == EMAIL})
    assert all(str(letter["From"]) == "Một cửa <motcua@hoathanh.example>" for letter in letters)
    assert all(letter["Auto-Submitted"] == "auto-generated" for letter in letters)
    hooks = [each for each in post.hook.received if each.payload["dossier"]["code"] == life.code]
    assert [each.payload["type"] for each in hooks] == ["notice.escalation"] * 3
    assert {each.payload["recipient"]["id"] for each in hooks} == {"head1"}
    assert {post.hook.requests[each.id] for each in hooks} == {1}
    assert post.hook.forged == 0
    assert await scrape(telemetry.port, "motcua_notices_total") >= before + 11
    assert await scrape(telemetry.port, "motcua_outbox") == 0
    for letter in letters:
        if told([letter]) != ["anh"]:
            assert "Ánh" not in plain(letter)  # nothing personal goes to staff by mail


async def test_what_became_of_a_letter_is_held_against_its_history(post: Post) -> None:
    """Whoever has the database can say that nobody was written to; the letter's workflow knows better."""
    life = await Life.begin(post.office, *HELD, procedure="told", applicant=APPLICANT)
    await life.forward("2026-03-13 12:00")
    sent = await post.settled(life.code, 11)
    run = post.office.local.run
    replaying = Replaying(post.office.client, post.office.store, post.office.where)
    found = await post.office.verify()
    assert [each for each in found.broken if each.code == life.code] == []
    (one, *_), (other, *_) = (
        [each["id"] for each in sent if each["recipient"] == who and each["channel"] == EMAIL]
        for who in ("leader1", "head1")
    )
    assert (await replayed(replaying, f"notice/{one}")).differing == ()
    connection = await asyncpg.connect(run.admin_database_url)
    try:
        await connection.execute("set session_replication_role = replica")
        await connection.execute("update deliveries set outcome = 'void' where notice = $1", one)
        await connection.execute("delete from notices where id = $1", other)
        never = await connection.fetchval(
            "insert into notices (code, term, generation, rung, occurrence, recipient, channel, alarm, name,"
            " due_at, fact, tell_at) select code, term, generation, rung, occurrence, 'clerk1', channel,"
            " alarm, name, due_at, fact, tell_at from notices where id = $1 returning id",
            one,
        )
        await connection.execute(
            "insert into deliveries (notice, round, outcome, why) values ($1, 0, 'sent', '')", never
        )
    finally:
        await connection.close()
    (said,) = (await replayed(replaying, f"notice/{one}")).differing
    assert said.what == "its history says that it was sent, the record that it was void"
    (said,) = (await replayed(replaying, f"notice/{other}")).differing
    assert said.what == "its history says that it was sent; there is no such notice on record"
    assert said.code == f"notice/{other}"
    (said,) = (await replayed(replaying, f"notice/{never}")).differing
    assert said.what == "the record says that it was sent; no history of it is left"


async def test_applicants_hear_what_concerns_them_with_the_papers(post: Post) -> None:
    """Each step of a life that they have to know of; HTML in a name stays text; nobody else is told."""
    life = await Life.begin(post.office, *HELD, procedure="told", applicant=APPLICANT)
    await life.run("@ 2026-03-03 09:00", "handler1 request-supplement reason='Thiếu bản vẽ <i>mặt bằng</i>'")
    await post.settled(life.code, 2)
    await life.run("@ 2026-03-04 09:00", "citizen1 supply papers='bản vẽ'", "@ 2026-03-05 09:00")
    await life.run("leader1 extend until=2026-03-20T09:00 reason='Phải xác minh thêm'")
    await post.settled(life.code, 3)  # or the next one might overtake it
    await life.run("handler1 complete", "leader1 complete", "approver1 approve", ISSUE)
    await post.settled(life.code, 4)
    letters = post.letters(life.code)
    assert told(letters) == ["anh"] * 4
    papers = [
        [part.get_filename() for part in letter.iter_attachments() if part.get_content()[:5] == b"%PDF-"]
        for letter in letters
    ]
    assert [len(each) for each in papers] == [1, 1, 1, 0]
    for letter in letters:
        html = letter.get_body(("html",))
        assert html is not None
        assert "<b>Ánh" not in html.get_content()
        assert "&lt;b&gt;Ánh&lt;/b&gt; &amp; Con" in html.get_content()
        assert "Nguyễn Thị <b>Ánh</b> & Con" in plain(letter)
        assert re.search(rf"https://motcua\.example/track/{life.code}\?k=[0-9a-f]{{16}}\b", plain(letter))
    assert "Thiếu bản vẽ <i>mặt bằng</i>" in plain(letters[1])
    assert "&lt;i&gt;mặt bằng" in letters[1].get_body(("html",)).get_content()  # type: ignore[union-attr]


def attached(letter: EmailMessage) -> list[str]:
    """The names of the papers that came with a letter, without their dossier's code."""
    return [str(part.get_filename()).split("-", 3)[-1] for part in letter.iter_attachments()]


async def test_what_was_rejected_is_told_with_its_reason(post: Post) -> None:
    """It was told as ready, without why and without the paper."""
    life = await Life.begin(post.office, *HELD, procedure="told", applicant=APPLICANT)
    await life.run(
        "handler1 complete", "leader1 complete", "approver1 reject reason='Không đúng quy hoạch'", ISSUE
    )
    await post.settled(life.code, 2)
    letter = post.letters(life.code)[-1]
    assert "không được chấp thuận; văn bản trả lời được gửi kèm thư này" in plain(letter)
    assert "Không đúng quy hoạch" in plain(letter)
    assert attached(letter) == ["refusal.pdf"]


async def test_while_the_clock_stands_still_no_date_is_told(post: Post) -> None:
    """The old date of the result stood in the letter, and nothing told that work went on."""
    life = await Life.begin(post.office, *HELD, procedure="told", applicant=APPLICANT)
    why = '{"text": "Thiếu giấy tờ", "papers": ["Bản vẽ", {"name": "Đơn đề nghị", "originals": 1}]}'
    await life.do("handler1 request-supplement", reason=json.loads(why))
    await post.settled(life.code, 2)
    await life.run("citizen1 supply papers=x", "head1 stop reason='Chờ thanh tra'")
    await post.settled(life.code, 3)
    await life.run("head1 resume")
    await post.settled(life.code, 4)
    received, missing, stopped, resumed = post.letters(life.code)
    assert "Hẹn trả kết quả" in plain(received)
    for letter in (missing, stopped):
        assert "Hẹn trả kết quả" not in plain(letter)
    assert all(f"- {paper}" in plain(missing) for paper in ("Bản vẽ", "Đơn đề nghị"))
    assert "Chúng tôi sẽ thông báo" in plain(stopped)
    assert resumed["Subject"].startswith("Tiếp tục giải quyết hồ sơ")
    assert "Hẹn trả kết quả" in plain(resumed)


async def test_what_comes_about_at_night_is_told_in_the_morning(post: Post) -> None:
    """On the clock of the notice itself; and when its cause has gone by then, not at all."""
    codes = []
    for resolved in (False, True):
        life = await Life.begin(post.office, procedure="fixed")
        await life.do("receiver1 accept", due="until 2026-03-03T22:00:00+07:00")
        await life.run("receiver1 complete", "handler1 claim", "@ 2026-03-03 22:30")
        codes.append(life.code)

        async def waits(code: str = life.code) -> list[dict[str, Any]]:
            return [each for each in await post.listed(code) if each["name"] == "due"]

        waiting = await until(waits)
        assert {each["tell_at"] for each in waiting} == {at("2026-03-04 07:00")}
        if resolved:
            await life.do("citizen1 withdraw")
        for each in waiting:
            await post.moved_on(each["id"], "2026-03-03 22:00", 8.9)
        assert post.letters(life.code) == []
        for each in waiting:
            await post.tried_until(each, "void" if resolved else "sent", "2026-03-03 22:00", 9.1)
        found = [each for each in await post.listed(life.code) if each["name"] == "due"]
        whys = {re.sub(r"as \d+$", "as N", each["why"]) for each in found}
        assert whys == ({"resolved"} if resolved else {"250 2.0.0 OK queued as N"})
    assert [told(post.letters(code)) for code in codes] == [["handler1", "leader1"], []]


async def test_a_second_before_its_rung_it_is_done(post: Post) -> None:
    """Nothing is reached, nothing is told."""
    life = await Life.begin(post.office, *HELD, "handler1 complete", procedure="told")
    await life.run("leader1 complete", "approver1 approve", "@ 2026-03-06 07:59:59")
    await life.run(ISSUE, "@ 2026-03-12 09:00")
    assert "rung-reached" not in await life.kinds()
    assert [each for each in await post.listed(life.code) if each["recipient"] != "applicant"] == []


async def test_a_cause_that_goes_while_the_mail_server_is_away_is_not_told_any_more(post: Post) -> None:
    """The race: the rung is reached, the letter under way, and the dossier done before it gets through."""
    life = await Life.begin(post.office, *HELD, "handler1 complete", "leader1 complete", procedure="told")
    await life.run("approver1 approve", "leader1 assign to=clerk1")
    await away(post.mail)
    await life.forward("2026-03-06 08:30")
    trying = await post.settled(life.code, 2, "trying")
    assert {each["name"] for each in trying} == {"soon", "apology-drafted"}
    assert all("cannot" in each["why"] or "onnect" in each["why"] for each in trying)
    await life.run(ISSUE)
    await post.mail.__aenter__()
    for each in trying:
        await post.tried_until(each, "void", "2026-03-06 08:00", 2)
    whys = {each["id"]: each["why"] for each in await post.listed(life.code)}
    assert {whys[each["id"]] for each in trying} == {"resolved", "decided"}
    assert post.letters(life.code) == []


async def test_a_mail_server_that_is_down_for_a_day(post: Post) -> None:
    """On the notice's own clock: tried again and again while the office is open, told as trying, sent once.

    It is back on a Saturday; the letter goes out on Monday morning.
    """
    life = await Life.begin(post.office, *HELD, procedure="told")
    await away(post.mail)
    await life.forward("2026-03-06 08:30")
    (soon,) = [each for each in await post.settled(life.code, 2, "trying") if each["name"] == "soon"]
    await post.moved_on(soon["id"], "2026-03-06 08:00", 24)
    (still,) = [each for each in await post.listed(life.code) if each["id"] == soon["id"]]
    assert still["state"] == "trying"
    assert (
        still["failed"] > 25
    )  # at least every quarter of an hour, from eight to half past eleven and to five
    assert still["why"] == "closed"
    assert still["tell_at"] == at("2026-03-09 07:00")
    assert (await post.office.desk.row(life.code)).seq < 20  # the dossier has nothing to do with it
    await life.run("handler1 note text='it goes on'")
    await post.mail.__aenter__()
    await post.moved_on(soon["id"], "2026-03-06 08:00", 70.9)
    assert post.letters(life.code) == []
    await post.tried_until(soon, "sent", "2026-03-06 08:00", 71)
    assert told(post.letters(life.code)).count("handler1") == 1  # the leader's letter has a clock of its own


SMTP_FAULTS = {
    "hangs before the letter": ("rcpt", "hang", 1, 1),
    "hangs after the letter": ("dot", "hang", 1, 2),
    "drops after DATA": ("data", "drop", 1, 1),
    "takes it, and drops before saying so": ("dot", "drop", 1, 2),
    "says later, three times": ("rcpt", "451 4.7.1 try again", 3, 1),
    "greets with 421": ("greeting", "421 too busy", 2, 1),
    "knows no password": ("auth", "535 5.7.8 who are you", 2, 1),
    "says later after the letter": ("dot", "452 4.3.1 no space", 2, 1),
}
"""Stage, what is done there, how often, and how often the letter was taken in the end."""


@pytest.mark.parametrize("fault", SMTP_FAULTS)
async def test_a_mail_server_that_misbehaves(post: Post, fault: str) -> None:
    """Nothing is lost, and nothing is seen twice: the same letter has the same Message-ID."""
    stage: Any
    stage, what, times, taken = SMTP_FAULTS[fault]
    life = await Life.begin(post.office, *HELD, procedure="usual")
    post.mail.close_idle()  # no connection from before
    post.mail.mood = Mood(stage, what, times)
    await life.forward("2026-03-03 15:30")
    await until(lambda: _tried(post, life))
    (due,) = [each for each in await post.listed(life.code) if each["name"] == "due"]
    await post.tried_until(due, "sent", "2026-03-03 15:00", 1)
    assert told(post.letters(life.code)) == ["handler1"]
    mine = [each.id for each in post.mail.received if life.code in plain(each.message)]
    assert (len(mine), len(set(mine))) == (taken, 1)


async def _tried(post: Post, life: Life) -> bool:
    return any(each["failed"] or each["state"] == "sent" for each in await post.listed(life.code))


async def test_what_is_refused_for_good_waits_for_a_person(post: Post) -> None:
    """A letter that its server will never take: listed with why, and sent again on somebody's word."""
    life = await Life.begin(post.office, *HELD, procedure="usual")
    post.mail.mood = Mood("rcpt", "550 5.1.1 <{to}> no such user")
    await life.forward("2026-03-03 15:30")
    (refused,) = await post.settled(life.code, 1, "refused")
    assert "550 5.1.1" in refused["why"]
    assert "no such user" in refused["why"]
    assert "handler1@" not in refused["why"]  # it is kept for ever
    post.mail.mood = None
    assert await post.record.again(refused["id"], "head1") == 1
    await post.settled(life.code, 1)
    assert told(post.letters(life.code)) == ["handler1"]
    assert await post.record.again(refused["id"], "head1") is None


@pytest.mark.parametrize(
    "email", ["a@b.example\nBcc: c@d.example", "nobody", "a@b.example, c@d.example", None]
)
async def test_an_address_that_is_none(post: Post, email: str | None) -> None:
    """Stored before addresses were checked: no header is added, nobody else is written to."""
    life = await Life.begin(post.office, "receiver1 accept", procedure="usual", applicant=APPLICANT)
    await post.settled(life.code, 1)
    connection = await asyncpg.connect(post.office.local.run.database_url)
    try:
        rows = "update private set content = content || $1::jsonb where id like $2 || '%'"
        first = (await life.facts())[0].event
        await connection.execute(rows, json.dumps({"email": email}), first.applicant.id)  # type: ignore[union-attr]
    finally:
        await connection.close()
    before = len(post.mail.received)
    await life.do("citizen1 withdraw")
    (refused,) = await post.settled(life.code, 1, "refused")
    assert "c@d" not in refused["why"]
    assert ("address" in refused["why"], "hand the paper over" in refused["why"]) == (True, email is None)
    assert len(post.mail.received) == before


HOOK_FAULTS = {
    "does not answer": (Answer(503, act="hang", times=1), 2),
    "answers 500": (Answer(500, times=3), 4),
    "has had too many": (Answer(429, times=1), 2),
    "takes it, and does not say so": (Answer(200, act="hang", times=1), 2),
    "takes it, and breaks off": (Answer(200, act="drop", times=1), 2),
    "breaks off in the middle of its answer": (Answer(200, act="cut", times=1), 1),
    "never ends its answer": (Answer(200, act="drip", times=1), 1),
}
"""How it answers, and how often it was asked in the end."""


@pytest.mark.parametrize("fault", HOOK_FAULTS)
async def test_a_webhook_that_misbehaves(post: Post, fault: str) -> None:
    """Tried again under the same key; a status that has come counts, whatever becomes of the rest."""
    answer, asked = HOOK_FAULTS[fault]
    life = await Life.begin(post.office, *HELD, procedure="told")
    post.hook.answer = replace(answer)
    await life.forward("2026-03-11 08:30")

    async def hooks() -> list[dict[str, Any]]:
        found = [each for each in await post.listed(life.code) if each["channel"] == "sms"]
        return [each for each in found if each["failed"] or each["state"] == "sent"]

    (late,) = await until(hooks)
    await post.tried_until(late, "sent", "2026-03-11 07:00", 1)
    (taken,) = [each for each in post.hook.received if each.payload["notice"] == late["id"]]
    assert post.hook.requests[taken.id] == asked


async def test_a_webhook_that_leads_elsewhere_is_not_followed(post: Post) -> None:
    """It waits for a person; once mended it is sent again."""
    life = await Life.begin(post.office, *HELD, procedure="told")
    before = len(post.hook.received)
    post.hook.answer = Answer(302, headers={"Location": f"{post.hook.url}/elsewhere"})
    await life.forward("2026-03-11 08:30")
    (refused,) = await post.settled(life.code, 1, "refused")
    assert "302" in refused["why"]
    assert len(post.hook.received) == before
    post.hook.answer = None
    await post.record.again(refused["id"], "admin1")
    await post.until(refused, "sent")


async def test_substitutes_are_told(post: Post) -> None:
    """In whose place, the letter says."""
    day = at("2026-03-03 12:00").date()
    absence = Absence(person="handler1", since=day, until=day, substitute="handler2")
    number = await post.record.add_absence(absence, "leader1")
    life = await Life.begin(post.office, *HELD, procedure="usual")
    await life.forward("2026-03-03 15:30")
    await post.settled(life.code, 1)
    (letter,) = post.letters(life.code)
    assert told([letter]) == ["handler2"]
    assert "Lê Thị Cúc" in plain(letter)
    await post.record.end_absence(number, "leader1")


REVIEW = ("handler1 complete", "leader1 claim")


async def at_night(post: Post, *lines: str) -> tuple[Life, list[dict[str, Any]]]:
    """Due at ten in the evening of Monday; the holder's and the leader's letters wait for the morning.

    These `lines` are run on Monday, after handler1 was given the task.
    """
    life = await Life.begin(post.office, procedure="fixed")
    await life.do("receiver1 accept", due="until 2026-03-02T22:00:00+07:00")
    await life.run("receiver1 complete", "leader1 assign to=handler1", *lines, "@ 2026-03-02 22:30")

    async def waits() -> list[dict[str, Any]]:
        return [each for each in await post.listed(life.code) if each["name"] == "due"]

    return life, await until(waits)


async def in_the_morning(post: Post, notices: list[dict[str, Any]], hours: float = 9.1) -> None:
    """So many hours after ten in the evening; the office opens nine hours after."""
    for notice in notices:
        await post.moved_on(notice["id"], "2026-03-02 22:00", hours)


async def sent_in_the_morning(
    post: Post, life: Life, count: int, notices: list[dict[str, Any]], hours: float = 9.1
) -> None:
    """So many hours after ten in the evening, and on until so many are sent (see `Post.tried_until`)."""

    async def sent() -> bool:
        nonlocal hours
        await in_the_morning(post, notices, hours)
        hours += 0.25
        for _ in range(300):
            if sum(each["state"] == "sent" for each in await post.listed(life.code)) == count:
                return True
            await asyncio.sleep(0.02)
        return False

    await until(sent, f"{count} sent")


async def put_off(post: Post, life: Life, why: str, until_then: str) -> None:
    """Both letters wait once more, for this reason; the clock is there before what it wakes has looked."""

    async def both() -> bool:
        listed = [each for each in await post.listed(life.code) if each["name"] == "due"]
        found = {(each["state"], each["why"], each["tell_at"]) for each in listed}
        return found == {("sending", why, at(until_then))}

    await until(both)


async def test_what_rests_is_told_when_the_rest_is_over(post: Post) -> None:
    """An alarm that waited for the morning was silenced for good by a rest until ten."""
    life, waiting = await at_night(post)
    await life.run("leader1 acknowledge until=2026-03-03T10:00:00+07:00")
    await in_the_morning(post, waiting)
    await put_off(post, life, "acknowledged", "2026-03-03 10:00")
    assert post.letters(life.code) == []
    await sent_in_the_morning(post, life, 2, waiting, 12.1)
    assert told(post.letters(life.code)) == ["handler1", "leader1"]


async def test_what_stands_still_is_looked_at_again_each_day(post: Post) -> None:
    """An alarm of a dossier that was stopped overnight was silenced for good."""
    life, waiting = await at_night(post)
    await life.run("head1 stop reason=x")
    await in_the_morning(post, waiting)
    await put_off(post, life, "paused", "2026-03-04 07:00")
    await life.run("@ 2026-03-03 09:00", "head1 resume")
    await sent_in_the_morning(post, life, 2, waiting, 33.1)
    assert told(post.letters(life.code)) == ["handler1", "leader1"]


@pytest.mark.parametrize(
    ("before", "line", "sent", "passed"),
    [
        ((), "leader1 assign to=handler2", ["handler2", "leader1"], ["handler1"]),
        ((), "handler1 release", ["leader1"], ["handler1"]),
        # Told as the holder of the review and as the unit's leader: one of the two is enough.
        (REVIEW, "leader1 send-back step=handle reason=x", ["handler1", "leader1"], []),
        ((), "leader1 transfer unit=police", ["police2"], ["handler1", "leader1"]),
    ],
)
async def test_who_has_the_task_in_the_morning_is_told(
    post: Post, before: tuple[str, ...], line: str, sent: list[str], passed: list[str]
) -> None:
    """It changed hands in the night: nobody was told, or somebody who may not see it any more."""
    life, waiting = await at_night(post, *before)
    await life.run(line)
    await sent_in_the_morning(post, life, len(sent), waiting)
    assert told(post.letters(life.code)) == sent

    async def ended() -> list[dict[str, Any]] | None:
        gone = [each for each in await post.listed(life.code) if each["state"] == "passed"]
        return gone if sorted(each["recipient"] for each in gone) == passed else None

    async def all_ended() -> bool:
        return await ended() is not None

    await until(all_ended)  # each notice has a workflow of its own: the letters do not wait for them
    assert all(set(each["why"].split(", ")) <= set(sent) for each in await ended() or ())


@pytest.mark.parametrize(
    ("substitute", "sent", "why"),
    [
        ("handler2", ["handler2", "leader1"], {"handler2", "leader1"}),
        (None, ["leader1"], {"leader1"}),
        ("mute1", ["leader1"], {"mute1", "leader1"}),
    ],
)
async def test_who_calls_in_sick_at_night_is_not_told(
    post: Post, substitute: str | None, sent: list[str], why: set[str]
) -> None:
    """Their substitute is, by the bell where they have no mail; where nobody stands in, those above them."""
    day = at("2026-03-03 12:00").date()
    absence = Absence(person="handler1", since=day, until=day, substitute=substitute)
    life, waiting = await at_night(post)
    assert {each["recipient"] for each in waiting} == {"handler1", "leader1"}
    number = await post.record.add_absence(absence, "handler1")
    try:
        await sent_in_the_morning(post, life, len(sent), waiting)
    finally:
        await post.record.end_absence(number, "leader1")
    assert told(post.letters(life.code)) == sent
    (passed,) = [each for each in await post.listed(life.code) if each["state"] == "passed"]
    assert (passed["recipient"], set(passed["why"].split(", "))) == ("handler1", why)


@pytest.mark.slow  # sixty letters run into their time limit
async def test_a_mail_server_that_hangs_holds_up_no_other_channel(post: Post) -> None:
    """Letters took every hand, one time limit after the other; the gateway's notices stood behind them."""
    post.mail.close_idle()
    post.mail.mood = Mood("greeting", "hang")
    lives = await a_few_at_once(Life.begin(post.office, *HELD, procedure="told") for _ in range(20))
    await asyncio.gather(*(life.forward("2026-03-09 08:30") for life in lives))  # three letters each
    await until(lambda: _tried(post, lives[0]))
    late = await Life.begin(post.office, *HELD, procedure="told")
    await late.forward("2026-03-11 08:30")
    (hooked,) = await post.settled(late.code, 1)
    assert hooked["channel"] == "sms"

    async def turned_away() -> bool:
        whys = [each["why"] or "" for life in lives for each in await post.listed(life.code)]
        return any("it hung a moment ago" in why for why in whys)  # a hand that is free

    await until(turned_away)
    post.mail.mood = None
    post.mail.close_idle()
    for life in lives:
        await life.do("citizen1 withdraw")


async def test_a_parcel_that_temporal_refuses_stops_nobody_behind_it(post: Post) -> None:
    """Its name was too long: the worker ended, and did so whenever it was started again."""
    poison = Notice(
        code="x" * 1100, term=0, generation=0, rung=-1, occurrence=0, recipient="head1", channel=EMAIL,
        alarm="digest", name="digest", due_at=at("2026-03-02 08:00"), fact=0, tell_at=at("2026-03-02 08:00"),
    )  # fmt: skip
    await post.record.add([poison])
    await post.settled(poison.code, 1, "refused")
    life = await Life.begin(post.office, "receiver1 accept", procedure="usual", applicant=APPLICANT)
    await post.settled(life.code, 1)


async def test_the_dossier_closes_while_its_last_notice_is_under_way(post: Post) -> None:
    """Neither waits for the other."""
    await away(post.mail)
    life = await Life.begin(post.office, procedure="usual", applicant=APPLICANT)
    await life.do("receiver1 refuse", reason="Không thuộc thẩm quyền")
    trying = await post.settled(life.code, 1, "trying")
    await asyncio.wait_for(post.office.client.get_workflow_handle(life.code).result(), PATIENCE)
    await post.mail.__aenter__()
    await post.tried_until(trying[0], "sent", "2026-03-02 08:00", 1)
    (letter,) = post.letters(life.code)
    assert "Không thuộc thẩm quyền" in plain(letter)
    assert len(list(letter.iter_attachments())) == 1


@pytest.fixture
async def _open_today(post: Post, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Whenever the tests run."""
    with monkeypatch.context() as patch:
        patch.setattr(post.office.desk.rulebook, "_catalogued", always_open())
        await post.office.desk.refresh()
        yield
    await post.office.desk.refresh()


@pytest.mark.usefixtures("_open_today")
async def test_a_morning_mail_that_hangs_ends_when_the_next_is_due(post: Post) -> None:
    """It was still running, and the next was skipped, day after day."""
    client = post.office.client
    await keep_digest(client, time(7, 0), "Asia/Ho_Chi_Minh")
    schedule = client.get_schedule_handle(DIGEST)

    async def running() -> WorkflowHandle[Any, Any] | None:
        query = "WorkflowType = 'Digest' and ExecutionStatus = 'Running'"
        found = [each async for each in client.list_workflows(query)]
        return client.get_workflow_handle(found[0].id, run_id=found[0].run_id) if found else None

    connection = await asyncpg.connect(post.office.local.run.admin_database_url)
    try:
        async with connection.transaction():
            await connection.execute("lock table tasks in access exclusive mode")  # what it reads
            await schedule.trigger()
            hangs = await until(running)
            await schedule.trigger()

            async def ended() -> bool:
                return (await hangs.describe()).status is WorkflowExecutionStatus.TERMINATED

            await until(ended)

            async def another() -> WorkflowHandle[Any, Any] | None:
                found = await running()  # the list is behind: it has the one that ended for a while
                return found if found is not None and found.run_id != hangs.run_id else None

            following = await until(another)
    finally:
        await connection.close()
    await asyncio.wait_for(following.result(), PATIENCE)
    await keep_digest(client, None, "Asia/Ho_Chi_Minh")


@pytest.mark.usefixtures("_open_today")
async def test_the_morning_mail(post: Post) -> None:
    """For each officer who has something late, due today or soon; who stands in has it for the absent."""
    desk = Desk(post.office.client, post.office.store, rulebook(always_open()))
    began, codes = now(), []
    for hours in (2, 26):  # late in the evening both are due tomorrow or later: soon, which is told as well
        due = (began + timedelta(hours=hours)).isoformat()
        answer = await desk.submit({**submission("fixed"), "due_at": due}, officer="receiver1")
        codes.append(answer.code)
    await desk.act(codes[0], "claim", "receiver1")
    today = always_open().local(began).date()
    tomorrow = today + timedelta(days=1)  # midnight may pass before the schedule runs
    absence = Absence(person="receiver1", since=today, until=tomorrow, substitute="receiver2")
    number = await post.record.add_absence(absence, "leader1")
    zone, seven = "Asia/Ho_Chi_Minh", time(7, 0)
    for _ in range(2):  # a second worker that starts changes nothing
        await keep_digest(post.office.client, seven, zone)
    schedule = post.office.client.get_schedule_handle(DIGEST)
    described = await schedule.describe()
    (fires,) = {each.astimezone(ZONE).strftime("%H:%M") for each in described.info.next_action_times}
    assert fires == "07:00"
    # One that hangs ends while a morning mail still makes sense, and for all to see.
    action = described.schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    assert action.execution_timeout is not None
    assert action.execution_timeout < timedelta(days=1)
    before = len(post.mail.received)
    await schedule.trigger()

    async def settled() -> list[dict[str, Any]]:
        days = (f"digest/{each}" for each in (today, tomorrow))
        found = [each for code in days for each in await post.record.listed(NoticeFilter(code=code))]
        return found if found and all(each["state"] == "sent" for each in found) else []

    sent = await until(settled)
    assert {each["recipient"] for each in sent} == {"receiver2", "leader1", "head1"}
    mine = [each.message for each in post.mail.received[before:] if codes[0] in plain(each.message)]
    letters = {told([each])[0]: plain(each) for each in mine}
    assert set(letters) == {"receiver2", "leader1", "head1"}
    assert all(code in text for code in codes for text in letters.values())
    assert "Nguyễn Thị An" in letters["receiver2"]
    await schedule.trigger()
    await until(lambda: _ran(post, 2))
    again = [each for each in post.mail.received[before:] if codes[0] in plain(each.message)]
    assert len(again) == len(mine) == 3  # the same day's again is the same notice
    await post.record.end_absence(number, "leader1")
    await keep_digest(post.office.client, None, zone)
    with pytest.raises(RPCError, match="not found"):
        await schedule.describe()


async def _ran(post: Post, times: int) -> bool:
    counted = await post.office.client.count_workflows(
        "WorkflowType = 'Digest' and ExecutionStatus = 'Completed'"
    )
    return counted.count >= times
