"""The stream of changes that an open page listens to (server-sent events)."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from models.refusals import Problem
from motcua.web.doors import Member
from motcua.web.live import Change, Live
from motcua.web.visit import COOKIE, Visit

router = APIRouter()


@router.get("/events")
async def events(request: Request, visit: Member, since: str = "", dossier: str = "") -> Response:
    """The codes of dossiers that change, of those that the visitor may see.

    `since` is the mark in the page that asks, `dossier` the one that it shows.
    """
    live: Live = request.app.state.live
    return StreamingResponse(
        _lines(live, visit, request.cookies.get(COOKIE), since, dossier),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _lines(live: Live, visit: Visit, token: str | None, since: str, dossier: str) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    async for changes in live.changes(visit.unit, since, token or ""):
        if not changes:
            try:
                await visit.house.accounts.session(token, clicked=False)
            except Problem:  # signed out elsewhere, or the record is away: the page asks again and is told
                return
            yield ": still here\n\n"
        else:
            yield "".join([await _said(visit, change, dossier) for change in changes])


async def _said(visit: Visit, change: Change, dossier: str) -> str:
    if not change.code and dossier:
        change = Change(dossier, await _seq(visit, dossier), ())
    return f"event: changed\ndata: {change.code} {change.seq}\n\n"


async def _seq(visit: Visit, code: str) -> int:
    """The last fact of a dossier; 0 where nothing can be told."""
    try:
        row = await visit.house.store.row(code)
    except Problem:
        return 0  # the next change that is told, or the next connection, brings it
    return row.seq if row is not None and visit.person.may_see(row.unit) else 0
