"""What a reviewer found in the desk, each as a test with its story."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from models.commands import Actor
from motcua.forms import DocumentMissing
from motcua.web import live
from tests.files import PDF
from tests.present import present
from tests.running import Running, submission
from tests.waiting import PATIENCE
from tests.web import PASSWORD, Web, web


@pytest.fixture(scope="module")
async def now(office: Running) -> AsyncIterator[Web]:
    """A desk in real time."""
    async with web(office, present()) as served:
        yield served


async def processing(desk: Web, *acts: tuple[str, str], **more: object) -> str:
    """A dossier that a handler may work on, or that has come further."""
    answer = await desk.house.desk.submit(submission("usual", **more), officer="receiver1")
    for who, command in (("receiver1", "complete"), *acts):
        await desk.house.desk.act(answer.code, command, who)
    return answer.code


async def test_a_decision_keeps_its_file_over_a_new_sign_in(now: Web) -> None:
    """The result was issued without it, and nothing said so: now the file is asked for again."""
    code = await processing(now, ("handler1", "complete"), ("leader1", "complete"), ("approver1", "approve"))
    clerk = await now.visitor("clerk1")
    form = (await clerk.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/complete")
    paper = {"file": ("giấy phép.pdf", PDF, "application/pdf")}
    await now.house.accounts.record.end_sessions("clerk1", "test")
    asked = await clerk.send(form, number="12/GP", files=paper)
    assert asked.status == 401
    wrong = await clerk.send(asked.form("/sign-in"), name="clerk1", password="not it")
    again = await clerk.send(wrong.form("/sign-in"), name="clerk1", password=PASSWORD)
    assert "The file has to be chosen again" in again.words
    done = await clerk.send(again.form(f"/dossiers/{code}/complete"), files=paper)
    assert done.status == 200, done.words[:300]
    assert "giấy phép.pdf" in done.words


async def test_no_page_keeps_a_password(now: Web) -> None:
    """A change of password whose session had ended came back in the page, in hidden fields."""
    visitor = await now.visitor("handler2")
    form = (await visitor.get("/password")).form("/password")
    await now.house.accounts.record.end_sessions("handler2", "test")
    page = await visitor.send(form, old=PASSWORD, new="a secret that is new", again="a secret that is new")
    assert page.path == "/sign-in"
    assert "a secret" not in page.text
    assert PASSWORD not in page.text


async def test_what_a_page_fetches_by_itself_is_no_click(now: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open tab kept its owner signed in for ever: lists and streams look without renewing."""
    monkeypatch.setattr(live, "BEAT", 0.1)
    visitor = await now.visitor("handler1")
    mine = hashlib.sha256(visitor.client.cookies["motcua"].encode()).hexdigest()
    async with now.house.store._connection() as connection:

        async def seen() -> float:
            await connection.execute(
                "update sessions set seen_at = clock_timestamp() - interval '30 minutes' where token = $1",
                mine,
            )
            before = await connection.fetchval("select seen_at from sessions where token = $1", mine)
            yield_ = visitor.client.stream("GET", "/events")
            async with asyncio.timeout(PATIENCE), yield_ as stream:
                async for line in stream.aiter_lines():
                    if "still here" in line:
                        break
            await visitor.get("/inbox", headers={"x-fragment": "list"})
            after = await connection.fetchval("select seen_at from sessions where token = $1", mine)
            return float((after - before).total_seconds())

        assert await seen() == 0
        await visitor.get("/inbox")
        after = await connection.fetchval(
            "select clock_timestamp() - seen_at from sessions where token = $1", mine
        )
        assert after < timedelta(minutes=29)  # it was 30 before


