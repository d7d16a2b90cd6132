"""The embedded servers come up, come back after a kill, and leave nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import asyncpg
import psutil
import pytest
from temporalio.client import Client

from models.refusals import exit_code
from motcua.guardian import GUARDIAN
from motcua.local import (
    AlreadyRunning,
    Child,
    LocalOffice,
    NoDiskSpace,
    PortInUse,
    RunInfo,
    ServerFailed,
    ServerMissing,
    UnusableDataDir,
    read_run,
)
from tests.integration.test_guardian import guardian_of
from tests.waiting import PATIENCE, until

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import asyncio, sys
from pathlib import Path
from motcua.local import Child, LocalOffice

async def main(data_dir):
    async with LocalOffice(data_dir) as office:
        # Like worker.py: nothing in its arguments says whose it is.
        await office.add(Child("worker", ["sleep", "600"], log_file=data_dir / "logs" / "worker.log"))
        print("up", flush=True)
        await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1])))
"""


def runs(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


async def ask(url: str, sql: str) -> object:
    """One value from the database, retried while the server is away."""

    async def answered() -> tuple[object] | None:
        try:
            connection = await asyncpg.connect(url, timeout=PATIENCE)
            try:
                return (await connection.fetchval(sql),)
            finally:
                await connection.close()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return None

    (value,) = await until(answered, "an answer of the database")
    return value


@contextmanager
def office_process(
    data_dir: Path, script: str = SCRIPT, *arguments: str
) -> Iterator[tuple[subprocess.Popen[str], RunInfo]]:
    """An office in a process of its own, in a session of its own."""
    argv, stdin = GUARDIAN.guarded([sys.executable, "-c", script, str(data_dir), *arguments])
    process = subprocess.Popen(
        argv,
        stdin=stdin,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            assert process.stdout
            assert any(line.strip() == "up" for line in process.stdout)
            run = read_run(data_dir)
            assert run
            yield process, run
        finally:
            process.kill()


@contextmanager
def stranger(user: int | None = None) -> Iterator[int]:
    """The id of a living process that no office started; it must survive."""
    process = subprocess.Popen(["sleep", "600"], user=user)
    try:
        yield process.pid
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalOffice]:
    """One running office for the tests that do not end it."""
    async with LocalOffice(tmp_path_factory.mktemp("office")) as office:
        yield office


async def test_both_servers_answer_and_are_found(office: LocalOffice) -> None:
    """What read_run says leads to both servers, on loopback and a private socket only."""
    run = read_run(office.data_dir)
    assert run == office.run
    assert run.pid == os.getpid()
    assert set(run.children) == {"postgres", "temporal"}
    assert await ask(run.database_url, "select current_database()") == "motcua"
    assert await ask(run.database_url, "select lower('ĐÀ')") == "đà"
    for setting in ("fsync", "synchronous_commit", "data_checksums"):
        assert await ask(run.database_url, f"show {setting}") == "on"
    await Client.connect(run.temporal.address, namespace=run.temporal.namespace)

    def listening() -> set[str]:
        processes = [psutil.Process(pid) for pid in run.children.values()]
        found = [each for process in processes for each in process.net_connections("inet")]
        return {each.laddr.ip for each in found if each.status == psutil.CONN_LISTEN}

    assert listening() == {"127.0.0.1"}
    assert (office.data_dir / "postgres").stat().st_mode & 0o077 == 0


async def test_a_second_office_is_refused(office: LocalOffice) -> None:
    """The lock names its holder, and the first office goes on."""
    with pytest.raises(AlreadyRunning) as caught:
        async with LocalOffice(office.data_dir):
            pass
    assert str(os.getpid()) in caught.value.message
    assert exit_code(caught.value) == 5
    assert read_run(office.data_dir) == office.run
    assert await ask(office.run.database_url, "select 1") == 1


async def test_postgres_comes_back_with_its_data(office: LocalOffice) -> None:
    """kill -9 of the postmaster costs nothing that was committed, and a long query does not keep it away."""
    before = office.run
    await ask(before.database_url, "create table kept as select 42 as answer")
    connection = await asyncpg.connect(before.database_url)
    # Long, without ever waiting: its process does not notice that the server is dead.
    counting = asyncio.create_task(connection.execute("do $$ begin loop null; end loop; end $$"))
    sql = "select count(*) from pg_stat_activity where query like 'do %' and state = 'active'"
    while await ask(before.database_url, sql) != 1:
        assert not counting.done()
    os.kill(before.children["postgres"], signal.SIGKILL)
    await until(lambda: office.children["postgres"].restarts)
    with pytest.raises((asyncpg.PostgresError, OSError)):
        await counting
    assert await ask(before.database_url, "select answer from kept") == 42
    after = read_run(office.data_dir)
    assert after
    assert after.children["postgres"] != before.children["postgres"]
    assert after.children["temporal"] == before.children["temporal"]


@pytest.mark.parametrize("together", [False, True], ids=["one after the other", "at once"])
async def test_servers_end_with_their_owner_without_a_guardian(tmp_path: Path, *, together: bool) -> None:
    """Both are killed, and the worker: after an out-of-memory sweep the servers ran for ever."""
    if together and sys.platform != "linux":
        pytest.skip("other systems have no parent-death signal")
    with office_process(tmp_path / "office") as (process, run):
        starter = psutil.Process(process.pid)
        family = starter.children(recursive=True)
        assert {each.pid for each in family} > set(run.children.values())
        first = guardian_of(process.pid)
        assert first
        if together:
            starter.suspend()  # it replaces nobody between two kills
            os.kill(first.pid, signal.SIGKILL)
            os.kill(run.children["worker"], signal.SIGKILL)
        else:
            first.kill()
            await until(lambda: guardian_of(process.pid) not in (None, first))
            family += starter.children()
        starter.kill()
        await until(lambda: not any(runs(each.pid) for each in family))


async def test_temporal_comes_back_at_the_same_address(office: LocalOffice) -> None:
    """kill -9 of the dev server loses no workflow, and clients need not be told anything."""
    before = office.run
    client = await Client.connect(before.temporal.address, namespace=before.temporal.namespace)
    handle = await client.start_workflow("Waiting", id="kept", task_queue="nobody")
    os.kill(before.temporal.pid, signal.SIGKILL)
    await until(lambda: office.children["temporal"].restarts)
    assert (await handle.describe()).id == "kept"
    assert office.run.temporal.address == before.temporal.address
    assert office.run.temporal.pid == office.children["temporal"].pid != before.temporal.pid


async def test_more_children_are_restarted_and_stopped(office: LocalOffice, tmp_path: Path) -> None:
    """A worker is one more child: named in run.json, restarted when killed."""
    worker = Child("worker", ["sleep", "600"], log_file=tmp_path / "log")
    await office.add(worker)
    first = office.run.children["worker"]
    os.kill(first, signal.SIGKILL)
    await until(lambda: worker.restarts == 1)
    run = read_run(office.data_dir)
    assert run
    assert run.children["worker"] == worker.pid != first


async def test_children_stop_in_reverse_order_and_addresses_stay(tmp_path: Path) -> None:
    """Workers go before the servers they use, and a second run finds ports and data again."""
    notes = tmp_path / "notes"

    def child(name: str) -> Child:
        script = f"trap 'echo {name} >> {notes}; exit 0' TERM; echo ready; while :; do sleep 0.05; done"

        async def trapped() -> None:
            await until(lambda: "ready" in (tmp_path / name).read_text())

        return Child(name, ["sh", "-c", script], log_file=tmp_path / name, ready=trapped)

    async with LocalOffice(tmp_path / "data") as office:
        first = office.run
        await ask(first.database_url, "create table kept ()")
        await office.add(child("one"))
        await office.add(child("two"))
        pids = read_run(office.data_dir).children.values()  # type: ignore[union-attr]
    assert notes.read_text().split() == ["two", "one"]
    assert not any(runs(pid) for pid in pids)
    assert read_run(tmp_path / "data") is None

    # A lock file that names a living process of the same account must not keep PostgreSQL out.
    account = pwd.getpwnam("pgserver").pw_uid if os.geteuid() == 0 else None
    with stranger(account) as pid:
        lock = tmp_path / "data" / "postgres" / "postmaster.pid"
        lock.write_text(f"{pid}\n")
        if account is not None:
            os.chown(lock, account, -1)
        async with LocalOffice(tmp_path / "data") as office:
            assert office.run.temporal.address == first.temporal.address
            assert office.run.temporal.ui == first.temporal.ui
            assert await ask(office.run.database_url, "select count(*) from kept") == 0


async def test_nothing_outlives_a_killed_office(tmp_path: Path) -> None:
    """After SIGKILL of its owner every process ends by itself, also one that ignores its stop signal."""
    with office_process(tmp_path) as (process, run):
        family = psutil.Process(process.pid).children(recursive=True)
        assert {each.pid for each in family} > set(run.children.values())
        process.kill()
        process.wait()
        assert read_run(tmp_path) is None
        await until(lambda: not any(runs(each.pid) for each in family))


CLIENT = """
import asyncio, sys
import asyncpg

async def main(url):
    connection = await asyncpg.connect(url)
    await connection.execute("do $$ begin loop null; end loop; end $$")

asyncio.run(main(sys.argv[1]))
"""


async def test_a_long_query_does_not_outlive_its_client_and_server(tmp_path: Path) -> None:
    """A process of PostgreSQL that computes without ever waiting does not notice that the server is dead."""
    with office_process(tmp_path) as (process, run):
        client = subprocess.Popen([sys.executable, "-c", CLIENT, run.database_url])  # noqa: ASYNC220
        with client:
            sql = "select count(*) from pg_stat_activity where query like 'do %' and state = 'active'"
            while await ask(run.database_url, sql) != 1:
                assert client.poll() is None
            family = psutil.Process(process.pid).children(recursive=True)
            for pid in (process.pid, run.children["postgres"], client.pid):
                os.kill(pid, signal.SIGKILL)
            await until(lambda: not any(runs(each.pid) for each in family))


async def test_leftovers_of_a_killed_office_and_its_killed_guardian_are_stopped(tmp_path: Path) -> None:
    """A server that stands still then runs on; the next office ends it, and no stranger."""
    with stranger() as pid:
        with office_process(tmp_path) as (process, run):
            guardian = guardian_of(process.pid)
            assert guardian
            psutil.Process(run.children["postgres"]).suspend()
            psutil.Process(process.pid).suspend()  # it does not replace the guardian
            guardian.kill()
            process.kill()
            process.wait()
            assert read_run(tmp_path) is None
            assert runs(run.children["postgres"])
        stale = json.loads((tmp_path / "run.json").read_text())
        stale["children"]["other"] = pid
        (tmp_path / "run.json").write_text(json.dumps(stale))
        async with LocalOffice(tmp_path) as office:
            assert not any(runs(pid) for pid in run.children.values())
            assert office.run.temporal.address == run.temporal.address
            assert await ask(office.run.database_url, "select 1") == 1


async def test_a_watcher_that_fails_ends_the_office_loudly(tmp_path: Path) -> None:
    """A bug in supervision is logged with its name and traceback, and the office ends with an exit code."""
    broken = SCRIPT.replace(
        'print("up", flush=True)',
        'office.children["worker"].supervise("watch everything", broken()); print("up", flush=True)',
    ).replace("async def main", "async def broken(): raise RuntimeError('a bug')\n\nasync def main")
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", broken, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "watch everything" in done.stdout + done.stderr
    assert "RuntimeError: a bug" in done.stderr
    assert (tmp_path / "run.json").read_text() == ""


async def test_a_probe_that_raises_is_a_failed_start(tmp_path: Path) -> None:
    """Whatever it raises is told at the first start, and does not end the watch later on."""
    broken = True

    async def ready() -> None:
        if broken:
            raise ZeroDivisionError("a probe with a bug")

    child = Child("demo", ["sleep", "600"], log_file=tmp_path / "log", ready=ready)
    with pytest.raises(ServerFailed, match="ZeroDivisionError: a probe with a bug"):
        await child.start()
    broken = False
    await child.start()
    first, broken = child.pid, True
    assert first
    os.kill(first, signal.SIGKILL)
    await until(lambda: child.pid != first)  # it was started again, and its probe failed
    broken = False
    await until(lambda: child.restarts)
    await child.stop()


async def test_a_start_that_cannot_even_be_tried_does_not_end_the_watch(tmp_path: Path) -> None:
    """Finding out what to start may fail as well: a process table that changes while it is read, say."""
    broken, tried = False, 0

    def argv() -> list[str]:
        nonlocal tried
        if broken:
            tried += 1
            raise RuntimeError("a bug")
        return ["sleep", "600"]

    child = Child("demo", argv, log_file=tmp_path / "log")
    await child.start()
    broken = True
    assert child.pid
    os.kill(child.pid, signal.SIGKILL)
    await until(lambda: tried >= 2)
    broken = False
    await until(lambda: child.restarts)
    await child.stop()


async def test_ctrl_c_stops_everything(tmp_path: Path) -> None:
    """A terminal signals its whole session; the office alone gets it, and stops its children in order."""
    with office_process(tmp_path) as (process, run):
        os.killpg(process.pid, signal.SIGINT)
        await until(lambda: process.poll() is not None)
        assert not any(runs(pid) for pid in run.children.values())
        assert read_run(tmp_path) is None


async def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    """Deep, with spaces, a comma and Vietnamese letters; an earlier initdb was cut off."""
    deep = tmp_path / "Uỷ ban, một cửa" / ("x" * 60) / ("y" * 60)
    (deep / "postgres.new-cut" / "base").mkdir(parents=True)
    async with LocalOffice(deep) as office:
        assert await ask(office.run.database_url, "select 1") == 1
        sockets = (deep / "sockets").readlink()
        assert sockets.stat().st_mode & 0o077 == 0
        os.kill(office.run.children["postgres"], signal.SIGKILL)
        await until(lambda: office.children["postgres"].restarts)
        assert await ask(office.run.database_url, "select 1") == 1
    assert not sockets.exists()
    assert {path.name for path in deep.iterdir()} >= {"postgres", "temporal.db"}
    assert not list(deep.glob("postgres.new-*"))


async def test_a_busy_port_is_named(tmp_path: Path) -> None:
    """Nothing is started when a port that was asked for is taken."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        for ports in ({"temporal_port": port}, {"ui_port": port}):
            with pytest.raises(PortInUse, match=str(port)) as caught:
                async with LocalOffice(tmp_path, **ports):
                    pass
            assert exit_code(caught.value) == 5
    assert read_run(tmp_path) is None


async def test_too_little_disk_space(tmp_path: Path) -> None:
    """An office that could not write is not opened."""
    with pytest.raises(NoDiskSpace, match="1000000000 MB are needed"):
        async with LocalOffice(tmp_path, min_free_mb=1_000_000_000):
            pass


async def test_a_path_that_sqlite_would_misread(tmp_path: Path) -> None:
    """The dev server would write to another file than the one it was told."""
    with pytest.raises(UnusableDataDir, match=r"contains \?"):
        async with LocalOffice(tmp_path / "why?"):
            pass


async def test_a_data_directory_that_is_a_file(tmp_path: Path) -> None:
    """Told in one sentence."""
    (tmp_path / "file").touch()
    with pytest.raises(UnusableDataDir, match="File exists"):
        async with LocalOffice(tmp_path / "file"):
            pass


async def test_one_server_failing_stops_the_other(tmp_path: Path) -> None:
    """A start that fails leaves nothing running, and says why."""
    (tmp_path / "temporal.db").write_text("not a database, but long enough to be taken for one" * 100)
    with pytest.raises(ServerFailed, match="temporal failed") as caught:
        async with LocalOffice(tmp_path):
            pass
    assert "not a database" in caught.value.message
    assert (tmp_path / "run.json").read_text() == ""
    lock = tmp_path / "postgres" / "postmaster.pid"
    assert not lock.exists()


async def test_a_missing_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named with where it was looked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ServerMissing, match="temporal"):
        async with LocalOffice(tmp_path / "data"):
            pass


async def test_a_child_that_does_not_start(tmp_path: Path) -> None:
    """The error quotes what this start wrote, not an earlier one."""
    log_file = tmp_path / "log"
    log_file.write_text("old news\n")

    async def never() -> None:
        await asyncio.Event().wait()

    child = Child("demo", ["sh", "-c", "echo no luck; exit 3"], log_file=log_file, ready=never)
    with pytest.raises(ServerFailed, match=r"exited with 3.*no luck") as caught:
        await child.start()
    assert "old news" not in caught.value.message
    slow = Child("demo", ["sleep", "600"], log_file=log_file, ready=never, deadline=0.2)
    with pytest.raises(ServerFailed, match=r"not ready after 0\.2 s"):
        await slow.start()
    assert slow.pid
    assert not runs(slow.pid)
    with pytest.raises(ServerMissing):
        await Child("demo", [str(tmp_path / "nothing")], log_file=log_file).start()


async def test_a_child_that_ignores_its_stop_signal(tmp_path: Path) -> None:
    """It and what it started are killed after the grace period."""
    script = "trap '' TERM; sleep 600 & echo $!; wait; wait"
    child = Child("deaf", ["sh", "-c", script], log_file=tmp_path / "log", grace=0.2)
    await child.start()
    await until(lambda: (tmp_path / "log").read_text().strip())
    grandchild = int((tmp_path / "log").read_text())
    await child.stop()
    assert child.pid
    assert not runs(child.pid)
    await until(lambda: not runs(grandchild))


async def test_a_full_disk_is_told_from_the_log(tmp_path: Path) -> None:
    """A server that dies for want of space is not called broken."""
    child = Child(
        "demo", ["sh", "-c", "echo 'FATAL: No space left on device'; exit 1"], log_file=tmp_path / "l"
    )
    with pytest.raises(NoDiskSpace):
        await child.run()


def test_reading_needs_no_office(tmp_path: Path) -> None:
    """No directory, no file, an empty file, rubbish: no office."""
    assert read_run(tmp_path / "none") is None
    assert read_run(tmp_path) is None
    for text in ("", "{", "[]"):
        (tmp_path / "run.json").write_text(text)
        assert read_run(tmp_path) is None
