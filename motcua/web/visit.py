"""One request: who asks, in which language, at which office time, and how a page is made for them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from babel.dates import format_date
from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup

from models.commands import Actor
from models.dossier import NATIONAL_STATUS
from models.limits import Limit
from models.people import Directory, Person
from models.procedure import Role, Stage
from models.refusals import Forbidden, Phrase, Problem, Unreachable
from models.rights import LEADERS, OFFICE
from models.view import DossierRow
from motcua.accounts import From, Session
from motcua.store.screens import Edges, State
from motcua.store.views import Sight
from motcua.texts.formats import Formats
from motcua.web import names
from motcua.web.house import House, named
from motcua.web.language import LANGUAGES, Language, environment, gettext, translations


def _pattern(reason: str) -> re.Pattern[str]:
    """Finds a reason with whatever it tells; {n} stands for a number."""
    parts = re.split(r"\{(\w+)\}", reason)
    return re.compile(
        "".join(
            re.escape(part) if not place % 2 else f"(?P<{part}>{'[0-9]+' if part == 'n' else '.*'})"
            for place, part in enumerate(parts)
        )
    )


_BOOK_REASONS = [(_pattern(reason), reason) for reason in names.BOOK_REASONS]
_ISO = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T]([0-9]{2}:[0-9]{2})(?::[0-9]{2})?)?")
"""A date or a moment in office time, as refusals carry them."""
_TYPED = ("text", "given", "name", "file", "paper", "act")
"""Parameters that repeat what somebody typed: they stay as they are."""
COOKIE, LANGUAGE = "motcua", "motcua_language"


class NotForYou(Forbidden):
    """A page of the desk that is for other roles."""

    sentence = "This page is for {roles}; {actor} has other work here."


class _Grouped(int):
    """A number that stands in a sentence as its language groups it, where the sentence groups it."""

    formats: Formats

    def __new__(cls, value: int, formats: Formats) -> _Grouped:
        made = super().__new__(cls, value)
        made.formats = formats
        return made

    def __format__(self, spec: str) -> str:
        return self.formats.number(int(self)) if spec == "," else super().__format__(spec)


class Visit:
    """What a page needs to know of the request that asks for it."""

    def __init__(self, request: Request, house: House, session: Session | None) -> None:
        self.request, self.house, self._session = request, house, session
        self.token = session.csrf if session else ""
        """What every form holds, so that nobody else's can be sent in the visitor's name."""
        self.now = house.clock()
        self.mark: str = request.app.state.live.mark
        self.language = self._language()
        self.formats = house.formats[self.language]

    def _language(self) -> Language:
        chosen = self.request.cookies.get(LANGUAGE)
        if chosen not in LANGUAGES and self._session is not None:
            chosen = self._session.person.language
        return next((each for each in LANGUAGES if each == chosen), "vi")

    @property
    def session(self) -> Session:
        """Who is signed in; there are no other pages than public ones for anybody else."""
        assert self._session is not None
        return self._session

    @property
    def person(self) -> Person:
        """Who is signed in."""
        return self.session.person

    @property
    def actor(self) -> Actor:
        """The same as commands name them."""
        return Actor(id=self.person.id, roles=self.person.roles, unit=self.person.unit)

    @property
    def signed_in(self) -> bool:
        """Whether anybody is."""
        return self._session is not None

    @property
    def origin(self) -> From:
        """Where the request comes from."""
        client = self.request.client
        return From(client.host if client else "", self.request.headers.get("user-agent", "")[:300])

    @property
    def unit(self) -> str | None:
        """Whose dossiers this person sees; None: every unit's."""
        return None if self.person.sees_all else self.person.unit

    def may(self, what: str) -> bool:
        """Whether a page or act of the office is for this person."""
        return self._session is not None and any(role in OFFICE[what] for role in self.person.roles)

    def must(self, what: str) -> None:
        """Refuse whom a page is not for."""
        if not self.may(what):
            raise NotForYou(roles=", ".join(OFFICE[what]), actor=self.person.id)

    async def saw(self, what: Sight, code: str | None = None, about: str = "") -> None:
        """Put on record, before it is shown, that this person looks at personal data."""
        await self.house.views.saw(self.person.id, self.origin.address, what, code, about)

    # Words

    def say(self, message: str, **values: Any) -> str:
        """A text in the visitor's language."""
        return gettext(self.language, message, **values)

    def problem(self, problem: Problem) -> str:
        """A refusal's sentence in the visitor's language; as it came where its parameters are not known."""
        sentence = names.SENTENCES.get(problem.type, problem.sentence)
        if not problem.facts and "{" in sentence:
            return problem.message
        facts = dict(problem.facts)
        if isinstance(problem, Unreachable) and "reason" in facts:
            facts["reason"] = Phrase("it does not answer")  # the log has what the library said
        try:
            return self._filled(sentence, facts, str(facts.get("command", problem.type)))
        except (KeyError, ValueError):
            return problem.message

    def phrase(self, phrase: Phrase) -> str:
        """Part of a refusal's sentence in the visitor's language."""
        return self._filled(phrase.text, phrase.facts)

    def _filled(self, text: str, facts: Mapping[str, object], about: str = "") -> str:
        """A text of a refusal with its parameters; `about` is what it refuses, a command or itself."""
        if not text:
            return ""
        told = {key: self._told(key, value, about) for key, value in facts.items()}
        return translations(self.language).gettext(text).format_map(told)

    def _told(self, key: str, value: object, about: str) -> object:
        """A parameter of a refusal: a name in place of an id, dates as they are written here."""
        if isinstance(value, Phrase):
            return self.phrase(value)
        if type(value) is int:
            return _Grouped(value, self.formats)
        text = str(value)
        if key not in _TYPED and (found := _ISO.fullmatch(text)) is not None:
            return self._moment(found[1], found[2]) or text
        each = re.split(r", | or ", text)
        match key:
            case "command":
                known = {**names.COMMANDS, **names.OTHER_COMMANDS}
                return f"“{self.say(known[text])}”" if text in known else text
            case "status":
                return self.formats.status(text) if text in NATIONAL_STATUS else self.say("not filed")
            case "assignee" | "actor" | "person":
                return self.name(text)
            case "unit" | "actor_unit" | "agency":
                return self.unit_name(text)
            case "units":
                return ", ".join(self.unit_name(unit) for unit in each)
            case "needed" | "roles":
                return ", ".join(self._role(role) for role in each)
            case "field":
                return self._field(text, about)
            case "kind" | "known" | "basis":
                return ", ".join(self._known(word) for word in each)
            case "step" | "steps":
                return ", ".join(self._step(step) for step in each)
            case "link":
                return self._link(text)
            case "reason" if self.language != "en":  # in English only: some library's words
                return self.say("it is not valid")
        return value

    def _moment(self, day: str, clock: str | None) -> str | None:
        """A date, or a moment in office time, as it is written here; None where it is none."""
        try:
            found = date.fromisoformat(day)
            at = datetime.min.time() if clock is None else time.fromisoformat(clock)
            instant = self.house.calendar.instant(found, at)
        except (ValueError, OverflowError):
            return None
        return self.date(found) if clock is None else self.formats.when(instant)

    def _role(self, text: str) -> str:
        return self.role_name(Role(text)) if text in set(Role) else self.say("no role")

    def _field(self, text: str, about: str) -> str:
        """A field's label: that of a command before that of any."""
        last = re.sub(r"\[.*", "", text.rsplit(".", maxsplit=1)[-1])
        label = names.FIELDS.get(f"{about}.{last}") or names.FIELDS.get(last)
        if label is not None:
            return self.say(label)
        return text if self.language == "en" else self.say("a field of this form")

    def _known(self, word: str) -> str:
        """A word of those that may be chosen from."""
        label = names.PAPER_KINDS.get(word) or names.BASES.get(word)
        return self.unit_name(word) if label is None else self.say(label).lower()

    def _step(self, step: str) -> str:
        """A step's name in whichever procedure has it."""
        if step == "intake":
            return self.say("Check and receive")
        steps = (each for known in self.house.catalogue.procedures for each in known.steps)
        found = next((each for each in steps if each.id == step), None)
        return named(found, self.language) if found else step

    def _link(self, link: str) -> str:
        """A linked procedure's name by what any procedure calls it."""
        links = (each for known in self.house.catalogue.procedures for each in known.links)
        found = next((each for each in links if each.id == link), None)
        return self.procedure_name(found.procedure) if found else link

    def when(self, at: datetime | None) -> str:
        """A moment in office time."""
        return self.formats.when(at) if at else "–"

    def exact(self, at: datetime) -> str:
        """A moment in office time to the second, as auditors compare them."""
        return f"{self.house.calendar.local(at):%d/%m/%Y %H:%M:%S}"

    def day(self, at: datetime | None) -> str:
        """A date in office time."""
        return self.formats.day(at) if at else "–"

    def local(self, at: datetime) -> str:
        """A moment as fields for date and time take it."""
        return f"{self.house.calendar.local(at):%Y-%m-%dT%H:%M}"

    def today(self) -> date:
        """The office date."""
        return self.house.calendar.local(self.now).date()

    def midnight(self, day: date) -> datetime:
        """When an office date begins."""
        return self.house.calendar.instant(day, datetime.min.time())

    def unit_name(self, unit: str) -> str:
        """A unit's name."""
        return self.house.unit_name(unit, self.language)

    def name(self, person: str | None) -> str:
        """A person's name; of those who are no staff, what they are."""
        if person in names.OUTSIDE:
            return self.say(names.OUTSIDE[person])
        return self.house.person_name(person)

    def listed(self, person: Person, directory: Directory) -> str:
        """A person's name in a list, marked where they are away today or do not work here."""
        today = self.today()
        if person.until is not None and person.until < today:
            return self.say("{name} (does not work here any more)", name=person.name)
        if not person.holds(today):
            return self.say("{name} (does not work here yet)", name=person.name)
        absence = directory.away(person.id, today)
        if absence is None:
            return person.name
        if absence.until is None:
            return self.say("{name} (away)", name=person.name)
        return self.say("{name} (away until {day})", name=person.name, day=self.date(absence.until))

    def who(self, person: str | None, directory: Directory) -> str:
        """The same of an id, which may be of somebody whom the catalogue does not name any more."""
        known = directory.people.get(person or "")
        if known is not None:
            return self.listed(known, directory)
        if not person or person in names.OUTSIDE:
            return self.name(person)
        return self.say("{name} (does not work here any more)", name=person)

    def procedure_name(self, code: str, version: str = "") -> str:
        """A procedure's name, its code where the catalogue has it no more."""
        known = self.house.procedure(code, version)
        return named(known, self.language) if known else code

    def step_name(self, code: str, version: str, step: str) -> str:
        """What a step is called."""
        if step == "intake":
            return self.say("Check and receive")
        known = self.house.procedure(code, version)
        found = next((each for each in known.steps if each.id == step), None) if known else None
        return named(found, self.language) if found else step

    def countdown(self, due: datetime, overdue_from: datetime, *, at: datetime | None = None) -> str:
        """How much working time is left until a due instant, or has passed since it once that is overdue."""
        now = at or self.now
        left = self.house.left(now, due)
        if left is None:
            return self.day(due)
        if now >= overdue_from:
            return self.say("late by {time}", time=self.formats.worktime(-left))
        if now > due:
            return self.say("until the end of today")
        return self.say("{time} left", time=self.formats.worktime(left))

    @cached_property
    def edges(self) -> Edges:
        """Where the states of tasks end now."""
        return self.house.edges(self.now)

    def state_name(self, state: State) -> str:
        """A state in a word."""
        return self.say(names.STATES[state])

    def command_name(self, command: str) -> str:
        """What a command is called."""
        return names.COMMANDS.get(command, "")

    def typed(self, given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """What somebody entered in a form, under the labels of its fields; repeated fields as often."""
        ours = names.MACHINE_FIELDS | names.PASSWORD_FIELDS
        return [
            (self.say(names.FIELDS.get(name, names.OTHER_FIELD)), words)
            for name, words in given
            if name not in ours and words.strip()
        ]

    def about(self, address: str) -> str:
        """What a form that is sent to an address of a dossier is about."""
        found = re.fullmatch(r"/dossiers/([^/]+)/([a-z-]+)(?:[?].*)?", address)
        return (
            f"{found[1]}: {self.say(names.COMMANDS[found[2]])}"
            if found and found[2] in names.COMMANDS
            else ""
        )

    def alarm_name(self, alarm: str) -> str:
        """What an alarm or a letter is called."""
        return self.say(names.ALARMS[alarm])

    def medium(self, channel: str) -> str:
        """What a channel of notices is called."""
        return self.say(names.MEDIA[channel]) if channel in names.MEDIA else channel

    def book_reason(self, why: str) -> str:
        """Why something is in the book of sign-ins."""
        for pattern, reason in _BOOK_REASONS:
            if (found := pattern.fullmatch(why)) is not None:
                return self.say(reason, **found.groupdict())
        return why

    def role_name(self, role: Role) -> str:
        """A role's name."""
        return self.say(names.ROLES[role])

    def role_names(self, roles: Iterable[Role]) -> str:
        """The names of several, one after another."""
        return ", ".join(self.role_name(role) for role in roles)

    @property
    def role_ids(self) -> list[str]:
        """The visitor's roles as tasks name them."""
        return [role.value for role in self.person.roles]

    @property
    def leads(self) -> bool:
        """Whether the visitor leads a unit or the office."""
        return any(role in LEADERS for role in self.person.roles)

    def limit(self, limit: Limit) -> str:
        """A limit in words."""
        number, _, unit = str(limit).partition(" ")
        one, many = names.LIMITS.get(limit.kind, ("", ""))
        if many and not (limit.kind == "days" and unit not in ("day", "days")):
            words = one if number == "1" else many
            return self.say(words, n=number.replace(".", ",") if self.language == "vi" else number)
        return self.say("same day") if limit.kind == "same day" else self.say("fixed date")

    def date(self, day: date | str, *, weekday: bool = False) -> str:
        """A date as it is written here."""
        day = date.fromisoformat(day) if isinstance(day, str) else day
        return format_date(day, "EEE dd/MM/y" if weekday else "dd/MM/y", locale=self.language)

    def minutes(self, count: int) -> str:
        """Minutes of working time as hours and minutes."""
        return f"{count // 60}:{count % 60:02}" if count else ""

    def size(self, count: int) -> str:
        """Bytes as people read them."""
        return f"{count / 1_000_000:.1f} MB" if count >= 100_000 else f"{max(count // 1000, 1)} kB"

    def why(self, words: str) -> str:
        """Why a day counts or does not; names of holidays stay as they are."""
        return "; ".join(self._why(part) for part in words.split("; "))

    def _why(self, words: str) -> str:
        head, found, rest = words.partition(": ")
        if words in names.WHY:
            return self.say(names.WHY[words])
        if head in ("paused", "not counted") and found:
            waits = [self.say(names.WAITS.get(each, each)) for each in re.split(r", | and ", rest)]
            return (
                f"{self.say(names.WHY[head])}: {', '.join(waits)}"
                if head == "paused"
                else self.say(names.WHY[head])
            )
        if head in names.WHY and found:  # holidays and the like keep the names that decrees give them
            return f"{self.say(names.WHY[head])}: {self._why(rest) if head == 'extended' else rest}"
        if (numbered := re.fullmatch(r"(working|calendar) day ([\d, ]+) of ([\d.]+)", words)) is not None:
            kind, which, total = numbered.groups()
            message = names.WORKING_DAY if kind == "working" else names.CALENDAR_DAY
            return self.say(message, which=which, total=total)
        return words

    def track(self, row: DossierRow) -> list[tuple[str, str]]:
        """The stages, each before, at or behind where a dossier stands."""
        return track(row.stage, row.outcome)

    @staticmethod
    def fresh_id() -> str:
        """The id of a request that a form makes: sent twice it is one request."""
        return str(uuid.uuid4())

    def _csrf(self) -> Markup:
        return Markup('<input type="hidden" name="csrf" value="{}">').format(self.token)

    channels, acts, book = names.CHANNELS, names.ACTS, names.BOOK
    places, terms = names.PLACES, names.TERMS

    # Answers

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A page, never kept by anybody on the way."""
        text = (
            environment(self.language)
            .get_template(template)
            .render(visit=self, house=self.house, path=self.request.url.path, csrf=self._csrf, **values)
        )
        return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})

    @property
    def here(self) -> str | None:
        """Where to come back to in the other language. None where a form was answered: what stands there is
        nowhere else. Guests, who are asked to sign in on such pages, come back to where the form was.
        """
        if self.request.method in ("GET", "HEAD"):
            return self.address()
        if self.signed_in:
            return None
        try:
            asked = urlsplit(self.request.headers.get("referer", ""))
        except ValueError:  # no address at all
            return "/"
        return local(f"{asked.path or '/'}{'?' if asked.query else ''}{asked.query}")

    def go(self, address: str) -> Response:
        """Go on to another page of the desk; an address outside leads to the first one."""
        return RedirectResponse(local(address), status_code=303)

    def address(self, **changes: str | None) -> str:
        """This page's address with other parameters; None takes one away."""
        url = self.request.url.remove_query_params([key for key, value in changes.items() if value is None])
        url = url.include_query_params(**{key: value for key, value in changes.items() if value is not None})
        return f"{url.path}?{url.query}" if url.query else url.path


def local(address: str) -> str:
    """An address on this server, or the first page: nobody may be sent elsewhere by a link to us."""
    plain = address.startswith("/") and address.isprintable() and "\\" not in address
    return address if plain and not address.startswith("//") else "/"


def track(stage: Stage, outcome: str | None) -> list[tuple[str, str]]:
    """The stages of a procedure, each before, at or behind where a dossier stands."""
    order = [Stage.RECEIVE, Stage.PROCESS, Stage.APPROVE, Stage.RETURN]
    if outcome is not None and outcome != "returned":
        return [(names.STAGES[each], "ended") for each in order]
    here = len(order) if outcome is not None else order.index(stage)
    return [
        (names.STAGES[each], "done" if place < here else "here" if place == here else "ahead")
        for place, each in enumerate(order)
    ]
