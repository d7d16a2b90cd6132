"""Makes the histories of notices and digests that the replay tests keep, as make_histories does of dossiers.

.venv/bin/python -m tests.replay.make_notice_histories
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from temporalio.client import WorkflowHistory

from motcua.telemetry import configure_logging, runtime
from tests.replay.make_histories import HISTORIES, _anonymous
from tests.running import Life
from tests.telling import APPLICANT, HELD, Post, away, telling
from workflows.notice import NOTICE_QUEUE
from workflows.upkeep import DigestWorkflow

KEPT = HISTORIES / "notices"


def read(path: Path) -> WorkflowHistory:
    """A history as it is kept."""
    kept = json.loads(path.read_text(encoding="utf-8"))
    return WorkflowHistory.from_json(kept["id"], kept["history"])


async def _keep(post: Post, name: str, workflow_id: str, *, whole: bool = True) -> None:
    handle = post.office.client.get_workflow_handle(workflow_id)
    if whole:  # PostgreSQL knows first what became of it
        await handle.result()
    history = await handle.fetch_history()
    kept = {"id": workflow_id, "history": _anonymous(history.to_json_dict())}
    KEPT.mkdir(exist_ok=True)
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    (KEPT / f"{name}.json").write_text(text + "\n", encoding="utf-8")


async def sent(post: Post) -> None:
    """Told at once."""
    life = await Life.begin(post.office, "receiver1 accept", applicant=APPLICANT)
    (notice,) = await post.settled(life.code, 1)
    await _keep(post, "sent", f"notice/{notice['id']}")


async def tried_again(post: Post) -> None:
    """The mail server was away for an hour."""
    life = await Life.begin(post.office, *HELD)
    await away(post.mail)
    await life.forward("2026-03-03 15:30")
    (notice,) = await post.settled(life.code, 1, "trying")
    await post.moved_on(notice["id"], "2026-03-03 15:00", 1)
    await post.mail.__aenter__()
    await post.moved_on(notice["id"], "2026-03-03 15:00", 2)
    await post.settled(life.code, 1)
    await _keep(post, "tried-again", f"notice/{notice['id']}")


async def _at_night(post: Post) -> tuple[Life, list[dict[str, Any]]]:
    life = await Life.begin(post.office, procedure="fixed")
    await life.do("receiver1 accept", due="until 2026-03-03T22:00:00+07:00")
    await life.run("receiver1 complete", "handler1 claim", "@ 2026-03-03 22:30")
    return life, [each for each in await post.listed(life.code) if each["name"] == "due"]


async def put_off(post: Post) -> None:
    """It waits for the morning, then for the end of a rest."""
    life, notices = await _at_night(post)
    await life.run("leader1 acknowledge until=2026-03-04T10:00:00+07:00")
    for hours in (9.1, 12.1):
        await post.moved_on(notices[0]["id"], "2026-03-03 22:00", hours)
    await post.until(notices[0], "sent")
    await _keep(post, "put-off", f"notice/{notices[0]['id']}")


async def in_the_morning(post: Post) -> None:
    """It came about at night, waits, and is not needed any more by then."""
    life, notices = await _at_night(post)
    await _keep(post, "waiting", f"notice/{notices[0]['id']}", whole=False)
    await life.do("citizen1 withdraw")
    await post.moved_on(notices[0]["id"], "2026-03-03 22:00", 9.1)
    await post.until(notices[0], "void")
    await _keep(post, "void", f"notice/{notices[0]['id']}")


async def digest(post: Post) -> None:
    """The morning mail."""
    name = f"digest-{uuid4()}"
    await post.office.client.execute_workflow(DigestWorkflow.run, id=name, task_queue=NOTICE_QUEUE)
    await _keep(post, "digest", name)


SCENES: dict[str, Callable[[Post], Awaitable[None]]] = {
    "sent": sent,
    "tried-again": tried_again,
    "void": in_the_morning,
    "put-off": put_off,
    "digest": digest,
}


async def make() -> None:
    """Make what is missing."""
    with tempfile.TemporaryDirectory(prefix="motcua-") as directory:
        async with telling(Path(directory) / "office", runtime(0)) as post:
            for name, scene in SCENES.items():
                if not (KEPT / f"{name}.json").exists():
                    await scene(post)


if __name__ == "__main__":
    configure_logging("error")
    asyncio.run(make())
