"""Pages for everybody: signing in, changing the language, and what a citizen sees of a dossier."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import OrderedDict
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData

from models.commands import Actor
from models.facts import Extended, SupplementRequested
from models.procedure import Role, Stage
from models.refusals import Forbidden, Phrase, Problem, UnknownDossier, Unreachable, http_status
from models.reserved import CITIZEN_ID
from motcua.accounts import BadPassword
from motcua.web.codes import read_off
from motcua.web.doors import Guest, Newcomer, file_of, form_of, texts_of, typed_form, whole
from motcua.web.language import LANGUAGES
from motcua.web.visit import COOKIE, LANGUAGE, Visit, local

router = APIRouter()

LOOKS, WINDOW = 30, 60.0
"""How many dossiers one address may look up in how many seconds: codes are numbered, nobody walks them."""


class TooManyLooks(Forbidden):
    """One address looks up too many dossiers."""

    sentence = "Too many dossiers have been looked up from here. Wait a minute."


class WrongKey(Forbidden):
    """Only who holds the receipt may rate."""

    sentence = "Scan the QR code on the receipt to rate: this address lacks its key."


@router.get("/")
async def first(visit: Guest) -> Response:
    """Work for staff, the public page for everybody else."""
    return visit.go("/inbox" if visit.signed_in else "/track")


@router.get("/sign-in")
async def sign_in_page(visit: Guest, back: str = "/inbox") -> Response:
    """Name and password."""
    if visit.signed_in:
        return visit.go(back)
    return visit.page("sign-in.html", back=local(back), problem=None, name="", kept=(), file="", whose="")


async def ask_to_sign_in(visit: Visit, problem: Problem) -> Response:
    """Instead of a page whose session has ended; a form that was sent with it waits until one is back."""
    request = visit.request
    if request.method == "GET":
        if request.headers.get("accept", "").startswith("text/event-stream"):
            return Response(status_code=204)  # tells an event source not to come back
        wanted = visit.address()
        return visit.go(f"/sign-in?back={_quoted(wanted)}" if wanted != "/inbox" else "/sign-in")
    if request.url.path in ("/password", "/sign-out"):
        return visit.go("/sign-in")  # passwords are kept in no page
    try:
        form = await typed_form(request)
    except Unreachable as busy:
        words = visit.say("Wait a moment, then load this page again.")
        return visit.page("problem.html", status=503, title=visit.problem(busy), words=words)
    except Problem:  # what cannot be read cannot be kept
        return visit.go("/sign-in")
    kept = [(name, text) for name, text in texts_of(form) if name != "csrf"]
    page: dict[str, Any] = {
        "problem": visit.problem(problem),
        "name": "",
        "back": visit.address(),  # with its query: a list's button says by it which task it is about
        "whose": str(form.get("csrf", "")),
    }
    file = file_of(form)
    await form.close()
    return visit.page("sign-in.html", status=401, kept=kept, file=file, **page)


def _quoted(text: str) -> str:
    return quote(text, safe="/")


def kept_of(form: FormData) -> list[tuple[str, str]]:
    """The fields of another form that waits in the form by which one signs in."""
    return [(name[5:], text) for name, text in texts_of(form) if name.startswith("kept:")]


def sign_in_again(visit: Visit, form: FormData, problem: Problem) -> Response:
    """The form by which one signs in, with what waits in it, but without the password."""
    return visit.page(
        "sign-in.html",
        status=http_status(problem),
        problem=visit.problem(problem),
        name=str(form.get("name", ""))[:200],
        back=local(str(form.get("back", ""))),
        kept=kept_of(form),
        file=str(form.get("file", "")),
        whose=str(form.get("whose", "")),
    )


@router.post("/sign-in")
async def sign_in(visit: Guest, request: Request) -> Response:
    """Begin a session. Its token is a new one: what a browser brought along counts for nothing."""
    form = await form_of(request)
    name, password, back, file, whose = (
        str(form.get(field, "")) for field in ("name", "password", "back", "file", "whose")
    )
    kept = kept_of(form)
    try:
        token = await visit.house.accounts.sign_in(name.strip(), password, visit.origin)
    except Forbidden as problem:
        return sign_in_again(visit, form, problem)
    if kept:
        session = await visit.house.accounts.session(token)
        back_again = Visit(request, visit.house, session)
        if await visit.house.accounts.record.person_of_form(whose) == session.person.id:
            answer: Response = back_again.page(
                "resend.html", file=file, back=local(back), kept=kept, title=""
            )
        else:  # a computer that several people use: nobody sends another's words as their own
            title = back_again.say("What had been typed here was somebody else's, and has not been sent.")
            answer = back_again.page("problem.html", title=title, words="")
    else:
        answer = visit.go(back or "/inbox")
    answer.set_cookie(
        COOKIE, token, httponly=True, samesite="lax", secure=request.url.scheme == "https", path="/"
    )
    return answer


@router.post("/sign-out")
async def sign_out(visit: Newcomer) -> Response:
    """End the session, here and in the record."""
    await visit.house.accounts.sign_out(visit.session, visit.origin)
    answer = visit.go("/sign-in")
    answer.delete_cookie(COOKIE, path="/")
    return answer


@router.get("/password")
async def password_page(visit: Newcomer) -> Response:
    """Change one's own password."""
    return visit.page("password.html", problem=None, done=False)


