"""Whatever happens to a dossier and its people, and whenever the mail server is away: what is told is right.

The carrier is asked as a notice's workflow asks it, on a clock that the test moves; mail server and
PostgreSQL are real.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from models.calendar import Calendar
from models.chain import fingerprint
from models.notices import occasions
from models.people import Absence
from models.refusals import Problem
from models.reserved import APPLICANT
from models.service import Parcel
from models.view import row
from motcua.audit.dossiers import occasion_faults
from motcua.notices.addressing import Addressing
from motcua.notices.digests import Digests
from motcua.notices.letter import ChannelAway
from motcua.notices.mail import Mailer
from motcua.notices.post import Post
from motcua.notices.topics import Topics
from motcua.notices.webhook import Webhooks
from motcua.papers import Papers
from motcua.store import Store
from motcua.store.migrate import migrate
from motcua.store.notices import NoticeFilter, NoticeRecord
from motcua.store.record import Record
from motcua.telemetry import Counts
from motcua.texts import Texts
from tests.integration.test_store import database
from tests.running import CATALOGUE, SETTINGS, Running, Telemetry
from tests.servers import MailServer, Mood
from tests.unit.office import CALENDAR, LOUD, Case, procedure
from tests.waiting import PATIENCE

pytestmark = pytest.mark.slow  # 25 random lives, each with a mail server and an audit


RULES = procedure(
    step_ladder=[],
    rating_window=None,
    ladder=[
        {"name": "soon", "offset": "-1 day", "kind": "reminder", "to": ["assignee"]},
        {"name": "due", "offset": "0", "kind": "due", "to": ["assignee", "unit-leader"]},
        {
            **{"name": "late", "offset": "+4 hours", "kind": "escalation", "every": "+1 day", "times": 4},
            "to": ["unit-leader", "office-leader"],
        },
        {
            **{"name": "night", "offset": "+2 days", "kind": "escalation", "at_once": True},
            "to": ["handler", "office-leader"],
        },
    ],
)
COMMANDS = (
    *("handler1 claim", "handler1 release", "handler2 claim", "handler2 release"),
    *(f"leader1 assign to={user}" for user in ("handler1", "handler2")),
    *("head1 stop", "head1 resume", "leader1 transfer unit=police", "head1 transfer unit=demo"),
    *("handler1 complete", "acknowledge 1", "acknowledge 5", "acknowledge 40", "extend"),
    *("mail away", "mail back", "return"),
    *(
        f"absent {who} {substitute}"
        for who in ("handler1", "leader1", "head1", "police2")
        for substitute in ("-", "handler2", "clerk1")
        if who != substitute
    ),
)
WAITS = st.sampled_from([10, 45, 130, 400, 700, 1440]).map(lambda minutes: timedelta(minutes=minutes))
codes = itertools.count(1)


class Office:
    """One dossier, its carrier, and what was sent of it."""

    def __init__(self, store: Store, mail: MailServer, mailer: Mailer, counts: Counts) -> None:
        async def calendar() -> Calendar:
            return CALENDAR

        self.record, self.store, self.mail = NoticeRecord(store), store, mail
        self.addressing = Addressing(self.record, CATALOGUE, LOUD)
        topics = Topics(store, CATALOGUE, calendar, None)
        self.post = Post(
            store,
            CATALOGUE,
            calendar,
            self.addressing,
            TEXTS,
            Papers(store, CATALOGUE.office, CALENDAR, SETTINGS.catalog_dir),
            topics,
            Digests(store, calendar, self.addressing, LOUD, topics),
            mailer,
            Webhooks({}, allow_private=False),
            counts,
        )
        self.case = Case(rules=RULES)
        self.code = f"H53-260302-{next(codes):04}"
        self.case.dossier = self.case.empty = self.case.empty.model_copy(update={"code": self.code})
        self.absences: list[int] = []
        self.held = 0
        self.pool: dict[tuple[str, int], tuple[Parcel, datetime]] = {}
        self.sent: list[str] = []

    async def do(self, what: str, now: datetime) -> None:
        """Have something happen; what the rules refuse does not."""
        word, *more = what.split()
        day = CALENDAR.local(now).date()
        match word:
            case "mail":
                self.mail.mood = Mood("rcpt", "451 4.7.1 later") if more == ["away"] else None
            case "absent":
                substitute = None if more[1] == "-" else more[1]
                until = day + timedelta(days=2)
                away = Absence(person=more[0], since=day, until=until, substitute=substitute)
                self.absences.append(await self.record.add_absence(away, "head1"))
            case "return":
                if self.absences:
                    await self.record.end_absence(self.absences.pop(), "head1")
            case "acknowledge":
                until = now + timedelta(hours=int(more[0]))
                self._try(f"leader1 acknowledge until={until.isoformat()}")
            case "extend":
                self._try(f"leader1 extend until={(now + timedelta(days=6)).isoformat()} legal_basis=x")
            case _:
                self._try(what)

    def _try(self, line: str) -> None:
        with suppress(Problem):
            self.case.run(line)

    async def put(self) -> None:
        """Record what is new, as a worker does."""
        facts = tuple(self.case.facts[self.held :])
        if facts:
            d = self.case.dossier
            told = tuple(occasions(d, facts))
            outgoing = await self.addressing.address(row(d), facts[-1].at, told) if told else []
            await self.store.append(row(d), facts, told, outgoing)
            self.held = len(self.case.facts)

    async def pass_to(self, now: datetime) -> None:
        """The clock of dossier and notices moves on."""
        self.case.tick(CALENDAR.shown(now))
        await self.put()

    async def carry(self, now: datetime) -> None:
        """Ask the carrier for each notice whose time has come."""
        async with self.record.claim(100) as parcels:
            self.pool |= {(each.notice, each.round): (each, each.tell_at) for each in parcels}
        for key, (parcel, not_before) in list(self.pool.items()):
            if not_before > now:
                continue
            try:
                carried = await self.post.carry(parcel, now)
            except ChannelAway:
                continue
            if carried.fate is not None:
                del self.pool[key]
            else:
                assert carried.not_before is not None
                assert carried.not_before > now
                self.pool[key] = (parcel, carried.not_before)
            if carried.fate == "sent":
                self.sent.append(parcel.notice)
                await self.is_right(parcel, now)

    async def is_right(self, parcel: Parcel, now: datetime) -> None:
        """Somebody who is concerned now, of something that is so now, at an hour when they may be told."""
        looked, d = await self.record.look(parcel.notice, parcel.round, now), self.case.dossier
        notice, occasion = looked.notice, looked.occasion
        assert occasion is not None
        if notice.recipient != APPLICANT:
            day = CALENDAR.local(now).date()
            directory = await self.addressing.directory(day)
            told = self.addressing.addressees(row(d), occasion, directory, day)
            assert notice.recipient in {each.recipient for each in told}
            assert directory.people[notice.recipient].may_see(d.unit)
        assert occasion.at_once or CALENDAR.is_open(now)
        if notice.rung >= 0:
            term = d.term_of(notice.term)
            assert term is not None
            assert term.generation == notice.generation
            assert term.paused_at is None
            assert term.rests_until is None or term.rests_until <= now


TEXTS = Texts.load(SETTINGS.catalog_dir)


class Servers:
    """What all lives share; no dataclass, for with every letter received no failure could be printed."""

    def __init__(self, store: Store, mail: MailServer, counts: Counts) -> None:
        self.store, self.mail, self.counts = store, mail, counts


@pytest.fixture(scope="module")
async def servers(office: Running, telemetry: Telemetry) -> AsyncIterator[Servers]:
    """A database of their own, and a mail server."""
    async with database(office, "any_life") as url, MailServer() as mail:
        await migrate(url)
        async with Store.connect(url) as store:
            await store.add_rules(fingerprint(RULES), "procedure", RULES.model_dump_json())
            yield Servers(store, mail, Counts(telemetry.runtime.metric_meter))


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(WAITS, st.sampled_from(COMMANDS), st.booleans()), min_size=10, max_size=40))
async def test_whatever_happens(servers: Servers, steps: list[tuple[timedelta, str, bool]]) -> None:
    """Each letter is right when it leaves, none leaves twice, and none is left behind."""
    mail = servers.mail
    mail.mood, before = None, len(mail.received)
    secret = SecretStr(mail.url)
    async with Mailer(secret, "a <a@motcua.example>", ca_file=mail.ca_file, timeout=PATIENCE) as mailer:
        here = Office(servers.store, mail, mailer, servers.counts)
        here.case.run("receiver1 file", "receiver1 accept", "receiver1 complete", "handler1 claim")
        now = here.case.now
        for wait, what, carried in steps:
            now += wait
            await here.pass_to(now)
            await here.do(what, now)
            await here.put()
            if carried:
                await here.carry(now)
        for what in ("mail back", "head1 resume"):
            await here.do(what, now)
        for _ in range(40):
            now += timedelta(hours=4)
            await here.pass_to(now)
            await here.carry(now)
        while here.absences:
            await here.do("return", now)
    assert len(here.sent) == len(set(here.sent)) == len(mail.received) - before
    assert not [parcel for parcel, not_before in here.pool.values() if not_before <= now]
    listed = await here.record.listed(NoticeFilter(code=here.code, limit=1000))
    assert {each["id"] for each in listed if each["state"] == "sent"} == set(here.sent)
    kept = await Record(servers.store).of([here.code])
    faults = occasion_faults(here.case.dossier, here.case.facts, kept.occasions.get(here.code, []))
    assert list(faults) == []  # an audit finds nothing where nothing was altered
    assert (kept.uncalled, kept.derived) == ({}, {})
