"""`dossiers restart` as an administrator uses it, and what the checks say before and after."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from temporalio.client import Client

from motcua.local import RunInfo
from tests.offices import SampleOffice
from tests.running import until
from tests.story.cli import CommandLine

REASON = ("--reason", "Máy chủ Temporal được thay đĩa")


async def terminate(run: RunInfo, code: str) -> None:
    """End a dossier's workflow as somebody with Temporal's own tools may."""
    client = await Client.connect(run.temporal.address, namespace=run.temporal.namespace)
    await client.get_workflow_handle(code).terminate("the test")
    running = f"ExecutionStatus = 'Running' AND WorkflowId = '{code}'"

    async def listed() -> bool:
        return (await client.count_workflows(running)).count == 0

    await until(listed)  # Temporal's list is written a moment later


@pytest.mark.slow  # two dozen commands, and a server that is killed
def test_a_dossier_without_a_workflow_is_named_and_restarted(sample: SampleOffice, tmp_path: Path) -> None:
    """Exit codes and JSON of `audit verify`, `audit replay` and `dossiers restart`, also without Temporal."""
    command = CommandLine(sample, tmp_path, {"MOTCUA_RPC_TIMEOUT": "30"})
    with command.up() as run:
        code = command.submit("lost-1", channel="online").json["code"]
        clean = command("audit", "verify", "--json")
        assert (clean.code, clean.json["broken"], clean.json["workflows"]) == (0, [], 1), clean.err
        restart = ("dossiers", "restart", code, "--as", sample.administrator, *REASON)
        running = command(*restart)
        assert (running.code, running.error.partition(":")[0]) == (3, "WorkflowRuns")

        asyncio.run(terminate(run, code))
        verified = command("audit", "verify", "--json")
        assert verified.code == 1
        (broken,) = verified.json["broken"]
        assert (broken["code"], broken["seq"]) == (code, 0)
        assert "no workflow of it runs" in broken["what"]
        assert f"{code}: it is open, but no workflow" in command("audit", "verify").out
        replayed = command("audit", "replay", "--json")
        assert replayed.code == 1
        assert [each["code"] for each in replayed.json["differing"]] == [code]
        note = command("act", code, "note", "--as", sample.receiver, "--data", '{"text": "?"}')
        assert (note.code, note.error.partition(":")[0]) == (1, "WorkflowMissing")

        with command.without(run, "temporal"):
            away = command("audit", "verify", "--json")
            assert (away.code, away.json["broken"], away.json["workflows"]) == (5, [], None)
            people = command("audit", "verify")
            assert people.code == 5
            assert "NOT looked for" in people.out
            assert command(*restart).code == 5

        for arguments, code_of, error in (
            (("dossiers", "restart", code, "--as", sample.receiver, *REASON), 3, "MayNotRestart"),
            (("dossiers", "restart", code, "--as", "nobody", *REASON), 2, ""),
            (
                ("dossiers", "restart", code, "--as", sample.administrator, "--reason", " "),
                2,
                "BadRestartReason",
            ),
            (("dossiers", "restart", code, "--as", sample.administrator), 2, ""),
            (
                ("dossiers", "restart", sample.unknown, "--as", sample.administrator, *REASON),
                4,
                "UnknownDossier",
            ),
        ):
            refused = command(*arguments)
            assert refused.code == code_of, arguments
            assert refused.error.startswith(error)

        done = command(*restart, "--json")
        assert done.code == 0, done.err
        assert {key: done.json[key] for key in ("code", "seq", "stage", "status")} == {
            "code": code,
            "seq": 1,
            "stage": "receive",
            "status": "submitted",
        }
        again = command(*restart, "--json")
        assert (again.code, again.json["error"]["type"]) == (3, "WorkflowRuns")
        refuse = ("act", code, "refuse", "--as", sample.receiver, "--data", '{"reason": "Thiếu"}', "--json")
        assert command(*refuse).json["status"] == "refused"
        closed = command(*restart)
        assert (closed.code, closed.error.partition(":")[0]) == (3, "DossierClosed")
        clean = command("audit", "verify", "--json")
        assert (clean.code, clean.json["broken"], clean.json["workflows"]) == (0, [], 0)
        replayed = command("audit", "replay", "--json")
        assert (replayed.code, replayed.json["differing"], replayed.json["diverged"]) == (0, [], [])
