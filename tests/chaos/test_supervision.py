"""Services die together and in the worst order, and the office is whole again without a person."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
import pytest

from motcua.guardian import GUARDIAN
from motcua.local import RunInfo, busy, read_run
from tests.story.cli import ROOT, starter
from tests.waiting import PATIENCE, blocking_until

pytestmark = pytest.mark.slow  # offices of their own whose servers are killed in turn


@contextmanager
def office(data_dir: Path, *limits: str, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`starter.py up`, and the address of its desk; what it logs is in `up.log`."""
    argv, stdin = GUARDIAN.guarded([*limits, sys.executable, "starter.py", "up", "--json"])
    with (data_dir / "up.log").open("w") as log:
        process = subprocess.Popen(
            argv,
            cwd=ROOT,
            env={**os.environ, "MOTCUA_DATA_DIR": str(data_dir / "office"), **settings},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    with process:
        try:
            assert process.stdout
            yield process, json.loads(process.stdout.readline() or "{}")["desk"]
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=PATIENCE) == 0
        finally:
            process.kill()


def ready(url: str) -> tuple[int, dict[str, Any]]:
    """What the office says of itself."""
    answer = httpx.get(f"{url}/readyz", timeout=PATIENCE)
    return answer.status_code, answer.json()["checks"]


def other(data_dir: Path, name: str, pid: int) -> RunInfo | None:
    """The office, once another process than this one bears the name."""
    run = read_run(data_dir)
    return run if run and run.children[name] != pid else None


def test_a_worker_killed_while_temporal_restarts_comes_back(tmp_path: Path) -> None:
    """Its watcher asked Temporal whether the new worker polls, died of the answer, and nobody knew."""
    folder = tmp_path / "office"
    port = next(port for port in range(19_000, 20_000) if not busy(port))
    with office(tmp_path, MOTCUA_HEALTH_PORT=str(port)) as (_, url):
        for each in (url, f"http://127.0.0.1:{port}"):
            assert httpx.get(f"{each}/healthz", timeout=PATIENCE).json() == {"status": "live"}
            blocking_until(lambda each=each: ready(each)[0] == 200)
            assert httpx.get(f"{each}/somewhere", timeout=PATIENCE).status_code == 404
        before = read_run(folder)
        assert before
        os.kill(before.children["worker-1"], signal.SIGKILL)
        blocking_until(lambda: ready(url) == (503, {"database": True, "temporal": True, "worker": False}))
        between = blocking_until(lambda: other(folder, "worker-1", before.children["worker-1"]))
        os.kill(between.children["temporal"], signal.SIGKILL)
        os.kill(between.children["worker-1"], signal.SIGKILL)
        blocking_until(lambda: other(folder, "worker-1", between.children["worker-1"]))
        blocking_until(lambda: ready(url)[0] == 200)
        given = (ROOT / "docs/examples/household-business.json").read_text(encoding="utf-8")
        sent = starter(folder, "submit", "-", "--json", stdin=given)
        assert sent.code == 0, sent.err
        run = read_run(folder)
        assert run
        os.kill(run.children["postgres"], signal.SIGKILL)
        blocking_until(lambda: ready(url)[1]["database"] is False)
        blocking_until(lambda: ready(url)[0] == 200)
        assert httpx.get(f"{url}/healthz", timeout=PATIENCE).status_code == 200


@pytest.mark.timeout(400)
def test_a_frozen_worker_or_server_is_started_again(tmp_path: Path) -> None:
    """Each is stopped in turn: it is killed, the others are left alone, and the office is whole again."""
    folder = tmp_path / "office"
    with office(tmp_path, MOTCUA_UNRESPONSIVE_SECONDS="15") as (_, url):
        for name in ("worker-1", "temporal", "postgres"):
            blocking_until(lambda: ready(url)[0] == 200)
            before = read_run(folder)
            assert before
            os.kill(before.children[name], signal.SIGSTOP)
            after = blocking_until(
                lambda name=name, before=before: other(folder, name, before.children[name])
            )
            expected = {**before.children, name: after.children[name]}
            assert after.children == expected
        blocking_until(lambda: ready(url)[0] == 200)
        run = read_run(folder)
        assert run
        assert run.children == expected
    lines = [json.loads(line) for line in (tmp_path / "up.log").read_text().splitlines()]
    killed = [line["name"] for line in lines if line["event"] == "process does not answer and is killed"]
    assert killed == ["worker-1", "temporal", "postgres"]


LOW = ("/bin/sh", "-c", 'ulimit -n 256 && exec "$@"', "sh")
HALVES = (
    b"",
    b"GET /healthz HTTP/1.1\r\nHost: de",
    b"POST /sign-in HTTP/1.1\r\nHost: desk\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 100\r\n\r\nname=hand",
)


@contextmanager
def half_sent(url: str, count: int) -> Iterator[None]:
    """So many connections on which nothing, half a header or half a body was sent."""
    host, _, port = url.removeprefix("http://").partition(":")
    opened = [socket.create_connection((host, int(port)), timeout=PATIENCE) for _ in range(count)]
    try:
        for number, each in enumerate(opened):
            with suppress(OSError):  # to make room, some are closed already
                each.sendall(HALVES[number % len(HALVES)])
        yield
    finally:
        for each in opened:
            each.close()


@pytest.mark.timeout(400)
def test_half_sent_requests_take_no_descriptors_from_the_supervisor(tmp_path: Path) -> None:
    """With 256 and 300 stalled clients health answers, what is killed comes back, and the log is small."""
    with office(tmp_path, *LOW) as (process, url):
        assert psutil.Process(process.pid).rlimit(psutil.RLIMIT_NOFILE) == (256, 256)
        blocking_until(lambda: ready(url)[0] == 200)
        with half_sent(url, 300):
            assert httpx.get(f"{url}/healthz", timeout=PATIENCE).status_code == 200
            run = read_run(tmp_path / "office")
            assert run
            for name in ("worker-1", "postgres", "temporal"):
                os.kill(run.children[name], signal.SIGKILL)
            for name in ("worker-1", "postgres", "temporal"):
                blocking_until(lambda name=name: other(tmp_path / "office", name, run.children[name]))
            with half_sent(url, 300):
                blocking_until(lambda: ready(url)[0] == 200)
    assert (tmp_path / "up.log").stat().st_size < 200_000, (tmp_path / "up.log").read_text()[:2000]


@pytest.mark.timeout(400)
def test_a_worker_whose_background_task_fails_ends_loudly_and_comes_back(tmp_path: Path) -> None:
    """A worker whose outbox was dead served on, and no letter left any more."""
    folder = tmp_path / "office"
    with office(tmp_path) as (_, url):
        blocking_until(lambda: ready(url)[0] == 200)
        before = read_run(folder)
        assert before
        asyncio.run(_execute(before.database_url, "alter table outbox rename to away"))
        try:
            blocking_until(lambda: other(folder, "worker-1", before.children["worker-1"]))
        finally:
            asyncio.run(_execute(before.database_url, "alter table away rename to outbox"))
        blocking_until(lambda: ready(url)[0] == 200)
    lines = [json.loads(line) for line in (folder / "logs/worker-1.log").read_text().splitlines()]
    (failed,) = {line["task"] for line in lines if line["event"] == "a supervised task ended"}
    assert failed == "outbox"
    assert any("UndefinedTable" in line.get("exception", "") for line in lines)
    assert '"code": 70' in (folder.parent / "up.log").read_text()


async def _execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
