"""The application: its pages, and what a visitor is told when something goes wrong."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from models.refusals import Forbidden, Problem, Unreachable
from models.visible import UNKEEPABLE
from motcua.accounts import NotSignedIn
from motcua.web import auditing, board, counter, dossiers, inbox, people, public, stream
from motcua.web.doors import MustChange, Unreadable, guest, resend, texts_of, typed_form
from motcua.web.guard import Guard, status_of
from motcua.web.house import House
from motcua.web.language import HERE, LANGUAGES, asset, environment
from motcua.web.language import marked as _
from motcua.web.live import Live
from motcua.web.oversize import NO_ROOM, NoRoom
from motcua.web.public import kept_of
from motcua.web.visit import Visit

log = structlog.get_logger()
_UNREAD = _("This request cannot be read.")
_NOT_THERE = {404: _("There is no such page."), 405: _("This cannot be done here.")}


def create_app(house: House) -> Guard:
    """The desk of an office, as an ASGI application. Who serves it also runs `app.live.run()`."""
    changes = Live(house.store)
    # Found and read now, and kept: the page that says that the disk is full needs neither disk nor file.
    tempfile.gettempdir()
    for language in LANGUAGES:
        for name in ("base.html", "problem.html", "resend.html", "sign-in.html"):
            environment(language).get_template(name)
    for file in (HERE / "static").iterdir():
        asset(file.name)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        changes.close()

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.house, app.state.live = house, changes
    app.mount("/static", _Static(directory=HERE / "static"))
    for part in (public, stream, inbox, dossiers, counter, board, people, auditing):
        app.include_router(part.router)
    app.add_exception_handler(Problem, _refused)
    app.add_exception_handler(HTTPException, _not_there)
    app.add_exception_handler(RequestValidationError, _nowhere)
    app.add_exception_handler(OSError, _no_room)
    app.add_exception_handler(Exception, _broken)

    @app.get("/healthz")
    @app.get("/readyz")
    async def health(request: Request) -> Response:
        """For load balancers and supervisors."""
        status, document = await house.health.answer(request.url.path)
        return JSONResponse(document, status, headers={"cache-control": "no-store"})

    return Guard(app, changes, upload=house.documents.most_mb * 1_000_000 + 100_000)


def _visit(request: Request) -> Visit:
    """The visit as far as it is known."""
    return getattr(request.state, "visit", None) or Visit(request, request.app.state.house, None)


async def _refused(request: Request, problem: Exception) -> Response:
    """A page that says what is the matter, and what to do."""
    assert isinstance(problem, Problem)
    visit = _visit(request)
    if isinstance(problem, NotSignedIn):
        return await public.ask_to_sign_in(visit, problem)
    if isinstance(problem, MustChange):
        return visit.go("/password")
    if isinstance(problem, Forbidden) and visit.signed_in:
        what = f"{request.method} {request.url.path}: {problem.type}"
        await visit.house.accounts.refused(visit.person.id, what, visit.origin)
    words = ""
    if isinstance(problem, Unreachable):
        if request.method == "POST" and request.url.path != "/password":
            with contextlib.suppress(Problem, HTTPException):  # a form that cannot be read is not kept
                if request.url.path == "/sign-in":
                    return public.sign_in_again(visit, await typed_form(request), problem)
                address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return resend(visit, address, await typed_form(request), problem)
        log.warning("a page could not be made", path=request.url.path, why=problem.message)
        words = visit.say("Wait a moment, then load this page again.")
    status = status_of(problem)
    typed = await _typed(visit, request)
    return visit.page("problem.html", status=status, title=visit.problem(problem), words=words, typed=typed)


async def _typed(visit: Visit, request: Request) -> list[tuple[str, str]]:
    """What was typed into a form that leads to no page of its own, to be copied; never a password."""
    if request.method != "POST" or request.url.path == "/password":
        return []
    try:
        form = await typed_form(request)
    except Unreadable:
        form = request.state.form
    except (Problem, HTTPException, ClientDisconnect, RuntimeError, OSError):  # it cannot be read
        return []
    rows = kept_of(form) if request.url.path == "/sign-in" else texts_of(form)
    return visit.typed((name, UNKEEPABLE.sub("\N{REPLACEMENT CHARACTER}", words)) for name, words in rows)


async def _not_there(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    try:
        visit = await guest(request)
    except Problem:
        visit = _visit(request)
    title = visit.say(_NOT_THERE.get(error.status_code, _UNREAD))
    typed = await _typed(visit, request)
    return visit.page("problem.html", status=error.status_code, title=title, words="", typed=typed)


async def _nowhere(request: Request, _error: Exception) -> Response:
    """A word in the address where a number is needed."""
    return await _not_there(request, HTTPException(404))


async def _no_room(request: Request, error: Exception) -> Response:
    """The server lacks disk space, files or memory: that passes. Any other error of the system is a bug."""
    assert isinstance(error, OSError)
    if error.errno not in NO_ROOM:
        raise error
    log.error("a request found no room", path=request.url.path, error=str(error))
    return await _refused(request, NoRoom())


async def _broken(request: Request, _error: Exception) -> Response:
    """A bug: the server logs it with its stack; the visitor learns that it is not theirs."""
    visit = _visit(request)
    words = visit.say("It is not your fault, and it is in the log. What you had entered was not carried out.")
    title, typed = visit.say("Something is broken here."), await _typed(visit, request)
    return visit.page("problem.html", status=500, title=title, words=words, typed=typed)


class _Static(StaticFiles):
    """Files whose address changes with their content: browsers keep them."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        answer = super().file_response(*args, **kwargs)
        if isinstance(answer, FileResponse):
            # Read before the answer begins: where no file can be opened, that is said instead.
            headers = {name: value for name, value in answer.headers.items() if name != "accept-ranges"}
            answer = Response(Path(answer.path).read_bytes(), answer.status_code, headers)
        answer.headers["cache-control"] = "public, max-age=31536000, immutable"
        return answer
