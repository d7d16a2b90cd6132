"""Every role at every page and with every command: allowed exactly where the table says, and never a bug."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from models.offers import offers
from models.procedure import Stage
from models.rights import OFFICE
from motcua.web.names import COMMANDS
from tests.running import CATALOGUE, ISSUE, Life, Running
from tests.unit.office import CALENDAR
from tests.web import Web, web

STAFF = CATALOGUE.office.staff
ONE_OF_EACH = (
    *("receiver1", "handler2", "leader1", "approver2", "clerk1", "returner1", "head1", "auditor1", "admin1"),
    "police2",
)
PAGES = {
    "/inbox": "work",
    "/inbox?view=unit": "work",
    "/search?q=nguyen": "work",
    "/absences": "work",
    "/counter": "counter",
    "/counter?procedure=1.001612": "counter",
    "/board": "board",
    "/board/tasks?unit=demo&role=handler": "board",
    "/calendar": "calendar",
    "/people": "accounts",
    "/book": "sign-ins",
    "/audit": "audit",
}
WAYS: dict[Stage, tuple[str, ...]] = {
    Stage.RECEIVE: (),
    Stage.PROCESS: ("receiver1 accept", "receiver1 complete"),
    Stage.APPROVE: ("receiver1 accept", "receiver1 complete", "handler1 complete", "leader1 complete"),
    Stage.RETURN: (
        *("receiver1 accept", "receiver1 complete", "handler1 complete", "leader1 complete"),
        *("approver1 approve", ISSUE),
    ),
}
FILLED = {
    "reason": "vì vậy",
    "text": "ghi chú",
    "to": "handler2",
    "step": "digitise",
    "agency": "Công an",
    "amount": "5000",
    "receipt": "BL1",
    "unit": "police",
    "until": "2026-12-24T09:00",
    "channel": "counter",
    "number": "7/QĐ",
    "date": "2026-03-02T09:00",
    "fee": "phí",
}


@pytest.fixture(scope="module")
async def desk(office: Running) -> AsyncIterator[Web]:
    """A desk of the sample office, whose dossiers are simulated."""
    async with web(office, CALENDAR) as served:
        yield served


@pytest.mark.slow  # each page for each member of staff
@pytest.mark.parametrize("user", STAFF)
async def test_pages_open_for_those_they_are_for(desk: Web, user: str) -> None:
    """And the way to them is shown to nobody else."""
    visitor = await desk.visitor(user)
    home = await visitor.get("/rights")
    for path, what in PAGES.items():
        allowed = any(role in OFFICE[what] for role in STAFF[user].roles)
        page = await visitor.get(path)
        assert page.status == (200 if allowed else 403), path
        if "?" not in path and path not in ("/inbox", "/board/tasks"):
            shown = home.text if path != "/book" else (await visitor.get("/audit")).text
            assert (f'href="{path}"' in shown) == allowed, path


@pytest.mark.slow  # each command for each member of staff
@pytest.mark.parametrize("stage", [Stage.PROCESS, Stage.APPROVE])
async def test_commands_are_offered_and_taken_where_the_table_says(
    office: Running, desk: Web, stage: Stage
) -> None:
    """Whoever is not offered a command is refused it; the other stages are in tests/unit/test_rights.py."""
    life = await Life.begin(office, *WAYS[stage])
    dossier = await office.refolded(life.code)
    assert dossier.stage is stage
    gate = asyncio.Semaphore(6)

    async def attempt(user: str, command: str) -> tuple[str, str, int]:
        async with gate:
            visitor, csrf = visitors[user]
            data = {"csrf": csrf, "request_id": f"{stage}-{user}-{command}", **FILLED}
            answer = await visitor.client.post(f"/dossiers/{life.code}/{command}", data=data)
            return user, command, answer.status_code

    visitors = {}
    refused = []
    for user in ONE_OF_EACH:
        person = STAFF[user]
        visitor = await desk.visitor(user)
        page = await visitor.get(f"/dossiers/{life.code}")
        csrf = dict((await visitor.get("/absences")).form("/absences").fields)["csrf"]
        visitors[user] = visitor, csrf
        if not person.may_see("demo"):
            assert page.status == 403
            refused += [(user, command) for command in COMMANDS]
            continue
        shown = {
            form.action.rpartition("/")[2] for form in page.forms if f"/dossiers/{life.code}/" in form.action
        }
        actor = desk.house.desk.rulebook.actor(user)
        allowed = set(offers(dossier, actor, (await life.facts())[-1].at)) & set(COMMANDS)
        assert shown == allowed, user
        refused += [(user, command) for command in set(COMMANDS) - allowed]
    found = await asyncio.gather(*(attempt(*each) for each in refused))
    for user, command, status in found:
        expected = {403} if not STAFF[user].may_see("demo") else {403, 409, 422}
        assert status in expected, (user, command, status)
    assert (await office.refolded(life.code)).seq == dossier.seq


async def test_a_dossier_of_another_unit_is_not_theirs(office: Running, desk: Web) -> None:
    """Direct references: its page, its papers, its place in lists and search, for everybody of the staff."""
    life = await Life.begin(office, "receiver1 accept", applicant={"name": "Hoàng Thị Khó Tìm"})
    for user, person in STAFF.items():
        visitor = await desk.visitor(user)
        sees = person.may_see("demo")
        for path in ("", "/papers/receipt.pdf", "/papers/control-slip.pdf"):
            answer = await visitor.get(f"/dossiers/{life.code}{path}")
            assert answer.status == (200 if sees else 403), (user, path)
            assert ("Khó Tìm" in answer.text) == (sees and not path), (user, path)
        for path in (f"/search?q={life.code}", "/search?q=kho+tim", f"/inbox?view=unit&q={life.code}"):
            found = f'href="/dossiers/{life.code}"' in (await visitor.get(path)).text
            assert found == (sees and ("inbox" not in path or person.unit == "demo")), (user, path)


@pytest.mark.parametrize(
    "code",
    [
        "nothing",
        "../people",
        "%2e%2e%2fpeople",
        "H53.26-260302-9999",
        "a" * 200,
        "' or 1=1 --",
        "<script>",
        "\u202e",
    ],
)
async def test_codes_that_are_none(desk: Web, code: str) -> None:
    """Told so, each."""
    visitor = await desk.visitor("head1")
    answer = await visitor.get(f"/dossiers/{code}")
    assert answer.status in (403, 404, 405)
    assert "<script>" not in answer.text


async def test_the_commands_of_machines_cannot_be_sent(office: Running, desk: Web) -> None:
    """Nor those that have no form: the address alone does nothing."""
    life = await Life.begin(office, "receiver1 accept")
    visitor = await desk.visitor("admin1")
    csrf = dict((await visitor.get("/absences")).form("/absences").fields)["csrf"]
    before = (await office.refolded(life.code)).seq
    for command in ("tick", "hear", "file", "observe", "outage", "amend-calendar", "rate", "nothing"):
        data = {"csrf": csrf, "request_id": "x", "label": "x", "score": "5"}
        answer = await visitor.client.post(f"/dossiers/{life.code}/{command}", data=data)
        assert answer.status_code == 422
    assert (await office.refolded(life.code)).seq == before


async def test_a_sum_of_rights_is_never_more_than_its_parts(desk: Web) -> None:
    """Staff of several roles see the pages of each, and no other."""
    visitor = await desk.visitor("police2")
    for path, what in PAGES.items():
        allowed = any(role in OFFICE[what] for role in STAFF["police2"].roles)
        assert (await visitor.get(path)).status == (200 if allowed else 403)
