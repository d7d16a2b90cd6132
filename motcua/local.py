"""The embedded office: a real PostgreSQL and Temporal's development server, supervised, on loopback.

Everything lies in one data directory. An office holds the lock on `run.json` there while it lives;
`read_run` finds it. The development server is for one office and for trying, not for a city.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ValidationError
from temporalio.runtime import Runtime

from models.refusals import Unreachable
from motcua.config import Settings
from motcua.processes import DISK_FULL, MARK, Child, NoDiskSpace, ServerFailed, ServerMissing, stop_leftovers
from motcua.servers import PortInUse, Postgres, busy, choose_ports, temporal_child
from motcua.supervision import Tasks, supervised

__all__ = [
    "AlreadyRunning",
    "Child",
    "LocalOffice",
    "NoDiskSpace",
    "NoOffice",
    "PortInUse",
    "RunInfo",
    "ServerFailed",
    "ServerMissing",
    "TemporalInfo",
    "UnusableDataDir",
    "busy",
    "read_run",
    "whereabouts",
]


MAX_DATABASE_NAME_LENGTH = 63
"""Bytes of a name that PostgreSQL keeps."""


class AlreadyRunning(Unreachable):
    """Another office holds this data directory."""

    sentence = "An office already runs on {path} (process {pid}); stop it first or use another directory."


class UnusableDataDir(Unreachable):
    """The data directory cannot be used as one."""

    sentence = "{path} cannot be the data directory: {reason}."


class TemporalInfo(BaseModel):
    """Where the office's Temporal server answers."""

    address: str
    ui: str
    pid: int
    namespace: str


class Started(BaseModel):
    """What `run.json` says from the first moment on: who holds it and what that process started."""

    pid: int
    started_at: AwareDatetime
    children: dict[str, int]
    """Name -> process id of each child, as started last."""


class RunInfo(Started):
    """A running office, as others find it."""

    temporal: TemporalInfo
    database_url: str
    admin_database_url: str


def read_run(data_dir: Path) -> RunInfo | None:
    """The office that runs on this data directory and is ready; None when there is none."""
    try:
        run = _RunFile(data_dir / "run.json", os.O_RDONLY)
    except OSError:
        return None
    try:
        for _ in range(20):
            if run.take(fcntl.LOCK_SH):
                return None
            try:
                return RunInfo.model_validate(json.loads(run.read()))
            except ValidationError:
                return None  # it is still starting
            except ValueError:
                time.sleep(0.01)  # caught in the middle of a rewrite
        return None
    finally:
        run.close()


class NoOffice(Unreachable):
    """No office runs here, and no other servers are configured."""

    sentence = "No office runs on {path}; start one with: python starter.py up"


def whereabouts(settings: Settings) -> tuple[str | None, str | None, str]:
    """(Temporal's address, its namespace, PostgreSQL's URL): of DATABASE_URL and TEMPORAL_*, else of the
    office that runs on the data directory."""
    if settings.database_url:
        return None, None, settings.database_url
    run = read_run(settings.data_dir)
    if run is None:
        raise NoOffice(path=settings.data_dir)
    return run.temporal.address, run.temporal.namespace, run.database_url


