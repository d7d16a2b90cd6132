"""What people hand in and ask for: read from JSON, checked, and parted from what must be erasable."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from models.addresses import Email
from models.base import YEARS, Reference, TypedInstant, Value, added, one_line
from models.calendar import Calendar
from models.chain import salted
from models.commands import Actor, Channel, Command, Identifier, SimulatedTime
from models.faults import fault
from models.limits import Limit, date_alone
from models.refusals import BadInput, Phrase
from models.visible import UNKEEPABLE, Visible, shows
from motcua.documents import Document
from motcua.store import Private

TEXT_LIMIT = 20_000
"""Characters of one free text; longer papers are files, not reasons."""
_UNKEEPABLE_TEXT = Phrase("holds a character that cannot be kept (NUL, or half of a surrogate pair)")
_COMMAND: TypeAdapter[Command] = TypeAdapter(Command)
_KINDS = {
    kind: model
    for model in get_args(get_args(Command)[0])
    for kind in get_args(model.model_fields["kind"].annotation)
}
INTERNAL = ("file", "free", "hear", "tick")
"""Commands that `act` does not take: submit, linked dossiers and the clock give them."""


class InvalidSubmission(BadInput):
    """A submission that is not well formed."""

    sentence = "The submission is not valid: {field}: {reason}"


class InvalidCommand(BadInput):
    """The data of a command is not well formed."""

    sentence = "The data of {command} is not valid: {field}: {reason}"


class DocumentMissing(BadInput):
    """A document is a file that comes along, not data."""

    sentence = "{command} takes a file, and there is none. Choose one."


class DocumentNotExpected(BadInput):
    """A file with a command that has no place for one."""

    sentence = "{command} takes no file."


class UnknownCommand(BadInput):
    """There is no such command."""

    sentence = "There is no command {command}. Commands: {known}."


class TextTooLong(BadInput):
    """A free text beyond the limit."""

    sentence = "{field} has {length:,} characters; the limit is {limit:,}. Attach long papers as files."


Name = Annotated[Visible, Field(max_length=200), AfterValidator(one_line)]


def _if_it_shows(text: str | None) -> str | None:
    return text if text is not None and shows(text) else None


Contact = Annotated[str | None, Field(max_length=50), AfterValidator(_if_it_shows)]
"""A number by which somebody is known or reached; a blank one is none."""
Address = Annotated[str | None, Field(max_length=500), AfterValidator(_if_it_shows)]
"""A postal address; a blank one is none."""


class Owner(Value):
    """Whose dossier it is, where somebody else hands it in."""

    name: Name
    address: Address = None


class Applicant(Value):
    """Who hands in a dossier; kept only in rows that can be erased."""

    name: Name
    id_number: Contact = None
    phone: Contact = None
    email: Email | None = None
    address: Address = None
    owner: Owner | None = added(None)
    language: Literal["vi", "en"] = added("vi")
    """What letters to the applicant are written in."""


class Counted(Value):
    """A paper, and how many of it there are: originals, certified copies, plain copies."""

    name: Visible = Field(max_length=1000)
    originals: int = Field(default=0, ge=0, le=9999, strict=True)
    certified: int = Field(default=0, ge=0, le=9999, strict=True)
    copies: int = Field(default=0, ge=0, le=9999, strict=True)

    @classmethod
    def check(cls, papers: tuple[str | dict[str, Any], ...]) -> tuple[str | dict[str, Any], ...]:
        """Refuse an entry that shows nothing, or that counts copies and is wrong.

        An object without a name and counts may hold other keys, and some text.
        """
        keys = set(cls.model_fields)
        for number, paper in enumerate(papers, 1):
            counted = {key: paper[key] for key in keys & set(paper)} if isinstance(paper, dict) else {}
            texts = _texts(list(paper.values()) if isinstance(paper, dict) else paper)
            if not counted and any(map(shows, texts)):
                continue
            try:
                cls.model_validate(counted or {"name": ""})
            except ValidationError as error:
                entry = Phrase("entry {number}: {field}: {reason}", number=number, **_first(error))
                raise ValueError(entry) from error
        return papers


Papers = Annotated[tuple[str | dict[str, Any], ...], AfterValidator(Counted.check)]
"""Names, or objects with a name and how many of it there are (`Counted`)."""


class Missing(Value):
    """The reason of a supplement where the papers are listed; words alone do, too."""

    text: Visible
    papers: Papers = ()


class Supplied(Value):
    """The papers of a supplement where they are listed; words alone do, too."""

    papers: Papers


class Submission(Value):
    """A dossier as it is handed in."""

    request_id: Identifier
    procedure: str
    channel: Literal["online", "counter", "post"]
    unit: str
    applicant: Applicant
    papers: Papers = ()
    submitted_at: TypedInstant | None = None
    due_at: TypedInstant | None = None
    """Only where the procedure leaves the due instant to each dossier."""
    request: Annotated[Visible, Field(max_length=1000)] | None = added(None)
    """What is asked for; the procedure's name where it is not said."""
    sets: int = Field(default=1, ge=1, le=99, exclude_if=lambda sets: sets == 1)
    """How many sets of papers."""
    result_by: Channel | None = added(None)
    """How the applicant wants to get the result."""

    def kept(self) -> dict[str, Any]:
        """What belongs in rows that can be erased, by the name of the row."""
        applicant = self.applicant.model_dump(mode="json")
        if asked := self.model_dump(mode="json", include={"request", "sets", "result_by"}):
            applicant["request"] = asked
        return {"applicant": applicant} | ({"papers": list(self.papers)} if self.papers else {})


