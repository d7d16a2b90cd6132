"""The messenger between linked dossiers: what one has to tell another goes through the desk, as all else."""

from __future__ import annotations

import structlog

from models.commands import MESSENGER, Hear, SimulatedTime, Withdraw
from models.linked import OpenLinked, Tell
from models.procedure import Stage
from models.refusals import DossierClosed, Refusal, RequestReused, UnknownDossier
from motcua.desk import Desk

log = structlog.get_logger()


class Messages:
    """Delivers messages through a desk. The ids of what it asks never change, so nothing is done twice."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def open(self, message: OpenLinked) -> None:
        """Open a dossier at another agency, and tell the one that asked its code.

        One that has been closed meanwhile needs it no more: nothing is opened, or what is open is called
        back, for it could not have done so without the code.
        """
        closed = (await self._desk.row(message.parent)).stage is Stage.CLOSED
        # A worker that died in between may have opened it when the parent was still there.
        if closed and (await self._desk.progress(message.request_id))[0] is None:
            log.warning("link not needed any more", parent=message.parent, link=message.link)
            return
        child = (await self._desk.open_linked(message)).code
        simulated = SimulatedTime(at=message.at) if message.simulated else None
        hear = Hear(
            id=f"{child}/opened",
            actor=MESSENGER,
            simulated=simulated,
            link=message.link,
            child=child,
            what="opened",
        )
        try:
            await self._desk.send(message.parent, hear)
        except DossierClosed:
            over = Withdraw(id=f"{message.parent}/closed", actor=MESSENGER, simulated=simulated)
            await self.tell(Tell(to=child, command=over))

    async def tell(self, message: Tell) -> None:
        """Ask something of another dossier; one that is past it, is closed or has it needs it no more."""
        try:
            await self._desk.send(message.to, message.command)
        except (Refusal, UnknownDossier, RequestReused) as refusal:
            log.warning("message refused", to=message.to, what=message.command.kind, why=refusal.message)