class _RunFile:
    """`run.json` and the lock on it.

    The lock is flock's: a POSIX lock would be lost as soon as anything in this process opened and
    closed the same file. It sits on the inode, so the file is rewritten in place, never replaced,
    and never deleted.
    """

    def __init__(self, path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> None:
        self._descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)

    def take(self, kind: int = fcntl.LOCK_EX) -> bool:
        try:
            fcntl.flock(self._descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def read(self) -> bytes:
        return os.pread(self._descriptor, 1_000_000, 0)

    def write(self, value: BaseModel) -> None:
        # One write that is never shorter than what it covers: a kill at any moment leaves whole JSON,
        # from which the next office learns what is left over.
        text = value.model_dump_json(indent=1).encode() + b"\n"
        os.pwrite(self._descriptor, text.ljust(os.fstat(self._descriptor).st_size), 0)

    def clear(self) -> None:
        os.ftruncate(self._descriptor, 0)

    def close(self) -> None:
        os.close(self._descriptor)


class LocalOffice:
    """The embedded servers of one data directory, up from `async with` until its end.

    `name` is Temporal's namespace, and the database is called after it: real and simulated dossiers of
    one directory never meet. Ports left out (or 0) are free ones, kept in the data directory for the next
    time. `temporal_sync` is SQLite's `synchronous` for Temporal's file: what a power loss may cost.
    A server that does not answer for `unresponsive` seconds is killed and started again.
    `runtime` is the process's Temporal runtime, when it has one. Start-up raises AlreadyRunning,
    PortInUse, NoDiskSpace, ServerMissing, ServerFailed or UnusableDataDir, and then leaves nothing running.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        temporal_port: int | None = None,
        ui_port: int | None = None,
        name: str = "default",
        temporal_sync: Literal["off", "normal", "full"] = "normal",
        min_free_mb: int = 300,
        unresponsive: float = 30.0,
        runtime: Runtime | None = None,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.children: dict[str, Child] = {}
        """By name, in the order of starting."""
        self._ports = (temporal_port, ui_port)
        self._name = name
        self._sync = temporal_sync
        self._min_free_mb = min_free_mb
        self._unresponsive = unresponsive
        self._runtime = runtime
        self._started_at = datetime.now(UTC)
        self._stack = AsyncExitStack()
        self._tasks: Tasks | None = None
        self._file: _RunFile | None = None
        self._run: RunInfo | None = None

    @property
    def run(self) -> RunInfo:
        """Addresses, URLs and process ids, as `read_run` gives them; only while the office runs."""
        if self._run is None:
            raise RuntimeError("the office is not running")
        return self._run

    async def __aenter__(self) -> Self:
        try:
            async with AsyncExitStack() as stack:
                self._stack = stack
                await self._start()
                self._stack = stack.pop_all()
        except OSError as error:
            reason = error.strerror or str(error)
            if error.errno in DISK_FULL:
                raise NoDiskSpace(path=self.data_dir, reason=reason) from error
            raise UnusableDataDir(path=self.data_dir, reason=reason) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def add(self, child: Child) -> None:
        """Start another process under the office's care; the last one added is stopped first.

        It finds the data directory in MOTCUA_DATA_DIR, by which a later office knows it as a leftover.
        """
        if child.name in self.children:
            raise ValueError(f"there is a child named {child.name} already")
        child.env[MARK] = str(self.data_dir)
        child.on_start = self._note
        if self._tasks is not None:
            child.supervise = self._tasks.start
        self.children[child.name] = child
        try:
            await child.start()
        except BaseException:
            del self.children[child.name]
            raise
        self._stack.push_async_callback(child.stop)

    async def _start(self) -> None:
        self._prepare()
        await self._lock()
        self._tasks = await self._stack.enter_async_context(supervised())
        postgres = Postgres(self.data_dir, database=_database(self._name), unresponsive=self._unresponsive)
        self._stack.callback(postgres.remove_sockets)
        port, ui_port = choose_ports(self.data_dir / "ports.json", *self._ports)
        temporal = temporal_child(
            self.data_dir,
            port,
            ui_port,
            self._name,
            sync=self._sync,
            runtime=self._runtime,
            unresponsive=self._unresponsive,
        )
        await _both(self._start_postgres(postgres), self.add(temporal))
        self._run = RunInfo(
            pid=os.getpid(),
            started_at=self._started_at,
            children={},
            temporal=TemporalInfo(
                address=f"127.0.0.1:{port}",
                ui=f"http://127.0.0.1:{ui_port}",
                pid=0,
                namespace=self._name,
            ),
            database_url=postgres.url,
            admin_database_url=postgres.url,
        )
        self._note()

    async def _start_postgres(self, postgres: Postgres) -> None:
        await postgres.initialise()
        await self.add(postgres.child())
        await postgres.create_database()

    def _prepare(self) -> None:
        if odd := set(str(self.data_dir)) & set("?#%"):
            # SQLite's file is named by a URL; the server would quietly write somewhere else.
            raise UnusableDataDir(path=self.data_dir, reason=f"its path contains {' '.join(sorted(odd))}")
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        (self.data_dir / "logs").mkdir(exist_ok=True, mode=0o700)
        free_mb = shutil.disk_usage(self.data_dir).free // 1_000_000
        if free_mb < self._min_free_mb:
            reason = f"{free_mb} MB are free, {self._min_free_mb} MB are needed"
            raise NoDiskSpace(path=self.data_dir, reason=reason)

    async def _lock(self) -> None:
        """Take the lock, and stop what an office that was killed left running."""
        file = _RunFile(self.data_dir / "run.json")
        self._stack.callback(file.close)
        until = time.monotonic() + 0.3
        while not file.take():  # somebody who only looks holds it for a moment, too
            if time.monotonic() > until:
                holder = _started(file.read())
                raise AlreadyRunning(path=self.data_dir, pid=holder.pid if holder else "unknown")
            await asyncio.sleep(0.02)
        stale = _started(file.read())
        children = stale.children if stale else {}
        # Still named while they are being stopped, in case this office is killed meanwhile.
        file.write(Started(pid=os.getpid(), started_at=self._started_at, children=children))
        await stop_leftovers(children, self.data_dir)
        self._file = file
        self._stack.callback(self._forget)

    def _note(self) -> None:
        """Write down which processes run now."""
        if self._file is None:
            return
        pids = {name: child.pid for name, child in self.children.items() if child.pid}
        if self._run is None:
            self._file.write(Started(pid=os.getpid(), started_at=self._started_at, children=pids))
        else:
            temporal = self._run.temporal.model_copy(update={"pid": pids["temporal"]})
            self._run = self._run.model_copy(update={"children": pids, "temporal": temporal})
            self._file.write(self._run)

    def _forget(self) -> None:
        """Everything has stopped: nothing is left to find."""
        self.children.clear()
        self._run = None
        if self._file:
            self._file.clear()
            self._file = None


async def _both(*work: Coroutine[None, None, None]) -> None:
    """Run at the same time; when one fails the other is cancelled, and has ended before the error goes on."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _database(name: str) -> str:
    """The database that goes with a namespace; two namespaces never share one."""
    if name == "default":
        return "motcua"
    plain = "motcua_" + re.sub("[^a-z0-9]+", "_", name.lower())
    if re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", name) and len(plain) <= MAX_DATABASE_NAME_LENGTH:
        return plain
    # What was changed or cut off would make one of two names.
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{plain[: MAX_DATABASE_NAME_LENGTH - 13]}_{digest}"


def _started(text: bytes) -> Started | None:
    try:
        return Started.model_validate_json(text)
    except ValidationError:
        return None
