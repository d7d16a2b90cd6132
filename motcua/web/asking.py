"""The form of each command: its fields, and what is made of what was typed into them."""

from __future__ import annotations

import re
from typing import Any, Literal, NamedTuple

from starlette.datastructures import FormData, UploadFile

from models.dossier import Dossier
from models.limits import MOST
from models.offers import Offer
from models.people import Directory
from models.refusals import BadInput
from motcua.web.language import marked as _
from motcua.web.names import CHANNELS
from motcua.web.visit import Visit

Kind = Literal["text", "line", "number", "moment", "choice", "lines", "file", "suggest"]


class NotANumber(BadInput):
    """Something else where a number is needed."""

    sentence = "{field}: {value} is no whole number."


class OutOfRange(BadInput):
    """A number that is too small or too large."""

    sentence = "{field}: {value:,} is not between {least:,} and {most:,}."


class Field(NamedTuple):
    """A field of a form."""

    name: str
    kind: Kind
    label: str
    required: bool = False
    value: str = ""
    options: tuple[tuple[str, str], ...] = ()
    hint: str = ""
    most: int = 20_000
    """Characters, or bytes of a file."""


class Form(NamedTuple):
    """A command that can be asked now, with its fields."""

    command: str
    fields: tuple[Field, ...]

    @property
    def uploads(self) -> bool:
        """Whether a file can be sent with it."""
        return any(field.kind == "file" for field in self.fields)


REASON = _("Reason")
_WORDS: dict[str, str] = {
    "note": _("Note"),
    "reason": REASON,
    "text": _("Note"),
    "question": _("Question"),
    "reply": _("Answer"),
}


def form(offer: Offer, visit: Visit, d: Dossier, directory: Directory) -> Form:
    """The form of an offered command; `directory` says who is away."""
    return Form(offer.command, tuple(_fields(offer, visit, d, directory)))


def _fields(offer: Offer, visit: Visit, d: Dossier, directory: Directory) -> list[Field]:
    say = visit.say

    def words(name: str, *, required: bool = False, hint: str = "") -> Field:
        return Field(name, "text", say(_WORDS[name]), required, hint=hint)

    def agencies() -> tuple[tuple[str, str], ...]:
        return tuple((unit.id, visit.unit_name(unit.id)) for unit in visit.house.units.values())

    match offer.command:
        case "accept":
            return [Field("due", "moment", say(_("Due at")), True)] if d.procedure.limit is None else []
        case "refuse" | "stop" | "correct" | "dismiss-apology":
            return [words("reason", required=True)]
        case "withdraw":
            return [words("reason")]
        case "assign":
            return [Field("to", "choice", say(_("To")), True, options=_colleagues(visit, d, directory))]
        case "complete":
            return [words("note"), *_result(visit, d)]
        case "approve":
            return [words("reason"), *_result(visit, d)]
        case "reject":
            hint = say(_("The applicant is told this reason."))
            return [words("reason", required=True, hint=hint), *_result(visit, d)]
        case "send-back":
            steps = tuple((step, _step(visit, d, step)) for step in reversed(offer.choices))
            return [
                Field("step", "choice", say(_("Back to")), True, options=steps),
                words("reason", required=True),
            ]
        case "request-supplement":
            hint = say(_("One paper on each line; the letter lists them."))
            return [
                words("reason", required=True),
                Field("papers", "lines", say(_("Missing papers")), hint=hint),
                Field(
                    "limit",
                    "number",
                    say(_("Working days for it")),
                    value=_days(d.procedure.supplement_limit),
                ),
            ]
        case "supply":
            return [Field("papers", "lines", say(_("Papers handed in")), hint=say(_("One on each line.")))]
        case "request-payment":
            kinds = tuple((each, each) for each in ("lệ phí", "phí"))
            charged = [(fee.kind, price) for fee in d.procedure.fees if (price := fee.price(d.channel))]
            kind, amount = charged[0] if charged else ("", "")
            return [
                Field("fee", "choice", say(_("Kind of fee")), True, options=kinds, value=kind),
                Field("amount", "number", say(_("Amount in đồng")), True, value=str(amount)),
            ]
        case "pay":
            return [
                Field("amount", "number", say(_("Amount in đồng")), True, value=str(d.payment or "")),
                Field("receipt", "line", say(_("Receipt number")), True, most=100),
            ]
        case "consult":
            return [
                Field("agency", "suggest", say(_("Agency")), True, options=agencies(), most=200),
                words("question"),
                Field(
                    "limit",
                    "number",
                    say(_("Working days for it")),
                    value=_days(d.procedure.consultation_limit),
                ),
            ]
        case "answer":
            asked = tuple((each, each) for each in offer.choices)
            return [Field("agency", "choice", say(_("Agency")), True, options=asked), words("reply")]
        case "note":
            return [words("text", required=True, hint=say(_("For colleagues only.")))]
        case "attach":
            return [_file(visit, "document", required=True)]
        case "transfer":
            units = tuple(each for each in agencies() if each[0] != d.unit)
            return [Field("unit", "choice", say(_("Unit")), True, options=units), words("reason")]
        case "apologise":
            proposed = d.apology.proposed_at if d.apology else None
            return [
                Field("until", "moment", say(_("New date")), value=visit.local(proposed) if proposed else ""),
                words("reason"),
                _basis(visit),
            ]
        case "extend":
            return [
                Field("until", "moment", say(_("New date")), True),
                words("reason", required=True),
                _basis(visit),
            ]
        case "acknowledge":
            return [Field("until", "moment", say(_("Rest until")), True), words("reason")]
        case "return":
            ways = tuple((each, say(name)) for each, name in CHANNELS.items())
            return [Field("channel", "choice", say(_("How")), True, options=ways)]
    return []


