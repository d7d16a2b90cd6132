"""The deployed workflows go on with every notice and digest that earlier code began."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowRunner

from activities.notify import Notifying
from models.service import Carried, Parcel
from motcua.temporal import CONVERTER, sandbox
from tests.replay.make_notice_histories import KEPT, SCENES, read
from tests.running import count_events
from workflows.notice import NoticeWorkflow
from workflows.upkeep import DigestWorkflow

PATHS = sorted(KEPT.glob("*.json"))


def test_every_scene_has_its_history() -> None:
    """None was forgotten, and each holds what it is there for."""
    assert {path.stem for path in PATHS} == {*SCENES, "waiting"}
    events = {path.stem: count_events(read(path)) for path in PATHS}
    assert events["sent"].total() == 6
    assert (events["sent"]["MARKER_RECORDED"], events["sent"]["ACTIVITY_TASK_SCHEDULED"]) == (1, 0)
    assert events["tried-again"]["ACTIVITY_TASK_COMPLETED"] == 1
    assert (events["waiting"]["TIMER_STARTED"], events["waiting"]["TIMER_FIRED"]) == (1, 0)
    assert events["void"]["TIMER_FIRED"] == 1
    assert (events["put-off"]["TIMER_FIRED"], events["put-off"]["MARKER_RECORDED"]) == (2, 2)


@pytest.mark.parametrize("runner", [sandbox(), UnsandboxedWorkflowRunner()], ids=["sandboxed", "bare"])
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
async def test_replays(path: Path, runner: WorkflowRunner) -> None:
    """The same commands to Temporal."""
    replayer = Replayer(
        workflows=[NoticeWorkflow, DigestWorkflow], workflow_runner=runner, data_converter=CONVERTER
    )
    replayed = await replayer.replay_workflow(read(path), raise_on_replay_failure=False)
    assert replayed.replay_failure is None


@workflow.defn(name="Notice")
class Hasty:
    """Somebody thought that a normal activity would do."""

    @workflow.run
    async def run(self, parcel: Parcel) -> Carried:
        return await workflow.execute_activity_method(
            Notifying.notify, args=[parcel, workflow.now()], start_to_close_timeout=timedelta(seconds=5)
        )


@pytest.mark.parametrize("name", ["sent", "waiting", "tried-again"])
async def test_a_changed_workflow_is_found_out(name: str) -> None:
    """These tests can fail."""
    replayer = Replayer(
        workflows=[Hasty], workflow_runner=UnsandboxedWorkflowRunner(), data_converter=CONVERTER
    )
    replayed = await replayer.replay_workflow(read(KEPT / f"{name}.json"), raise_on_replay_failure=False)
    assert "Nondeterminism" in str(replayed.replay_failure)
