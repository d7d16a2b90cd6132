"""The post: carries one notice to one recipient."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from models.base import Value
from models.facts import Filed
from models.notices import NO_RUNG, Addressee, Notice, Occasion, Standing, notices
from models.people import EMAIL, Directory, Language, Person
from models.refusals import BadInput
from models.reserved import APPLICANT
from models.service import Carried, Fate, Parcel
from models.view import DossierRow
from motcua.catalogue.catalogue import Catalogue
from motcua.notices.addressing import Addressing
from motcua.notices.digests import DIGEST, Digests, NotNeeded
from motcua.notices.gate import Gate
from motcua.notices.letter import Attachment, ChannelAway, Letter, Undeliverable
from motcua.notices.mail import Mailer
from motcua.notices.topics import OfficeCalendar, Topics
from motcua.notices.webhook import Webhooks
from motcua.papers import NoSuchForm, NoSuchPaper, Papers
from motcua.store import Store
from motcua.store.notices import Looked, NoticeRecord
from motcua.texts import Texts
from motcua.texts.topic import Topic, Words

log = structlog.get_logger()

PAPERS: Mapping[str, str] = {
    "accepted": "receipt",
    "supplement-requested": "supplement",
    "refused": "refusal",
    "extended": "apology",
    "stopped": "stop",
    "withdrawn": "stop",
}
"""The paper that goes with a letter, by what it tells."""


class Recipient(Value):
    """Who a notice goes to in the end."""

    id: str
    name: str
    language: Language
    email: str | None
    phone: str | None
    in_place_of: str | None = None


class NotYet(Exception):
    """Found out on the way: it must not be told now."""

    def __init__(self, standing: Standing, until: datetime) -> None:
        self.until = until
        why = "paused" if standing.paused else "closed"
        super().__init__("acknowledged" if standing.rests_until == until else why)


class PassedOn(Exception):
    """Found out on the way: others are told instead, by these notices or by their bell."""

    def __init__(self, told: list[Addressee], instead: list[Notice]) -> None:
        self.notices = instead
        super().__init__(", ".join(one.recipient for one in told))


class Counting(Protocol):
    """Who counts what becomes of notices (a port; the worker's meter)."""

    def ended(self, channel: str, fate: str, lag: float | None) -> None:
        """A notice came to an end; `lag` is in seconds after the moment that it was meant for."""
        ...

    def failed(self, channel: str) -> None:
        """A channel did not take a notice."""
        ...


class Post:
    """Carries notices over the channels of the office."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        calendar: OfficeCalendar,
        addressing: Addressing,
        texts: Texts,
        papers: Papers,
        topics: Topics,
        digests: Digests,
        mailer: Mailer | None,
        webhooks: Webhooks,
        counting: Counting,
    ) -> None:
        self._store, self._record = store, NoticeRecord(store)
        self._addressing = addressing
        self._texts, self._papers, self._topics, self._digests = texts, papers, topics, digests
        self._mailer, self._webhooks, self._counting = mailer, webhooks, counting
        self._calendar = calendar
        self._gates: dict[str, Gate] = {}
        self._zone = catalogue.calendar(catalogue.office.calendar)

    async def carry(self, parcel: Parcel, now: datetime) -> Carried:
        """Send a notice, unless it is not needed or has to wait; put down what comes of it.

        Raises ChannelAway where its channel does not take it now. What was sent and could not be put down
        is sent again, under the same key.
        """
        looked = await self._record.look(parcel.notice, parcel.round, now)
        if looked.ended is not None:
            return Carried(fate=looked.ended)
        notice = looked.notice
        fate: Fate
        passed = False
        try:
            fate, why = "sent", await self._send(looked, now)
        except NotYet as wait:
            await self._record.put_off(parcel.notice, parcel.round, wait.until, str(wait))
            return Carried(not_before=wait.until)
        except PassedOn as others:
            why, passed = str(others), True
            fate = await self._record.pass_on(parcel.notice, parcel.round, others.notices, why, now)
        except NotNeeded as reason:
            fate, why = "void", str(reason)
        except BadInput as refused:  # an address that is none, a text that an office has spoilt
            fate, why = "refused", refused.message
        except Exception as error:
            await self._record.failed(parcel.notice, parcel.round, _words(error))
            self._counting.failed(notice.channel)
            raise
        if not passed:
            fate = await self._record.end(parcel.notice, parcel.round, fate, why)
        lag = None if notice.simulated else (datetime.now(UTC) - looked.meant_for).total_seconds()
        self._counting.ended(notice.channel, fate, lag if fate == "sent" else None)
        log.info("notice", notice=notice.id, fate=fate, why=why)
        return Carried(fate=fate)

    async def digests(self, at: datetime) -> int:
        """Write the digests of the day of `at`, each once; returns how many."""
        return await self._digests.write(at)

    async def _send(self, looked: Looked, now: datetime) -> str:
        """Find out who is told and what, and hand it to the channel; returns what the channel said."""
        notice, occasion = looked.notice, looked.occasion
        if looked.standing.gone is not None:
            raise NotNeeded(looked.standing.gone)
        day = self._zone.local(now).date()
        directory = await self._addressing.directory(day)
        if occasion is None:
            person, topic = await self._digests.topic(notice, directory, now)
            to = _as_recipient(person)
            words = self._texts.words(DIGEST, to.language, topic, self._zone.zone)
            return await self._hand_over(notice, to, words, None)
        calendar = await self._calendar()
        until = looked.standing.not_before(now, calendar, at_once=occasion.at_once)
        if until is not None:
            raise NotYet(looked.standing, until)
        row = await self._store.row(notice.code)
        assert row is not None
        if notice.recipient == APPLICANT:
            to = await self._applicant(notice)
        else:
            to = await self._colleague(looked, occasion, row, directory, now)
        topic = await self._topics.of(notice, row, directory, to.language, now)
        if notice.rung != NO_RUNG and topic.alarm is None:  # it closed between the two looks
            raise NotNeeded("resolved")
        papers = await self._attachments(notice, rejected=topic.approved is False)
        topic = topic.model_copy(
            update={"recipient": to.name, "in_place_of": to.in_place_of, "attached": bool(papers)}
        )
        words = self._texts.words(_text(notice, topic), to.language, topic, self._zone.zone)
        return await self._hand_over(notice, to, words, row, papers)

    async def _hand_over(
        self,
        notice: Notice,
        to: Recipient,
        words: Words,
        row: DossierRow | None,
        papers: tuple[Attachment, ...] = (),
    ) -> str:
        if notice.channel != EMAIL:
            payload = _payload(notice, to, words, row)
            with self._gate(notice.channel).passing():
                return await self._webhooks.send(notice.channel, notice.id, payload)
        if self._mailer is None:
            raise ChannelAway(channel=EMAIL, reason="no mail server is configured")
        if to.email is None:
            raise Undeliverable(to=to.id, reason="there is no e-mail address; hand the paper over or post it")
        letter = Letter(
            key=notice.id,
            to=to.email,
            to_name=to.name,
            language=to.language,
            words=words,
            attachments=papers,
        )
        with self._gate(EMAIL).passing():
            return await self._mailer.send(letter)

    def _gate(self, channel: str) -> Gate:
        return self._gates.setdefault(channel, Gate(channel))

    async def _attachments(self, notice: Notice, *, rejected: bool) -> tuple[Attachment, ...]:
        """The paper that goes with what is told by mail, where the forms of the dossier's day know one."""
        kind: str | None = PAPERS.get(notice.alarm)
        seq: int | None = notice.fact
        if notice.alarm == "ready" and rejected:
            kind, seq = "refusal", None  # about the decision, not the fact that tells of it
        if kind is None or notice.rung != NO_RUNG or notice.channel != EMAIL:
            return ()
        try:
            paper = await self._papers.make(kind, notice.code, seq=seq)
        except (NoSuchForm, NoSuchPaper):  # a decision that has been corrected meanwhile has none
            return ()
        return (Attachment(name=paper.name, content=paper.content),)

    # Recipients

    async def _applicant(self, notice: Notice) -> Recipient:
        first = (await self._store.facts(notice.code))[0].event
        assert isinstance(first, Filed)
        kept = await self._store.private_row(first.applicant.id)
        if kept is None:
            raise NotNeeded("erased")
        if notice.alarm == "accepted" and not kept.get("email") and notice.channel == EMAIL:
            raise NotNeeded("handed over at reception")
        return Recipient(
            id=APPLICANT,
            name=kept["name"],
            language=kept.get("language") or "vi",
            email=kept.get("email"),
            phone=kept.get("phone"),
        )

    async def _colleague(
        self, looked: Looked, occasion: Occasion, row: DossierRow, directory: Directory, now: datetime
    ) -> Recipient:
        """The member of staff, if they are among those who are told today; all the others are told too."""
        notice = looked.notice
        told = self._addressing.addressees(row, occasion, directory, self._zone.local(now).date())
        if not told:
            raise Undeliverable(to=notice.recipient, reason="nobody at this office is concerned any more")
        me = next((one for one in told if one.recipient == notice.recipient), None)
        # For them it was meant from now on: they have not been left waiting.
        since = occasion.model_copy(update={"tell_at": max(occasion.tell_at, now)})
        others = notices(row, since, [one for one in told if one is me or one.recipient not in looked.told])
        if me is None or notice.channel not in me.channels:
            raise PassedOn(told, others)
        if others := [other for other in others if other.recipient != me.recipient]:
            await self._record.tell_too(others, now)
        return _as_recipient(directory.people[me.recipient], self._name(directory, me.in_place_of))

    @staticmethod
    def _name(directory: Directory, user: str | None) -> str | None:
        person = directory.people.get(user or "")
        return person.name if person else user


def _as_recipient(person: Person, in_place_of: str | None = None) -> Recipient:
    return Recipient(
        id=person.id,
        name=person.name,
        language=person.language,
        email=person.email,
        phone=person.phone,
        in_place_of=in_place_of,
    )


def _text(notice: Notice, topic: Topic) -> str:
    """Which text a notice is written from: applicants are spoken to otherwise than staff."""
    if notice.recipient != APPLICANT or topic.alarm is None:
        return notice.alarm
    if topic.alarm.of in ("supplement", "payment"):  # it is they who are waited for
        return "applicant-reminder"
    if topic.alarm.of != "dossier":
        raise NotNeeded("within the office")
    return "applicant-late" if topic.alarm.overdue else "applicant-due"


def _payload(notice: Notice, to: Recipient, words: Words, row: DossierRow | None) -> dict[str, Any]:
    """What is posted to a webhook."""
    return {
        "type": f"notice.{notice.alarm}",
        "notice": notice.id,
        "recipient": to.model_dump(mode="json"),
        "dossier": None
        if row is None
        else row.model_dump(mode="json", include={"code", "unit", "procedure", "status", "due_at"}),
        "due_at": notice.due_at.isoformat(),
        "subject": words.subject,
        "text": words.text,
    }


def _words(error: Exception) -> str:
    """One line; a bug by its name, too."""
    text = (str(error) or type(error).__name__).splitlines()[0]
    return text if isinstance(error, ChannelAway) else f"{type(error).__name__}: {text}"[:500]
