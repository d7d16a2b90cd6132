"""A light, steady load of real dossiers, and the account of what was acknowledged to whom."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError

from models.refusals import Unreachable
from models.service import Answer
from motcua.catalogue.catalogue import Catalogue
from motcua.config import Settings
from motcua.desk import Desk
from motcua.local import read_run
from motcua.rulebook import rulebook
from motcua.store import Store
from motcua.temporal import connect
from tests.web import Visitor

LIFE = (
    ("receiver1", "complete"),
    ("handler1", "note"),
    ("handler1", "complete"),
    ("approver1", "approve"),
    ("clerk1", "complete"),
    ("returner1", "return"),
)
"""A household business from the counter to the result."""
NOTES = 40
"""So often the same dossier gets a note at each desk: a page with a thousand lines would measure itself."""
ANSWER_SECONDS = 300.0
"""After so long without an answer a request counts as lost."""
REPEATED = "select command, array_agg(seq order by seq) as seqs from facts where code = $1 group by command"


class Acknowledged(NamedTuple):
    """A request that was answered: the dossier's last fact then was `seq`; 0 where a page answered."""

    code: str
    request_id: str
    seq: int


class Load:
    """Officers at work, each on one dossier after the other; a third of the dossiers stays open."""

    def __init__(self, data_dir: Path, urls: list[str], chance: random.Random) -> None:
        self.acknowledged: list[Acknowledged] = []
        self.closing = False
        self._data_dir, self._urls, self._random = data_dir, urls, chance
        self._submitted = 0
        self._codes: list[str] = []
        self._busy = 0
        self._retries: Counter[str] = Counter()
        self._faults: list[str] = []
        self._catalogue = Catalogue.load(Settings.read().catalog_dir)
        self._stack, self._key, self._lock = AsyncExitStack(), ("", ""), asyncio.Lock()
        self._desk: Desk | None = None
        self._store: Store | None = None
        self._visitors: dict[str, Visitor] = {}
        self._noted, self._notes = "", 0

    @property
    def idle(self) -> bool:
        """Whether nothing is under way any more, once `closing` is set."""
        return self.closing and not self._busy

    def summary(self) -> dict[str, Any]:
        """What was done."""
        return {
            "dossiers": len(self._codes),
            "acknowledged": len(self.acknowledged),
            "retries": dict(self._retries),
        }

    async def lane(self) -> None:
        """One officer after the other on one dossier after the other, until `closing`."""
        while not self.closing:
            self._busy += 1
            try:
                await self._live(
                    self._random.choice((len(LIFE), len(LIFE), self._random.randrange(len(LIFE))))
                )
            finally:
                self._busy -= 1
        await asyncio.Event().wait()

    async def note_at_each_desk(self) -> bool:
        """Write a note in the browser at each desk, and see it on the page that answers."""
        if self._notes % NOTES == 0:
            self._noted = await self._submit()
        self._notes += 1
        for url in self._urls:
            page = await self._page(url, f"/dossiers/{self._noted}")
            form = page.form(f"/dossiers/{self._noted}/note")
            request_id = dict(form.fields)["request_id"]
            answer = await self._visitors[url].send(form, text=f"ghi chú {request_id}")
            if answer.status != 200:
                return False
            self.acknowledged.append(Acknowledged(self._noted, request_id, 0))
            if f"ghi chú {request_id}" not in answer.words:
                self._faults.append(f"{url} acknowledged the note {request_id} and did not show it")
        return True

    async def losses(self) -> list[str]:
        """What was acknowledged and is not on record exactly once, and open dossiers without a workflow."""
        found = list(self._faults)
        run = await asyncio.to_thread(read_run, self._data_dir)
        if run is None:
            return [*found, "no office runs, so nothing could be compared"]
        connection = await asyncpg.connect(run.database_url)
        try:
            for code in sorted({each.code for each in self.acknowledged}):
                on_record = {row["command"]: row["seqs"] for row in await connection.fetch(REPEATED, code)}
                for each in [each for each in self.acknowledged if each.code == code]:
                    seqs = on_record.get(each.request_id, [])
                    whole = seqs and seqs == list(range(seqs[0], seqs[0] + len(seqs)))
                    if not whole or (each.seq and seqs[-1] != each.seq):
                        found.append(f"{each} is on record as {seqs}")
            known = {row["code"] for row in await connection.fetch("select code from dossiers")}
            found += [
                f"the dossier {code} was acknowledged and is not there" for code in set(self._codes) - known
            ]
            if len(known) != self._submitted:
                found.append(f"{self._submitted} dossiers were handed in, {len(known)} are on record")
            if pending := await connection.fetchval("select count(*) from pending"):
                found.append(f"{pending} intakes were never finished")
            still = await connection.fetch("select code from dossiers where stage <> 'closed' order by code")
        finally:
            await connection.close()
        client = await connect(run.temporal.address, run.temporal.namespace)
        for row in still:
            try:
                status = (await client.get_workflow_handle(row["code"]).describe()).status
            except RPCError as error:
                found.append(f"the open dossier {row['code']} has no workflow: {error}")
                continue
            if status is not WorkflowExecutionStatus.RUNNING:
                found.append(f"the workflow of the open dossier {row['code']} is {status}")
        return found

    async def _live(self, steps: int) -> None:
        code = await self._submit()
        for user, command in LIFE[:steps]:
            await asyncio.sleep(self._random.uniform(0.3, 1.5))
            request_id = f"soak-act-{len(self.acknowledged)}-{time.monotonic_ns()}"
            data: dict[str, Any] = {}
            if command == "note":
                data = {"text": "đã xem"}
            elif user == "clerk1":
                data = {"number": "12/GP", "date": datetime.now(UTC).isoformat()}
            answer = await self._answered(_acting(code, command, user, data, request_id))
            self.acknowledged.append(Acknowledged(code, request_id, answer.seq))
            await self._shown(answer)

    async def _submit(self) -> str:
        self._submitted += 1
        given = {
            "request_id": f"soak-{self._submitted}",
            "procedure": "1.001612",
            "channel": "counter",
            "unit": "demo",
            "applicant": {"name": "Nguyễn Thị Thử"},
            "papers": ["Giấy đề nghị đăng ký hộ kinh doanh"],
        }
        answer = await self._answered(lambda desk: desk.submit(given, officer="receiver1"))
        self._codes.append(answer.code)
        await self._shown(answer)
        return answer.code

    async def _shown(self, answer: Answer) -> None:
        """Read your write: whoever was answered sees it in the record."""

        async def look(_: Desk) -> Any:
            assert self._store is not None
            return await self._store.row(answer.code)

        row = await self._answered(look)
        if row is None or row.seq < answer.seq:
            self._faults.append(f"{answer.code}: fact {answer.seq} was acknowledged, the record had {row}")

    async def _answered(self, ask: Callable[[Desk], Awaitable[Any]]) -> Any:
        """Ask until it is answered, the same request each time."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while True:
            try:
                return await ask(await self._connected())
            except Unreachable as problem:
                self._retries[problem.type] += 1
                if time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.3)

    async def _connected(self) -> Desk:
        async with self._lock:
            run = await asyncio.to_thread(read_run, self._data_dir)
            if run is not None and (run.temporal.address, run.database_url) != self._key:
                await self._stack.aclose()
                self._key = ("", "")
                client = await connect(run.temporal.address, run.temporal.namespace)
                self._store = await self._stack.enter_async_context(
                    Store.connect(run.database_url, patience=20)
                )
                self._desk = Desk(client, self._store, rulebook(self._catalogue), rpc_timeout=5)
                self._key = (run.temporal.address, run.database_url)
            if self._desk is None:
                raise Unreachable(service="the office", reason="it does not run")
            return self._desk

    async def _page(self, url: str, path: str) -> Any:
        visitor = self._visitors.setdefault(url, Visitor(url))
        page = await visitor.get(path)
        if page.path.startswith("/sign-in"):
            password = (self._data_dir / "password").read_text(encoding="utf-8").strip()
            await visitor.sign_in("handler1", password)
            page = await visitor.get(path)
        if page.status != 200:
            raise Unreachable(service=url, reason=f"{page.status} {page.words[:200]}")
        return page


def _acting(
    code: str, command: str, user: str, data: dict[str, Any], request_id: str
) -> Callable[[Desk], Awaitable[Answer]]:
    return lambda desk: desk.act(code, command, user, data, request_id)
