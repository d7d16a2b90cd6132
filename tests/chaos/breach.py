"""Many dossiers fall due at the same instant: each notice once, and how late the slowest is.

On the real clock, in a real office with a real mail server. Also a command:
python -m tests.chaos.breach --dossiers 1000 --letters 1
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from motcua.catalogue.catalogue import Catalogue
from motcua.desk import Desk
from motcua.guardian import GUARDIAN
from motcua.local import RunInfo, read_run
from motcua.rulebook import rulebook
from motcua.store import Store
from motcua.temporal import connect
from tests.present import always_open, catalog_with
from tests.servers import MailServer
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
LANES = 25
SENT = """
select n.id, n.recipient, n.channel, n.code, d.outcome, extract(epoch from d.at - n.due_at)::float8 as lag
from notices n left join deliveries d on d.notice = n.id
where n.alarm = 'due' and n.rung >= 0 and n.channel = 'email'
"""
OVER = """
select count(*) from deliveries d join notices n on n.id = d.notice
where n.alarm = 'due' and n.rung >= 0 and d.outcome <> 'again'
"""


@dataclass
class Breach:
    """What came of it."""

    dossiers: int
    notices: int
    sent: int
    lag: list[float]
    """Seconds from the due instant to the record of each delivery, in order."""
    received: Counter[str]
    """Letters by Message-ID, as the mail server took them."""
    metric: dict[str, float]
    """The lag metric of the worker: its count, its sum, and the smallest bucket that holds all."""
    bell: list[float]
    """Seconds from the due instant to the record of each alarm: from then on bells show it."""

    @property
    def printed(self) -> dict[str, Any]:
        """For people."""
        return {
            "dossiers": self.dossiers,
            "letters": self.notices,
            "sent": self.sent,
            "received": len(self.received),
            "received_twice": sum(count > 1 for count in self.received.values()),
            "bell": _spread(self.bell),
            "mail": _spread(self.lag),
            "metric": self.metric,
            "last": [round(each, 1) for each in self.lag[-8:]],
        }


def _spread(seconds: list[float]) -> dict[str, float]:
    return {
        name: round(seconds[int((len(seconds) - 1) * share)], 2)
        for name, share in (("first", 0.0), ("half", 0.5), ("p99", 0.99), ("slowest", 1.0))
    }


def catalog(folder: Path) -> Path:
    """The catalogue that ships, always open, and with a procedure whose due instant is given."""
    catalog_with(always_open(), folder)
    procedure = (folder / "procedures" / "household-business.toml").read_text(encoding="utf-8")
    procedure = procedure.replace("1.001612", "x.fixed").replace('limit = "3 days"', 'limit = "none"')
    (folder / "procedures" / "fixed.toml").write_text(procedure, encoding="utf-8")
    return folder


@asynccontextmanager
async def office(folder: Path, mail: MailServer, metrics: int) -> AsyncIterator[RunInfo]:
    """`starter.py up` on a catalogue of its own, with mail."""
    env = {
        **os.environ,
        "MOTCUA_DATA_DIR": str(folder / "data"),
        "MOTCUA_CATALOG_DIR": str(catalog(folder / "catalog")),
        "MOTCUA_SMTP_URL": mail.url,
        "MOTCUA_CA_FILE": str(mail.ca_file),
        "MOTCUA_MAIL_FROM": "Một cửa <motcua@motcua.example>",
        "MOTCUA_METRICS_PORT": str(metrics),
    }
    said = folder / "up.err"
    argv, stdin = GUARDIAN.guarded([sys.executable, "starter.py", "up", "--json"])
    with (
        said.open("wb") as errors,
        subprocess.Popen(  # noqa: ASYNC220 - it only starts it
            argv,
            stdin=stdin,
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout
            await asyncio.to_thread(process.stdout.readline)
            run = read_run(folder / "data")
            assert run, said.read_text(encoding="utf-8")
            yield run
        finally:
            process.send_signal(signal.SIGINT)
            await asyncio.to_thread(process.wait, 60)


async def run(folder: Path, dossiers: int, *, letters: int = 1, mail: MailServer | None = None) -> Breach:
    """So many dossiers that are due at the same instant, each told by so many letters.

    One: nobody has the task, and its unit's leader is told. Two: somebody has it, and is told as well.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        metrics = probe.getsockname()[1]
    async with mail or MailServer() as server, office(folder, server, metrics) as here:
        due_at = datetime.now(UTC) + timedelta(seconds=30 + dossiers / 2)
        due_at = due_at.replace(microsecond=0)
        catalogue = Catalogue.load(folder / "catalog")
        client = await connect(here.temporal.address, here.temporal.namespace)
        async with Store.connect(here.database_url) as store:
            desk = Desk(client, store, rulebook(catalogue))
            await _take_in(desk, dossiers, due_at, claim=letters == 2)
            assert datetime.now(UTC) < due_at, "the machine was too slow to take them in before they are due"
            return await _watch(
                here.admin_database_url, letters * dossiers, dossiers, due_at, server, metrics
            )


