"""Accounts and rights: who can sign in, who has, and who may do what."""

from __future__ import annotations

from typing import get_args

from fastapi import APIRouter, Request, Response

from models.refusals import BadInput, Problem, http_status
from models.rights import COMMANDS, EVERYWHERE, OFFICE
from motcua.accounts import Act
from motcua.web import names
from motcua.web.doors import Member, whole
from motcua.web.visit import Visit

router = APIRouter()

LINES = 100


class UnknownAct(BadInput):
    """Nothing that can be done with an account."""

    sentence = "{act} is nothing that can be done with an account."


@router.get("/people")
async def people(visit: Member, request: Request) -> Response:
    """The accounts of the office's staff."""
    visit.must("accounts")
    return await _people(visit, done=request.query_params.get("done", ""))


async def _people(
    visit: Visit, *, status: int = 200, done: str = "", problem: str = "", made: tuple[str, str] | None = None
) -> Response:
    accounts = await visit.house.accounts.record.accounts()
    return visit.page(
        "people.html",
        directory=await visit.house.directory(visit.now),
        status=status,
        staff=sorted(visit.house.people.values(), key=lambda person: (person.unit, person.id)),
        accounts=accounts,
        roles=names.ROLES,
        done=done,
        problem=problem,
        made=made,
    )


@router.post("/people/{person}/{act}")
async def administer(visit: Member, person: str, act: str) -> Response:
    """An administrator's act; a password that is made is shown once, here."""
    visit.must("accounts")
    known = next((each for each in get_args(Act) if each == act), None)
    if known is None:
        raise UnknownAct(act=act[:40])
    try:
        made = await visit.house.accounts.administer(visit.person, known, person, visit.origin)
    except Problem as problem:
        return await _people(visit, status=http_status(problem), problem=visit.problem(problem))
    if made is not None:
        return await _people(visit, made=(person, made))
    return visit.go(f"/people?done={act}")


@router.get("/book")
async def book(visit: Member, request: Request) -> Response:
    """Every sign-in and every refusal, the latest first."""
    visit.must("sign-ins")
    asked = request.query_params
    who = asked.get("who") or None
    before = whole(asked.get("before", ""), 18)
    seen = [person.id for person in visit.house.people.values() if visit.person.may_see(person.unit)]
    among = None if visit.person.sees_all else seen
    rows = await visit.house.accounts.record.book(who, before, LINES + 1, among)
    following = visit.address(before=str(rows[LINES - 1]["number"])) if len(rows) > LINES else None
    return visit.page("book.html", rows=rows[:LINES], who=who or "", following=following)


@router.get("/rights")
async def rights(visit: Member) -> Response:
    """The table of rights as it is."""
    return visit.page(
        "rights.html",
        commands={name: right for name, right in COMMANDS.items() if name in names.COMMANDS},
        office=OFFICE,
        everywhere=EVERYWHERE,
        roles=names.ROLES,
        stages=names.STAGES,
        names=names.COMMANDS,
    )
