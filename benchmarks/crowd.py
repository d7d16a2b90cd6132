"""A large office on record: dossiers whose facts the rules have decided, brought into PostgreSQL in bulk.

No workflow runs for them; what the pages read is what a hundred thousand workflows would have written.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import asyncpg
from pydantic import TypeAdapter

from models.chain import fingerprint
from models.commands import CLOCK, Actor, Command
from models.dossier import Dossier
from models.facts import Fact
from models.fold import fold
from models.notices import Channels, addressees, notices, occasions
from models.people import Directory
from models.procedure import Procedure, Role, Step
from models.rules import decide
from models.view import row
from motcua.caseloads.town import FAMILY, GIVEN, MIDDLE
from motcua.catalogue.catalogue import Catalogue
from motcua.desk import CITIZEN, Rulebook
from motcua.forms import private, reference
from motcua.owner import end_with_parent
from motcua.rulebook import rulebook
from motcua.store import Private, dump_notices
from motcua.store.sql import query

_COMMAND: TypeAdapter[Command] = TypeAdapter(Command)
_FACTS = TypeAdapter(tuple[Fact, ...])
DAYS = 450
"""Over how many days, back from the moment of the record, the dossiers came in."""
OPEN = 0.05
"""The share of them that are still being worked on."""
_AT_ONCE = 100


STAFF = {Role.RECEIVER: 10, Role.HANDLER: 50, Role.APPROVER: 5, Role.CLERK: 5, Role.RETURNER: 5}
"""How many more people a large office has in each unit, beside those of the catalogue."""


def staffed(catalog_dir: Path, folder: Path) -> Path:
    """A copy of a catalogue whose office has as many people as a large one."""
    copied = folder / "catalog"
    if not copied.exists():
        shutil.copytree(catalog_dir, copied)
        office = copied / "office.toml"
        lines = [office.read_text(encoding="utf-8")]
        for unit in Catalogue.load(catalog_dir).office.units:
            for role, count in STAFF.items():
                for number in range(count):
                    name = f"{FAMILY[number % len(FAMILY)]} {MIDDLE[number % len(MIDDLE)]} {number + 1}"
                    lines.append(
                        f'[[staff]]\nid = "{unit.id}-{role}-{number + 1}"\nname = "{name}"\n'
                        f'roles = ["{role}"]\nunit = "{unit.id}"\n'
                    )
        office.write_text("\n".join(lines), encoding="utf-8")
    return copied


class Written(NamedTuple):
    """A dossier as it goes on record: the batch of its facts, and the rows kept apart."""

    code: str
    facts: int
    batch: str
    private: list[Private]


class _Office:
    """What all dossiers share."""

    def __init__(self, catalog_dir: Path) -> None:
        self.catalogue = Catalogue.load(catalog_dir)
        self.book: Rulebook = rulebook(self.catalogue)
        self.people = Directory(people=self.catalogue.office.staff)
        self.channels = Channels()
        last = {procedure.code: procedure for procedure in self.catalogue.procedures}
        self.procedures = [code for code, each in last.items() if each.limit is not None and not each.links]
        self.units = [unit.id for unit in self.catalogue.office.units]

    @cache  # noqa: B019 - lives as long as the process
    def who(self, role: Role, unit: str) -> list[Actor]:
        """The officers of a unit in a role."""
        people = self.catalogue.office.staff.values()
        return [
            Actor(id=each.id, roles=each.roles, unit=each.unit)
            for each in people
            if role in each.roles and each.unit == unit
        ]


@cache
def _office(catalog_dir: Path) -> _Office:
    return _Office(catalog_dir)


class _Life:
    """One dossier from its filing to where it stands at `until`."""

    def __init__(self, office: _Office, number: int, until: datetime, seed: int, open_share: float) -> None:
        self.office, self.until, self.random = office, until, Random(f"{seed}/{number}")
        self.left = self.random.random() < open_share
        days = self.random.uniform(0.02, 5) if self.left else self.random.uniform(5, DAYS)
        self.now = until - timedelta(days=days)
        self.unit = self.random.choice(office.units) if self.random.random() < 0.2 else office.units[0]
        day = office.book.calendar.local(self.now).date()
        rules = office.book.procedure(self.random.choice(office.procedures), day)
        self.dossier = Dossier(
            code=f"H53-{day:%y%m%d}-{number:06}",
            office=office.book.office,
            unit=self.unit,
            procedure=rules,
            calendar=office.book.excerpt(day),
        )
        self.facts: list[Fact] = []
        self.kept: list[Private] = []
        self.asked = 0

    def live(self) -> None:
        """Everything that happens to it, with the clock's own acts at their instants."""
        name = " ".join(self.random.choice(words) for words in (FAMILY, MIDDLE, GIVEN))
        phone = f"09{self.random.randrange(10**8):08}"
        identity = f"0{self.random.randrange(10**11):011}"
        applicant = self._keep("applicant", {"name": name, "phone": phone, "id_number": identity})
        papers = self._keep("papers", ["Đơn đề nghị", "Bản sao giấy tờ"])
        receiver = self._one(Role.RECEIVER)
        self._ask(
            "file",
            receiver,
            channel="counter",
            unit=self.unit,
            applicant=applicant,
            papers=papers,
            accept=True,
        )
        for step in self.dossier.procedure.steps:
            if not self._work(step):
                return
        if self.random.random() < 0.4:
            self._later(self.random.uniform(1, 100))
            if not self.dossier.closed:
                self._ask("rate", CITIZEN, score=self.random.randint(3, 5))
        self._run_to(self.until)

    def _work(self, step: Step) -> bool:
        """One step: a wait, perhaps a claim and a note, and its end; whether it got that far."""
        officer = self._one(step.role)
        if step.decides:
            handled = self.dossier.handled_by
            free = [each for each in self.office.who(step.role, self.unit) if each.id not in handled]
            officer = self.random.choice(free)
        # One that is left ends up in any of its steps, early, late or paused; the others go through.
        slowly = 60 if self.left else 9
        self._later(self.random.uniform(0.1, 2))
        if self._over():
            return False
        if self.random.random() < 0.5:
            self._ask("claim", officer)
        self._later(self.random.expovariate(1 / slowly))
        if self._over():
            return False
        if self.random.random() < 0.2:
            self._ask("note", officer, text=self._keep("text", "Đã xem, chờ ý kiến của lãnh đạo."))
        if self.left and self.random.random() < 0.05 and step.stage == "process":
            self._ask("request-supplement", officer, reason=self._keep("reason", "Thiếu bản sao căn cước."))
            self._run_to(self.until)
            return False
        issued = {"number": f"{self.random.randrange(9999)}/GP", "date": self.now} if step.issues else {}
        if step.decides:
            self._ask("approve", officer, **issued)
        elif step.stage == "return":
            self._ask("return", officer)
        else:
            self._ask("complete", officer, **issued)
        return True

    def _over(self) -> bool:
        if self.now < self.until:
            return False
        self._run_to(self.until)
        return True

    def _one(self, role: Role) -> Actor:
        return self.random.choice(self.office.who(role, self.unit))

    def _later(self, hours: float) -> None:
        self._run_to(min(self.now + timedelta(hours=hours), self.until))

    def _run_to(self, when: datetime) -> None:
        """Let the clock act until then."""
        while (call := self.dossier.next_call()) is not None and call[0] <= when:
            self.now = max(self.now, call[0])
            if not self._ask("tick", CLOCK):
                break
        self.now = when

    def _keep(self, kind: str, content: Any) -> dict[str, str]:
        self.asked += 1
        kept = private(self.dossier.code, f"c{self.asked}", kind, content)
        self.kept.append(kept)
        return reference(kept).model_dump()

    def _ask(self, kind: str, actor: Actor, **data: Any) -> list[Fact]:
        self.asked += 1
        asked = {"id": f"c{self.asked}", "kind": kind, "actor": actor, **data}
        facts = decide(self.dossier, _COMMAND.validate_python(asked), self.now)
        self.dossier = fold(self.dossier, facts)
        self.facts += facts
        return facts

    def written(self) -> Written:
        """As it goes on record, with the notices of the bell that its last days have led to."""
        shown, told = row(self.dossier), occasions(self.dossier, tuple(self.facts))
        recent = [each for each in told if each.tell_at > self.until - timedelta(days=7)]
        sent = []
        for occasion in recent:
            day = self.office.book.calendar.local(occasion.tell_at).date()
            whom = addressees(shown, occasion, self.office.people, self.office.channels, day)
            sent += notices(shown, occasion, whom)
        batch = json.dumps(
            {
                "row": json.loads(shown.model_dump_json()),
                "facts": json.loads(_FACTS.dump_json(tuple(self.facts))),
                "occasions": [json.loads(each.model_dump_json()) for each in told],
                "notices": json.loads(dump_notices(sent)),
            }
        )
        return Written(shown.code, len(self.facts), batch, self.kept)


