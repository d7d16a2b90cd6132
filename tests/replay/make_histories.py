"""Makes the histories that the replay tests keep: one life of a dossier each, in virtual time.

    .venv/bin/python -m tests.replay.make_histories [NAME …]

Only what is missing is made. A history stays as it is: it stands for the dossiers that were open when it
was made, and a change of the workflow must go on with them. New code gets new lives.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from temporalio.client import WorkflowHistory

from models.service import Opening
from motcua.replay import Head
from motcua.telemetry import configure_logging, runtime
from motcua.temporal import CONVERTER
from tests.running import ISSUE, PLAIN, Life, Running, asked, impatient, running
from tests.unit.office import calendar
from tests.waiting import until

HISTORIES = Path(__file__).parent.parent / "histories"
HANDLING = PLAIN[:3]
REASON = "reason='a page is missing'"


class Kept(NamedTuple):
    """A history with the dossier's code, which Temporal's export lacks, and the head its facts led to."""

    history: WorkflowHistory
    head: Head


def read(path: Path) -> Kept:
    """A history as it is kept."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    return Kept(WorkflowHistory.from_json(kept["id"], kept["history"]), Head(**kept["head"]))


async def keep(name: str, life: Life) -> None:
    """Keep the history of a life, as far as it has come."""
    last = (await life.facts())[-1]
    write(name, await life.office.history(life.code), Head(last.seq, last.hash))


