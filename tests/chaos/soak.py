"""A soak: random kills of supervisor, worker, Temporal, PostgreSQL and desk, under a light load of dossiers.

    python -m tests.chaos.soak --minutes 120 --seed 1        (or: make soak MINUTES=120)

Supervisor and desk are started again as systemd would. After each round the office must be whole within 60
seconds; at the end the record must hold, and every request that was acknowledged must be on it exactly once.
Ctrl-C ends it early, with the same checks and a summary of what it had by then.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from temporalio.runtime import Runtime

from models.refusals import Problem
from motcua.guardian import GUARDIAN
from motcua.local import RunInfo, read_run
from motcua.servers import free_port
from motcua.supervision import supervised
from motcua.telemetry import configure_logging, quiet_runtime
from tests.chaos.load import Load

ROOT = Path(__file__).resolve().parents[2]
TARGETS = ("supervisor", "worker-1", "temporal", "postgres", "desk")
RESTART_SECONDS = 1.0
"""systemd's RestartSec."""
RECOVERY_SECONDS = 60.0
GIVE_UP_SECONDS = 300.0
AUDIT_SECONDS = 600.0
ANSWER_SECONDS = 10.0
"""After so long a health check is asked again."""


def say(event: str, **facts: Any) -> None:
    """One JSON line of progress."""
    print(
        json.dumps({"at": time.strftime("%H:%M:%S"), "event": event, **facts}, ensure_ascii=False), flush=True
    )


@dataclass
class Unit:
    """A process that is started again whenever it ends, as a systemd unit with `Restart=always`."""

    name: str
    arguments: tuple[str, ...]
    env: dict[str, str]
    log_file: Path
    pid: int | None = None
    exits: Counter[int] = field(default_factory=Counter)

    async def run(self) -> None:
        """Keep it running until cancelled; then end it as systemd does."""
        while True:
            argv, stdin = GUARDIAN.guarded([sys.executable, "starter.py", *self.arguments])
            with self.log_file.open("ab") as log:
                process = await asyncio.create_subprocess_exec(
                    *argv, cwd=ROOT, env=self.env, stdin=stdin, stdout=log, stderr=log, start_new_session=True
                )
            self.pid = process.pid
            try:
                self.exits[await process.wait()] += 1
                self.pid = None
            finally:
                if process.returncode is None:
                    with suppress(ProcessLookupError):
                        process.terminate()
                    await process.wait()
            await asyncio.sleep(RESTART_SECONDS)


@dataclass
class Round:
    """What was done to the office at once, and how long it took to be whole again."""

    acts: list[str]
    seconds: float
    load: float
    in_time: bool