def _some(
    catalog_dir: Path, first: int, count: int, until: datetime, seed: int, open_share: float = OPEN
) -> list[Written]:
    """A few dossiers, made in a process of their own."""
    office = _office(catalog_dir)
    made = []
    for number in range(first, first + count):
        life = _Life(office, number, until, seed, open_share)
        life.live()
        made.append(life.written())
    return made


def rules_of(catalog_dir: Path, until: datetime) -> Iterator[tuple[str, str, str]]:
    """The procedures and calendars that they were received under, as they are kept."""
    office = _office(catalog_dir)
    seen: set[str] = set()
    for back in range(DAYS + 2):
        day = office.book.calendar.local(until - timedelta(days=back)).date()
        found: list[tuple[str, Procedure | Any]] = [("calendar", office.book.excerpt(day))]
        found += [("procedure", office.book.procedure(code, day)) for code in office.procedures]
        for kind, value in found:
            if (name := fingerprint(value)) not in seen:
                seen.add(name)
                yield name, kind, value.model_dump_json()


async def fill(
    url: str,
    catalog_dir: Path,
    *,
    dossiers: int,
    seed: int,
    until: datetime,
    processes: int = 2,
    open_share: float = OPEN,
) -> AsyncIterator[int]:
    """Bring the record up to so many dossiers as of a moment; yields the number that is there."""
    connection = await asyncpg.connect(url)
    pool = ProcessPoolExecutor(processes, initializer=end_with_parent)
    try:
        there: int = await connection.fetchval("select count(*) from dossiers")
        await connection.executemany(query("add_rules"), list(rules_of(catalog_dir, until)))
        starts = range(there, dossiers, _AT_ONCE)
        work = (
            pool.submit(_some, catalog_dir, start, min(_AT_ONCE, dossiers - start), until, seed, open_share)
            for start in starts
        )
        waiting = list(islice(work, processes * 2))
        while waiting:
            made = await asyncio.wrap_future(waiting.pop(0))
            waiting += islice(work, 1)
            async with connection.transaction():
                await connection.copy_records_to_table(
                    "private",
                    columns=("id", "code", "kind", "salt", "content"),
                    records=[
                        (
                            each.id,
                            each.code,
                            each.kind,
                            each.salt,
                            json.dumps(each.content, ensure_ascii=False),
                        )
                        for one in made
                        for each in one.private
                    ],
                )
                await connection.execute(
                    "select append_facts(b) from unnest($1::text[]::jsonb[]) b", [one.batch for one in made]
                )
            there += len(made)
            yield there
    finally:
        pool.shutdown(cancel_futures=True)
        await connection.close()
