"""Supervised processes: started, watched, restarted when they die, stopped gracefully."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import psutil
import structlog

from models.refusals import Problem, Unreachable
from motcua.guardian import GUARDIAN

log = structlog.get_logger()

MARK = "MOTCUA_DATA_DIR"
"""Environment variable by which a process is known as one of an office's, whatever its arguments."""

FIRST_DELAY = 0.2
LONGEST_DELAY = 5.0
HEALTHY_AFTER = 30.0
PROBES = 6
"""Probes in a row that must fail before a process counts as frozen."""
LOG_LIMIT = 10_000_000
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class ServerMissing(Unreachable):
    """A program that is needed is not installed."""

    sentence = "The program {name} was not found ({looked}); install motcua's locked requirements."


class ServerFailed(Unreachable):
    """A process did not start, or did not get ready in time."""

    sentence = "{name} failed: {reason}; the end of its log {log}: {tail}"


class NoDiskSpace(Unreachable):
    """The disk has too little room."""

    sentence = "There is not enough disk space for {path}: {reason}."


class Child:
    """One operating-system process that is kept running until it is stopped.

    `argv` is asked for again at each start when it is callable. `ready` returns once the process
    serves (it may poll as long as it likes) and is given `deadline` seconds for that. `attempts` is
    how often the first start is tried; afterwards a process that exits is started again for ever,
    0.2 to 5 seconds later. `grace` is how many seconds it has between `stop_signal` and SIGKILL.
    `account` is the (user, group) that it runs under, if not ours. `orphan_signal` is what Linux sends it
    when the thread that runs this event loop ends, even if nobody else is left to end it.
    `alive` returns when the process answers, and raises or hangs when it does not; a process that has
    not answered for `unresponsive` seconds is killed, and started again like one that exited.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str] | Callable[[], Sequence[str]],
        *,
        log_file: Path,
        ready: Callable[[], Awaitable[object]] | None = None,
        alive: Callable[[], Awaitable[object]] | None = None,
        unresponsive: float = 30.0,
        deadline: float = 120.0,  # a slow start is no failed one: ending it makes a loaded machine slower
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        account: tuple[int, int] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        orphan_signal: signal.Signals = signal.SIGKILL,
        grace: float = 10.0,
        attempts: int = 1,
    ) -> None:
        self.name = name
        self.log_file = log_file
        self.env = dict(os.environ if env is None else env)
        self.restarts = 0
        self.pid: int | None = None
        """Of the process started last, even if it has exited since."""
        self.on_start: Callable[[], None] = lambda: None
        """Called as soon as a process runs, before it is ready."""
        self.supervise: Callable[[str, Coroutine[Any, Any, None]], asyncio.Task[None]] = _alone
        """Runs the watcher, so that its failure does not go unnoticed."""
        self._argv = argv
        self._ready = ready
        self._alive = alive
        self._unresponsive = unresponsive
        self._deadline = deadline
        self._cwd = cwd
        self._account = account
        self._stop_signal = stop_signal
        self._orphan_signal = orphan_signal
        self._grace = grace
        self._attempts = attempts
        self._log_start = 0
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the process, wait until it serves, and watch over it from then on."""
        delay = FIRST_DELAY
        for left in reversed(range(self._attempts)):
            try:
                await self._launch()
                break
            except ServerFailed as problem:
                if not left:
                    raise
                log.warning("process did not start", name=self.name, error=str(problem), retry_in=delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)
        self._watcher = self.supervise(f"watch {self.name}", self.watch())

    async def run(self) -> None:
        """Run the process once, to its end; an exit code other than 0 is an error."""
        process = self._process = await self._spawn()
        self.pid = process.pid
        reason = f"it had not ended after {self._deadline:g} s"
        try:
            async with asyncio.timeout(self._deadline):
                reason = f"it exited with {await process.wait()}"
        except TimeoutError:
            pass
        finally:
            await self._end()
        if process.returncode != 0:
            raise self._failure(reason)

    async def watch(self) -> None:
        """Start the process again whenever it exits, until cancelled."""
        delay = FIRST_DELAY
        while True:
            since = time.monotonic()
            code = None
            if self._process:
                code = await self._exit(self._process)
                GUARDIAN.forget(self._process.pid)
            if time.monotonic() - since >= HEALTHY_AFTER:
                delay = FIRST_DELAY
            log.error("process exited", name=self.name, pid=self.pid, code=code, restart_in=delay)
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)
            try:
                await self._launch()
            except Exception as problem:  # whatever it is, the next attempt comes: nobody else would make it
                bug = None if isinstance(problem, Problem) else problem
                log.error("process did not come back", name=self.name, error=str(problem), exc_info=bug)
                continue
            self.restarts += 1
            log.info("process restarted", name=self.name, pid=self.pid, restarts=self.restarts)

    async def _exit(self, process: asyncio.subprocess.Process) -> int:
        """The exit code of the process, which is killed if it does not answer any more."""
        exited = asyncio.create_task(process.wait())
        silent = asyncio.create_task(self._silent())
        try:
            await asyncio.wait({exited, silent}, return_when=asyncio.FIRST_COMPLETED)
            if not exited.done():
                log.critical(
                    "process does not answer and is killed",
                    name=self.name,
                    pid=process.pid,
                    unresponsive=self._unresponsive,
                )
                _kill_group(process)
            return await exited
        finally:
            exited.cancel()
            silent.cancel()
            await asyncio.wait({exited, silent})

    async def _silent(self) -> None:
        """Return once the process has not answered for the whole time; never where nobody can ask it."""
        if self._alive is None:
            await asyncio.Event().wait()
        share = self._unresponsive / PROBES
        failed = 0
        while failed < PROBES:
            began = time.monotonic()
            answered = await self._answers(share)
            await asyncio.sleep(began + share - time.monotonic())
            # A round that took far longer was slept through: this process was stopped itself, or got no turn
            # on a busy machine. It says nothing of the other.
            slept = time.monotonic() - began > 2 * share
            failed = 0 if answered or slept else failed + 1
            if failed:
                log.warning("process did not answer", name=self.name, pid=self.pid, failed=failed, of=PROBES)

    async def _answers(self, seconds: float) -> bool:
        assert self._alive is not None
        try:
            async with asyncio.timeout(seconds):
                await self._alive()
        except Exception as error:  # whatever it is, it is no answer
            log.debug("probe failed", name=self.name, error=str(error) or type(error).__name__)
            return False
        return True

    async def stop(self) -> None:
        """Stop watching and end the process: its stop signal, then SIGKILL after the grace period."""
        watcher, self._watcher = self._watcher, None
        if watcher:
            watcher.cancel()
            await asyncio.wait({watcher})
        await self._end()
        if watcher and not watcher.cancelled():
            watcher.result()  # a bug in watching must not pass unseen

    async def _launch(self) -> None:
        self._process = await self._spawn()
        self.pid = self._process.pid
        try:
            self.on_start()
            reason = await self._until_ready(self._process)
        except BaseException:
            await self._end()
            raise
        if reason:
            await self._end()
            raise self._failure(reason)

    async def _until_ready(self, process: asyncio.subprocess.Process) -> str | None:
        """None once it serves, else why it does not: an early exit is noticed at once."""
        if self._ready is None:
            return None
        probe = asyncio.ensure_future(self._ready())
        exited = asyncio.create_task(process.wait())
        try:
            await asyncio.wait({probe, exited}, timeout=self._deadline, return_when=asyncio.FIRST_COMPLETED)
            if exited.done():
                return f"it exited with {exited.result()}"
            if not probe.done():
                return f"it was not ready after {self._deadline:g} s"
            error = probe.exception()
            return f"asking whether it is ready failed: {type(error).__name__}: {error}" if error else None
        finally:
            probe.cancel()
            exited.cancel()
            await asyncio.wait({probe, exited})
            if not probe.cancelled():
                probe.exception()  # seen, when the exit came first

    async def _spawn(self) -> asyncio.subprocess.Process:
        argv = self._argv() if callable(self._argv) else self._argv
        if shutil.which(argv[0], path=self.env.get("PATH")) is None:
            raise ServerMissing(name=self.name, looked=argv[0])
        try:
            guarded, stdin = GUARDIAN.guarded(
                argv, self._stop_signal, orphan_signal=self._orphan_signal, account=self._account
            )
            with self._open_log() as output:
                process = await asyncio.create_subprocess_exec(
                    *guarded,
                    stdin=stdin,
                    stdout=output,
                    stderr=output,
                    env=self.env,
                    cwd=self._cwd,
                    umask=0o077,
                    # A terminal's Ctrl-C goes to a whole session: the order of stopping is ours.
                    start_new_session=True,
                )
        except OSError as error:
            if error.errno in DISK_FULL:
                raise NoDiskSpace(path=self.log_file.parent, reason=error.strerror) from error
            raise self._failure(error.strerror or str(error)) from error
        GUARDIAN.note(process.pid, self._stop_signal)
        return process

    def _open_log(self) -> BinaryIO:
        with suppress(FileNotFoundError):
            if self.log_file.stat().st_size > LOG_LIMIT:
                self.log_file.replace(self.log_file.with_name(self.log_file.name + ".1"))
        descriptor = os.open(self.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._log_start = os.fstat(descriptor).st_size
        return os.fdopen(descriptor, "ab")

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            await self._stop(process)
        GUARDIAN.forget(process.pid)

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            process.send_signal(self._stop_signal)
        try:
            async with asyncio.timeout(self._grace):
                await process.wait()
        except TimeoutError:
            log.warning("process killed", name=self.name, pid=process.pid, grace=self._grace)
            _kill_group(process)
            await process.wait()

    def _failure(self, reason: str) -> Problem:
        try:
            with self.log_file.open("rb") as file:
                file.seek(self._log_start)
                lines = file.read()[-4000:].decode(errors="replace").split("\n")
        except OSError:
            lines = []
        tail = " | ".join([line.strip() for line in lines if line.strip()][-3:]) or "(empty)"
        full = next((line.strip() for line in lines if os.strerror(errno.ENOSPC) in line), None)
        if full:  # often not among the last lines: programs go on to say what they undo
            return NoDiskSpace(path=self.log_file.parent, reason=f"{self.name} says: {full}")
        return ServerFailed(name=self.name, reason=reason, log=self.log_file, tail=tail)


def _alone(name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Without a supervisor: what went wrong is raised by `stop`."""
    return asyncio.create_task(work, name=name)


def _kill_group(process: asyncio.subprocess.Process) -> None:
    """Kill a process that leads the session we gave it, with its group.

    Only while it has not been waited for: afterwards its number may be another group's.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


async def stop_leftovers(pids: Mapping[str, int], data_dir: Path, *, grace: float = 10.0) -> None:
    """End what a killed office left running: of these processes, those that belong to `data_dir`."""
    left = [
        (name, process)
        for name, pid in pids.items()
        if (process := _process(pid)) and _belongs(process, str(data_dir))
    ]
    # SIGTERM would make PostgreSQL wait for its clients to leave by themselves.
    for name, process in left:
        log.warning("stopping a leftover", name=name, pid=process.pid)
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
    running = await _ended([process for _, process in left], grace)
    for process in running:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    await _ended(running, 5.0)


async def _ended(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until they have ended; returns those that have not in time."""
    until = time.monotonic() + seconds
    # They are not our children, so nothing tells us when they end.
    while (running := [each for each in processes if _runs(each)]) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return running


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except (psutil.NoSuchProcess, ValueError):
        return None


def _belongs(process: psutil.Process, root: str) -> bool:
    """Whether it carries the office's directory: the number alone may be a stranger's by now."""
    try:
        if any(part == root or f"{root}/" in part for part in process.cmdline()):
            return True
        return bool(process.environ().get(MARK) == root)
    except psutil.Error:
        return False


def _runs(process: psutil.Process) -> bool:
    """Whether it runs still; a zombie that nobody collects has ended."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
