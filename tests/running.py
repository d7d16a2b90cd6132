"""A running office for tests: real servers, a worker in Temporal's sandbox, and a driver of one dossier."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import re
import shlex
import sys
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.runtime import Runtime
from temporalio.service import RPCError

from models.calendar import Calendar
from models.commands import Command
from models.dossier import Dossier
from models.facts import Fact
from models.fold import fold
from models.people import Person
from models.rules import decide
from models.service import Answer
from models.view import row
from motcua.audit import Verified
from motcua.catalogue.catalogue import Catalogue
from motcua.config import Settings
from motcua.desk import Desk, Rulebook
from motcua.keeper import verify_office
from motcua.local import Child, LocalOffice
from motcua.missing import Missing
from motcua.past import recall
from motcua.replays import Where
from motcua.servers import free_port
from motcua.store import Store
from motcua.store.migrate import migrate
from motcua.temporal import TemporalUnreachable, check_namespace, connect, register
from motcua.virtual import VirtualClocks
from tests.auditing import nobody
from tests.present import always_open as always_open  # noqa: PLC0414 - for tests that import it from here
from tests.unit.office import CALENDAR, COMMANDS, PEOPLE, STAFF, at, procedure
from tests.waiting import PATIENCE, until
from worker import serving
from workflows.dossier import SEARCH_ATTRIBUTES

OFFICE = "demo"
NAME = "Nguyễn Thị Bí Mật"
"""An applicant's name, which must be found nowhere but in erasable rows."""
SETTINGS = Settings.read(sandbox=True)

_WHOLE: dict[str, Any] = {
    "steps": [each.model_dump(mode="json") | {"limit": None} for each in procedure().steps],
    "limit": None,
    "step_ladder": [],
}
"""Only the whole dossier has a term, to an exact instant."""

PROCEDURES = {
    "usual": procedure(code="usual"),
    "unrated": procedure(code="unrated", rating_window=None),
    "consented": procedure(code="consented", consultation_silence="consent", rating_window=None),
    "told": procedure(
        code="told",
        apology="-1 day",
        rating_window=None,
        step_ladder=[],
        ladder=[
            {"name": "soon", "offset": "-1 day", "kind": "reminder", "to": ["assignee"]},
            {"name": "due", "offset": "0", "kind": "due", "to": ["assignee", "unit-leader"]},
            {
                "name": "late",
                "offset": "+1 day",
                "kind": "escalation",
                "to": ["office-leader"],
                "by": ["desk", "email", "sms"],
                "every": "+1 day",
                "times": 3,
            },
        ],
    ),
    "fixed": procedure(code="fixed", limit=None, rating_window=None, step_ladder=[]),
    "patient": procedure(code="patient", supplement_lapse="nothing", rating_window=None),
    "charged": procedure(
        code="charged",
        fees=[
            {"kind": "phí", "name": "Phí thẩm định", "amount": 0},
            {"kind": "lệ phí", "name": "Lệ phí", "amount": 100_000, "online": 0},
        ],
        rating_window=None,
    ),
    "by-date": procedure(code="by-date", **_WHOLE),
    "by-instant": procedure(code="by-instant", timeliness="instant", **_WHOLE),
    "apologised": procedure(code="apologised", apology="-1 day", rating_window=None),
    "paused": procedure(
        code="paused", consultation_silence="consent", pausing={"consultation": "resume"}, rating_window=None
    ),
}
"""The sample procedure of the unit tests: as it is, closing with the return, and with silent consent
(without and with a pause)."""

CATALOGUE = Catalogue.load(SETTINGS.catalog_dir)
"""What there is beside the samples: the linked procedures, and the officers of other agencies."""

_numbers = itertools.count(1)


def rulebook(
    calendar: Calendar = CALENDAR,
    person: Callable[[str], Person | None] = lambda user: (
        PEOPLE.people.get(user) or CATALOGUE.office.staff.get(user)
    ),
) -> Rulebook:
    """What a desk of the sample office goes by."""
    return Rulebook(
        office=OFFICE,
        agency=CATALOGUE.agency,
        units={unit.id: unit for unit in CATALOGUE.office.units},
        procedure=lambda code, day: PROCEDURES.get(code) or CATALOGUE.procedure(code, day),
        actor=lambda user: STAFF.get(user) or CATALOGUE.actor(user),
        person=person,
        calendar=calendar,
    )


class Telemetry(NamedTuple):
    """The process's one Temporal runtime, and the port where its metrics are."""

    runtime: Runtime
    port: int


