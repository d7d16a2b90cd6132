"""A running office whose notices leave it, and the servers that they reach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

from temporalio.runtime import Runtime

from models.people import Person
from models.procedure import Role
from motcua.catalogue.catalogue import Catalogue
from motcua.catalogue.office import Webhook
from motcua.config import Settings
from motcua.store.notices import NoticeFilter, NoticeRecord
from tests.running import CATALOGUE, SETTINGS, Running, running
from tests.servers import Authority, HookServer, MailServer
from tests.unit.office import at
from tests.waiting import until

APPLICANT = {
    "name": "Nguyễn Thị <b>Ánh</b> & Con",
    "email": "anh@dan.example",
    "phone": "0900000002",
    "address": "12 Đường Lê Lợi, Hoà Thành",
}
HELD = ("receiver1 accept", "receiver1 complete", "handler1 claim")
"""With the handler on Monday, 2 March, at 08:00; due on the 9th."""


MUTE = Person(id="mute1", name="Kim Văn Yên", roles=(Role.HANDLER,), unit="demo")
"""Somebody without an e-mail address."""


async def away(mail: MailServer) -> None:
    """Nobody listens any more; entered again, the server is where it was."""
    await mail.__aexit__(None, None, None)


class Post(NamedTuple):
    """An office whose notices leave it, and the servers that they reach."""

    office: Running
    mail: MailServer
    hook: HookServer
    record: NoticeRecord

    async def listed(self, code: str, **wanted: Any) -> list[dict[str, Any]]:
        """The notices of a dossier that leave the office."""
        found = await self.record.listed(NoticeFilter(code=code, limit=1000, **wanted))
        return [each for each in found if each["channel"] != "desk"]

    async def settled(self, code: str, count: int, *states: str) -> list[dict[str, Any]]:
        """Wait until so many have come to this: sent, unless other states are given."""
        wanted = states or ("sent",)

        async def there() -> list[dict[str, Any]]:
            found = [each for each in await self.listed(code) if each["state"] in wanted]
            return found if len(found) == count else []

        return await until(there) if count else []

    async def until(self, notice: dict[str, Any], state: str) -> None:
        """Wait until a notice has come to this."""

        async def there() -> bool:
            found = await self.listed(notice["code"])
            return any(each["state"] == state for each in found if each["id"] == notice["id"])

        await until(there)

    async def tried_until(self, notice: dict[str, Any], state: str, opened: str, hours: float) -> None:
        """Move a notice's clock on to so many hours after the office time of its fact, and on until this.

        A try that a busy machine answers only when the clock has moved on waits its quarter of an hour from
        there: the next one is not before the clock moves once more.
        """

        async def so_far() -> bool:
            nonlocal hours
            await self.moved_on(notice["id"], opened, hours)
            hours += 0.25
            for _ in range(300):
                found = await self.listed(notice["code"])
                if any(each["state"] == state for each in found if each["id"] == notice["id"]):
                    return True
                await asyncio.sleep(0.02)
            return False

        await until(so_far, f"{notice['id']} {state}")

    def letters(self, code: str) -> list[EmailMessage]:
        """What the mail server took that speaks of a dossier, each letter once however often it came."""
        found = {each.id: each.message for each in self.mail.received if code in plain(each.message)}
        return list(found.values())

    async def moved_on(self, notice: str, opened: str, hours: float) -> None:
        """Move the clock of a notice's workflow on to so many hours after the office time of its fact."""
        await self.office.clocks.forward(f"notice/{notice}", at(opened), at(opened) + timedelta(hours=hours))


def plain(letter: EmailMessage) -> str:
    """The words of a letter."""
    body = letter.get_body(("plain",))
    assert body is not None
    return f"{letter['Subject']}\n{body.get_content()}"


def told(letters: list[EmailMessage]) -> list[str]:
    """Whom letters went to, in the order of the alphabet."""
    return sorted(str(letter["To"].addresses[0].username) for letter in letters)


@asynccontextmanager
async def telling(folder: Path, runtime: Runtime) -> AsyncIterator[Post]:
    """Servers, worker, desk and store, with a mail server and a gateway for SMS."""
    authority = Authority("localhost", "127.0.0.1")
    mail, hook = MailServer(authority=authority), HookServer(tls=True, authority=authority)
    async with mail, hook:
        catalogue = Catalogue.load(SETTINGS.catalog_dir)
        catalogue.office = CATALOGUE.office.model_copy(
            update={
                "webhooks": (Webhook(id="sms", url=hook.url),),
                "staff": {**CATALOGUE.office.staff, "mute1": MUTE},
            }
        )
        settings = Settings.model_validate(
            {
                **SETTINGS.model_dump(exclude={"database_url"}),
                "smtp_url": mail.url,
                "mail_from": "Một cửa <motcua@hoathanh.example>",
                "smtp_timeout": 5,
                "webhook_secrets": {"sms": hook.secret},
                "webhook_private": True,
                "webhook_timeout": 5,
                "ca_file": mail.ca_file,
                "public_url": "https://motcua.example",
                "send_simulated": True,
            }
        )
        async with running(folder, runtime, settings=settings, catalogue=catalogue) as office:
            yield Post(office, mail, hook, NoticeRecord(office.store))
