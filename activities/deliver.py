"""Delivering: the one way in which a dossier's messages reach another dossier."""

from __future__ import annotations

from typing import Protocol

from temporalio import activity

from models.linked import Message, OpenLinked, Tell


class Messenger(Protocol):
    """Who carries messages (a port; `motcua.links` has the real one). Each may come again."""

    async def open(self, message: OpenLinked) -> None:
        """Open a dossier at another agency, once, and tell the one that asked its code."""
        ...

    async def tell(self, message: Tell) -> None:
        """Ask something of another dossier; what it refuses has been delivered all the same."""
        ...


class Delivering:
    """The activity that delivers."""

    def __init__(self, messenger: Messenger) -> None:
        self._messenger = messenger

    @activity.defn(name="deliver")
    async def deliver(self, message: Message) -> None:
        """Deliver one message; raises where a service is away, and is then tried again."""
        if isinstance(message, OpenLinked):
            await self._messenger.open(message)
        else:
            await self._messenger.tell(message)
