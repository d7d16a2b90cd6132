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

from motcua import guardian
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
    process = subprocess.Popen(argv, stdin=stdin, start_new_session=True)
    GUARDIAN.note(process.pid, 15)
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


def guardian_of(pid: int) -> psutil.Process | None:
    """The guardian of a process, while it lives."""
    for each in psutil.Process(pid).children():
        with suppress(psutil.Error):
            # Those that it guards begin in the same script, with arguments.
            if each.cmdline()[-1:] == [guardian.__file__]:
                return each
    return None


@contextmanager
def owner(*scripts: str) -> Iterator[tuple[subprocess.Popen[bytes], psutil.Process]]:
    """A process that has started others, and its guardian."""
    argv, stdin = GUARDIAN.guarded([sys.executable, "-c", OWNER, *scripts])
    with subprocess.Popen(argv, stdin=stdin, cwd=ROOT) as process:
        try:
            yield process, blocking_until(lambda: guardian_of(process.pid))
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
    with heir(), owner(OBEDIENT.format(tmp_path), DEAF.format(tmp_path)) as (process, its_guardian):
        pid, deaf = told(tmp_path, "obedient"), told(tmp_path, "deaf")
        process.kill()
        process.wait()
        assert blocking_until(lambda: os.waitpid(pid, os.WNOHANG)[0]) == pid
        stranger = reborn(pid)
        try:
            blocking_until(lambda: not runs(deaf) and not runs(its_guardian.pid))
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait()
            for left in (deaf, its_guardian.pid):
                with suppress(ChildProcessError):
                    os.waitpid(left, 0)


def test_what_is_left_of_a_group_is_killed(tmp_path: Path) -> None:
    """Its leader ends at the stop signal, which the others of its group ignore or never get."""
    late = "(trap '' TERM; sleep 1; exec sleep 600)"
    leader = f"({DEAF.format(tmp_path)}) & {late} & {OBEDIENT.format(tmp_path)}"
    with owner(leader) as (process, its_guardian):
        pid = told(tmp_path, "obedient")
        told(tmp_path, "deaf")
        assert len([each for each in psutil.pids() if _group(each) == pid]) >= 3
        process.kill()
        process.wait()
        blocking_until(lambda: not runs(its_guardian.pid))
        blocking_until(lambda: not [each for each in psutil.pids() if _group(each) == pid and runs(each)])


def test_a_guardian_that_was_killed_has_a_successor(tmp_path: Path) -> None:
    """It came only with the next process that was started: an owner killed meanwhile left all it had."""
    with owner(OBEDIENT.format(tmp_path), DEAF.format(tmp_path)) as (process, first):
        pids = [told(tmp_path, "obedient"), told(tmp_path, "deaf")]
        first.kill()
        second = blocking_until(lambda: (found := guardian_of(process.pid)) != first and found)
        assert second
        second.kill()  # and so has the successor
        blocking_until(lambda: guardian_of(process.pid) not in (None, first, second))
        process.kill()
        process.wait()
        blocking_until(lambda: not any(map(runs, pids)))


def test_a_program_finds_itself_as_if_it_had_been_started_alone(tmp_path: Path) -> None:
    """It has the arguments, input and signals that it would have; exit codes are those of a shell."""
    (tmp_path / "given").write_text("said")
    show = "import signal, sys; print(sys.argv[1:], sys.stdin.read())"
    show += "; print(*(signal.getsignal(n) is signal.SIG_DFL for n in (signal.SIGXFSZ, signal.SIGTERM)))"
    show += "; print(open('/proc/self/status').read().split('SigIgn:')[1].split()[0])"
    program = [sys.executable, "-c", show, "a b", ""]
    argv, stdin = GUARDIAN.guarded(program, stdin=tmp_path / "given")
    guarded = subprocess.run(argv, stdin=stdin, capture_output=True, text=True, check=True)
    with (tmp_path / "given").open() as given:
        alone = subprocess.run(program, stdin=given, capture_output=True, text=True, check=True)
    assert (guarded.stdout, guarded.stderr) == (alone.stdout, alone.stderr)
    argv, stdin = GUARDIAN.guarded(["/nowhere/at/all"])
    failed = subprocess.run(argv, stdin=stdin, capture_output=True, text=True, check=False)
    assert failed.returncode == 127
    assert "Traceback" not in failed.stderr


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None
