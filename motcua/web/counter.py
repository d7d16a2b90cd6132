"""The counter: receive a dossier, with its appointment shown before anything is saved."""

from __future__ import annotations

import uuid
from typing import Any

from fastapi import APIRouter, Request, Response

from models.base import Reference
from models.commands import File
from models.dossier import Dossier
from models.fold import fold
from models.procedure import Procedure
from models.refusals import BadRequestId, Problem, RequestReused, Unreachable, http_status
from models.rules import decide
from motcua.web.doors import Member, form_of, resend
from motcua.web.house import named
from motcua.web.visit import Visit

router = APIRouter()

_NOTHING = Reference(id="preview", hash="")
_APPLICANT = ("name", "id_number", "phone", "email", "address", "language")
ROWS = 6
"""Lines of papers that the form begins with."""


@router.get("/counter")
async def counter(visit: Member, procedure: str = "", unit: str = "") -> Response:
    """Choose a procedure; then its form."""
    visit.must("counter")
    if not procedure:
        return visit.page("counter.html", procedures=_procedures(visit), chosen=None)
    return _form(visit, procedure, {"unit": unit or visit.person.unit, "channel": "counter"})


def _procedures(visit: Visit) -> dict[str, list[Procedure]]:
    """Those that can be received today, by field."""
    found: dict[str, list[Procedure]] = {}
    today = visit.today()
    for each in visit.house.catalogue.procedures:
        if each.version <= today and (each.until is None or today <= each.until):
            found.setdefault(each.field, []).append(each)
    return found


def _form(
    visit: Visit,
    code: str,
    given: dict[str, Any],
    *,
    problem: str = "",
    field: str = "",
    status: int = 200,
    request_id: str = "",
) -> Response:
    procedure = visit.house.catalogue.procedure(code, visit.today())
    papers = given.get("papers") or [{"name": "", "originals": "", "copies": ""} for _ in range(ROWS)]
    return visit.page(
        "counter.html",
        status=status,
        procedures={},
        chosen=procedure,
        name=named(procedure, visit.language),
        appointment=appointment(visit, procedure),
        fees=procedure.fees,
        units=visit.house.units.values(),
        given=given,
        papers=papers,
        problem=problem,
        wrong=field,
        request_id=request_id or str(uuid.uuid4()),
    )


def appointment(visit: Visit, procedure: Procedure) -> dict[str, Any]:
    """When the result would be due if the dossier were accepted now, as the rules themselves say."""
    person = visit.actor
    empty = Dossier(
        code="(new)",
        office=visit.house.desk.rulebook.office,
        unit=person.unit,
        procedure=procedure,
        calendar=visit.house.calendar,
    )
    filing = File(
        id="preview", actor=person, channel="counter", unit=person.unit, applicant=_NOTHING, accept=True
    )
    if procedure.limit is None:
        return {"due": None, "starts": None, "why": visit.say("This procedure has no limit of its own.")}
    try:
        filed = fold(empty, decide(empty, filing, visit.now))
    except Problem as problem:
        return {"due": None, "starts": None, "why": visit.problem(problem)}
    term = filed.term
    assert term is not None
    return {"due": term.due_at, "starts": term.started_at, "limit": str(term.limit), "why": ""}


@router.post("/counter")
async def receive(visit: Member, request: Request) -> Response:
    """Take the dossier in: accepted at once, or only taken in to be checked later."""
    visit.must("counter")
    form = await form_of(request)
    given: dict[str, Any] = {key: value for key, value in form.multi_items() if isinstance(value, str)}
    given["papers"] = [
        {"name": name, "originals": originals, "copies": copies}
        for name, originals, copies in zip(
            *(map(str, form.getlist(key)) for key in ("paper", "originals", "copies")), strict=False
        )
    ]
    request_id, code = str(given.get("request_id", "")), str(given.get("procedure", ""))
    accept = given.get("how") != "later"
    try:
        answer = await visit.house.desk.submit(
            _submission(visit, given, request_id),
            officer=visit.person.id if accept else None,
            at=visit.now if visit.house.simulated else None,
        )
    except Unreachable as problem:
        return resend(visit, "/counter", form, problem)
    except Problem as problem:
        field = str(problem.facts.get("field", ""))
        return _form(
            visit,
            code,
            given,
            problem=visit.problem(problem),
            field=field,
            status=http_status(problem),
            # What was used for something else, or never can be, is not sent again: the next one is new.
            request_id="" if isinstance(problem, RequestReused | BadRequestId) else request_id,
        )
    return visit.go(f"/counter/received/{answer.code}")


def _submission(visit: Visit, given: dict[str, Any], request_id: str) -> dict[str, Any]:
    """What was typed, as a submission; empty fields are left out."""
    applicant: dict[str, Any] = {
        key: given[key].strip() for key in _APPLICANT if str(given.get(key, "")).strip()
    }
    applicant.setdefault("name", "")
    if owner := str(given.get("owner", "")).strip():
        applicant["owner"] = {"name": owner}
    data: dict[str, Any] = {
        "request_id": request_id or str(uuid.uuid4()),
        "procedure": given.get("procedure", ""),
        "channel": given.get("channel", "counter"),
        "unit": given.get("unit") or visit.person.unit,
        "applicant": applicant,
        "papers": [_paper(paper) for paper in given["papers"] if paper["name"].strip()],
    }
    for key in ("request", "result_by", "due_at"):
        if str(given.get(key, "")).strip():
            data[key] = given[key].strip()
    return data


def _paper(paper: dict[str, str]) -> dict[str, Any]:
    counted = {key: paper[key].strip() for key in ("originals", "copies") if paper[key].strip()}
    return {"name": paper["name"].strip()} | {
        key: int(text) if text.isascii() and text.isdigit() else text for key, text in counted.items()
    }


@router.get("/counter/received/{code}")
async def received(visit: Member, code: str) -> Response:
    """What to tell the applicant, and the receipt to print."""
    visit.must("counter")
    row = await visit.house.desk.row(code)
    return visit.page(
        "received.html",
        row=row,
        code=code,
        procedure=visit.procedure_name(row.procedure, row.version),
        mine=visit.person.may_see(row.unit),
    )
