"""The guardian: a small process that ends what its owner started, once the owner is gone.

Each process that motcua starts is guarded, so that it does not outlive its owner even after SIGKILL. The
guardian reads a pipe whose other end only its owner keeps open: end of file means that the owner is dead.
A guarded process starts as a launcher that reports its process id to the guardian and then becomes the
program. The launcher holds the pipe open until it has reported, so no process can be missed between its
start and its report. A guardian that dies is replaced at once; its successor reads the same pipe.

Owner and guardian can be killed together. On Linux a launcher therefore also asks the kernel for a signal at
its parent's death, where the caller names one. The kernel sends it when the *thread* that forked ends, and
forgets it when the process changes its account: so a process with such a signal is started from a thread
that lives as long as its owner, and the launcher changes the account itself, before it asks.

This file is run as a script without site-packages: it imports the standard library only.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

GRACE_SECONDS = 5.0
"""Seconds between the stop signals and SIGKILL, once the owner is gone."""
REPLACEMENT_SECONDS = 1.0
"""At least so many seconds lie between the starts of two guardians."""
PR_SET_PDEATHSIG = 1
_SCRIPT = (sys.executable, "-I", "-S", __file__)


class Guardian:
    """The guardian of this process, started with the first process that it guards."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = (-1, -1)
        """(read, write): the same for each successor, so that no report to a dead guardian is lost."""
        self._guarded: dict[int, int] = {}
        self._lock = threading.Lock()

    def guarded(
        self,
        argv: Sequence[str],
        stop_signal: int = signal.SIGTERM,
        *,
        stdin: str | Path = os.devnull,
        orphan_signal: int = 0,
        account: tuple[int, int] | None = None,
    ) -> tuple[list[str], int]:
        """(arguments, standard input) to start a guarded process with; the program itself reads `stdin`.

        Once the grace period is over it is killed, and with it what is left of the process group that it
        leads, if any. `orphan_signal` is what Linux sends at the death of the calling thread, which has to
        start the process itself; 0 for none. `account` is the (user, group) that the program runs under.
        """
        with self._lock:
            if self._process is None:
                self._pipe = os.pipe()
                begun = self._begin()
                threading.Thread(target=self._watch, args=(begun,), name="guardian", daemon=True).start()
        more = [str(number) for number in (stop_signal, orphan_signal, os.getpid(), *(account or (-1, -1)))]
        return [*_SCRIPT, str(stdin), *more, *argv], self._pipe[1]

    def note(self, pid: int, stop_signal: int) -> None:
        """Remember a guarded process, for the successor of a guardian that was killed."""
        with self._lock:
            self._guarded[pid] = int(stop_signal)
            self._write(f"+ {pid} {int(stop_signal)}")  # its own report may have been read by a predecessor

    def forget(self, pid: int) -> None:
        """A guarded process has ended: its number may soon be a stranger's."""
        with self._lock:
            self._guarded.pop(pid, None)
            self._write(f"- {pid}")

    def close(self) -> None:
        """End whatever is still guarded, then the guardian."""
        with self._lock:
            process = self._abandon()
        if process is not None:
            process.wait()

    def _begin(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            _SCRIPT,
            stdin=self._pipe[0],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # what a terminal or a test sends to our group does not reach it
        )
        for pid, number in self._guarded.items():
            self._write(f"+ {pid} {number}")
        return self._process

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        """Start another guardian as soon as one has ended, until it was asked to end."""
        while True:
            began = time.monotonic()
            process.wait()
            time.sleep(max(0.0, began + REPLACEMENT_SECONDS - time.monotonic()))
            with self._lock:
                if self._process is not process:
                    return
                with suppress(OSError):  # the system has no process or descriptor left: soon it may
                    process = self._begin()

    def _write(self, line: str) -> None:
        if self._process is not None:
            os.write(self._pipe[1], f"{line}\n".encode())

    def _abandon(self) -> subprocess.Popen[bytes] | None:
        process, self._process = self._process, None
        if process is not None:
            for end in self._pipe:
                os.close(end)
        return process

    def in_a_fork(self) -> None:
        """In a copy of the owner: not its guardian, and its end of the pipe must not hold the pipe open."""
        if (process := self._abandon()) is not None:
            process.returncode = 0  # not a child of this process
        self._guarded.clear()
        self._lock = threading.Lock()


GUARDIAN = Guardian()
os.register_at_fork(after_in_child=GUARDIAN.in_a_fork)
atexit.register(GUARDIAN.close)