class Soak:
    """One run. `problems` is everything that must not have happened."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.data_dir = folder / "office"
        self.rounds: list[Round] = []
        self.problems: list[str] = []
        self.hopeless = False
        self.kills: Counter[str] = Counter()
        desk_of_supervisor = free_port()
        ports = desk_of_supervisor, free_port(desk_of_supervisor)
        env = {**os.environ, "MOTCUA_DATA_DIR": str(self.data_dir), "MOTCUA_RPC_TIMEOUT": "5"}
        self.urls = [f"http://127.0.0.1:{port}" for port in ports]
        self.units = {
            name: Unit(name, arguments, {**env, "MOTCUA_WEB_PORT": str(port)}, folder / f"{name}.log")
            for (name, arguments), port in zip(
                {"supervisor": ("up", "--json"), "desk": ("web", "--json")}.items(), ports, strict=True
            )
        }
        self.load = Load(self.data_dir, self.urls, random.Random(seed + 1))  # kills do not depend on it

    async def run(self, seconds: float, stop: asyncio.Event) -> None:
        """Kill at random until the time is over or it is told to stop, then check everything."""
        until, audit = time.monotonic() + seconds, time.monotonic() + AUDIT_SECONDS
        async with supervised(**{unit.name: unit.run() for unit in self.units.values()}) as tasks:
            if not await self._whole_again(GIVE_UP_SECONDS, stop):
                self.problems.append("the office did not even start")
                return
            lanes = [tasks.start(f"lane {number}", self.load.lane()) for number in range(3)]
            while time.monotonic() < until and not stop.is_set():
                await self._round(stop)
                if self.hopeless:
                    break
                if time.monotonic() >= audit:
                    await self._audit()
                    audit = time.monotonic() + AUDIT_SECONDS
                await _pause(self.random.uniform(3, 25), stop)
            self.load.closing = True
            await _until(lambda: self.load.idle, GIVE_UP_SECONDS)
            for lane in lanes:
                lane.cancel()
            await self._whole_again(GIVE_UP_SECONDS, asyncio.Event())
            await self._audit()
            self.problems += await self.load.losses()

    async def _round(self, stop: asyncio.Event) -> None:
        acts = []
        for target in self.random.sample(TARGETS, self.random.choice((1, 1, 1, 2, 2, 3, 4, 5))):
            seconds = self.random.uniform(0.5, 8) if self.random.random() < 0.2 else 0.0
            if await self._strike(target, seconds):
                self.kills[f"{target} {'frozen' if seconds else 'killed'}"] += 1
                acts.append(f"{target} {f'frozen for {seconds:.1f} s' if seconds else 'killed'}")
            await asyncio.sleep(self.random.choice((0.0, 0.0, self.random.uniform(0, 4))))
        began = time.monotonic()
        whole = await self._whole_again(GIVE_UP_SECONDS, stop)
        took = round(time.monotonic() - began, 1)
        if not whole and stop.is_set():
            return
        done = Round(acts, took, os.getloadavg()[0], whole and took <= RECOVERY_SECONDS)
        self.rounds.append(done)
        say("round", **vars(done), acknowledged=len(self.load.acknowledged))
        if not done.in_time:
            self.problems.append(f"{acts}: {'whole again only' if whole else 'not whole'} after {took} s")
        self.hopeless = not whole

    async def _strike(self, target: str, seconds: float) -> bool:
        """Kill a process, or freeze it for so long; False if it is not there just now."""
        run = await asyncio.to_thread(read_run, self.data_dir)
        pid = self.units[target].pid if target in self.units else _child(run, target)
        try:
            if pid is None:
                return False
            if not seconds:
                os.kill(pid, signal.SIGKILL)
                return True
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(seconds)
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            return False
        return True

    async def _whole_again(self, seconds: float, stop: asyncio.Event) -> bool:
        """Whether both desks are ready, take a command and show it, within so many seconds."""

        async def whole() -> bool:
            for url in self.urls:
                async with httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS) as client:
                    if (await client.get("/readyz")).status_code != 200:
                        return False
            return await self.load.note_at_each_desk()

        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not stop.is_set():
            with suppress(httpx.HTTPError, Problem, OSError):
                if await whole():
                    return True
            await asyncio.sleep(0.2)
        return False

    async def _audit(self) -> None:
        """Verify the record and replay the histories, with the commands that people use."""
        for arguments in (("verify",), ("replay", "--all")):
            argv, stdin = GUARDIAN.guarded([sys.executable, "starter.py", "audit", *arguments, "--json"])
            process = await asyncio.create_subprocess_exec(
                *argv,
                cwd=ROOT,
                env=self.units["desk"].env,
                stdin=stdin,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, err = await process.communicate()
            say("audit", command=arguments[0], code=process.returncode, found=out.decode()[:2000])
            if process.returncode:
                self.problems.append(f"audit {arguments[0]}: {out.decode()[:2000]} {err.decode()[-2000:]}")

    def summary(self) -> dict[str, Any]:
        """What it came to so far."""
        took = sorted(each.seconds for each in self.rounds)
        return {
            "rounds": len(self.rounds),
            "recoveries_over_60_s": sum(not each.in_time for each in self.rounds),
            "kills": dict(sorted(self.kills.items())),
            "recovery_seconds": {"p50": statistics.median(took), "max": took[-1]} if took else {},
            "load": {"max": max((each.load for each in self.rounds), default=0.0), "cores": os.cpu_count()},
            "exits": {unit.name: dict(unit.exits) for unit in self.units.values()},
            **self.load.summary(),
            "problems": self.problems,
        }


def _child(run: RunInfo | None, name: str) -> int | None:
    return run.children.get(name) if run else None


async def _pause(seconds: float, stop: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110 - polls
        await asyncio.sleep(0.1)


async def main(minutes: float, seed: int) -> int:
    """Run it, and print the summary."""
    configure_logging("warning")
    Runtime.set_default(quiet_runtime())
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with tempfile.TemporaryDirectory(prefix="motcua-soak-", ignore_cleanup_errors=True) as folder:
        soak = Soak(Path(folder), seed)
        say("begins", minutes=minutes, seed=seed, folder=folder)
        try:
            await soak.run(minutes * 60, stop)
        finally:
            say("summary", seed=seed, **soak.summary())
            if soak.problems:
                for name, unit in soak.units.items():
                    say("log", of=name, end=unit.log_file.read_text(errors="replace")[-5000:])
    return 1 if soak.problems else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.exit(asyncio.run(main(options.minutes, options.seed)))
