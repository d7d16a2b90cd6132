"""The states of open work: which procedures can show each, and why an office's catalog cannot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Literal, NamedTuple, get_args

from models.base import Value
from models.calendar import NOTHING
from models.procedure import Procedure, Role, Stage
from models.rights import COMMANDS
from models.terms import Rung

State = Literal[
    "new",
    "comfortable",
    "soon",
    "today",
    "late",
    "resting",
    "supplement",
    "payment",
    "apology",
    "linked",
    "ready",
]
STATES: tuple[State, ...] = get_args(State)
LEAST_DAYS = 2
"""The least limit of a procedure, in working days, that leaves time for every state."""
NOT_DRAWN = "no dossier drawn under the limits of its procedures and steps gets there"


class Reason(Value):
    """Why there is no procedure for a state, or no dossier of it."""

    kind: Literal["not-in-force", "no-such-procedure", "too-short", "nobody-there", "not-drawn"]
    why: str


class Shortfall(Value):
    """Open work of one state that the catalog of an office cannot show in the number that is wanted."""

    state: State
    wanted: int
    drawn: int
    reason: Reason

    def as_json(self) -> dict[str, Any]:
        """The shape that others script against."""
        counts = self.model_dump(mode="json", include={"state", "wanted", "drawn"})
        return {**counts, "reason": {"kind": self.reason.kind}, "why": self.reason.why}

    @property
    def sentence(self) -> str:
        """One line for people."""
        how_many = f"only {self.drawn} of {self.wanted}" if self.drawn else f"none of {self.wanted}"
        return f"{self.state}: {how_many}, because {self.reason.why}"


class _Need(NamedTuple):
    """What a state needs of a procedure, and beside the steps' roles and the receiver of the unit."""

    met: Callable[[Procedure], bool]
    why: str
    """Said where no procedure meets it."""
    roles: tuple[Role, ...] = ()


def _sounds_by(ladder: Sequence[Rung]) -> bool:
    """Whether an alarm has sounded by the due instant."""
    return any((rung.offset.days, rung.offset.rest) <= (0, NOTHING) for rung in ladder)


def _first_step_asks(procedure: Procedure) -> bool:
    """Whether the step after the hand-over is one whose officer may ask for a supplement."""
    step = next(step for step in procedure.steps if step.stage is not Stage.RECEIVE)
    right = COMMANDS["request-supplement"]
    return step.role in right.roles and step.stage in right.stages


_ALONE = _Need(lambda procedure: not procedure.links, "every procedure asks other agencies")
_NEEDS: dict[State, _Need] = dict.fromkeys(STATES, _ALONE) | {
    "resting": _Need(
        lambda p: (
            not p.links
            and _sounds_by(p.ladder)
            and (_sounds_by(p.step_ladder) or all(step.limit is None for step in p.steps))
        ),
        "no procedure has alarms by the due instants of dossier and steps, which a leader could let rest",
        (Role.UNIT_LEADER,),
    ),
    "supplement": _Need(
        lambda p: p.pausing.supplement != "none" and _first_step_asks(p),
        "no procedure pauses for a supplement that its first officer may ask for",
    ),
    "payment": _Need(
        lambda p: any(fee.price("counter") for fee in p.fees) and p.pausing.payment != "none",
        "no procedure has a fee and pauses until it is paid",
    ),
    "apology": _Need(lambda p: p.apology is not None, "no procedure has apologies drafted"),
    "linked": _Need(lambda p: bool(p.links), "no procedure asks other agencies"),
}


def suitable(
    state: State, in_force: list[Procedure], unit: str, roles: Collection[Role]
) -> tuple[list[Procedure], Reason]:
    """The procedures that can show a state, and why a dossier of it is missing nevertheless.

    `in_force` are the procedures that people hand in during the days of the open work, `roles` those that
    somebody in the unit has on these days.
    """
    need = _NEEDS[state]

    def absent(procedure: Procedure) -> list[Role]:
        asked = {step.role for step in procedure.steps} | {Role.RECEIVER, *need.roles}
        return sorted(asked - set(roles))

    if not in_force:
        why = "no procedure is in force on all of its days"
        return [], Reason(kind="not-in-force", why=why)
    meeting = [procedure for procedure in in_force if need.met(procedure)]
    if not meeting:
        return [], Reason(kind="no-such-procedure", why=need.why)
    long = [procedure for procedure in meeting if _takes_days(procedure)]
    if not long:
        why = f"no such procedure has a limit of {LEAST_DAYS} working days or more"
        return [], Reason(kind="too-short", why=why)
    staffed = [procedure for procedure in long if not absent(procedure)]
    if not staffed:
        fewest = min((absent(procedure) for procedure in long), key=len)
        why = f"nobody in the unit {unit} is {' or '.join(fewest)} on all of its days"
        return [], Reason(kind="nobody-there", why=why)
    return staffed, Reason(kind="not-drawn", why=NOT_DRAWN)


def _takes_days(procedure: Procedure) -> bool:
    limit = procedure.limit
    return limit is not None and limit.kind == "days" and limit.days >= LEAST_DAYS