async def test_who_is_signed_out_hears_no_more_however_much_happens(
    now: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was looked at only after a silence, which a large office never has."""
    monkeypatch.setattr(live, "BEAT", 0.3)
    visitor = await now.visitor("handler1")
    code = await processing(now)
    stop = asyncio.Event()

    async def busy() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            await now.house.desk.act(code, "note", "leader1", {"text": f"{number}"})

    writing = asyncio.create_task(busy())
    try:
        async with asyncio.timeout(PATIENCE), visitor.client.stream("GET", "/events") as stream:
            ended = False
            async for line in stream.aiter_lines():
                if line.startswith("data:") and not ended:
                    await now.house.accounts.record.end_sessions("handler1", "test")
                    ended = True
        assert ended
    finally:
        stop.set()
        await writing


async def test_a_refused_form_can_be_sent_again(now: Web) -> None:
    """It kept its request id; where two act at one moment Temporal answers that id so for ever."""
    code = await processing(now)
    people = [await now.visitor(who) for who in ("handler1", "handler2", "leader1", "clerk1")]
    refused = 0
    for turn in range(10):
        forms = [(await each.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/note") for each in people]
        answers = await asyncio.gather(
            *(
                each.send(form, text=f"{turn} {number}")
                for number, (each, form) in enumerate(zip(people, forms, strict=True))
            )
        )
        assert {answer.status for answer in answers} <= {200, 409}
        for each, answer in zip(people, answers, strict=True):
            if answer.status == 409:
                refused += 1
                again = await each.send(answer.form(f"/dossiers/{code}/note"))
                assert again.status in (200, 409), again.words[:200]
                if again.status == 409:  # somebody else's came between; the page has that one, too
                    again = await each.send(again.form(f"/dossiers/{code}/note"))
                assert again.status == 200, again.words[:300]
    assert refused >= 10
    facts = await now.house.store.facts(code)
    assert sum(fact.kind == "noted" for fact in facts) == 40


async def test_a_transfer_is_done_and_not_refused(now: Web) -> None:
    """The dossier has gone, and its page with it: told in the inbox, entered in no book, twice the same."""
    answer = await now.house.desk.submit(submission("usual"), officer="receiver1")
    receiver = await now.visitor("receiver1")
    form = (await receiver.get(f"/dossiers/{answer.code}")).form(f"/dossiers/{answer.code}/transfer")
    before = len(await now.house.accounts.record.book("receiver1", None, 1000))
    for _ in range(2):
        done = await receiver.send(form, unit="police", reason="đúng thẩm quyền")
        assert done.status == 200, done.words[:200]
        assert done.path == "/inbox?done=transfer"
        assert "Done: Pass to another unit" in done.words
    assert len(await now.house.accounts.record.book("receiver1", None, 1000)) == before
    refused = await receiver.send(form, request_id="another", unit="tax")
    assert refused.status == 403


async def test_numbers_that_are_none(now: Web) -> None:
    """Digits in other scripts, and more of them than a number can have, are told as what they are."""
    admin, leader, handler = [await now.visitor(who) for who in ("admin1", "leader1", "handler1")]
    assert (await admin.get("/book?before=²")).status == 200
    assert (await admin.get("/calendar?year=²")).status == 200
    code = await processing(now)
    form = (await handler.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/note")
    for seen in ("²", "9" * 5000, "-1", "x"):
        assert (await handler.send(form, text="x", seen=seen, request_id=seen[:9])).status == 200
    ours = (await leader.get("/absences")).form("/absences")
    for path in ("/filters/²/drop", f"/filters/{10**20}/drop", "/absences/x/end"):
        assert (await leader.send(ours, path)).status in (404, 422), path
    for days in ("²", "9" * 5000):
        assert (await leader.send(ours, "/board/acknowledge", code=code, days=days)).status == 422
    missing = await handler.get(f"/dossiers/{code}/documents/abc")
    assert missing.status == 404
    assert "There is no such page" in missing.words
    assert "Project-Id" not in (await handler.get("/inbox?done=x")).text


async def test_a_form_that_cannot_be_read_after_the_session(now: Web) -> None:
    """Asked to sign in, instead of an error on the way there."""
    visitor = await now.visitor("handler1")
    form = (await visitor.get("/absences")).form("/absences")
    await now.house.accounts.record.end_sessions("handler1", "test")
    page = await visitor.send(form, since="\u0000")
    assert (page.status, page.path) == (200, "/sign-in")


async def test_papers_of_another_system_and_files_that_are_none(now: Web) -> None:
    """Objects without a name made every look at the dossier fail; a file that is words was taken for one."""
    code = await processing(now, papers=[{"title": "Đơn"}, {"loại": "bản sao"}, {"name": "Tờ khai"}])
    page = await (await now.visitor("handler1")).get(f"/dossiers/{code}")
    assert page.status == 200
    for words in ("Đơn", "bản sao", "Tờ khai"):
        assert words in page.words
    clerk = Actor(id="clerk1", roles=(), unit="demo")
    for told in ("x", {"name": "a.pdf"}):
        data = {"number": "1", "date": "2026-03-04", "file": told}
        with pytest.raises(DocumentMissing):
            await now.house.desk.act(code, "complete", clerk, data)


async def test_a_telephone_is_no_code(now: Web) -> None:
    """With dashes or dots it was looked for among the codes; a code is looked for as one by its dots, too."""
    applicant = {"name": "Nguyễn Thị Điện Thoại", "phone": "0903 123 456"}
    code = await processing(now, applicant=applicant)
    visitor = await now.visitor("handler1")
    for path in ("/search?q=", "/inbox?view=unit&q="):
        for asked in (code.lower(), code[:-1]):
            assert f"/dossiers/{code}" in (await visitor.get(path + asked)).text, (path, asked)
        assert "dien thoai" not in (await visitor.get(path + "0903-999-999")).text


async def test_a_long_password_is_asked_for_in_the_readers_language(now: Web) -> None:
    """A reason with two numbers was told in English."""
    visitor = await now.visitor("approver2", language="vi")
    form = (await visitor.get("/password")).form("/password")
    page = await visitor.send(form, old=PASSWORD, new="x", again="x")
    assert page.status == 422
    assert "characters" not in page.words
