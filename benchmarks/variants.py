"""What is measured side by side: a worker process for each variant, and what its client does.

All lifecycles are four updates, receive, process, approve and return, each answered before the next is sent.
The bare workflow is started and then gets its four. The full one is started by its first, a hand-in at the
counter that is accepted in the same breath, and answers each when it is on record; between the hand-in and
its end it follows a real procedure of the catalogue with its ladders of alarms, cut down to the steps that
none can do without (the real one has five more acts) and without the days in which it could be rated.

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

from temporalio.client import Client, WorkflowHandle

from benchmarks.bare import STEPS, BareWorkflow
from models.commands import Actor, Complete
from models.procedure import Procedure, Role
from motcua.catalogue.catalogue import Catalogue
from motcua.desk import Desk, Rulebook
from motcua.forms import Applicant, Submission
from motcua.processes import MARK, Child
from motcua.store import Store

ROOT = Path(__file__).resolve().parent.parent
PROCEDURE = "1.001612"
HANDLER = Actor(id="handler1", roles=(Role.HANDLER,), unit="demo")
ACTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("complete", "handler1", {}),
    ("approve", "approver1", {"number": "1/GP", "date": datetime.now(UTC).isoformat()}),
    ("return", "returner1", {}),
)
"""What follows the hand-in."""
assert 1 + len(ACTS) == STEPS


class Life(Protocol):
    """How a client brings one dossier to its end."""

    async def receive(self, key: str) -> str:
        """Open a dossier and take its first step; returns its workflow id."""
        ...

    async def step(self, code: str, number: int) -> None:
        """Take one of the steps that follow, from 1."""
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
        return Child(
            f"worker, {self.name}",
            (sys.executable, *self.argv),
            log_file=data_dir / "logs" / "worker.log",
            env={**environment(), **self.env, MARK: str(data_dir)},
            cwd=ROOT,
        )


def environment() -> dict[str, str]:
    """This process's, without what the shell sets for some other office.

    Python must be let write byte code: the sandbox imports modules again and again, and would compile each
    one every time.
    """
    foreign = ("MOTCUA_", "TEMPORAL_", "DATABASE_URL", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


class BareLife:
    """The client of the bare workflow."""

    def __init__(self, client: Client, task_queue: str) -> None:
        self._client, self._task_queue = client, task_queue

    async def receive(self, key: str) -> str:
        """Open a dossier and take its first step; returns its workflow id."""
        await self._client.start_workflow(BareWorkflow.run, key, id=key, task_queue=self._task_queue)
        await self.step(key, 0)
        return key

    async def step(self, code: str, number: int) -> None:
        """Take one of its steps."""
        command = Complete(id=f"{code}/{number}", actor=HANDLER)
        handle: WorkflowHandle[Any, Any] = self._client.get_workflow_handle(code)
        await handle.execute_update(
            BareWorkflow.act, command, id=command.id, rpc_timeout=timedelta(seconds=20)
        )


class FullLife:
    """The product's own desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def receive(self, key: str) -> str:
        """Hand a dossier in at the counter; returns its code."""
        submission = Submission(
            request_id=key,
            procedure=PROCEDURE,
            channel="counter",
            unit="demo",
            applicant=Applicant(name="Nguyễn Văn A", id_number="079090001234"),
        )
        return (await self._desk.submit(submission, officer="receiver1")).code

    async def step(self, code: str, number: int) -> None:
        """Take one of the steps that follow, from 1."""
        await self._desk.act(code, *ACTS[number - 1])


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
        agency=catalogue.agency,
        units={unit.id: unit for unit in office.units},
        procedure=procedure,
        actor=catalogue.actor,
        calendar=catalogue.calendar(office.calendar),
    )


def _shortened(procedure: Procedure) -> Procedure:
    """The steps that no procedure can do without; who approves also issues, and the return closes it."""
    steps = {step.id: step for step in procedure.steps}
    approve = steps["approve"].model_copy(update={"issues": True})
    kept = (steps["handle"], approve, steps["return"])
    whole = procedure.model_copy(update={"steps": kept, "rating_window": None})
    return Procedure.model_validate(whole.model_dump())
