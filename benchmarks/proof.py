"""How long it takes to prove a record, and in how much memory: `python -m benchmarks.proof`.

On the office that runs on MOTCUA_DATA_DIR: its histories are archived and replayed, its record verified and
sealed, by the very commands that an auditor uses. Nothing of it is changed but what these commands write.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import psutil
import typer
from rich.console import Console
from rich.table import Table

from motcua.guardian import GUARDIAN

ROOT = Path(__file__).resolve().parents[1]
LOOK = 0.1
"""Seconds between two looks at the memory of a command and its processes."""


class Measured(NamedTuple):
    """One command."""

    seconds: float
    cpu: float
    """Seconds of processor time of the command and its processes; servers and workers are not in it."""
    most_mb: float
    """The most memory (PSS, so that shared pages count once) that its processes held together."""
    told: Any


class _Watch(threading.Thread):
    """Looks at a process and its children until it has ended."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._process, self.most, self.cpu = psutil.Process(pid), 0, 0.0
        self._times: dict[int, float] = {}

    def run(self) -> None:
        while True:
            try:
                family = [self._process, *self._process.children(recursive=True)]
            except psutil.NoSuchProcess:
                return
            held = 0
            for each in family:
                try:
                    held += each.memory_full_info().pss
                    used = each.cpu_times()
                    self._times[each.pid] = used.user + used.system
                except psutil.Error:
                    continue
            self.most = max(self.most, held)
            self.cpu = sum(self._times.values())
            time.sleep(LOOK)


def measured(*arguments: str) -> Measured:
    """Run one command of `starter.py audit`."""
    started = time.monotonic()
    command = [sys.executable, "starter.py", "audit", *arguments, "--json"]
    argv, stdin = GUARDIAN.guarded(command)
    with subprocess.Popen(
        argv, cwd=ROOT, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as ran:
        watch = _Watch(ran.pid)
        watch.start()
        assert ran.stdout is not None
        out = ran.stdout.read()
        code = ran.wait()
    seconds = time.monotonic() - started
    if code != 0:
        raise typer.Exit(code)
    return Measured(seconds, watch.cpu, watch.most / 1e6, json.loads(out))


def main(
    jobs: Annotated[str, typer.Option(help="Numbers of processes to replay with, by commas.")] = "1,2",
) -> None:
    """Measure on the office that runs on MOTCUA_DATA_DIR."""
    rows: list[tuple[str, int, str, Measured]] = []
    swept = measured("archive")
    rows.append(("archive", swept.told["archived"], "histories", swept))
    again = measured("archive")
    rows.append(("archive, again: nothing new", again.told["closed"], "histories", again))
    sealed = measured("seal")
    rows.append(("seal", sealed.told["statement"]["size"], "heads", sealed))
    verified = measured("verify")
    rows.append(("verify", verified.told["facts"], "facts", verified))
    for number in jobs.split(","):
        replayed = measured("replay", "--jobs", number)
        rows.append((f"replay, {number} processes", replayed.told["replayed"], "histories", replayed))
    table = Table(
        title=f"{verified.told['dossiers']:,} dossiers, {os.cpu_count()} cores", title_justify="left"
    )
    for name in ("", "how many", "seconds", "a second", "a second of processor time", "most MB"):
        table.add_column(name, justify="left" if not name else "right")
    for name, count, of, each in rows:
        speed = (f"{count / each.seconds:,.0f}", f"{count / each.cpu:,.0f}" if each.cpu else "")
        table.add_row(name, f"{count:,} {of}", f"{each.seconds:.1f}", *speed, f"{each.most_mb:.0f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    typer.run(main)