def write(name: str, history: WorkflowHistory, head: Head) -> None:
    """Keep a history, without the name of the machine that made it."""
    kept = {"id": history.workflow_id, "head": head._asdict(), "history": _anonymous(history.to_json_dict())}
    path = HISTORIES / f"{name}.json"
    path.write_text(json.dumps(kept, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def _anonymous(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "test" if key == "identity" else _anonymous(item) for key, item in value.items()}
    return [_anonymous(item) for item in value] if isinstance(value, list) else value


LINES: dict[str, tuple[str, ...]] = {
    "plain": (*PLAIN, "citizen1 rate score=5"),
    "unrated": (*PLAIN, "@ 2026-03-19 09:00"),
    "open": (*HANDLING, "handler1 claim", "@ 2026-03-03 09:00"),
    "supplement": (
        *HANDLING,
        *("@ 2026-03-03 09:00", f"handler1 request-supplement {REASON}"),
        *("@ 2026-03-05 09:00", "citizen1 supply papers='the page'", "@ 2026-03-10 09:00"),
        *("handler1 complete", "leader1 complete", "approver1 approve", ISSUE, "returner1 return"),
    ),
    "supplement-lapsed": (*HANDLING, f"handler1 request-supplement {REASON}", "@ 2026-03-20 09:00"),
    "overdue": (*HANDLING, "@ 2026-03-17 09:00", "handler1 complete", "leader1 complete"),
    "consultation": (
        *HANDLING,
        *("handler1 consult agency=tax question='how much?'", "@ 2026-03-05 10:00"),
        *("handler1 answer agency=tax reply='nothing'", "handler1 complete"),
    ),
    "withdrawn": (*HANDLING, "citizen1 withdraw"),
    "sent-back": (
        *PLAIN[:6],
        *("leader1 note text='look again'", f"approver1 send-back step=handle {REASON}"),
        *("@ 2026-03-04 09:00", "handler1 complete", "leader1 complete", f"approver1 reject {REASON}"),
    ),
    "refused": (f"receiver1 refuse {REASON}",),
    "stopped": (
        *HANDLING,
        *(f"head1 stop {REASON}", "@ 2026-03-04 09:00", "head1 resume"),
        *(f"head1 extend until=2026-03-20T09:00 {REASON} legal_basis='art. 9'", "@ 2026-03-05 14:00"),
        *("handler1 complete", f"handler1 correct {REASON}"),
    ),
    "outage": (
        *(*HANDLING, "@ 2026-03-03 14:00", f"handler1 request-supplement {REASON}"),
        *("@ 2026-03-04 10:00", "citizen1 supply", "@ 2026-03-05 09:00"),
        "admin1 outage since=2026-03-03T10:00 until=2026-03-03T17:00 notice=12/TB",
        *("@ 2026-03-06 09:00", "handler1 complete"),
    ),
    "acknowledged": (
        *(*HANDLING, "@ 2026-03-10 09:00", "leader1 acknowledge until=2026-03-12T10:00"),
        *("@ 2026-03-12 09:00", "handler1 note text='still here'", "@ 2026-03-12 11:00", "handler1 complete"),
    ),
    "apologised": (
        *HANDLING,
        *("@ 2026-03-05 09:00", f"handler1 request-supplement {REASON}"),
        *("@ 2026-03-06 09:00", "citizen1 supply", "@ 2026-03-09 07:30"),
        *("leader1 apologise", "@ 2026-03-10 09:00", "handler1 complete"),
    ),
}
"""Lives that need nothing but people and the clock."""

PROCEDURE_OF = {"apologised": "apologised"}
"""Under which procedure, where it is not the usual one."""


async def taken_over(office: Running) -> None:
    """Twice a worker died between PostgreSQL and Temporal: in a person's command, and in the clock's."""
    life = await Life.begin(office, *HANDLING)
    claim, assign = asked("handler1", "claim", "a"), asked("leader1", "assign", "b", to="handler2")
    await life.put_on_record(claim, assign, after=timedelta(seconds=5))
    await life.do("handler1 claim", "a")
    await life.do("leader1 assign", "b", to="handler2")
    await keep("taken-over", await life.run("@ 2026-03-04 10:00", "handler2 complete"))


async def linked(office: Running) -> None:
    """The tax office is asked on a dossier of its own, whose time does not count."""
    life = await Life.begin(office, procedure="x.land-transfer", officer="receiver1")
    await life.run("receiver1 complete", "handler1 complete")

    async def heard(what: str) -> str:
        async def known() -> bool:
            return (await office.refolded(life.code)).links[0].news == what

        await until(known)
        return (await office.refolded(life.code)).links[0].child or ""

    tax = Life(office, await heard("opened"), life.opened_at)
    await tax.run("tax1 accept", "tax1 complete", "tax2 approve number=1/TB date=2026-03-02T08:00")
    await heard("ready")
    await keep("linked", await life.run("handler1 complete"))
    await keep("linked-child", await tax.run("tax2 return"))


async def late_child(office: Running) -> None:
    """The tax office neither answers nor finishes in time; the dossier that asked hears of both breaches."""
    life = await Life.begin(office, procedure="x.land-transfer", officer="receiver1")
    await life.run("receiver1 complete", "handler1 complete")

    async def opened() -> bool:
        return (await office.refolded(life.code)).links[0].child is not None

    async def heard() -> bool:
        return (
            sum(fact.event.kind == "heard" and fact.event.what == "late" for fact in await life.facts()) == 2
        )

    await until(opened)
    tax = Life(office, (await office.refolded(life.code)).links[0].child or "", life.opened_at)
    await tax.run("@ 2026-03-05 09:00", "tax1 accept", "@ 2026-03-20 09:00", "tax1 complete")
    await until(heard)
    await keep("late-child", tax)


async def without_postgres(office: Running) -> None:
    """PostgreSQL was away when somebody asked for something."""
    life = await Life.begin(office, *HANDLING)
    postgres = office.local.children["postgres"]
    await postgres.stop()
    claim = asyncio.create_task(life.do("handler1 claim"))

    async def waits() -> bool:
        return bool((await office.events(life.code))["ACTIVITY_TASK_SCHEDULED"])

    await until(waits)
    await postgres.start()
    await claim
    await keep("without-postgres", await life.run("handler1 complete"))


async def at_once(office: Running) -> None:
    """Several people ask at the same moment; some are refused after they were let in."""
    life = await Life.begin(office, *HANDLING)
    claims = [life.do(f"{who} claim") for who in ("handler1", "handler2", "both1") * 2]
    await asyncio.gather(*claims, return_exceptions=True)
    await keep("at-once", await life.run("leader1 assign to=handler2", "handler2 complete", "leader1 claim"))


async def calendar_ended(office: Running) -> None:
    """The clock was refused, for the calendar ended, until people mended it."""
    life = await Life.begin(office, "receiver1 accept", procedure="paused", opened="2026-12-21 08:00")
    await life.run("receiver1 complete", "@ 2026-12-22 09:00")
    await life.do("handler1 consult", agency="fire-brigade", limit="5 days")
    await office.clocks.forward(life.code, life.opened_at, life.opened_at + timedelta(days=8, hours=2))
    await life.do("handler1 note", text="is nobody there?")
    longer = calendar(last="2027-03-31").model_dump(mode="json")
    await life.do("admin1 amend-calendar", calendar=longer, decree="1/2026")
    await keep("calendar-ended", await life.run("@ 2027-01-04 10:00"))


async def continued(office: Running) -> None:
    """A life so long that it went on in a new run; both runs are kept, the first as `continued-from`."""
    async with impatient(office) as hasty:
        life = await Life.begin(hasty, "receiver1 accept")
        for number in range(6):
            await life.do("receiver1 note", text=f"note {number}")
        await life.run("receiver1 complete")
        history = await hasty.history(life.code)
        started = history.events[0].workflow_execution_started_event_attributes
        first = hasty.client.get_workflow_handle(life.code, run_id=started.continued_execution_run_id)
        (opening,) = await CONVERTER.decode(started.input.payloads, [Opening])
        write("continued-from", await first.fetch_history(), Head(opening.dossier.seq, opening.dossier.head))
        await keep("continued", life)


SCENES: dict[str, Callable[[Running], Awaitable[None]]] = {
    "taken-over": taken_over,
    "linked": linked,
    "late-child": late_child,
    "without-postgres": without_postgres,
    "at-once": at_once,
    "calendar-ended": calendar_ended,
    "continued": continued,
}
"""Lives that something else befalls."""


async def make(names: Iterable[str]) -> None:
    """Make these histories."""
    with tempfile.TemporaryDirectory(prefix="motcua-") as directory:
        async with running(Path(directory) / "office", runtime(0)) as office:
            for name in names:
                if name in SCENES:
                    await SCENES[name](office)
                else:
                    life = await Life.begin(office, *LINES[name], procedure=PROCEDURE_OF.get(name, "usual"))
                    await keep(name, life)


def main() -> None:
    """Make what is missing, or what is named."""
    configure_logging("error")
    names = sys.argv[1:] or [*LINES, *SCENES]
    asyncio.run(make(name for name in names if not (HISTORIES / f"{name}.json").exists()))


if __name__ == "__main__":
    main()
