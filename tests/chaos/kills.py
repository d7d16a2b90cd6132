"""Kill -9 in the middle of a run: a caseload under fire, and what was in flight each time.

Also a command: python -m tests.chaos.kills --dossiers 1000 --rounds 3
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import psutil

from motcua.guardian import GUARDIAN
from motcua.local import RunInfo, read_run

ROOT = Path(__file__).resolve().parents[2]
VICTIMS = ("worker-1", "temporal", "postgres")
IN_FLIGHT = """
select (select count(*) from facts) as facts, (select count(*) from dossiers) as dossiers,
       (select count(*) from dossiers where outcome is null) as open,
       (select count(*) from pending) as pending
"""


@dataclass
class Outcome:
    """What a run printed, and what was done to it meanwhile."""

    exit_code: int
    printed: dict[str, Any]
    log: str
    kills: list[dict[str, Any]] = field(default_factory=list)

    @property
    def record(self) -> dict[str, Any]:
        """All that must not depend on who died when: the report, and the facts by the hash of their heads."""
        keys = (
            "received",
            "solved",
            "open",
            "shares",
            "dossiers",
            "workflows",
            "facts",
            "rungs",
            "alarms",
            "heads",
        )
        return {key: self.printed.get(key) for key in keys} | {"broken": self.printed["audit"]["broken"]}


async def run(
    data_dir: Path, dossiers: int, *, rounds: int = 0, seconds: float = 100, seed: int = 1
) -> Outcome:
    """Run the demo to its end; in each round kill each of worker, Temporal and PostgreSQL once.

    The kills are spread over the facts that the caseload makes (about 15.4 a dossier).
    """
    env = {**os.environ, "MOTCUA_DATA_DIR": str(data_dir)}
    arguments = ["demo", "--dossiers", str(dossiers), "--seed", str(seed), "--exit", "--json"]
    log = data_dir.with_suffix(".log")
    argv, stdin = GUARDIAN.guarded([sys.executable, "starter.py", *arguments])
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=stdin,
            cwd=ROOT,
            env=env,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
        try:
            async with asyncio.timeout(seconds):
                killing = asyncio.create_task(_kill(data_dir, dossiers * 15.4, VICTIMS * rounds))
                printed, _ = await process.communicate()
                killing.cancel()
                kills = await killing
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    text = printed.decode()
    assert not text or text.startswith("{"), f"not JSON alone on stdout: {text}"
    return Outcome(
        exit_code=process.returncode or 0,
        printed=json.loads(text or "{}"),
        log=log.read_text(encoding="utf-8"),
        kills=kills,
    )


async def _kill(data_dir: Path, facts: float, victims: tuple[str, ...]) -> list[dict[str, Any]]:
    """Kill each victim when its share of the facts is on record; returns what was in flight."""
    began, done = time.monotonic(), list[dict[str, Any]]()
    try:
        for number, victim in enumerate(victims, 1):
            flight, run = await _reached(data_dir, facts * number / (len(victims) + 1))
            pid = run.children[victim]
            os.kill(pid, signal.SIGKILL)
            done.append({"victim": victim, "after_seconds": round(time.monotonic() - began, 1), **flight})
            await _replaced(data_dir, victim, pid)
    except asyncio.CancelledError:
        pass  # the run has ended; how many of the kills came about is for the caller to judge
    return done


async def _reached(data_dir: Path, facts: float) -> tuple[dict[str, int], RunInfo]:
    """Wait until so many facts are on record; what is under way then."""
    while True:
        run = await asyncio.to_thread(read_run, data_dir)
        if run is not None:
            try:
                connection = await asyncpg.connect(run.admin_database_url, timeout=5)
                try:
                    flight = dict(await connection.fetchrow(IN_FLIGHT))
                finally:
                    await connection.close()
                if flight["facts"] >= facts:
                    return flight, run
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                pass  # not there yet, or not back yet
        await asyncio.sleep(0.05)


async def _replaced(data_dir: Path, victim: str, pid: int) -> None:
    """Wait until another process has taken the victim's place."""
    while True:
        run = await asyncio.to_thread(read_run, data_dir)
        if run is not None and run.children.get(victim) != pid and psutil.pid_exists(run.children[victim]):
            return
        await asyncio.sleep(0.05)


async def main(dossiers: int, rounds: int) -> int:
    """Compare a run under fire with one in peace, and print both."""
    import tempfile  # noqa: PLC0415 - for the command only

    with tempfile.TemporaryDirectory() as folder:
        peace = await run(Path(folder) / "peace", dossiers, seconds=3600)
        fire = await run(Path(folder) / "fire", dossiers, rounds=rounds, seconds=3600)
    for kill in fire.kills:
        print(json.dumps(kill))
    for outcome in (peace, fire):
        if outcome.exit_code:
            print(outcome.exit_code, outcome.printed, outcome.log[-5000:])
            return 1
    print(json.dumps({"peace": peace.record, "run": peace.printed["run"]}))
    print(json.dumps({"fire": fire.record, "run": fire.printed["run"]}))
    same = peace.record == fire.record and len(fire.kills) == 3 * rounds
    print("the same" if same else "DIFFERENT")
    return 0 if same else 1


if __name__ == "__main__":
    options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    sys.exit(asyncio.run(main(int(options.get("--dossiers", "300")), int(options.get("--rounds", "3")))))