@dataclass
class Running:
    """An office that runs, with all that a test talks to."""

    local: LocalOffice
    client: Client
    store: Store
    desk: Desk
    clocks: VirtualClocks
    runtime: Runtime
    settings: Settings
    where: Where

    @property
    def url(self) -> str:
        """The address of its database, for the application's role."""
        return self.local.run.database_url

    async def verify(self) -> Verified:
        """What `audit verify` and the nightly check find."""
        missing = Missing(self.client, self.store)
        return await verify_office(self.store, self.settings, self.where, missing, nobody)

    async def history(self, code: str) -> WorkflowHistory:
        """What Temporal has recorded of a dossier."""
        return await self.client.get_workflow_handle(code).fetch_history()

    async def events(self, code: str) -> Counter[str]:
        """How many events of each type its history has."""
        return count_events(await self.history(code))

    async def state(self, code: str) -> Dossier:
        """The dossier as its workflow sees it."""
        handle: WorkflowHandle[Any, Any] = self.client.get_workflow_handle(code)
        return Dossier.model_validate(await handle.query("state", result_type=Dossier))

    async def refolded(self, code: str) -> Dossier:
        """The dossier as its facts in PostgreSQL tell, under the rules that are kept there."""
        return (await recall(self.store, code)).at()


@asynccontextmanager
async def running(
    data_dir: Path,
    runtime: Runtime,
    *,
    settings: Settings = SETTINGS,
    catalogue: Catalogue = CATALOGUE,
    book: Rulebook | None = None,
) -> AsyncIterator[Running]:
    """The embedded servers with a migrated database, registered attributes and one worker."""
    async with LocalOffice(data_dir, runtime=runtime) as local:
        await migrate(local.run.admin_database_url)
        address, namespace = local.run.temporal.address, local.run.temporal.namespace
        client = await connect(address, namespace, runtime=runtime)
        await register(client, SEARCH_ATTRIBUTES)
        async with Store.connect(local.run.database_url) as store:
            desk = Desk(client, store, book or rulebook(), rpc_timeout=PATIENCE / 2)
            where = Where(address, namespace, local.run.database_url, catalogue.office.id, "")
            settings = settings.model_copy(update={"data_dir": data_dir})
            async with serving(client, store, catalogue, desk, settings, runtime.metric_meter, where):
                yield Running(local, client, store, desk, VirtualClocks(client), runtime, settings, where)


@asynccontextmanager
async def elsewhere(office: Running, *arguments: str) -> AsyncIterator[Running]:
    """The same office on another Temporal server, which knows nothing of its dossiers."""
    address = f"127.0.0.1:{free_port()}"
    argv = [str(Path(sys.executable).with_name("temporal")), "server", "start-dev", "--headless"]
    argv += ["--ip", "127.0.0.1", "--port", address.partition(":")[2], "--log-level", "error", *arguments]

    async def ready() -> None:
        while True:
            with suppress(TemporalUnreachable, RPCError):
                await check_namespace(await connect(address, "default", runtime=office.runtime))
                return
            await asyncio.sleep(0.05)

    log_file = office.local.data_dir / "logs" / f"{address}.log"
    server = Child("temporal elsewhere", argv, log_file=log_file, ready=ready)
    await server.start()
    try:
        client = await connect(address, "default", runtime=office.runtime)
        await register(client, SEARCH_ATTRIBUTES)
        desk = Desk(client, office.store, rulebook(), rpc_timeout=PATIENCE / 2)
        settings = SETTINGS.model_copy(update={"data_dir": office.local.data_dir})
        where = office.where._replace(address=address, namespace=client.namespace)
        meter = office.runtime.metric_meter
        async with serving(client, office.store, CATALOGUE, desk, settings, meter, where):
            yield replace(office, client=client, desk=desk, clocks=VirtualClocks(client), where=where)
    finally:
        await server.stop()


@asynccontextmanager
async def impatient(office: Running) -> AsyncIterator[Running]:
    """The same office on a Temporal server that suggests to continue as new every 40 events."""
    option = "limit.historyCount.suggestContinueAsNew=40"
    async with elsewhere(office, "--dynamic-config-value", option) as hasty:
        yield hasty


def fields_of(words: Iterable[str]) -> dict[str, Any]:
    """The data of a command from `key=value`; amounts and scores are numbers."""
    data: dict[str, Any] = dict(word.split("=", 1) for word in words)
    return data | {key: int(data[key]) for key in ("amount", "score") if key in data}


