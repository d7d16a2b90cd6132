"""The messenger between linked dossiers: what one has to tell another goes through the desk, as all else."""

from __future__ import annotations

import structlog

from models.commands import MESSENGER, Hear
from models.linked import OpenLinked, Tell
from models.refusals import Refusal, UnknownDossier
from motcua.desk import Desk

log = structlog.get_logger()


class Messages:
    """Delivers messages through a desk. The ids of what it asks never change, so nothing is done twice."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def open(self, message: OpenLinked) -> None:
        """Open a dossier at another agency, and tell the one that asked its code."""
        answer = await self._desk.open_linked(message)
        hear = Hear(
            id=f"{answer.code}/opened", actor=MESSENGER, link=message.link, child=answer.code, what="opened"
        )
        await self.tell(Tell(to=message.parent, command=hear))

    async def tell(self, message: Tell) -> None:
        """Ask something of another dossier; one that is past it, or closed, needs it no more."""
        try:
            await self._desk.send(message.to, message.command)
        except (Refusal, UnknownDossier) as refusal:
            log.warning("message refused", to=message.to, what=message.command.kind, why=refusal.message)
