"""Whether a worker polls is seen from each PID namespace alike."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys

import pytest

from motcua.guardian import GUARDIAN
from motcua.temporal import polled, pollers
from tests.needs import needs
from tests.running import Running
from tests.waiting import until
from workflows.dossier import TASK_QUEUE

ASK = """
import asyncio, sys
from motcua.temporal import connect, polled, pollers

async def main():
    client = await connect(*sys.argv[1:3])
    print(await polled(client, sys.argv[3]), await pollers(client, sys.argv[3]))

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="others have no PID namespaces")
async def test_a_worker_of_another_pid_namespace_polls(office: Running) -> None:
    """Containers with the host's network have its name: the desk was never ready beside a worker that was."""
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0:
        needs("unshare and the right to make a PID namespace", "run as root")
    assert unshare
    await until(lambda: polled(office.client, TASK_QUEUE))
    assert await pollers(office.client, TASK_QUEUE) == {os.getpid()}
    temporal = office.local.run.temporal
    argv = [unshare, "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, "-c", ASK]
    argv, stdin = GUARDIAN.guarded([*argv, temporal.address, temporal.namespace, TASK_QUEUE])
    asked = await asyncio.create_subprocess_exec(*argv, stdin=stdin, stdout=asyncio.subprocess.PIPE)
    out, _ = await asked.communicate()
    assert out.decode().split() == ["True", "set()"]