class Life:
    """One simulated dossier, driven like the unit tests' `Case`, but through the desk and in virtual time."""

    def __init__(self, office: Running, code: str, opened_at: datetime) -> None:
        self.office, self.code, self.opened_at = office, code, opened_at

    @classmethod
    async def begin(
        cls,
        office: Running,
        *lines: str,
        procedure: str = "usual",
        opened: str = "2026-03-02 08:00",
        officer: str | None = None,
        applicant: dict[str, Any] | None = None,
    ) -> Life:
        """Hand a dossier in at an office time, then run these lines."""
        given = submission(procedure, **({"applicant": applicant} if applicant else {}))
        answer = await office.desk.submit(given, officer=officer, at=at(opened))
        return await cls(office, answer.code, at(opened)).run(*lines)

    async def run(self, *lines: str) -> Life:
        """Each line is "WHO COMMAND key=value …", or "@ office time" to move the clock."""
        for line in lines:
            if line.startswith("@ "):
                await self.forward(line[2:])
                continue
            what, *words = _command(line)
            await self.do(what, **fields_of(words))
        return self

    async def do(self, what: str, /, request_id: str | None = None, **data: Any) -> Answer:
        """One command: "WHO COMMAND"."""
        who, kind = what.split()
        person = STAFF.get(who, who)
        return await self.office.desk.act(self.code, kind, person, data, request_id)

    async def forward(self, target: str | datetime) -> None:
        """Move the clock, and wait until nothing that had come due by then is left undone."""
        moment = at(target) if isinstance(target, str) else target
        await self.office.clocks.forward(self.code, self.opened_at, moment)

        async def settled() -> bool:
            call = (await self.office.refolded(self.code)).next_call()
            return call is None or call[0] > moment

        await until(settled)

    async def put_on_record(self, *commands: Command, after: timedelta) -> list[Fact]:
        """What a worker leaves that dies once its row is written: facts that Temporal knows nothing of."""
        state = await self.office.state(self.code)
        before = state.seq
        moment = (await self.facts())[-1].at + after
        for command in commands:
            facts = decide(state, command, moment)
            state = fold(state, facts)
            await self.office.store.append(row(state), tuple(facts))
        return (await self.facts())[before:]

    async def facts(self) -> list[Fact]:
        """Its facts as they are on record."""
        return await self.office.store.facts(self.code)

    async def kinds(self) -> list[str]:
        """What has happened so far."""
        return [fact.kind for fact in await self.facts()]


def _command(line: str) -> list[str]:
    who, kind, *words = shlex.split(line)
    return [f"{who} {kind}", *words]


def asked(who: str, kind: str, request_id: str, **data: object) -> Command:
    """A command as the desk would send it."""
    return COMMANDS.validate_python({"id": request_id, "kind": kind, "actor": STAFF[who], **data})


def submission(procedure: str = "usual", **more: Any) -> dict[str, Any]:
    """A dossier as it is handed in, with a request id of its own unless one is given."""
    return {
        "request_id": f"request-{next(_numbers)}",
        "procedure": procedure,
        "channel": "online",
        "unit": "demo",
        "applicant": {"name": NAME, "phone": "0900000001"},
        **more,
    }


ISSUE = "clerk1 complete number=12/GP date=2026-03-02T09:00"
PLAIN = (
    "receiver1 accept",
    "@ 2026-03-02 09:00",
    "receiver1 complete",
    "@ 2026-03-03 10:00",
    "handler1 complete",
    "leader1 complete",
    "@ 2026-03-04 08:00",
    "approver1 approve",
    ISSUE,
    "@ 2026-03-04 14:00",
    "returner1 return",
)
"""The plain way: each step done before its reminder."""


async def scrape(port: int, name: str) -> float:
    """The sum of a metric over its labels, as Prometheus sees it."""
    with await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{port}/metrics") as answer:
        lines = answer.read().decode()
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", lines, re.MULTILINE))


def count_events(history: WorkflowHistory) -> Counter[str]:
    """How many events of each type a history has."""
    names = (EventType.Name(event.event_type) for event in history.events)
    return Counter(name.removeprefix("EVENT_TYPE_") for name in names)


def readable(history: WorkflowHistory) -> str:
    """A history as text, its payloads decoded, so that it can be searched."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: base64.b64decode(item).decode()
                if key == "data" and isinstance(item, str)
                else plain(item)
                for key, item in value.items()
            }
        return [plain(item) for item in value] if isinstance(value, list) else value

    return json.dumps(plain(history.to_json_dict()), ensure_ascii=False)