def read_submission(data: Any, calendar: Calendar) -> Submission:
    """A submission from its JSON; what is wrong is named by its field."""
    if isinstance(data, dict):
        if field := _unkeepable(data):
            raise InvalidSubmission(field=field, reason=_UNKEEPABLE_TEXT)
        data = {**data, **_office_times(data, ("submitted_at", "due_at"), calendar)}
    try:
        return Submission.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        raise InvalidSubmission(**_first(error)) from error


def read_command(
    code: str,
    kind: str,
    actor: Actor,
    data: Any,
    request_id: str,
    calendar: Calendar,
    document: Document | None = None,
    *,
    simulated: SimulatedTime | None = None,
    seed: str | None = None,
) -> tuple[Command, list[Private]]:
    """A command from the JSON of its data, and the rows that its free texts and its document become.

    `simulated` and `seed` (see `private`) are for caseloads: no person's data sets them.
    """
    if kind not in _KINDS or kind in INTERNAL:
        raise UnknownCommand(command=kind, known=", ".join(sorted(set(_KINDS) - set(INTERNAL))))
    if not isinstance(data, dict):
        raise InvalidCommand(command=kind, field="data", reason=Phrase("must be an object"))
    for reserved in ("id", "actor", "kind", "holder", "simulated"):
        if reserved in data:
            raise InvalidCommand(command=kind, field=reserved, reason=Phrase("is not yours to set"))
    if field := _unkeepable({**data, "request_id": request_id}):
        raise InvalidCommand(command=kind, field=field, reason=_UNKEEPABLE_TEXT)
    texts, times, limits = _FIELDS[kind]
    place = next((name for name in texts if name in _DOCUMENTS), None)
    if any(name in data for name in _DOCUMENTS) or (kind == "attach" and document is None):
        raise DocumentMissing(command=kind)
    if document is not None:
        if place is None:
            raise DocumentNotExpected(command=kind)
        data = {**data, place: document.told}
    for name in texts:
        _check_text(kind, name, data.get(name))
    plain = {**data, **_office_times(data, times, calendar), **_office_limits(data, limits, calendar)}
    rows = [
        private(code, request_id, name, plain[name], seed) for name in texts if plain.get(name) is not None
    ]
    if document is not None:
        rows = [
            row.model_copy(update={"file": document.content}) if row.kind == place else row for row in rows
        ]
    draft = {row.kind: reference(row).model_dump() for row in rows}
    try:
        whole = {**plain, **draft, "kind": kind, "id": request_id, "actor": actor.model_dump()}
        command = _COMMAND.validate_json(json.dumps(whole), strict=True)
    except ValidationError as error:
        raise InvalidCommand(command=kind, **_first(error)) from error
    return command.model_copy(update={"simulated": simulated}) if simulated else command, rows