class _Guarded:
    """One process as the guardian sees it: by a descriptor where the system has them, else by its number."""

    def __init__(self, pid: int, stop_signal: int) -> None:
        self.pid, self.stop_signal = pid, stop_signal
        self._descriptor: int | None = None
        self._followers: dict[int, _Guarded] = {}
        """Processes of the group that it leads."""
        self.ended = False
        try:
            self._descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self.ended = True
        except (AttributeError, OSError):
            pass

    def runs(self) -> bool:
        if self.ended:
            return False
        if self._descriptor is not None:
            self.ended = bool(select.select([self._descriptor], [], [], 0)[0])
        else:
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                self.ended = True
        return not self.ended

    def stop(self) -> None:
        self._send(self.stop_signal)
        self._send(signal.SIGCONT)  # one that was stopped would not notice

    def group_runs(self) -> bool:
        """Whether it runs, or a process of its group that was seen while the group was certainly its own.

        The system gives a group's number to another one as soon as none of its processes is left. So the
        number alone says nothing: somebody must be known to live who bears it.
        """
        for pid, each in list(self._followers.items()):
            if not each.runs():
                each.close()
                del self._followers[pid]
        return self.runs() or bool(self._followers)

    def look(self) -> None:
        """See who is in its group by now."""
        if not self.group_runs():
            return
        for pid in _members(self.pid):
            if pid != self.pid and pid not in self._followers:
                follower = _Guarded(pid, signal.SIGKILL)
                if _group_of(pid) == self.pid:  # still, after its descriptor was opened: it is no stranger
                    self._followers[pid] = follower
                else:
                    follower.close()

    def kill(self) -> None:
        if self.group_runs():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        for each in (self, *self._followers.values()):
            each._send(signal.SIGKILL)  # it may lead no group, or not be in one any more

    def _send(self, number: int) -> None:
        if self.runs():
            with suppress(ProcessLookupError):
                if self._descriptor is not None:
                    signal.pidfd_send_signal(self._descriptor, number)
                else:
                    os.kill(self.pid, number)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)


def _members(group: int) -> list[int]:
    """The processes of a group; where the system has no list of processes, none."""
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    except OSError:
        return []
    return [pid for pid in pids if _group_of(pid) == group]


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def launch(stdin: str, stop_signal: int, orphan_signal: int, parent: int, uid: int, gid: int) -> None:
    """Report to the guardian at standard input; then make this process what the program is to find."""
    os.write(0, f"+ {os.getpid()} {stop_signal}\n".encode())
    given = os.open(stdin, os.O_RDONLY)
    os.dup2(given, 0)
    os.close(given)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and the program would inherit that
        signal.signal(number, signal.SIG_DFL)
    kernel = None
    if orphan_signal and sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - others start sooner without it

        # Now: another account may not be let into Python's directory.
        kernel = ctypes.CDLL(None, use_errno=True)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if kernel is not None:
        if kernel.prctl(PR_SET_PDEATHSIG, orphan_signal, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "PR_SET_PDEATHSIG")
        if os.getppid() != parent:  # it died before the kernel was asked
            sys.exit(1)


def become(argv: list[str]) -> NoReturn:
    """Run a program in place of this one; exits like a shell where it cannot."""
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - the shell is what this stands in for
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        sys.exit(127)


def guard() -> None:
    """Read the pipe until the owner is gone, then end what it left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends with its owner, not with its owner's stop signal
    guarded: dict[int, _Guarded] = {}
    rest = b""
    while chunk := os.read(0, 65536):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            act, pid, *signals = line.split()
            if act == b"+" and int(pid) not in guarded:
                guarded[int(pid)] = _Guarded(int(pid), int(signals[0]))
            elif act == b"-" and (gone := guarded.pop(int(pid), None)):
                gone.close()
    left = [process for process in guarded.values() if process.runs()]
    for process in left:
        process.look()
    for process in reversed(left):
        process.stop()
    until = time.monotonic() + GRACE_SECONDS
    while any(process.runs() for process in left) and time.monotonic() < until:
        time.sleep(0.05)
        for process in left:
            process.look()
    for process in left:
        process.kill()


if __name__ == "__main__":
    if len(sys.argv) == 1:
        guard()
    else:
        launch(sys.argv[1], *map(int, sys.argv[2:7]))
        become(sys.argv[7:])
