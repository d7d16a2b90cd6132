"""Gathers what a paper says: from the facts, the erasable rows and the office; nothing is kept of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from models import facts as f
from models.base import Reference
from models.dossier import Dossier
from models.facts import Event, Fact
from models.handovers import Handover, Station, handovers
from models.procedure import Role
from motcua.catalogue.papers import Form, FormSet
from motcua.papers import contents as say
from motcua.papers import words
from motcua.papers.directory import Directory, person_of
from motcua.papers.press import qr

_Event = TypeVar("_Event", bound=Event)

_DRAFTED = {
    "no-time": "Hồ sơ chưa giải quyết xong khi sắp hết thời hạn trả kết quả.",
    "work-does-not-fit": "Các bước còn lại không thể hoàn thành trước thời hạn trả kết quả.",
}
"""What is said where a drafted apology was confirmed without a reason of its own."""
_LAPSED = "Đã hết thời hạn bổ sung mà đơn vị không nhận được hồ sơ bổ sung, hoàn thiện."
_COUNTS = ("originals", "certified", "copies")


class Gathering:
    """What can be said of a dossier as it stood after the fact that a paper is about."""

    def __init__(
        self,
        who: Directory,
        unfiled: Dossier,
        facts: Sequence[Fact],
        dossier: Dossier,
        private: Mapping[str, Any],
    ) -> None:
        self._who, self._unfiled, self._facts = who, unfiled, facts
        self._d, self._fact, self._private = dossier, facts[-1], private
        self._unit = who.unit(dossier.unit)
        applicant = self.text(dossier.applicant)
        self._applicant: dict[str, Any] = applicant if isinstance(applicant, dict) else {"name": applicant}
        # A linked dossier shares the applicant's row with the one it was opened for, not what that asks for.
        self._asked = {} if dossier.parent else self._applicant.get("request") or {}

    def text(self, reference: Reference | None) -> Any:
        """What a reference points at; None where there is none, and a word for what has been erased."""
        return None if reference is None else self._private.get(reference.id, words.ERASED)

    def head(self, forms: FormSet, form: Form) -> say.Head:
        """What stands over the paper."""
        day = self._d.calendar.local(self._fact.at).date()
        number = f"{self._d.code}/{form.symbol}-{self._fact.seq}" if form.symbol else None
        return say.Head(
            form=form.number,
            circular=forms.source,
            title=form.title,
            number=number,
            authority=self._unit.authority,
            unit=self._unit.name,
            dated=words.dated(self._unit.place, day),
            code=self._d.code,
            simulated=self._d.simulated,
        )

    def receipt(self, head: say.Head, track: str | None, code: str) -> say.Receipt:
        """About an acceptance; `code` is what its QR code says."""
        event, d, person = self._event(f.Accepted), self._d, self._applicant
        owner = person.get("owner")
        address = f", {self._unit.address}" if self._unit.address else ""
        return say.Receipt(
            head=head,
            qr=qr(code),
            track=track,
            submitter=person_of(person),
            owner=person_of(owner) if owner else None,
            request=self._request,
            papers=listed(self.text(d.papers)),
            sets=self._asked.get("sets", 1),
            limit=words.limit(d.calendar, event.limit),
            received=self._moment(self._fact.at),
            due=self._moment(event.due_at),
            result_by=self._asked.get("result_by"),
            where=self._unit.name + address,
            fees=tuple(words.fee(each, d.channel) for each in d.procedure.fees),
            book=self._unit.book,
            receiver=self._who.signer(self._fact.actor, Role.RECEIVER),
        )

    def supplement(self, head: say.Head) -> say.Supplement:
        """About a request for what is missing."""
        event = self._event(f.SupplementRequested)
        reason = self.text(event.reason)
        missing = reason if isinstance(reason, dict) else {"text": reason}
        return say.Supplement(
            head=head,
            person=self._owner,
            request=self._request,
            papers=listed(missing.get("papers")),
            reason=words.lines(missing.get("text", "")),
            until=self._moment(event.due_at),
            contact=self._contact,
            signer=self._who.signer(self._fact.actor, self._role),
        )

    def refusal(self, head: say.Head) -> say.Refusal:
        """About a refusal at intake or a decision against the applicant."""
        event = self._fact.event
        assert isinstance(event, f.Refused | f.Decided)
        return say.Refusal(
            head=head,
            person=self._owner,
            request=self._request,
            received=words.moment(self._d.calendar, self._d.received_at),
            submitted=self._moment(self._submitted),
            reason=words.lines(self.text(event.reason) or ""),
            contact=self._contact,
            signer=self._who.signer(self._fact.actor, self._role),
        )

    def apology(self, head: say.Head) -> say.Apology:
        """About a promised date."""
        event, term = self._event(f.Extended), self._d.term
        assert term is not None
        assert self._d.received_at is not None
        reason = self.text(event.reason)
        if reason is None:
            drafted = next((each.reason for each in self._d.apologies if each.id == event.draft), "no-time")
            reason = _DRAFTED[drafted]
        late = [linked.unit for linked in self._d.links if linked.late and not linked.over]
        fault = [self._who.unit(unit).name for unit in late] or [self._unit.name]
        return say.Apology(
            head=head,
            person=self._owner,
            request=self._request,
            received=self._moment(self._d.received_at),
            due=self._moment(term.original_due_at),
            fault=", ".join(fault),
            reason=words.lines(reason),
            promised=self._moment(event.promised_at),
            basis=words.line(event.legal_basis) if event.legal_basis else None,
            contact=self._contact,
            signer=self._who.signer(self._fact.actor, self._role),
        )

    def stop(self, head: say.Head) -> say.Stop:
        """About a withdrawal or a stop, for good or until it is resumed."""
        event = self._fact.event
        assert isinstance(event, f.Withdrawn | f.Stopped)
        lapsed = isinstance(event, f.Stopped) and event.final
        reason = self.text(event.reason) or (_LAPSED if lapsed else None)
        return say.Stop(
            head=head,
            person=self._owner,
            request=self._request,
            received=words.moment(self._d.calendar, self._d.received_at),
            submitted=self._moment(self._submitted),
            why="withdrawn" if isinstance(event, f.Withdrawn) else "lapsed" if lapsed else "stopped",
            at=self._moment(self._fact.at),
            reason=words.lines(reason) if reason else None,
            contact=self._contact,
            signer=self._who.signer(self._fact.actor, self._role),
        )

    def control_slip(self, head: say.Head) -> say.ControlSlip:
        """About all that has happened so far."""
        term = self._d.term
        moved = term is not None and term.due_at != term.original_due_at
        return say.ControlSlip(
            head=head,
            owner=self._owner.name,
            request=self._request,
            received=words.moment(self._d.calendar, self._d.received_at),
            due=words.moment(self._d.calendar, term.due_at if term else None),
            original_due=words.moment(self._d.calendar, term.original_due_at if term and moved else None),
            rows=tuple(self._hand(row) for row in handovers(self._unfiled, self._facts)),
        )

    def _hand(self, row: Handover) -> say.Hand:
        calendar = self._d.calendar
        notes = [self._note(words.WAYS[row.way], row.reason)] if words.WAYS[row.way] else []
        notes += [self._note(words.happening(calendar, each), each.text) for each in row.remarks]
        step = row.target.step if row.target else None
        names = {each.id: each.name for each in self._d.procedure.steps}
        return say.Hand(
            source=self._station(row.source),
            target=("—", "") if row.way == "stopped" else self._station(row.target),
            step=names.get(step) if step else None,
            at=self._moment(row.at),
            giver=self._who.name(row.giver),
            receiver=self._who.name(row.receiver or "citizen") if row.receiver or _back(row) else None,
            due=words.moment(calendar, row.due_at),
            done=words.moment(calendar, row.done_at),
            result=words.RESULTS[row.result] if row.result else None,
            late=row.result == "overdue",
            notes=tuple(notes),
        )

    def _note(self, what: str, text: Reference | None) -> str:
        said = self.text(text)
        if isinstance(said, dict):
            said = said.get("text", "")
        return f"{what}: {words.line(said)}" if said else what

    def _station(self, station: Station | None) -> tuple[str, str]:
        if station is None:
            return "Người nộp hồ sơ", ""
        return words.BUREAUS[station.role], self._who.unit(station.unit).name

    def _event(self, kind: type[_Event]) -> _Event:
        assert isinstance(self._fact.event, kind)
        return self._fact.event

    def _moment(self, at: datetime) -> str:
        return words.moment(self._d.calendar, at) or ""

    @property
    def _role(self) -> Role | None:
        """As what somebody acted: by the step that was decided, or that is open."""
        if isinstance(self._fact.event, f.Decided):
            return Role.APPROVER
        return self._d.task.role if self._d.task else None

    @property
    def _request(self) -> str:
        return words.line(self._asked.get("request") or self._d.procedure.name)

    @property
    def _owner(self) -> say.Person:
        """Whose dossier it is, with the phone and e-mail address of who handed it in."""
        owner = self._applicant.get("owner")
        return person_of({**self._applicant, "id_number": None, **owner} if owner else self._applicant)

    @property
    def _contact(self) -> say.Contact:
        return self._who.contact(self._fact.actor, self._unit)

    @property
    def _submitted(self) -> datetime:
        assert self._d.submitted_at is not None
        return self._d.submitted_at


def _back(row: Handover) -> bool:
    """Whether the dossier went back to the applicant."""
    return row.way in ("returned", "refused", "withdrawn")


def listed(papers: Any) -> tuple[say.Listed, ...]:
    """The lines of a table of papers: names, objects with a name and counts, or one word for all."""
    if papers is None:
        return ()
    return tuple(map(_listed, papers if isinstance(papers, list | tuple) else [papers]))


def _listed(paper: Any) -> say.Listed:
    counted = isinstance(paper, dict) and any(key in paper for key in _COUNTS)
    counts = {key: paper.get(key, 0) for key in _COUNTS} if counted else {}
    return say.Listed(name=words.line(words.paper(paper)), **counts)
