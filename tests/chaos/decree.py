"""A calendar change under fire: the applying command and the worker are killed, and no dossier moves twice.

Also a command: python -m tests.chaos.decree --dossiers 2000
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from models.calendar import Calendar
from models.changes import carries
from models.dossier import Dossier
from models.facts import CalendarAmended, RungReached
from motcua.catalogue.catalogue import Catalogue
from motcua.config import Settings
from motcua.desk import Desk
from motcua.guardian import GUARDIAN
from motcua.local import RunInfo, read_run
from motcua.past import recall
from motcua.rulebook import rulebook
from motcua.store import Store
from motcua.temporal import connect
from motcua.virtual import VirtualClocks
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
CHANGE = ROOT / "docs" / "examples" / "calendar-change.toml"
ID = "tet-2027"
AMENDED = "select count(*) from facts where kind = 'calendar-amended' and starts_with(command, $1)"
TWICE = """
select count(*) from (select code, command from facts where kind = 'calendar-amended'
                      group by code, command having count(*) > 1) twice
"""
MOVES = """
select f.code, m ->> 'term' as term, (m ->> 'due_at')::timestamptz as due_at
from facts f, jsonb_array_elements(f.data -> 'moves') m
where f.kind = 'calendar-amended' and starts_with(f.command, $1)
"""
TERMS = "select code, id, due_at from terms"
PROCEDURES = ("1.001612", "1.014027", "1.012783")  # 3, 10 and 5 days
FILED = ("2027-01-29 15:10", "2027-02-01 09:20", "2027-02-02 14:40", "2027-02-03 08:05", "2027-02-12 10:30")
LANES = 25


@dataclass
class Fire:
    """What was done, what it took, and what was found."""

    phases: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def phase(self, name: str, began: float, **more: Any) -> None:
        """A part of the run that is over."""
        self.phases.append({"phase": name, "seconds": round(time.monotonic() - began, 1), **more})

    def check(self, what: str, found: Any, expected: Any) -> None:
        """What must hold."""
        if found != expected:
            self.wrong.append(f"{what}: {found!r} instead of {expected!r}")


def start(data_dir: Path, *arguments: str) -> subprocess.Popen[str]:
    """A command line in a process of its own."""
    argv, stdin = GUARDIAN.guarded([sys.executable, "starter.py", *arguments, "--json"])
    return subprocess.Popen(
        argv,
        stdin=stdin,
        cwd=ROOT,
        env={**os.environ, "MOTCUA_DATA_DIR": str(data_dir)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


class Office:
    """An office in a process of its own, and a desk in this one."""

    def __init__(self, data_dir: Path, desk: Desk, store: Store, clocks: VirtualClocks, record: Any) -> None:
        self.data_dir, self.desk, self.store, self.clocks, self.record = data_dir, desk, store, clocks, record
        self.opened: dict[str, datetime] = {}

    @property
    def calendar(self) -> Calendar:
        """What this desk counts by."""
        return self.desk.rulebook.calendar

    @property
    def run(self) -> RunInfo:
        """Where it is."""
        run = read_run(self.data_dir)
        assert run
        return run

    def kill_worker(self) -> None:
        """Its office starts another."""
        os.kill(self.run.children["worker-1"], signal.SIGKILL)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """A command in a process of its own."""
        return start(self.data_dir, *arguments)

    async def end(self, process: subprocess.Popen[str]) -> tuple[int, dict[str, Any], int]:
        """Its exit code, what it printed, and the most memory that it had, in MB."""

        def wait() -> tuple[int, str, int]:
            assert process.stdout
            with process.stdout:
                text = process.stdout.read()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, text, used.ru_maxrss // 1024

        code, text, memory = await asyncio.to_thread(wait)
        return code, json.loads(text or "{}"), memory

    async def amended(self, direction: str) -> int:
        """How many dossiers have been amended in this direction so far."""
        count: int = await self.record.fetchval(AMENDED, f"calendar/{ID}/{direction}/")
        return count

    async def killed(self, process: subprocess.Popen[str], direction: str, at: int) -> int:
        """Kill a command once so many dossiers have been amended; how many there were."""
        deadline = time.monotonic() + 600
        while (count := await self.amended(direction)) < at and process.poll() is None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        process.kill()
        process.communicate()
        return count

    async def terms(self) -> dict[tuple[str, int], datetime]:
        """When each open term is due."""
        return {(row["code"], row["id"]): row["due_at"] for row in await self.record.fetch(TERMS)}


@asynccontextmanager
async def office(data_dir: Path) -> AsyncIterator[Office]:
    """An office that is up, as `starter.py up` makes it."""
    process = start(data_dir, "up")
    try:
        assert process.stdout
        assert await asyncio.to_thread(process.stdout.readline)
        run = read_run(data_dir)
        assert run
        client = await connect(run.temporal.address, run.temporal.namespace)
        record = await asyncpg.connect(run.database_url)
        try:
            async with Store.connect(run.database_url, most=LANES) as store:
                desk = Desk(client, store, rulebook(Catalogue.load(Settings.read().catalog_dir)))
                yield Office(data_dir, desk, store, VirtualClocks(client), record)
        finally:
            await record.close()
    finally:
        process.send_signal(signal.SIGINT)
        try:
            await asyncio.to_thread(process.wait, 60)
        finally:
            process.kill()
            process.communicate()


async def together(jobs: Iterable[Coroutine[Any, Any, None]]) -> None:
    """So many at a time."""
    gate = asyncio.Semaphore(LANES)

    async def one(job: Coroutine[Any, Any, None]) -> None:
        async with gate:
            await job

    await asyncio.gather(*[one(job) for job in jobs])


async def handed_in(office: Office, number: int) -> str:
    """One more open dossier, somewhere on its way."""
    local = datetime.fromisoformat(FILED[number % len(FILED)])
    at = office.calendar.instant(local.date(), local.time()) + timedelta(seconds=number % 1800)
    answer = await office.desk.submit(
        {
            "request_id": f"chaos-{number}",
            "procedure": PROCEDURES[number % len(PROCEDURES)],
            "channel": "counter",
            "unit": "demo",
            "applicant": {"name": f"Applicant {number}"},
        },
        officer="receiver1",
        at=at,
    )
    office.opened[answer.code] = at
    if number % 4 == 1:
        await office.desk.act(answer.code, "complete", "receiver1", {})
    if number % 8 == 5:
        await office.desk.act(answer.code, "request-supplement", "handler1", {"reason": "a plan"})
    return answer.code


async def run(
    data_dir: Path, dossiers: int, say: Callable[[str], None] = lambda _: None, *, thorough: bool = False
) -> Fire:
    """The whole story; what it found is in `wrong`."""
    fire = Fire()
    async with office(data_dir) as here:
        began = time.monotonic()
        await together(_discard(handed_in(here, number)) for number in range(dossiers))
        fire.phase("hand in", began, open=len(here.opened))
        say(json.dumps(fire.phases[-1]))
        was = await here.terms()

        began = time.monotonic()
        code, foretold, memory = await here.end(here.begin("calendar", "preview", str(CHANGE)))
        fire.check("preview's exit code", code, 0)
        totals = foretold["totals"]
        fire.phase("preview", began, memory_mb=memory, totals=totals)
        say(json.dumps(fire.phases[-1]))
        fire.check("dossiers that a preview amended", await here.amended("apply"), 0)

        worked = [code for number, code in enumerate(sorted(here.opened)) if number % 50 == 7]
        working = asyncio.create_task(_work(here, worked))
        await _under_fire(here, fire, "apply", totals["amended"], say, thorough=thorough)
        await working
        await _applied(here, fire, foretold, set(worked))
        say(json.dumps(fire.phases[-1]))
        await _alarms(here, fire, foretold, set(worked))
        say(json.dumps(fire.phases[-1]))

        await _under_fire(here, fire, "undo", totals["amended"], say, thorough=thorough)
        now = await here.terms()
        moved = sum(due_at != was[term] for term, due_at in now.items() if term in was)
        fire.check("terms that are not where they were before", moved, 0)
        fire.check("dossiers amended twice by one command", await here.record.fetchval(TWICE), 0)
        fire.check("dossiers taken back", await here.amended("undo"), totals["amended"] + 1)
        await _verify(here, fire)
        say(json.dumps(fire.phases[-1]))
    return fire


async def _discard(job: Coroutine[Any, Any, str]) -> None:
    await job


async def _work(here: Office, codes: list[str]) -> None:
    """People go on while the calendar is being changed."""
    for code in codes:
        await here.desk.act(code, "note", "handler1", {"text": "people go on working"})


async def _under_fire(
    here: Office, fire: Fire, direction: str, total: int, say: Callable[[str], None], *, thorough: bool
) -> None:
    """The command is killed at a quarter and at the half, there with the worker; then it finishes.

    When thorough the worker dies once more while it does. The undo is killed at the half, and the worker
    with it only when thorough.
    """
    argument = str(CHANGE) if direction == "apply" else ID
    command = ("calendar", direction, argument, "--as", "admin1")
    began, kills, applying = time.monotonic(), list[int](), direction == "apply"
    if applying:
        kills.append(await here.killed(here.begin(*command), direction, total // 4))
        # A desk that has been open since before, between two runs of the act.
        code = await handed_in(here, 1_000_000)
        state = await folded(here, code)
        fire.check("a new dossier counts by the change", carries(state.calendar, ID), True)
    kills.append(await here.killed(here.begin(*command), direction, total // 2))
    if applying or thorough:
        here.kill_worker()
    process = here.begin(*command)
    if applying and thorough:
        await _until(lambda: here.amended(direction), total * 3 // 4)
        here.kill_worker()
    code, outcome, memory = await here.end(process)
    fire.check(f"exit code of {direction}", (code, outcome.get("finished")), (0, True))
    fire.check(
        f"kills of {direction} in the middle", [0 < count < total for count in kills], [True] * len(kills)
    )
    fire.phase(direction, began, killed_at=kills, memory_mb=memory, outcome=outcome)
    say(json.dumps(fire.phases[-1]))

    began = time.monotonic()
    code, again, _ = await here.end(here.begin(*command))
    if direction == "apply":
        fire.check("apply again", (code, again["moved"] + again["unchanged"]), (0, 0))
    else:
        fire.check("undo again", (code, again["error"]["type"]), (3, "ChangeUndone"))
    fire.phase(f"{direction} again", began)


async def _until(count: Callable[[], Coroutine[Any, Any, int]], least: int) -> None:
    deadline = time.monotonic() + 600
    while await count() < least:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def folded(here: Office, code: str) -> Dossier:
    """A dossier as its facts tell."""
    return (await recall(here.store, code)).at()


async def _applied(here: Office, fire: Fire, foretold: dict[str, Any], worked: set[str]) -> None:
    """Every dossier once, and each term where the preview said."""
    began = time.monotonic()
    total = foretold["totals"]["amended"]
    fire.check("dossiers amended", await here.amended("apply"), total)
    fire.check("dossiers amended twice by one command", await here.record.fetchval(TWICE), 0)
    said = {
        (touched["code"], str(move["term"])): datetime.fromisoformat(move["becomes"])
        for touched in foretold["dossiers"]
        for move in touched["moves"]
    }
    made = {
        (row["code"], row["term"]): row["due_at"]
        for row in await here.record.fetch(MOVES, f"calendar/{ID}/apply/")
    }
    others = {key for key in {*said, *made} if key[0] not in worked}
    differ = [key for key in others if said.get(key) != made.get(key)]
    fire.check("terms that stand elsewhere than foretold", differ, [])
    await _verify(here, fire)
    fire.phase("checks", began, terms_moved=len(made))


async def _verify(here: Office, fire: Fire) -> None:
    began = time.monotonic()
    code, verified, _ = await here.end(here.begin("audit", "verify"))
    fire.check("broken chains", (code, verified["broken"]), (0, []))
    fire.phase("audit verify", began, dossiers=verified["dossiers"], facts=verified["facts"])


async def _alarms(here: Office, fire: Fire, foretold: dict[str, Any], worked: set[str]) -> None:
    """Some moved dossiers go on in virtual time: the alarm of the due date sounds when it should now."""
    began, some = time.monotonic(), list[tuple[str, datetime]]()
    for touched in foretold["dossiers"]:
        whole = [move for move in touched["moves"] if move["of"] == "dossier"]
        if whole and touched["status"] in ("received", "processing") and touched["code"] not in worked:
            some.append((touched["code"], datetime.fromisoformat(whole[0]["becomes"])))
    chosen = some[:: max(1, len(some) // 12)]

    async def one(code: str, due_at: datetime) -> None:
        await here.clocks.forward(code, here.opened[code], due_at + timedelta(minutes=5))
        rung = None
        deadline = time.monotonic() + PATIENCE
        while rung is None:
            facts = await here.store.facts(code)
            (amended,) = (n for n, fact in enumerate(facts) if isinstance(fact.event, CalendarAmended))
            term = next(fact.seq for fact in facts if fact.kind == "accepted")
            rung = next(
                (
                    fact
                    for fact in facts[amended:]
                    if isinstance(fact.event, RungReached)
                    and (fact.event.term, fact.event.alarm) == (term, "due")
                ),
                None,
            )
            assert time.monotonic() < deadline, f"{code}: no alarm at {due_at}"
            await asyncio.sleep(0.05)
        late = (rung.at - due_at).total_seconds()
        fire.check(f"{code}: the alarm at the new instant", 0 <= late < 60, True)

    await together(one(code, due_at) for code, due_at in chosen)
    fire.check("alarms that were waited for", bool(chosen), True)
    fire.phase("alarms in virtual time", began, dossiers=len(chosen))


def _print(line: str) -> None:
    print(line, flush=True)


async def main(dossiers: int) -> int:
    """Run it in a directory of its own; 1 when something was wrong."""
    import tempfile  # noqa: PLC0415 - for the command only

    print(datetime.now(UTC).isoformat(timespec="seconds"), f"{dossiers:,} dossiers", flush=True)
    with tempfile.TemporaryDirectory(prefix="motcua-") as folder:
        fire = await run(Path(folder) / "office", dossiers, _print, thorough=True)
    for wrong in fire.wrong:
        print("WRONG", wrong)
    print("everything holds" if not fire.wrong else f"{len(fire.wrong)} WRONG")
    return 1 if fire.wrong else 0


if __name__ == "__main__":
    options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    sys.exit(asyncio.run(main(int(options.get("--dossiers", "2000")))))
