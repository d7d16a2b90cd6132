"""The stream of changes that an open page listens to (server-sent events)."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from models.refusals import Problem
from motcua.web.doors import Member
from motcua.web.live import Live
from motcua.web.visit import COOKIE, Visit

router = APIRouter()


@router.get("/events")
async def events(request: Request, visit: Member) -> Response:
    """The codes of dossiers that change, of those that the visitor may see."""
    live: Live = request.app.state.live
    return StreamingResponse(
        _lines(live, visit, request.cookies.get(COOKIE)),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _lines(live: Live, visit: Visit, token: str | None) -> AsyncIterator[str]:
    yield "retry: 2000\n\n"
    async for change in live.changes(visit.unit):
        if change is None:
            try:
                await visit.house.accounts.session(token)
            except Problem:  # signed out elsewhere, or the record is away: the page asks again and is told
                return
            yield ": still here\n\n"
        else:
            yield f"event: changed\ndata: {change.code} {change.seq}\n\n"
