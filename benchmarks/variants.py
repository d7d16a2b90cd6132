"""What is measured side by side: a worker process for each variant, and what its client does.

All lifecycles make the same five calls, each answered before the next one is made: a start and four
updates. The bare start is answered by the server alone; the full one is a hand-in at the counter, accepted
in the same breath and answered when it is on record, so it carries a fifth update and a fifth recording that
the bare lifecycle does not have. The four updates of the full lifecycle are four people's work: handle,
approve and issue, return, rate. They follow a real procedure of the catalogue with its ladders of alarms, cut
down to the steps that it cannot do without, because the real one has six acts after the hand-in.

The full product runs as shipped, outside of the sandbox; what the sandbox adds to it is a variant of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from temporalio.client import Client

from benchmarks.bare import STEPS, BareWorkflow
from models.commands import Actor, Complete
from models.procedure import Procedure, Role
from motcua.catalogue import Catalogue
from motcua.desk import Applicant, Desk, Rulebook, Submission
from motcua.processes import MARK, Child
from motcua.store import Store

ROOT = Path(__file__).resolve().parent.parent
PROCEDURE = "1.001612"
HANDLER = Actor(id="handler1", roles=(Role.HANDLER,), unit="demo")
ACTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("complete", "handler1", {}),
    ("approve", "approver1", {"number": "1/GP", "date": datetime.now(UTC).isoformat()}),
    ("return", "returner1", {}),
    ("rate", "citizen", {"score": 5}),
)
assert len(ACTS) == STEPS


class Life(Protocol):
    """How a client brings one dossier to its end."""

    async def start(self, key: str) -> str:
        """Open a dossier; returns its workflow id."""
        ...

    async def step(self, code: str, number: int) -> None:
        """Take one of its four steps, from 0."""
        ...


@dataclass(frozen=True)
class Variant:
    """One kind of lifecycle: what its worker process runs and what its client does."""

    name: str
    life: Life
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)

    def worker(self, data_dir: Path) -> Child:
        """A worker process of its own, so that its CPU can be told from all others'."""
        # What the shell sets for some other office must not reach this one. And Python must be let write
        # byte code: the sandbox imports modules again and again, and would compile each one every time.
        foreign = ("MOTCUA_", "TEMPORAL_", "DATABASE_URL", "PYTHONDONTWRITEBYTECODE")
        env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return Child(
            f"worker, {self.name}",
            (sys.executable, *self.argv),
            log_file=data_dir / "logs" / "worker.log",
            env={**env, **self.env, MARK: str(data_dir)},
            cwd=ROOT,
        )


class BareLife:
    """The client of the bare workflow."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client, self._task_queue = client, task_queue

    async def start(self, key: str) -> str:
        """Open a dossier; returns its workflow id."""
        await self._client.start_workflow(BareWorkflow.run, key, id=key, task_queue=self._task_queue)
        return key

    async def step(self, code: str, number: int) -> None:
        """Take one of its four steps, from 0."""
        command = Complete(id=f"{code}/{number}", actor=HANDLER)
        handle = self._client.get_workflow_handle_for(BareWorkflow.run, code)
        await handle.execute_update(
            BareWorkflow.act, command, id=command.id, rpc_timeout=timedelta(seconds=20)
        )


class FullLife:
    """The product's own desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def start(self, key: str) -> str:
        """Open a dossier; returns its workflow id."""
        submission = Submission(
            request_id=key,
            procedure=PROCEDURE,
            channel="counter",
            unit="demo",
            applicant=Applicant(name="Nguyễn Văn A", id_number="079090001234"),
        )
        return (await self._desk.submit(submission, officer="receiver1")).code

    async def step(self, code: str, number: int) -> None:
        """Take one of its four steps, from 0."""
        await self._desk.act(code, *ACTS[number])


def variants(client: Client, store: Store, catalogue: Catalogue) -> tuple[Variant, ...]:
    """All that are measured, in the order in which they are shown."""
    full = FullLife(Desk(client, store, _rulebook(catalogue)))
    bare = ("-m", "benchmarks.bare_worker")
    return (
        Variant("bare, sandboxed", BareLife(client, "bare-sandboxed"), (*bare, "bare-sandboxed")),
        Variant(BASELINE, BareLife(client, "bare-passed"), (*bare, "bare-passed", "--pass-through")),
        Variant(PRODUCT, full, ("worker.py",)),
        Variant("full, sandboxed", full, ("worker.py",), {"MOTCUA_SANDBOX": "1"}),
    )


BASELINE = "bare, passed through"
PRODUCT = "full"


def _rulebook(catalogue: Catalogue) -> Rulebook:
    office = catalogue.office
    shortened = _shortened(catalogue.procedure(PROCEDURE, datetime.now(UTC).date()))

    def procedure(code: str, day: date) -> Procedure:
        return shortened

    return Rulebook(
        office=office.id,
        agency=office.agency,
        units=frozenset(unit.id for unit in office.units),
        procedure=procedure,
        actor=catalogue.actor,
        calendar=catalogue.calendar(office.calendar),
    )


def _shortened(procedure: Procedure) -> Procedure:
    """The steps that no procedure can do without; who approves also issues."""
    steps = {step.id: step for step in procedure.steps}
    approve = steps["approve"].model_copy(update={"issues": True})
    whole = procedure.model_copy(update={"steps": (steps["handle"], approve, steps["return"])})
    return Procedure.model_validate(whole.model_dump())
