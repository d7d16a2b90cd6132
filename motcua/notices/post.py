"""The post: carries one notice to one recipient."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from models.base import Value
from models.facts import Filed
from models.notices import EMAIL, NO_RUNG, Notice
from models.people import APPLICANT, Directory, Language, Person
from models.refusals import BadInput
from models.service import Fate, Parcel
from models.view import DossierRow
from motcua.catalogue import Catalogue
from motcua.notices.addressing import Addressing
from motcua.notices.digests import DIGEST, Digests, NotNeeded
from motcua.notices.letter import Attachment, ChannelAway, Letter, Undeliverable
from motcua.notices.mail import Mailer
from motcua.notices.topics import Topics
from motcua.notices.webhook import Webhooks
from motcua.papers import NoSuchForm, Papers
from motcua.store import Store
from motcua.store.notices import Looked, NoticeRecord
from motcua.texts import Texts
from motcua.texts.topic import Words

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
        self._calendar = catalogue.calendar(catalogue.office.calendar)

    async def carry(self, parcel: Parcel) -> Fate:
        """Send a notice unless it is not needed any more, and put down what became of it.

        Raises ChannelAway where its channel does not take it now. What was sent and could not be put down
        is sent again, under the same key.
        """
        looked = await self._record.look(parcel.notice, parcel.round)
        if looked.ended is not None:
            return looked.ended
        notice = looked.notice
        fate: Fate
        try:
            fate, why = "sent", await self._send(looked)
        except NotNeeded as reason:
            fate, why = "void", str(reason)
        except BadInput as refused:  # an address that is none, a text that an office has spoilt
            fate, why = "refused", refused.message
        except Exception as error:
            await self._record.failed(parcel.notice, parcel.round, _words(error))
            self._counting.failed(notice.channel)
            raise
        await self._record.end(parcel.notice, parcel.round, fate, why)
        lag = None if notice.simulated else (datetime.now(UTC) - notice.tell_at).total_seconds()
        self._counting.ended(notice.channel, fate, lag if fate == "sent" else None)
        log.info("notice", notice=notice.id, fate=fate, why=why)
        return fate

    async def digests(self, at: datetime) -> int:
        """Write the digests of the day of `at`, each once; returns how many."""
        return await self._digests.write(at)

    async def _send(self, looked: Looked) -> str:
        """Find out who is told and what, and hand it to the channel; returns what the channel said."""
        notice = looked.notice
        if looked.void is not None:
            raise NotNeeded(looked.void)
        now = notice.tell_at if notice.simulated else datetime.now(UTC)
        directory = await self._addressing.directory(self._calendar.local(now).date())
        if notice.alarm == DIGEST:
            person, topic = await self._digests.topic(notice, directory, now)
            to = _as_recipient(person)
            words = self._texts.words(DIGEST, to.language, topic, self._calendar.zone)
            return await self._hand_over(notice, to, words, None)
        row = await self._store.row(notice.code)
        assert row is not None
        if notice.recipient == APPLICANT:
            to = await self._applicant(notice)
        else:
            to = await self._colleague(notice, row, directory, now)
        topic = await self._topics.of(notice, row, directory, to.language, now)
        topic = topic.model_copy(update={"recipient": to.name, "in_place_of": to.in_place_of})
        words = self._texts.words(_text(notice), to.language, topic, self._calendar.zone)
        return await self._hand_over(notice, to, words, row)

    async def _hand_over(self, notice: Notice, to: Recipient, words: Words, row: DossierRow | None) -> str:
        if notice.channel != EMAIL:
            return await self._webhooks.send(notice.channel, notice.id, _payload(notice, to, words, row))
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
            attachments=await self._attachments(notice),
        )
        return await self._mailer.send(letter)

    async def _attachments(self, notice: Notice) -> tuple[Attachment, ...]:
        """The paper that goes with what is told, where the forms of the dossier's day know one."""
        kind = PAPERS.get(notice.alarm)
        if kind is None or notice.rung != NO_RUNG:
            return ()
        try:
            paper = await self._papers.make(kind, notice.code, seq=notice.fact)
        except NoSuchForm:
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
        self, notice: Notice, row: DossierRow, directory: Directory, now: datetime
    ) -> Recipient:
        """The member of staff that was found when the notice came about, or who now stands in for them."""
        person = directory.people.get(notice.recipient)
        if person is None:
            raise Undeliverable(to=notice.recipient, reason="nobody at this office has that user id any more")
        if not person.may_see(row.unit):
            raise NotNeeded("transferred")
        there = directory.present(person, row.unit, self._calendar.local(now).date()) or person
        if there is not person and await self._record.told_too(notice, there.id):
            raise NotNeeded(f"{there.id}, who stands in, is told already")
        absent = person.name if there is not person else self._name(directory, notice.in_place_of)
        return _as_recipient(there, in_place_of=absent)

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


def _text(notice: Notice) -> str:
    """Which text a notice is written from: applicants are spoken to otherwise than staff."""
    if notice.recipient == APPLICANT and notice.rung != NO_RUNG:
        return "applicant-reminder" if notice.alarm == "reminder" else "applicant-late"
    return notice.alarm


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
