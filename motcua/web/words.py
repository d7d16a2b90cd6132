"""Each fact as a sentence, and the words that were written with it."""

from __future__ import annotations

from typing import Any

from models import facts as f
from models.base import Reference
from models.dossier import Dossier, Wait
from models.facts import Fact
from motcua.papers.words import paper
from motcua.web.language import marked as _
from motcua.web.names import ALARMS, CHANNELS, NEWS, TERMS, TIMELINESS, VACANCIES, WAITS
from motcua.web.visit import Visit

_BARE: dict[str, str] = {
    "claimed": _("Task claimed"),
    "released": _("Task given back"),
    "supplied": _("Missing papers handed in"),
    "withdrawn": _("Withdrawn by the applicant"),
    "noted": _("Note"),
    "attached": _("Document added"),
    "refused": _("Not received"),
    "rating-lapsed": _("Time to rate is over; the dossier is closed"),
    "apology-dismissed": _("The drafted apology was not needed"),
    "supplement-requested": _("Applicant asked for missing papers, until {due}"),
    "consulted": _("{agency} asked, answer expected by {due}"),
    "paid": _("Paid {amount}, receipt {receipt}"),
    "payment-requested": _("Applicant asked to pay {amount} ({fee})"),
    "issued": _("Result issued: no. {number} of {date}"),
    "rated": _("Rated {score} of 5"),
    "corrected": _("Completion of “{step}” corrected"),
    "sent-back": _("Sent back to “{step}”"),
    "step-completed": _("“{step}” completed"),
    "linked-to": _("Opened for dossier {parent}"),
    "link-requested": _("Linked dossier asked for at {unit}"),
    "heard": _("Linked dossier {child}: {news}"),
    "became-overdue": _("Overdue; the dossier that asked for this one is notified"),
    "outage-counted": _("Outage {notice} counted: time given back"),
    "calendar-amended": _("Deadlines counted anew: {decree}"),
    "transferred": _("Passed to {unit}"),
    "observed": _("Another system says: {label}"),
    "assigned": _("Assigned to {to}"),
    "acknowledged": _("Alarms acknowledged, they rest until {until}"),
}


def said(fact: Fact, visit: Visit, dossier: Dossier) -> str:
    """A fact as a sentence in the visitor's language."""
    e, say = fact.event, visit.say
    match e:
        case f.Filed():
            return say(_("Handed in {channel}"), channel=say(CHANNELS[e.channel]))
        case f.Accepted():
            return say(_("Accepted; to be answered by {due}"), due=visit.when(e.due_at))
        case f.StepOpened():
            step = visit.step_name(dossier.procedure.code, dossier.procedure.version.isoformat(), e.step)
            if e.assignee:
                return say(_("“{step}” begins, with {who}"), step=step, who=visit.name(e.assignee))
            return say(_("“{step}” begins"), step=step)
        case f.TaskFreed():
            who, why = visit.name(e.assignee), say(VACANCIES[e.why])
            return say(_("Task open to colleagues again: {who} {why}"), who=who, why=why)
        case f.Decided():
            return say(_("Approved")) if e.approved else say(_("Rejected"))
        case f.Ready():
            return say(_("Result ready, {timeliness}"), timeliness=say(TIMELINESS[e.timeliness]))
        case f.Answered():
            agency = visit.unit_name(e.agency)
            if e.silent:
                return say(_("{agency} did not answer in time: that counts as consent"), agency=agency)
            return say(_("{agency} answered"), agency=agency)
        case f.ClockPaused():
            if e.mode == "none" or not e.terms:
                return say(_("Waits for {what}; the clock runs on"), what=say(WAITS[e.reason]))
            return say(_("Clock stopped: {what}"), what=say(WAITS[e.reason]))
        case f.ClockResumed():
            return say(_("Clock runs again (was waiting for {what})"), what=say(WAITS[e.reason]))
        case f.Extended():
            words = say(_("New date promised: {date}"), date=visit.when(e.promised_at))
            return f"{words} ({e.legal_basis})" if e.legal_basis else words
        case f.ApologyDrafted():
            return say(_("Apology drafted; it proposes {date}"), date=visit.when(e.proposed_at))
        case f.Returned():
            return say(_("Result handed over {channel}"), channel=say(CHANNELS[e.channel]))
        case f.Stopped():
            return say(_("Processing stopped for good")) if e.final else say(_("Processing stopped"))
        case f.RungReached():
            term = dossier.term_of(e.term)
            about = term_name(visit, dossier, term.of, term.name) if term else ""
            return say(_("Alarm: {alarm} ({name})"), alarm=say(ALARMS[e.alarm]), name=about)
    return say(_BARE[fact.kind], **_filled(e, visit, dossier))


def _filled(e: Any, visit: Visit, dossier: Dossier) -> dict[str, Any]:
    """What a sentence names, in words."""
    told: dict[str, Any] = {}
    for name in type(e).model_fields:
        value = getattr(e, name)
        match name:
            case "due_at":
                told["due"] = visit.when(value)
            case "date" | "until" if value is not None:
                told[name] = visit.day(value) if name == "date" else visit.when(value)
            case "amount":
                told[name] = visit.formats.money(value)
            case "to":
                told[name] = visit.name(value) if isinstance(value, str) else ""
            case "unit" | "agency":
                told[name] = visit.unit_name(value)
            case "step":
                version = dossier.procedure.version.isoformat()
                told[name] = visit.step_name(dossier.procedure.code, version, value)
            case "what":
                told["news"] = visit.say(NEWS[value]) if value in NEWS else value
            case _ if isinstance(value, str | int):
                told[name] = value
    return told


def term_name(visit: Visit, d: Dossier, of: str, name: str) -> str:
    """What a term is about, in words."""
    if of == "step":
        name = visit.step_name(d.procedure.code, d.procedure.version.isoformat(), name)
    elif of == "link":
        name = next((visit.unit_name(link.unit) for link in d.links if link.link == name), name)
    elif of == "consultation":
        name = visit.unit_name(name)
    return visit.say(TERMS[of], name=name)


def awaited(visit: Visit, d: Dossier, wait: Wait) -> str:
    """Whose answer or result a dossier waits for; empty where that says nothing more."""
    linked = next((link.unit for link in d.links if link.link == wait.name), wait.name)
    return visit.unit_name(linked if wait.reason == "linked" else wait.name)


def texts(fact: Fact, private: dict[str, Any]) -> list[str]:
    """The free words that a fact refers to; of what has been erased there are none."""
    found = []
    for name in type(fact.event).model_fields:
        value = getattr(fact.event, name)
        if not isinstance(value, Reference) or name == "applicant":
            continue
        content = private.get(value.id)
        if name in ("document", "file"):
            found += [content["name"]] if isinstance(content, dict) and "name" in content else []
        elif isinstance(content, dict) and "text" in content:
            found += [content["text"], *(paper(each) for each in content.get("papers", ()))]
        elif isinstance(content, list):
            found += [paper(each) for each in content]
        elif content is not None:
            found.append(str(content))
    return found


def papers(content: Any) -> list[dict[str, Any]]:
    """The papers that were handed in, each with its numbers."""
    if not isinstance(content, list):
        return []
    return [{**(each if isinstance(each, dict) else {}), "name": paper(each)} for each in content]
