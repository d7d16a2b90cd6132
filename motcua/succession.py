"""What an ended unit left behind is carried to its successor, dossier by dossier."""

from __future__ import annotations

from datetime import date
from typing import Literal

from models.base import Value
from models.refusals import DossierClosed, SameUnit, WrongStage
from models.units import heir
from motcua.desk import Desk
from motcua.forms import read_command
from motcua.many import Tell, each, silently
from motcua.store import Store

Fate = Literal["carried", "left", "closed"]


class Succeeded(Value):
    """What became of the dossiers of one ended unit."""

    unit: str
    successor: str
    carried: int
    left: int
    """Whose result is ready: they are handed over where they are."""
    closed: int
    """That were closed meanwhile."""


async def succeed(
    desk: Desk, store: Store, *, day: date, user: str, reason: str, tell: Tell = silently
) -> list[Succeeded]:
    """Transfer each open dossier of a unit that has ended by `day` to the unit that has taken over.

    Asked again it goes on: a dossier that is with the successor stays there. Units that nobody took over
    are left alone.
    """
    # Refused now, also where no dossier is left to refuse it.
    data = {"unit": "any", "reason": reason}
    read_command("", "transfer", desk.rulebook.actor(user), data, "succeed", desk.rulebook.calendar)
    units, found = desk.rulebook.units, []
    for unit in units:
        successor = heir(units, unit, day)
        if successor is None or successor == unit:
            continue

        async def ask(code: str, unit: str = unit, successor: str = successor) -> Fate:
            try:
                data = {"unit": successor, "reason": reason}
                await desk.act(code, "transfer", user, data, f"succeed/{unit}/{successor}/{code}")
            except (SameUnit, DossierClosed):
                return "closed"
            except WrongStage:
                return "left"
            return "carried"

        fates = await each(await store.open_codes(unit), ask, tell)
        found.append(
            Succeeded(
                unit=unit,
                successor=successor,
                carried=fates["carried"],
                left=fates["left"],
                closed=fates["closed"],
            )
        )
    return found