@router.post("/password")
async def password(visit: Newcomer, request: Request) -> Response:
    """Change it; all other sessions end."""
    form = await form_of(request)
    old, new, again = (str(form.get(name, "")) for name in ("old", "new", "again"))
    try:
        if new != again:
            raise BadPassword(reason=Phrase("the two new ones are not the same."))
        await visit.house.accounts.change_password(visit.session, old, new, visit.origin)
    except Problem as problem:
        return visit.page(
            "password.html", status=http_status(problem), problem=visit.problem(problem), done=False
        )
    return visit.page("password.html", problem=None, done=True)


@router.get("/language")
async def language(visit: Guest, to: str = "vi", back: str = "/") -> Response:
    """Show the pages in the other language from now on."""
    answer = visit.go(back)
    if to in LANGUAGES:
        answer.set_cookie(LANGUAGE, to, max_age=31_536_000, samesite="lax", httponly=True)
    return answer


# What a citizen sees


class _Looks:
    """How often each address has looked lately."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, list[float]] = OrderedDict()

    def count(self, address: str) -> None:
        """One look more; TooManyLooks beyond the limit."""
        now = time.monotonic()
        recent = [at for at in self._seen.pop(address, []) if at > now - WINDOW]
        self._seen[address] = [*recent[-LOOKS:], now]
        while len(self._seen) > 10_000:
            self._seen.popitem(last=False)
        if len(recent) >= LOOKS:
            raise TooManyLooks


@router.get("/track")
async def track_form(visit: Guest, code: str = "") -> Response:
    """Where one types a code."""
    if code.strip():
        return visit.go(f"/track/{_quoted(read_off(code))}")
    return visit.page("track.html", row=None, code="", problem=None)


@router.get("/track/{code}")
async def track(visit: Guest, code: str, k: str = "", rated: str = "") -> Response:
    """How a dossier stands, in words, and nothing of whom it is about."""
    looks: _Looks = _looks_of(visit)
    code = read_off(code)
    try:
        looks.count(visit.origin.address)
        row = await visit.house.desk.row(code)
    except (TooManyLooks, UnknownDossier) as problem:
        return visit.page(
            "track.html",
            status=429 if isinstance(problem, TooManyLooks) else 404,
            row=None,
            code=code[:60],
            problem=visit.problem(problem),
        )
    facts = await visit.house.store.facts(code)
    open_to_rate = row.stage is Stage.RETURN and row.outcome == "returned"
    return visit.page(
        "track.html",
        row=row,
        code=code,
        problem=None,
        key=k,
        may_rate=open_to_rate and bool(k) and await _fits(visit, code, k),
        rated=rated == "1",
        supplement=next((f.event for f in reversed(facts) if isinstance(f.event, SupplementRequested)), None)
        if row.status == "awaiting-supplement"
        else None,
        promised=any(isinstance(fact.event, Extended) for fact in facts),
        unit=visit.house.units.get(row.unit),
    )


@router.post("/track/{code}/rate")
async def rate(visit: Guest, request: Request, code: str) -> Response:
    """The citizen's opinion. The key is in the receipt's QR code: whoever knows a code speaks for nobody."""
    form = await form_of(request)
    key, score, text = (str(form.get(name, "")) for name in ("k", "score", "text"))
    if not await _fits(visit, code, key):
        raise WrongKey
    data: dict[str, Any] = {"score": score if whole(score) is None else whole(score)}
    if text.strip():
        data["text"] = text
    actor = Actor(id=CITIZEN_ID, roles=(Role.CITIZEN,), unit="")
    # The same opinion again is the same request; another one comes too late.
    said = hashlib.sha256(f"{score} {text}".encode()).hexdigest()[:32]
    await visit.house.desk.act(code, "rate", actor, data, f"rate/{said}")
    return visit.go(f"/track/{_quoted(code)}?k={_quoted(key)}&rated=1")


async def _fits(visit: Visit, code: str, key: str) -> bool:
    known = await visit.house.store.track_key(code)
    return known is not None and hmac.compare_digest(key.encode(), known.encode())


def _looks_of(visit: Visit) -> _Looks:
    state = visit.request.app.state
    if not hasattr(state, "looks"):
        state.looks = _Looks()
    found: _Looks = state.looks
    return found