def _result(visit: Visit, d: Dossier) -> list[Field]:
    """Number, date and file, where this step issues the result."""
    if d.task is None or not any(step.id == d.task.step and step.issues for step in d.procedure.steps):
        return []
    return [
        Field("number", "line", visit.say(_("Number of the result")), True, most=100),
        Field("date", "moment", visit.say(_("Date of the result")), True, value=visit.local(visit.now)),
        _file(visit, "file"),
    ]


def _file(visit: Visit, name: str, *, required: bool = False) -> Field:
    """A file to choose."""
    hint = visit.say(_("PDF, JPEG, PNG, Word, Excel or OpenDocument, {most} MB at most."))
    label = visit.say(_("The decision as a file")) if name == "file" else visit.say(_("File"))
    most = visit.house.documents.most_mb
    return Field(name, "file", label, required, hint=hint.format(most=most), most=most * 1_000_000)


def _basis(visit: Visit) -> Field:
    hint = visit.say(_("Only a legal basis moves the deadline itself."))
    return Field("legal_basis", "line", visit.say(_("Legal basis")), hint=hint, most=200)


def _step(visit: Visit, d: Dossier, step: str) -> str:
    return visit.step_name(d.procedure.code, d.procedure.version.isoformat(), step)


def _days(limit: object) -> str:
    number, _, unit = str(limit).partition(" ")
    return number if unit in ("day", "days") else ""


def _colleagues(visit: Visit, d: Dossier, directory: Directory) -> tuple[tuple[str, str], ...]:
    """Who could have the open task: those of its role in the dossier's unit."""
    role = d.task.role if d.task else None
    return tuple(
        (person.id, visit.listed(person, directory))
        for person in visit.house.people.values()
        if person.unit == d.unit
        and role in person.roles
        and person.holds(visit.today())
        and person.id not in _decided_by(d)
    )


def _decided_by(d: Dossier) -> frozenset[str]:
    """Who must not have the task: where a step decides, whoever has handled the dossier."""
    decides = d.task is not None and any(s.id == d.task.step and s.decides for s in d.procedure.steps)
    return d.handled_by if decides else frozenset()


def read(command: str, given: FormData) -> tuple[dict[str, Any], UploadFile | None]:
    """What a form asks for, as the data of its command; and the file that was sent with it."""
    data: dict[str, Any] = {}
    upload: UploadFile | None = None
    for name, value in given.multi_items():
        if name in ("csrf", "request_id", "seen", "back"):
            continue
        if isinstance(value, UploadFile):
            upload = value if value.filename else upload
        elif value.strip():
            data[name] = _value(command, name, value)
    if command == "request-supplement" and "papers" in data:
        data["reason"] = {"text": data.get("reason", ""), "papers": data.pop("papers")}
    return data, upload


def _value(command: str, name: str, text: str) -> Any:
    match name:
        case "papers":
            return [line.strip() for line in text.splitlines() if line.strip()]
        case "amount" | "score":
            return _number(name, text)
        case "limit":
            return _days_for(name, text)
        case "due" if command == "accept":
            return f"until {text}"
    return text.replace("\r\n", "\n")


_WHOLE = re.compile(r"[0-9]{1,15}|[0-9]{1,3}(?P<between>[., \u00a0])[0-9]{3}(?:(?P=between)[0-9]{3}){0,3}")


def _number(field: str, text: str) -> int:
    """A whole number, its thousands set apart or not: 1.000 and 1,000 are a thousand, and 1.5 is none."""
    if _WHOLE.fullmatch(text.strip()) is None:
        raise NotANumber(field=field, value=text[:40])
    return int(re.sub("[^0-9]", "", text))


def _days_for(field: str, text: str) -> str:
    """A limit in working days."""
    days = _number(field, text)
    if not 1 <= days <= MOST:
        raise OutOfRange(field=field, value=days, least=1, most=MOST)
    return f"{days} days"