async def _take_in(desk: Desk, dossiers: int, due_at: datetime, *, claim: bool) -> None:
    numbers = iter(range(dossiers))

    async def lane() -> None:
        for number in numbers:
            submission = {
                "request_id": f"breach-{number}",
                "procedure": "x.fixed",
                "channel": "counter",
                "unit": "demo",
                "applicant": {"name": f"Người thứ {number}"},
                "due_at": due_at.isoformat(),
            }
            answer = await desk.submit(submission, officer="receiver1")
            if claim:
                await desk.act(answer.code, "claim", "receiver1", {}, f"breach-{number}/claim")

    await asyncio.gather(*(lane() for _ in range(LANES)))


async def _watch(
    url: str, expected: int, dossiers: int, due_at: datetime, mail: MailServer, metrics: int
) -> Breach:
    record = await asyncpg.connect(url)
    try:
        deadline = time.monotonic() + (due_at - datetime.now(UTC)).total_seconds() + 3 * PATIENCE
        while True:
            over = await record.fetchval(OVER) >= expected
            letters = await record.fetch(SENT) if over or time.monotonic() > deadline else []
            if over:
                break
            if time.monotonic() > deadline:
                done = sorted(row["lag"] for row in letters if row["outcome"])
                failed = [dict(row) for row in await record.fetch("select * from outbox limit 5")]
                raise AssertionError(f"{len(letters)} letters, sent {len(done)}: {_spread(done)}; {failed}")
            await asyncio.sleep(0.5)
        bell = await record.fetch(
            "select extract(epoch from f.recorded_at - o.at)::float8 as lag"
            " from occasions o join facts f on f.code = o.code and f.seq = o.fact"
            " where o.kind = 'due' and o.rung >= 0 order by 1"
        )
    finally:
        await record.close()
    told = {(row["code"], row["recipient"]) for row in letters}
    assert len(told) == len(letters), "somebody was told twice"
    return Breach(
        dossiers=dossiers,
        notices=len(letters),
        sent=sum(row["outcome"] == "sent" for row in letters),
        lag=sorted(row["lag"] for row in letters),
        received=_received(mail, {row["id"] for row in letters}),
        metric=await asyncio.to_thread(_metric, metrics),
        bell=[row["lag"] for row in bell],
    )


def _received(mail: MailServer, notices: set[str]) -> Counter[str]:
    """How often each of these letters was taken; others were sent as well (a drafted apology, say)."""
    names = {f"<{hashlib.sha256(each.encode()).hexdigest()[:32]}@motcua.example>" for each in notices}
    return Counter({name: count for name, count in Counter(mail.ids).items() if name in names})


def _metric(port: int) -> dict[str, float]:
    """What the worker says of how late notices were sent by mail."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    name = "motcua_notice_lag_seconds"
    lines = [line for line in text.splitlines() if line.startswith(name) and 'channel="email"' in line]
    count = next(float(line.split()[-1]) for line in lines if line.startswith(f"{name}_count"))
    total = next(float(line.split()[-1]) for line in lines if line.startswith(f"{name}_sum"))
    buckets = {
        float(found.group(1)): float(line.split()[-1])
        for line in lines
        if (found := re.search(r'le="([\d.]+)"', line))
    }
    return {
        "count": count,
        "mean": round(total / count, 2),
        "all_within": min((le for le, held in buckets.items() if held == count), default=float("inf")),
    }


async def main(dossiers: int, letters: int) -> int:
    """Run it in a directory of its own; 1 when something was wrong."""
    with tempfile.TemporaryDirectory(prefix="motcua-") as folder:
        breach = await run(Path(folder), dossiers, letters=letters)
    print(json.dumps(breach.printed))
    print(f"load of the machine (1, 5, 15 minutes): {os.getloadavg()}; {os.cpu_count()} cores")
    good = breach.sent == breach.notices == len(breach.received) and breach.lag[-1] <= 30
    print("every notice once, none later than 30 s" if good else "WRONG")
    return 0 if good else 1


if __name__ == "__main__":
    options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    sys.exit(asyncio.run(main(int(options.get("--dossiers", "1000")), int(options.get("--letters", "1")))))
