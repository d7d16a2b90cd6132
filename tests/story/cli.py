"""The command line as a person or a script uses it: a process of its own each time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motcua.local import RunInfo, read_run

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document that it printed."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The name of the error that it printed for people, on one line."""
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


def starter(data_dir: Path, *arguments: str, stdin: str = "", **settings: str) -> Ran:
    """Run one command on a data directory."""
    env = {**os.environ, "MOTCUA_DATA_DIR": str(data_dir), "MOTCUA_RPC_TIMEOUT": "4", **settings}
    done = subprocess.run(
        [sys.executable, "starter.py", *arguments],
        cwd=ROOT,
        env=env,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@contextmanager
def office(data_dir: Path) -> Iterator[RunInfo]:
    """An office that is up, as `starter.py up` makes it; ended by Ctrl-C."""
    process = subprocess.Popen(
        [sys.executable, "starter.py", "up", "--json"],
        cwd=ROOT,
        env={**os.environ, "MOTCUA_DATA_DIR": str(data_dir)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            assert "temporal_ui" in json.loads(process.stdout.readline())
            run = read_run(data_dir)
            assert run
            yield run
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """A process that does not get to do anything for a while."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def dead(run: RunInfo, name: str, data_dir: Path) -> Iterator[None]:
    """A server that is gone, and nobody to start it again until the block ends."""
    current = read_run(data_dir)
    assert current
    with frozen(run.pid):
        os.kill(current.children[name], signal.SIGKILL)
        yield
    deadline = time.monotonic() + 30
    while True:
        again = read_run(data_dir)
        if again and again.children[name] != current.children[name]:
            return
        assert time.monotonic() < deadline, f"{name} did not come back"
        time.sleep(0.05)
