"""The deployed workflow goes on with every dossier that earlier code began, and comes to the same facts."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowRunner

from activities.record import Batch, Recording
from models.commands import Asked
from models.dossier import Dossier
from models.facts import Fact
from models.rules import decide
from models.service import Answer, Opening
from motcua.replay import WORKFLOWS, replay
from motcua.temporal import sandbox
from tests.replay.make_histories import HISTORIES, LINES, SCENES, read
from tests.running import count_events
from workflows.dossier import DossierWorkflow

PATHS = sorted(HISTORIES.glob("*.json"))
PLAIN, OPEN = (read(HISTORIES / f"{name}.json").history for name in ("plain", "open"))


def test_every_life_has_its_history() -> None:
    """None was forgotten or lost, and each holds what it is there for."""
    assert {path.stem for path in PATHS} >= {*LINES, *SCENES, "continued-from"}
    events = {path.stem: count_events(read(path).history) for path in PATHS}
    assert events["without-postgres"]["ACTIVITY_TASK_COMPLETED"] == 1
    assert events["continued-from"]["WORKFLOW_EXECUTION_CONTINUED_AS_NEW"] == 1
    assert events["overdue"]["TIMER_FIRED"] > 7
    assert events["plain"]["TIMER_CANCELED"] == 1
    assert events["plain"]["WORKFLOW_EXECUTION_COMPLETED"] == 1
    assert events["open"]["WORKFLOW_EXECUTION_COMPLETED"] == 0


@pytest.mark.parametrize("runner", [sandbox(), UnsandboxedWorkflowRunner()], ids=["sandboxed", "bare"])
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
async def test_replays(path: Path, runner: WorkflowRunner) -> None:
    """The same commands to Temporal, and the very facts that went on record, by the hash of the last."""
    kept = read(path)
    replayed = await replay([kept.history], runner=runner, workflows=WORKFLOWS)
    assert (replayed.replayed, replayed.diverged) == (1, ())
    assert replayed.heads == {kept.history.workflow_id: kept.head}


async def test_many_are_replayed_one_after_another() -> None:
    """From a stream, as a server lists them: what diverges is named and stops no other."""
    spoilt = dataclasses.replace(PLAIN, workflow_id="spoilt", events=[*PLAIN.events[:20], *PLAIN.events[25:]])

    async def histories() -> AsyncIterator[WorkflowHistory]:
        for history in (OPEN, spoilt, PLAIN):
            yield history

    replayed = await replay(histories(), runner=None, workflows=WORKFLOWS)
    assert replayed.replayed == 3
    assert [divergence.code for divergence in replayed.diverged] == ["spoilt"]
    assert set(replayed.heads) == {OPEN.workflow_id, PLAIN.workflow_id}
    assert (await replay([], runner=None, workflows=WORKFLOWS)).replayed == 0


class Changed(DossierWorkflow):
    """The workflow with one thing changed and no `workflow.patched`: the base of what must be found out."""


@workflow.defn(name="Dossier")
class WithoutTimer(Changed):
    """Somebody thought that timers are not needed."""

    @workflow.run
    async def run(self, opening: Opening) -> Answer:
        return await super().run(opening)

    async def _somebody_asks_or_the_clock_strikes(self) -> None:
        await workflow.wait_condition(lambda: bool(self._requests))


@workflow.defn(name="Dossier")
class WithAnotherTimer(Changed):
    """Somebody thought that a moment's pause does good."""

    @workflow.run
    async def run(self, opening: Opening) -> Answer:
        await workflow.sleep(1)
        return await super().run(opening)


@workflow.defn(name="Dossier")
class WithNormalActivity(Changed):
    """Somebody thought that local activities are not to be trusted."""

    @workflow.run
    async def run(self, opening: Opening) -> Answer:
        return await super().run(opening)

    async def _record(self, batch: Batch) -> tuple[Fact, ...]:
        return await workflow.execute_activity_method(
            Recording.record, batch, start_to_close_timeout=timedelta(seconds=5)
        )


@workflow.defn(name="Dossier")
class WithRenamedActivity(Changed):
    """Somebody found a better name."""

    @workflow.run
    async def run(self, opening: Opening) -> Answer:
        return await super().run(opening)

    async def _record(self, batch: Batch) -> tuple[Fact, ...]:
        return await workflow.execute_local_activity(
            "write-down", batch, start_to_close_timeout=timedelta(seconds=5), result_type=tuple[Fact, ...]
        )


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        (WithoutTimer, "TimerStarted"),
        (WithAnotherTimer, "LocalActivity"),
        (WithNormalActivity, "LocalActivity"),
        (WithRenamedActivity, "'record' does not match .* 'write-down'"),
    ],
)
@pytest.mark.parametrize("history", [PLAIN, OPEN], ids=["closed", "open"])
async def test_a_changed_workflow_is_found_out(
    variant: type[DossierWorkflow], reason: str, history: WorkflowHistory
) -> None:
    """These tests can fail: a change with which open dossiers could not go on does not pass."""
    replayed = await replay([history], runner=None, workflows=[variant])
    (divergence,) = replayed.diverged
    assert divergence.code == history.workflow_id
    assert re.match(rf"\[TMPRL1100\] Nondeterminism error: [^{{]*{reason}", divergence.reason)
    assert replayed.heads == {}


async def test_a_changed_rule_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporal does not compare what is recorded, nor how long a timer runs: the head of the facts does."""

    def hasty(dossier: Dossier, command: Asked, at: datetime) -> list[Fact]:
        return decide(dossier, command, at - timedelta(minutes=1))

    monkeypatch.setattr("workflows.dossier.decide", hasty)
    kept = read(HISTORIES / "open.json")
    replayed = await replay([kept.history], runner=None, workflows=WORKFLOWS)
    assert replayed.diverged == ()
    head = replayed.heads[kept.history.workflow_id]
    assert head.seq == kept.head.seq
    assert head.hash != kept.head.hash