def _check_text(kind: str, name: str, text: Any) -> None:
    """A free text is words; papers may come as a list, also beside the reason of a supplement."""
    if text is None:
        return
    if kind == "request-supplement" and name == "reason" and isinstance(text, dict):
        _check_papers(kind, Missing, text, "reason.")
    elif kind == "supply" and name == "papers" and not isinstance(text, str):
        _check_papers(kind, Supplied, {"papers": text})
    elif name not in _DOCUMENTS and not (isinstance(text, str) and shows(text)):
        raise InvalidCommand(command=kind, field=name, reason=Phrase("must be a text that is not empty"))


def _check_papers(kind: str, model: type[Value], data: dict[str, Any], within: str = "") -> None:
    try:
        model.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        wrong = _first(error)
        raise InvalidCommand(
            command=kind, field=f"{within}{wrong['field']}", reason=wrong["reason"]
        ) from error


def private(code: str, request_id: str, kind: str, content: Any, seed: str | None = None) -> Private:
    """A row for what must be erasable; the salt makes its hash say nothing once it is gone.

    With a `seed` the salt is drawn from it, so that a caseload of invented people has the same hashes each
    time. Whoever knows the seed can guess erased content: never for real people.
    """
    length = len(content) if isinstance(content, str) else len(json.dumps(content))
    if length > TEXT_LIMIT:
        raise TextTooLong(field=kind, length=length, limit=TEXT_LIMIT)
    name = f"{code}/{request_id}/{kind}"
    salt = secrets.token_hex(16) if seed is None else salted(seed, name)[:32]
    return Private(id=name, code=code, kind=kind, salt=salt, content=content)


def reference(row: Private) -> Reference:
    """What commands and facts say instead of the row's content."""
    return Reference(id=row.id, hash=salted(row.salt, row.content))


def _refers(annotation: Any) -> bool:
    return annotation is Reference or Reference in get_args(annotation)


def _is_time(annotation: Any) -> bool:
    return annotation is datetime or datetime in get_args(annotation) or "Aware" in str(annotation)


def _is_limit(annotation: Any) -> bool:
    return annotation is Limit or Limit in get_args(annotation)


_DOCUMENTS = ("document", "file")
"""Where a command has a place for a file: a document of the dossier, or the result itself."""

_FIELDS = {
    kind: tuple(
        [name for name, field in model.model_fields.items() if wanted(field.annotation)]
        for wanted in (_refers, _is_time, _is_limit)
    )
    for kind, model in _KINDS.items()
}
"""The free texts, the times and the limits of each command."""
_ENDS = ("until", "due_at")
"""Times up to which something holds: a date alone is its end."""


def _unkeepable(data: dict[str, Any]) -> str | None:
    """The field, if any, with text that PostgreSQL refuses: a fact with it could never go on record."""
    return next((name for name in data if any(map(UNKEEPABLE.search, _texts([name, data[name]])))), None)


def _texts(value: Any) -> Iterator[str]:
    """Every piece of text inside a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _texts([*value, *value.values()])
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _first(error: ValidationError) -> dict[str, str]:
    """The first thing that is wrong, as field and reason."""
    wrong = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in wrong["loc"]) or Phrase("the document")
    return {"field": place, "reason": fault(dict(wrong))}


def _office_times(data: dict[str, Any], names: Iterable[str], calendar: Calendar) -> dict[str, str]:
    """Times without an offset are office time; a date alone is its first moment, or its end (`_ENDS`)."""
    found = {}
    for name in names:
        value = data.get(name)
        if not isinstance(value, str):
            continue
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            continue
        if at.year not in YEARS:  # refused by name when it is read as an instant
            found[name] = at.replace(tzinfo=UTC).isoformat()
            continue
        if name in _ENDS and (day := date_alone(value)) is not None:
            at = calendar.end_of(day)
        elif at.tzinfo is None:
            at = calendar.instant(at.date(), at.time())
        found[name] = at.isoformat()
    return found


def _office_limits(data: dict[str, Any], names: Iterable[str], calendar: Calendar) -> dict[str, str]:
    """Limits with a fixed end that is written as office time: "until 2026-02-01" is the end of that day."""
    found = {}
    for name in names:
        value = data.get(name)
        if isinstance(value, str) and (words := value.split()) and words[0] == "until":
            text = " ".join(words[1:])
            end = _office_times({"until": text}, ["until"], calendar)
            found[name] = f"until {end.get('until', text)}"
    return found
