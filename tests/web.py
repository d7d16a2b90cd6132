"""A visitor of the desk without a browser: real HTTP, cookies, and forms filled in as they stand."""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from html.parser import HTMLParser
from typing import Any

import httpx

from motcua.accounts import Accounts
from motcua.calendars import Calendar
from motcua.catalogue.catalogue import Catalogue
from motcua.desk import Desk
from motcua.documents import Documents, Scanner
from motcua.health import Health
from motcua.papers import Papers
from motcua.web.house import House, wall
from motcua.web.serve import serving
from motcua.web.server import address, bound
from tests.running import CATALOGUE, SETTINGS, Running, rulebook
from tests.waiting import PATIENCE
from workflows.dossier import TASK_QUEUE

PASSWORD = "một mật khẩu dài"


@dataclass
class Form:
    """A form of a page: where it goes, and what it sends when nothing is changed."""

    action: str
    method: str
    encoding: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    chosen: set[str] = field(default_factory=set)
    """Fields whose values are among options."""
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None
        self._select: tuple[str, list[tuple[str, bool]]] | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(given.get("action", ""), given.get("method", "get"), given.get("enctype", ""))
            self.forms.append(self._open)
        if self._open is None or ("name" not in given and tag not in ("option",)):
            return
        name = given.get("name", "")
        if tag == "input":
            self._open.names.add(name)
            self._open.hidden |= {name} if given.get("type") == "hidden" else set()
            off = given.get("type") in ("checkbox", "radio") and "checked" not in given
            if not off and given.get("type") != "file":
                self._open.fields.append((name, given.get("value", "")))
        elif tag == "textarea":
            self._open.names.add(name)
            self._area = name
            self._open.fields.append((name, ""))
        elif tag == "select":
            self._open.names.add(name)
            self._open.chosen.add(name)
            self._select = (name, [])
        elif tag == "option" and self._select is not None:
            self._select[1].append((given.get("value", ""), "selected" in given))
        elif tag == "button":
            self._open.buttons.append((name, given.get("value", "")))

    def handle_data(self, data: str) -> None:
        if self._area is not None and self._open is not None:
            name, value = self._open.fields[-1]
            self._open.fields[-1] = (name, value + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "textarea":
            self._area = None
        elif tag == "select" and self._select is not None and self._open is not None:
            name, options = self._select
            chosen = next((value for value, on in options if on), options[0][0] if options else "")
            self._open.fields.append((name, chosen))
            self._select = None


class Answered:
    """A page that came back."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status, self.text, self.headers = answer.status_code, answer.text, answer.headers
        self.content, self.url = answer.content, answer.url

    @cached_property
    def forms(self) -> list[Form]:
        """The forms on it."""
        parser = _Forms()
        if "html" in self.headers.get("content-type", ""):
            parser.feed(self.text)
        return parser.forms

    @property
    def path(self) -> str:
        """Where it is, with its query."""
        return self.url.raw_path.decode()

    @property
    def words(self) -> str:
        """What can be read on it."""
        body = re.sub(r"<(script|style|svg).*?</\1>", " ", self.text, flags=re.DOTALL)
        plain = re.sub(r"<[^>]+>", " ", body)
        for code, letter in (("&#34;", '"'), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
            plain = plain.replace(code, letter)
        return " ".join(plain.split())

    def form(self, action: str) -> Form:
        """The form that goes to an address, or to one that begins with it."""
        found = [form for form in self.forms if form.action == action]
        found += [form for form in self.forms if form.action.startswith(action)]
        assert found, f"no form to {action}, but to {[form.action for form in self.forms]}"
        return found[0]


_PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For all: the desk is served without TLS here, and each client would read all certificates there are."""


class Visitor:
    """Somebody with a browser of their own."""

    def __init__(self, base: str, *, language: str = "en") -> None:
        self.client = httpx.AsyncClient(base_url=base, follow_redirects=True, timeout=PATIENCE, verify=_PLAIN)
        self.client.cookies.set("motcua_language", language)

    async def get(self, path: str, **more: Any) -> Answered:
        """Open a page."""
        return Answered(await self.client.get(path, **more))

    async def send(self, form: Form, where: str = "", /, *, files: Any = None, **changes: Any) -> Answered:
        """Send a form with some fields changed, perhaps elsewhere; None leaves one out, a list repeats it."""
        data: dict[str, Any] = {}
        for name, value in form.fields:
            data.setdefault(name, []).append(value)
        for name, value in changes.items():
            data.pop(name, None)
            if value is not None:
                data[name] = value
        return Answered(await self.client.post(where or form.action, data=data, files=files))

    async def sign_in(self, name: str, password: str = PASSWORD, **changes: Any) -> Answered:
        """Sign in as somebody of the office."""
        page = await self.get("/sign-in")
        return await self.send(page.form("/sign-in"), name=name, password=password, **changes)

    async def act(self, code: str, command: str, **changes: Any) -> Answered:
        """Open a dossier and send the form of a command."""
        page = await self.get(f"/dossiers/{code}")
        assert page.status == 200, page.words[:300]
        return await self.send(page.form(f"/dossiers/{code}/{command}"), **changes)


@dataclass
class Web:
    """A desk that is served."""

    url: str
    house: House
    visitors: list[Visitor] = field(default_factory=list)

    async def visitor(self, name: str | None = None, **more: Any) -> Visitor:
        """Somebody who is signed in, or a guest."""
        visitor = Visitor(self.url, **more)
        self.visitors.append(visitor)
        if name is not None:
            page = await visitor.sign_in(name)
            assert page.status == 200, page.words[:200]
        return visitor


@asynccontextmanager
async def web(
    office: Running,
    calendar: Calendar,
    *,
    clock: Callable[[], datetime] = wall,
    catalogue: Catalogue = CATALOGUE,
    today: Callable[[], date] | None = None,
    idle: timedelta = timedelta(hours=2),
    scanner: Scanner | None = None,
    **more: Any,
) -> AsyncIterator[Web]:
    """The desk of a running office, on a port of its own, with a password for everybody.

    `clock` is that of the pages; people sign in by the catalogue's date, unless `today` is given.
    """
    listening = bound("127.0.0.1", 0)
    desk = Desk(office.client, office.store, rulebook(calendar), rpc_timeout=PATIENCE / 2)
    accounts = Accounts(office.store, catalogue.office.staff, today or catalogue.today, idle=idle)
    await accounts.furnish(PASSWORD)
    house = House(
        desk=desk,
        store=office.store,
        catalogue=catalogue,
        catalog_dir=SETTINGS.catalog_dir,
        papers=Papers(office.store, catalogue.office, calendar, SETTINGS.catalog_dir, address(listening)),
        accounts=accounts,
        documents=Documents(office.store, most_mb=2, scanner=scanner),
        health=Health(office.store, office.client, TASK_QUEUE),
        clock=clock,
        public_url=address(listening),
        **more,
    )
    async with serving(house, listening):
        served = Web(address(listening), house)
        try:
            yield served
        finally:
            for visitor in served.visitors:
                await visitor.client.aclose()
