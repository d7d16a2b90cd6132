"""The office time of simulated dossiers: what is played happens at its planned moment, not on arrival."""

from __future__ import annotations

from datetime import datetime

from models.commands import Asked
from models.dossier import Dossier
from models.refusals import RealClock


def moment(dossier: Dossier, command: Asked, now: datetime) -> datetime:
    """The instant at which a command takes effect.

    For a real dossier always now: a command with a planned moment is refused (RealClock), or it could be
    backdated. For a simulated one the planned moment, but not before the last fact, nor after now.
    """
    if not dossier.simulated:
        if command.simulated is not None:
            raise RealClock(code=dossier.code)
        return now
    planned = now if command.simulated is None else min(command.simulated.at, now)
    return max(planned, dossier.latest or planned)


def struck(dossier: Dossier, called: datetime, now: datetime) -> datetime:
    """The instant of the clock's own fact, which was due at `called` and is recorded at `now`.

    In simulated time it is the instant itself, so that the delay of a machine is in no fact.
    """
    return max(called, dossier.latest or called) if dossier.simulated else now
