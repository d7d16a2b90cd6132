"""Who may do what, with whose dossiers, and where they stand: the one table of rights.

`decide` refuses by it, the desk shows and opens its pages by it, and docs/people.md prints it.
"""

from __future__ import annotations

from typing import NamedTuple

from models.procedure import Role, Stage

STAFF = tuple(role for role in Role if role not in (Role.CITIZEN, Role.CLOCK))
LEADERS = (Role.UNIT_LEADER, Role.OFFICE_LEADER)
WORKING = tuple(role for role in STAFF if role not in (Role.AUDITOR, Role.ADMINISTRATOR))
EVERYWHERE = (Role.OFFICE_LEADER, Role.ADMINISTRATOR, Role.CITIZEN, Role.CLOCK)
"""Roles that act on the dossiers of every unit; all others act on those of their own."""
WATCHING = (Role.OFFICE_LEADER, Role.AUDITOR, Role.ADMINISTRATOR)
"""Roles whose holders see the dossiers of every unit."""
OF_THE_TASK: tuple[Role, ...] = ()
"""Marks commands whose role is that of the open task."""

_ANY = (Stage.RECEIVE, Stage.PROCESS, Stage.APPROVE, Stage.RETURN)
_UNDECIDED = _ANY[:3]
_EARLY = _ANY[:2]


class Right(NamedTuple):
    """Who may: in one of these roles, while the dossier is in one of these stages."""

    roles: tuple[Role, ...]
    stages: tuple[Stage, ...] = _ANY


COMMANDS: dict[str, Right] = {
    "file": Right((Role.RECEIVER, Role.CITIZEN, Role.CLOCK)),
    "accept": Right(OF_THE_TASK, (Stage.RECEIVE,)),
    "refuse": Right(OF_THE_TASK, (Stage.RECEIVE,)),
    "claim": Right(OF_THE_TASK),
    "release": Right(OF_THE_TASK),
    "assign": Right(LEADERS),
    "free": Right((Role.CLOCK,)),
    "complete": Right(OF_THE_TASK, _UNDECIDED),
    "send-back": Right(OF_THE_TASK, _UNDECIDED),
    "request-supplement": Right((Role.RECEIVER, Role.HANDLER, Role.UNIT_LEADER), _EARLY),
    "supply": Right((Role.CITIZEN, Role.RECEIVER, Role.HANDLER), _UNDECIDED),
    "request-payment": Right((Role.RECEIVER, Role.HANDLER, Role.UNIT_LEADER), _UNDECIDED),
    "pay": Right((Role.CITIZEN, Role.RECEIVER, Role.HANDLER, Role.CLERK, Role.RETURNER), _UNDECIDED),
    "consult": Right((Role.HANDLER, Role.UNIT_LEADER), _EARLY),
    "answer": Right((Role.HANDLER, Role.UNIT_LEADER, Role.RECEIVER, Role.CLERK), _UNDECIDED),
    "approve": Right(OF_THE_TASK, (Stage.APPROVE,)),
    "reject": Right(OF_THE_TASK, (Stage.APPROVE,)),
    "extend": Right(LEADERS, _UNDECIDED),
    "apologise": Right(LEADERS, _UNDECIDED),
    "dismiss-apology": Right(LEADERS, _UNDECIDED),
    "acknowledge": Right(LEADERS, _UNDECIDED),
    "return": Right(OF_THE_TASK, (Stage.RETURN,)),
    "withdraw": Right((Role.CITIZEN, Role.RECEIVER, Role.CLOCK), _UNDECIDED),
    "stop": Right(LEADERS, _UNDECIDED),
    "resume": Right(LEADERS, _UNDECIDED),
    "outage": Right((Role.ADMINISTRATOR,)),
    "amend-calendar": Right((Role.OFFICE_LEADER, Role.ADMINISTRATOR)),
    "transfer": Right((Role.RECEIVER, *LEADERS), _UNDECIDED),
    "correct": Right((*WORKING, Role.ADMINISTRATOR)),
    "note": Right((*WORKING, Role.ADMINISTRATOR)),
    "attach": Right(WORKING),
    "rate": Right((Role.CITIZEN,), (Stage.RETURN,)),
    "observe": Right((Role.ADMINISTRATOR,)),
    "hear": Right((Role.CLOCK,)),
    "tick": Right((Role.CLOCK,)),
}
"""What may be asked of a dossier. Whoever asks belongs to its unit, or has one of the roles EVERYWHERE."""

OFFICE: dict[str, tuple[Role, ...]] = {
    "work": STAFF,
    "counter": (Role.RECEIVER,),
    "board": (Role.UNIT_LEADER, *WATCHING),
    "calendar": (Role.UNIT_LEADER, *WATCHING),
    "change-calendar": COMMANDS["amend-calendar"].roles,
    "announce-outage": COMMANDS["outage"].roles,
    "absences": (*LEADERS, Role.ADMINISTRATOR),
    "accounts": (Role.ADMINISTRATOR,),
    "sign-ins": (Role.ADMINISTRATOR, Role.AUDITOR),
    "audit": WATCHING,
    "hold": WATCHING,
    "erase": (Role.OFFICE_LEADER, Role.ADMINISTRATOR, Role.CLOCK),
    "restart": (Role.OFFICE_LEADER, Role.ADMINISTRATOR),
    "seal-keys": (Role.OFFICE_LEADER, Role.ADMINISTRATOR),
}
"""What may be done at the office beside that: the pages of the desk, and acts that are about no one dossier.
One's own absence everybody enters; other people's are entered by those who lead them."""
