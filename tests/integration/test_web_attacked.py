"""What somebody found who tried to break the desk: each was seen to be so before it was mended."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest

from models.refusals import Problem
from tests.present import day, present
from tests.running import Running, submission
from tests.web import PASSWORD, Answered, Web, web

TYPED = "một ghi chú dài mà không ai muốn gõ lại"


@pytest.fixture(scope="module")
async def now(office: Running) -> AsyncIterator[Web]:
    """A desk in real time."""
    async with web(office, present()) as served:
        yield served


async def opened(now: Web, *acts: tuple[str, str]) -> str:
    """A dossier at its first step, and further."""
    desk = now.house.desk
    code = (await desk.submit(submission(), officer="receiver1")).code
    for who, command in acts:
        await desk.act(code, command, who)
    return code


@pytest.mark.parametrize(
    "path",
    [
        "/inbox?view=unit&after=0~0001-01-01T00:00:00%2B14:00~A",
        "/inbox?view=unit&after=0~9999-12-31T23:59:59-14:00~A",
        "/search?q=nguyen&before=0001-01-01T00:00:00%2B14:00~A",
        "/search?before=9999-12-31T23:59:59-14:00~A",
        "/search?before=2026-01-01~A",
    ],
)
async def test_a_place_beyond_all_years(now: Web, path: str) -> None:
    """It overflowed where the record reads instants, and the connection was closed for it."""
    assert (await (await now.visitor("leader1")).get(path)).status == 422


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "\xff", "http://"])
async def test_an_origin_that_is_no_address(now: Web, origin: str) -> None:
    """It was a bare 500."""
    guest = await now.visitor()
    answer = await guest.client.post(
        "/sign-in", data={"name": "x", "password": "x"}, headers=[(b"origin", origin.encode("latin-1"))]
    )
    assert answer.status_code == 403
    assert "another site" in answer.text


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("1.5", "no whole number"),
        ("2,5", "no whole number"),
        ("1.5.5", "no whole number"),
        ("1,000.500", "no whole number"),
        ("0", "not between 1 and 10,000"),
        ("10.001", "10,001 is not between"),
        ("5", ""),
    ],
)
async def test_half_a_day_is_not_five(now: Web, typed: str, says: str) -> None:
    """What stood between digits was left out: 1.5 days became 15."""
    code = await opened(now, ("receiver1", "complete"))
    visitor = await now.visitor("handler1")
    answer = await visitor.act(code, "request-supplement", reason="Thiếu giấy", limit=typed)
    assert answer.status == (422 if says else 200)
    assert says in answer.words
    facts = await now.house.store.facts(code)
    assert ("supplement-requested" in [fact.kind for fact in facts]) is not bool(says)


@pytest.mark.parametrize("typed", ["1.000.000", "1,000,000", "1 000 000", "1\u00a0000\u00a0000", "1000000"])
async def test_thousands_are_set_apart_as_people_do(now: Web, typed: str) -> None:
    """All of them are a million."""
    code = await opened(now, ("receiver1", "complete"))
    visitor = await now.visitor("handler1")
    assert (await visitor.act(code, "request-payment", amount=typed, fee="phí")).status == 200
    facts = await now.house.store.facts(code)
    (asked,) = [fact.event for fact in facts if fact.kind == "payment-requested"]
    assert asked.amount == 1_000_000  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("page", "command", "changes", "never"),
    [
        ("request-supplement", "request-supplement", {"limit": "99999", "reason": "x"}, "between"),
        ("extend", "extend", {"until": "0001-01-01T08:00", "reason": "x"}, "mistake"),
        ("extend", "extend", {"until": "2026-02-30T08:00", "reason": "x"}, "valid"),
        ("note", "note", {"text": "x" * 20_001}, "20,001"),
    ],
)
async def test_no_english_in_a_vietnamese_refusal(
    now: Web, page: str, command: str, changes: dict[str, str], never: str
) -> None:
    """Numbers are grouped as Vietnamese groups them, too."""
    code = await opened(now, ("receiver1", "complete"))
    visitor = await now.visitor("leader1", language="vi")
    form = (await visitor.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/{page}")
    answer = await visitor.send(form, f"/dossiers/{code}/{command}", **changes)
    assert answer.status == 422
    said = answer.text.split('role="alert"')[1].split("</div>")[0]
    assert never not in said


@pytest.mark.parametrize("kind", ["supplement", "refusal", "apology", "stop"])
async def test_a_paper_that_there_is_not(now: Web, kind: str) -> None:
    """Its name and the reason were English."""
    code = await opened(now)
    visitor = await now.visitor("receiver1", language="vi")
    said = (await visitor.get(f"/dossiers/{code}/papers/{kind}.pdf")).words
    assert kind not in said
    assert " no " not in said
    assert "was " not in said


@pytest.mark.parametrize("who", ["police1", "approver1", "admin1"])
async def test_a_task_is_given_to_those_who_can_do_it(now: Web, who: str) -> None:
    """It was shown to an officer of another unit, who could neither do it nor give it back."""
    code = await opened(now, ("receiver1", "complete"))
    leader = await now.visitor("leader1")
    form = (await leader.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/assign")
    refused = await leader.send(form, to=who)
    assert refused.status == 409
    assert "cannot be given this task" in refused.words
    row = await now.house.store.row(code)
    assert row is not None
    bulk = await leader.client.post(
        "/board/assign",
        data={
            "csrf": dict(form.fields)["csrf"],
            "batch": str(uuid.uuid4()),
            "to": who,
            "task": f"{code}:{row.tasks[0].id}:{row.seq}",
        },
    )
    assert "cannot be given this task" in bulk.text
    with pytest.raises(Problem, match="not yours to set"):
        await now.house.desk.act(code, "assign", "leader1", {"to": who, "holder": None})
    assert (await now.house.store.row(code)) == row


async def test_what_was_typed_is_shown_though_its_form_has_gone(now: Web) -> None:
    """A colleague took the task away meanwhile; the page said that the words were below: they were not."""
    code = await opened(now, ("receiver1", "complete"), ("handler1", "claim"))
    visitor = await now.visitor("handler1")
    form = (await visitor.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/complete")
    await now.house.desk.act(code, "assign", "leader1", {"to": "handler2"})
    late = await visitor.send(form, note=TYPED)
    assert late.status == 409
    assert TYPED in late.text
    assert "still below" not in late.words
    assert "to be copied" in late.words
    assert "assigned" in late.words.lower()


async def test_the_other_language_loses_no_answer(now: Web) -> None:
    """The switch led to an address that only forms are sent to; what had been typed was gone."""
    code = await opened(now, ("receiver1", "complete"))
    visitor = await now.visitor("handler1")
    page = await visitor.get(f"/dossiers/{code}")
    assert "/language?" in page.text
    await now.house.desk.act(code, "note", "leader1", {"text": "mới"})
    answer = await visitor.send(page.form(f"/dossiers/{code}/request-supplement"), reason="")
    assert answer.status in (409, 422)
    assert "/language?" not in answer.text
    guest = await now.visitor()
    failed = await guest.client.post(
        "/sign-in", data={"name": "x", "password": "x"}, headers={"referer": f"{now.url}/sign-in?back=/board"}
    )
    assert "/language?to=vi&amp;back=/sign-in%3Fback%3D/board" in failed.text


async def test_the_counter_after_a_reused_id(now: Web) -> None:
    """The form came back with the id that could never be taken."""
    visitor = await now.visitor("receiver1")
    page = await visitor.get("/counter?procedure=1.001612")
    form = page.form("/counter")
    assert (await visitor.send(form, name="Người một")).status == 200
    other = await visitor.send(form, name="Người hai")
    assert other.status == 422
    assert dict(form.fields)["request_id"] not in other.text
    assert (await visitor.send(other.form("/counter"))).status == 200


@pytest.mark.parametrize(
    ("since", "until", "says"),
    [
        ("0001-01-01", "9999-12-31", "the year 1 is a mistake"),
        ("2026-11-28", "9999-12-31", "the year 9999 is a mistake"),
        ("2020-01-01", "2020-01-02", "it is over already"),
    ],
)
async def test_absences_of_no_use(now: Web, since: str, until: str, says: str) -> None:
    """A slip in the year made somebody away since the year 206; one in the past stood in no list."""
    visitor = await now.visitor("handler1")
    form = (await visitor.get("/absences")).form("/absences")
    answer = await visitor.send(form, since=since, until=until)
    assert (answer.status, says in answer.words) == (422, True)


@pytest.mark.parametrize(
    ("changes", "never"),
    [
        ({"date": ["", "", "", ""]}, "Tuple"),
        ({"date": ["1900-01-01", "", "", ""]}, "lies"),
        ({"issued": "0001-01-01"}, "mistake"),
        ({"id": "Có dấu"}, "String"),
        ({"date": ["2026-12-02", "2026-12-02", "", ""]}, "twice"),
        ({"name": ["", "", "", ""]}, "Họ và tên"),
    ],
)
async def test_a_calendar_change_that_cannot_be(now: Web, changes: dict[str, Any], never: str) -> None:
    """Told in the reader's language, and by the names of the form's own fields."""
    visitor = await now.visitor("head1", language="vi")
    page = await visitor.get("/calendar")
    data: dict[str, Any] = {
        "csrf": dict(page.form("/calendar/preview").fields)["csrf"],
        "id": "le-moi",
        "decree": "1/QĐ",
        "title": "Nghỉ",
        "issued": "2026-11-01",
        "date": ["2026-12-02", "", "", ""],
        "kind": ["holiday"] * 4,
        "name": ["Nghỉ", "Nghỉ", "", ""],
        "half": ["morning"] * 4,
        **changes,
    }
    answer = await visitor.client.post("/calendar/preview", data=data)
    assert answer.status_code == 422
    said = answer.text.split('role="alert"')[1].split("</p>")[0]
    assert never not in said


async def test_words_of_a_dossier_that_has_gone_to_another_unit(now: Web) -> None:
    """A plain 403, and the note was gone."""
    code = await opened(now)
    visitor = await now.visitor("receiver1")
    form = (await visitor.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/note")
    await now.house.desk.act(code, "transfer", "leader1", {"unit": "police"})
    refused = await visitor.send(form, text=TYPED)
    assert (refused.status, TYPED in refused.text) == (403, True)


async def test_the_button_of_a_row_after_signing_in_again(now: Web) -> None:
    """What the address says of it was lost, and the act went to whatever else was chosen."""
    ticked, meant = await opened(now), await opened(now)
    visitor = await now.visitor("receiver1")
    page = await visitor.get("/inbox?view=free")
    rows = {code: await now.house.store.row(code) for code in (ticked, meant)}
    keys = {code: f"{code}:{row.tasks[0].id}:{row.seq}" for code, row in rows.items() if row is not None}
    await now.house.accounts.record.end_sessions("receiver1", "test")
    out = await visitor.send(
        page.form("/inbox/bulk"), f"/inbox/claim?task={keys[meant]}", task=[keys[ticked]]
    )
    assert out.status == 401
    back = await visitor.send(out.form("/sign-in"), name="receiver1", password=PASSWORD)
    done = await visitor.send(back.form(f"/inbox/claim?task={keys[meant].replace(':', '%3A')}"))
    assert done.status == 200
    for code, holder in ((meant, "receiver1"), (ticked, None)):
        row = await now.house.store.row(code)
        assert row is not None
        assert row.tasks[0].assignee == holder


async def test_nobody_sends_the_words_of_another(now: Web) -> None:
    """On a computer that two use, one's note became the other's; what would be sent was not shown either."""
    code = await opened(now)
    first = await now.visitor("receiver1")
    form = (await first.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/note")
    for who in ("receiver2", "receiver1"):
        await now.house.accounts.record.end_sessions("receiver1", "test")
        out = await first.send(form, text=TYPED)
        assert out.status == 401
        page = await first.send(out.form("/sign-in"), name=who, password=PASSWORD)
        if who == "receiver2":
            assert "somebody else's" in page.words
            assert TYPED not in page.text
            await first.client.post("/sign-out", data={"csrf": _csrf_of(await first.get("/inbox"))})
        else:
            assert f"{code}: Leave a note" in page.words
            assert TYPED in page.words
            assert (await first.send(page.form(f"/dossiers/{code}/note"))).status == 200
    facts = await now.house.store.facts(code)
    assert [fact.actor for fact in facts if fact.kind == "noted"] == ["receiver1"]


def _csrf_of(page: Answered) -> str:
    return dict(page.form("/sign-out").fields)["csrf"]


async def test_an_absence_is_entered_once(now: Web) -> None:
    """However often the form is sent, at once or later; another one in between makes it news again."""
    visitor = await now.visitor("handler2")
    form = (await visitor.get("/absences")).form("/absences")
    days = {"since": str(day(400)), "until": str(day(401))}
    await asyncio.gather(*(visitor.send(form, **days) for _ in range(5)))
    await visitor.send(form, **days)
    assert await _absences(now) == [None]
    await visitor.send(form, **days, substitute="handler1")
    await visitor.send(form, **days)
    assert await _absences(now) == [None, "handler1", None]
    for row in await now.house.notices.absence_rows(day(400)):
        await now.house.notices.end_absence(row["number"], "admin1")


async def _absences(now: Web) -> list[str | None]:
    rows = await now.house.notices.absence_rows(day(400))
    return [
        row["substitute"]
        for row in sorted(rows, key=lambda row: int(row["number"]))
        if row["person"] == "handler2"
    ]


@pytest.mark.parametrize("typed", ["{}", " {} ", "{lower}", "{dashes}", "{spaced}"])
async def test_a_code_as_citizens_type_it(now: Web, typed: str) -> None:
    """Read off a paper: in small letters, with the dashes that a letter was printed with."""
    code = await opened(now)
    said = typed.format(
        code, lower=code.lower(), dashes=code.replace("-", "\u2013"), spaced=code.replace("-", " - ")
    )
    guest = await now.visitor()
    page = await guest.get("/track", params={"code": said})
    assert (page.status, code in page.text) == (200, True)


async def test_links_of_somebody_who_sees_more(now: Web) -> None:
    """A view of the whole office shows a handler their unit."""
    await opened(now, ("receiver1", "complete"))
    visitor = await now.visitor("handler1")
    assert (await visitor.get("/inbox?view=all")).status == 200


async def test_what_cannot_be_read_is_told_in_vietnamese(now: Web) -> None:
    """Three thousand fields."""
    visitor = await now.visitor("handler1", language="vi")
    answer = await visitor.client.post("/inbox/bulk", data={f"f{n}": "x" for n in range(3000)})
    assert "cannot be read" not in answer.text


async def test_a_limit_of_one_day(now: Web) -> None:
    """It was "1 working days", and in Vietnamese "0.5"."""
    code = await opened(now, ("receiver1", "complete"))
    english, local = await now.visitor("handler1"), await now.visitor("handler1", language="vi")
    page, same = await english.get(f"/dossiers/{code}"), await local.get(f"/dossiers/{code}")
    assert "1 working days" not in page.words
    assert "0.5 ngày" not in same.words
    assert "Whole dossier: due" in page.words
