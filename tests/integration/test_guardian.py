"""The guardian ends what its dead owner has left, all of it, and nobody else's processes."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from motcua.guardian import GUARDIAN
from tests.needs import needs
from tests.waiting import blocking_until

ROOT = Path(__file__).resolve().parents[2]
LAST_PID = Path("/proc/sys/kernel/ns_last_pid")
OWNER = """
import subprocess, sys, time
from motcua.guardian import GUARDIAN

for script in sys.argv[1:]:
    argv, stdin = GUARDIAN.guarded(["sh", "-c", script])
    subprocess.Popen(argv, stdin=stdin, start_new_session=True)
time.sleep(600)
"""
OBEDIENT = "trap 'exit 0' TERM; echo $$ > {0}/pid && mv {0}/pid {0}/obedient; while :; do sleep 0.05; done"
DEAF = "trap '' TERM; echo $$ > {0}/deaf.pid && mv {0}/deaf.pid {0}/deaf; while :; do sleep 0.05; done"

pytestmark = pytest.mark.timeout(300)


def runs(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def owner(*scripts: str) -> Iterator[tuple[subprocess.Popen[bytes], psutil.Process]]:
    """A process that has started others, and its guardian."""
    argv, stdin = GUARDIAN.guarded([sys.executable, "-c", OWNER, *scripts])
    with subprocess.Popen(argv, stdin=stdin, cwd=ROOT) as process:

        def guardian() -> psutil.Process | None:
            family = psutil.Process(process.pid).children()
            return next((each for each in family if "guardian.py" in " ".join(each.cmdline())), None)

        try:
            yield process, blocking_until(guardian)
        finally:
            process.kill()


def told(folder: Path, name: str) -> int:
    """The number that a process has written down."""
    return int(blocking_until(lambda: (folder / name).exists() and (folder / name).read_text()))


@contextmanager
def heir() -> Iterator[None]:
    """Be the one who collects processes whose parents are dead, so that their numbers become free."""
    libc = ctypes.CDLL(None)
    libc.prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    try:
        yield
    finally:
        libc.prctl(36, 0, 0, 0, 0)


def reborn(pid: int) -> subprocess.Popen[bytes]:
    """A stranger that leads a group under a number that was somebody else's before."""
    for _ in range(1000):
        try:
            LAST_PID.write_text(str(pid - 1))
        except OSError:
            needs("the right to choose a process's number", "run as root")
        stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
        if stranger.pid == pid:
            return stranger
        stranger.kill()
        stranger.wait()
    raise AssertionError("others were always faster")


@pytest.mark.skipif(sys.platform != "linux", reason="numbers of processes can be chosen on Linux only")
def test_a_number_that_was_given_away_is_not_killed(tmp_path: Path) -> None:
    """A guarded process ended at the stop signal, and a stranger's group got its number within the grace."""
    with heir(), owner(OBEDIENT.format(tmp_path), DEAF.format(tmp_path)) as (process, guardian):
        pid, deaf = told(tmp_path, "obedient"), told(tmp_path, "deaf")
        process.kill()
        process.wait()
        assert blocking_until(lambda: os.waitpid(pid, os.WNOHANG)[0]) == pid
        stranger = reborn(pid)
        try:
            blocking_until(lambda: not runs(deaf) and not runs(guardian.pid))
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait()
            for left in (deaf, guardian.pid):
                with suppress(ChildProcessError):
                    os.waitpid(left, 0)


def test_what_is_left_of_a_group_is_killed(tmp_path: Path) -> None:
    """Its leader ends at the stop signal, which the others of its group ignore or never get."""
    late = "(trap '' TERM; sleep 1; exec sleep 600)"
    leader = f"({DEAF.format(tmp_path)}) & {late} & {OBEDIENT.format(tmp_path)}"
    with owner(leader) as (process, guardian):
        pid = told(tmp_path, "obedient")
        told(tmp_path, "deaf")
        assert len([each for each in psutil.pids() if _group(each) == pid]) >= 3
        process.kill()
        process.wait()
        blocking_until(lambda: not runs(guardian.pid))
        blocking_until(lambda: not [each for each in psutil.pids() if _group(each) == pid and runs(each)])


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None
