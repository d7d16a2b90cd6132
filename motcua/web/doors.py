"""Who may come in: what each page asks of a request before it is made."""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import AsyncIterator
from typing import Annotated

import structlog
from fastapi import Depends, Request, Response
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.types import Message

from models.refusals import BadInput, Forbidden, Unreachable
from models.visible import UNKEEPABLE
from motcua.accounts import NotSignedIn, Session
from motcua.web.connections import CROWDED
from motcua.web.guard import BODY, TURN, check_body
from motcua.web.house import House
from motcua.web.oversize import KEPT, NO_ROOM, Body
from motcua.web.visit import COOKIE, Visit

log = structlog.get_logger()


class FormFromElsewhere(Forbidden):
    """A form that this session was not given."""

    sentence = "This form belongs to an earlier sign-in. Nothing was done; open the page again."


class MustChange(Forbidden):
    """The first password is for the first sign-in only."""

    sentence = "Choose a password of your own first."


class Unreadable(BadInput):
    """Characters that no record can keep."""

    sentence = "What was sent holds a character that cannot be kept (NUL, or half of a surrogate pair)."


class Crowded(Unreachable):
    """So many requests are being answered that only health checks have a place left."""

    sentence = "Too many people are using the desk at this moment. Nothing was done; wait a minute."


async def form_of(request: Request) -> FormData:
    """What a form holds; TooLarge where it is larger than what is taken, NoRoom where it cannot be."""
    form = await typed_form(request)
    check_body(request)
    return form


async def typed_form(request: Request) -> FormData:
    """What a form holds; of one that is too large, or finds no room, its files come without their contents.

    Read once, however often it is asked for: also for the page that says that it cannot be read. A second
    attempt would wait for a body that has come already, for as long as the client does.
    """
    form: FormData | None = getattr(request.state, "form", None)
    if form is None:
        if (failed := getattr(request.state, "unread", None)) is not None:
            raise failed
        try:
            form = request.state.form = await _read(request)
        except Exception as error:
            request.state.unread = error
            raise
    if any(isinstance(text, str) and UNKEEPABLE.search(text) for pair in form.multi_items() for text in pair):
        raise Unreadable
    return form


async def _read(request: Request) -> FormData:
    body: Body = request.scope[BODY]
    visit: Visit | None = getattr(request.state, "visit", None)
    if visit is None or not visit.signed_in:
        body.restrict()
        if body.large:
            await request.scope[TURN]()
    try:
        return await request.form(max_part_size=KEPT)
    except UnicodeError as error:  # it names a character set that is none for texts, such as idna
        raise HTTPException(400) from error
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        log.error("a form found no room", path=request.url.path, error=str(error))
        body.no_room = error
        small: Message = {"type": "http.request", "body": await body.without_files(), "more_body": False}

    async def receive() -> Message:
        return small

    return await Request(request.scope, receive).form(max_part_size=KEPT)


def file_of(form: FormData) -> str:
    """Under which name a form has a file with it; empty where it has none."""
    return next(
        (name for name, value in form.multi_items() if not isinstance(value, str) and value.filename), ""
    )


def texts_of(form: FormData) -> list[tuple[str, str]]:
    """The fields of a form without its files, in order; a name may be there several times."""
    return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]


def resend(visit: Visit, back: str, form: FormData, problem: Unreachable) -> Response:
    """A service is away: what was typed stays in the page, and sending it again is the same request.

    Only a file has to be chosen again: a page cannot hold one.
    """
    log.warning("a form could not be answered", path=back, why=problem.message)
    visit.token = visit.token or str(form.get("csrf", ""))  # who it is could not be asked: as it was sent
    return visit.page(
        "resend.html",
        status=503,
        back=back,
        file=file_of(form),
        kept=[(name, text) for name, text in texts_of(form) if name != "csrf"],
        title=visit.problem(problem),
    )


def whole(text: str, digits: int = 9) -> int | None:
    """A number that is written in so many digits at most; None for anything else, ² included."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def _check_request(request: Request) -> None:
    if request.scope.get(CROWDED):
        raise Crowded
    if UNKEEPABLE.search(request.url.path) or any(
        UNKEEPABLE.search(text) for pair in request.query_params.multi_items() for text in pair
    ):
        raise Unreadable


async def guest(request: Request) -> Visit:
    """Anybody. Whoever is signed in is known all the same, unless the record is away."""
    _check_request(request)
    house: House = request.app.state.house
    session: Session | None = None
    with contextlib.suppress(NotSignedIn, Unreachable):
        session = await house.accounts.session(request.cookies.get(COOKIE))
    request.state.visit = Visit(request, house, session)
    return request.state.visit  # type: ignore[no-any-return]


async def newcomer(request: Request) -> AsyncIterator[Visit]:
    """Whoever is signed in, also with a first password; forms must be those that the session was given."""
    _check_request(request)
    house: House = request.app.state.house
    # What a page fetches by itself is no click: an open tab does not keep its owner signed in.
    clicked = "x-fragment" not in request.headers and request.url.path != "/events"
    session = await house.accounts.session(request.cookies.get(COOKIE), clicked=clicked)
    visit = request.state.visit = Visit(request, house, session)
    if request.method == "GET":
        yield visit
        return
    form = await typed_form(request)
    try:
        if not hmac.compare_digest(str(form.get("csrf")).encode(), session.csrf.encode()):
            check_body(request)  # then it may just have been left out
            raise FormFromElsewhere
        yield visit
    finally:
        await form.close()  # what was uploaded lies in temporary files


async def member(visit: Annotated[Visit, Depends(newcomer)]) -> Visit:
    """Whoever is signed in with a password of their own."""
    if visit.session.must_change:
        raise MustChange
    return visit


Guest = Annotated[Visit, Depends(guest)]
Newcomer = Annotated[Visit, Depends(newcomer)]
Member = Annotated[Visit, Depends(member)]
