"""A small office for the unit tests: its calendar, a procedure, its staff, and a driver of one dossier."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from models import commands as c
from models.base import Reference
from models.calendar import Calendar
from models.chain import broken_links
from models.dossier import Dossier
from models.facts import Fact
from models.fold import fold
from models.notices import Addressee, Channels, Notice, Occasion, addressees, notices, occasions
from models.people import DESK, EMAIL, Directory, Person
from models.procedure import Procedure, Role
from models.rules import decide
from models.view import row

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
MORNING = {"opens": "07:00", "closes": "11:30"}
AFTERNOON = {"opens": "13:30", "closes": "17:00"}
FULL = [MORNING, AFTERNOON]


def special(day: str, kind: str, name: str, hours: list[dict[str, str]] | None = None) -> dict[str, Any]:
    """A special day of the sample calendar."""
    return {"date": day, "kind": kind, "name": name, "source": f"decree on {name}", "hours": hours or []}


CALENDAR_DATA: dict[str, Any] = {
    "version": "vn-2026",
    "first": "2026-01-01",
    "last": "2026-12-31",
    "week": [FULL, FULL, FULL, FULL, FULL, [], []],
    "special": [
        special("2026-01-01", "holiday", "New Year"),
        special("2026-01-02", "swap", "New Year swap"),
        special("2026-01-10", "make-up", "New Year swap", FULL),
        special("2026-02-13", "half-day", "year-end closing", [MORNING]),
        *(special(f"2026-02-{day}", "holiday", "Tết") for day in range(16, 21)),
        special("2026-04-27", "holiday", "Hùng Kings"),
        special("2026-04-30", "holiday", "Reunification"),
        special("2026-05-01", "holiday", "Labour Day"),
        special("2026-08-22", "make-up", "National Day swap", FULL),
        special("2026-08-31", "swap", "National Day swap"),
        special("2026-09-01", "holiday", "National Day"),
        special("2026-09-02", "holiday", "National Day"),
        special("2026-11-24", "holiday", "Culture Day"),
    ],
}
CALENDAR = Calendar.model_validate(CALENDAR_DATA)


def calendar(**changes: Any) -> Calendar:
    """The sample calendar with some of its parts replaced."""
    return Calendar.model_validate({**CALENDAR_DATA, **changes})


def step(name: str, stage: str, role: str, limit: str | None, **more: Any) -> dict[str, Any]:
    """A step of the sample procedure."""
    return {"id": name, "name": name, "name_en": name, "stage": stage, "role": role, "limit": limit, **more}


def procedure(**changes: Any) -> Procedure:
    """The sample procedure (5 days, six steps) with some of its parts replaced."""
    data: dict[str, Any] = {
        "code": "1.001612",
        "version": "2025-07-01",
        "name": "Đăng ký thành lập hộ kinh doanh",
        "name_en": "Household business",
        "field": "business",
        "limit": "5 days",
        "rule_set": "118/2025",
        "steps": [
            step("digitise", "receive", "receiver", "0.5 day"),
            step("handle", "process", "handler", "1.5 days"),
            step("review", "process", "unit-leader", "0.5 day"),
            step("decide", "approve", "approver", "1 day", decides=True),
            step("issue", "approve", "clerk", "0.5 day", issues=True),
            step("hand-over", "return", "returner", "0.5 day"),
        ],
        "supplements": 2,
        "rating_window": "10 days",
        "ladder": [
            {"name": "soon", "offset": "-1 day", "kind": "reminder", "to": ["assignee"]},
            {"name": "due", "offset": "0", "kind": "due", "to": ["assignee", "unit-leader"]},
            {
                "name": "late",
                "offset": "+1 day",
                "kind": "escalation",
                "to": ["office-leader"],
                "every": "+1 day",
                "times": 3,
            },
        ],
        "step_ladder": [
            {"name": "due", "offset": "0", "kind": "due", "to": ["assignee"]},
            {"name": "late", "offset": "+4 hours", "kind": "escalation", "to": ["unit-leader"]},
        ],
    }
    return Procedure.model_validate({**data, **changes})


PROCEDURE = procedure()

STAFF: dict[str, c.Actor] = {
    name: c.Actor(id=name, roles=tuple(Role(role) for role in roles.split()), unit=unit)
    for name, roles, unit in (
        ("receiver1", "receiver", "demo"),
        ("receiver2", "receiver", "demo"),
        ("handler1", "handler", "demo"),
        ("handler2", "handler", "demo"),
        ("leader1", "unit-leader", "demo"),
        ("approver1", "approver", "demo"),
        ("approver2", "approver", "demo"),
        ("both1", "handler approver", "demo"),
        ("clerk1", "clerk", "demo"),
        ("returner1", "returner", "demo"),
        ("head1", "office-leader", "demo"),
        ("admin1", "administrator", "demo"),
        ("citizen1", "citizen", ""),
        ("stranger1", "receiver handler unit-leader approver clerk returner auditor", "elsewhere"),
        ("nobody1", "", "demo"),
    )
} | {"clock": c.CLOCK}

PEOPLE = Directory(
    people={
        name: Person(id=name, name=name, roles=actor.roles, unit=actor.unit, email=f"{name}@motcua.example")
        for name, actor in STAFF.items()
    }
)
"""The same people as those who are told."""

TEXT = Reference(id="text-1", hash="5" * 64)
ISSUE = "clerk1 complete number=12/GP date=2026-03-02T02:00:00Z"
NEEDED: dict[str, dict[str, Any]] = {
    "file": {"channel": "counter", "unit": "demo", "applicant": TEXT},
    "refuse": {"reason": TEXT},
    "reject": {"reason": TEXT},
    "free": {"task": 1, "assignee": "handler1", "why": "left"},
    "send-back": {"reason": TEXT},
    "request-supplement": {"reason": TEXT},
    "request-payment": {"amount": 100_000},
    "pay": {"amount": 100_000, "receipt": "R-1"},
    "consult": {"agency": "tax"},
    "answer": {"agency": "tax"},
    "extend": {"reason": TEXT},
    "dismiss-apology": {"reason": TEXT},
    "stop": {"reason": TEXT},
    "outage": {"notice": "12/TB"},
    "amend-calendar": {"calendar": CALENDAR, "decree": "309/2026"},
    "transfer": {"unit": "elsewhere"},
    "correct": {"reason": TEXT},
    "note": {"text": TEXT},
    "attach": {"document": TEXT},
    "rate": {"score": 5},
    "hear": {"link": "tax", "child": "H53-260302-0002", "what": "acknowledged"},
    "observe": {"label": "seen", "said_at": "2026-03-01T00:00:00Z"},
}
"""What a command must carry, where a test does not care."""

COMMANDS: TypeAdapter[Any] = TypeAdapter(c.Command)


LOUD = Channels(open=frozenset({DESK, EMAIL}), applicant=(EMAIL,))
"""An office with a mail server."""


def tell(
    d: Dossier, facts: Iterable[Fact], channels: Channels | None = None, directory: Directory = PEOPLE
) -> list[Notice]:
    """The notices that facts of a dossier, which now stands as given, give rise to."""
    return [
        notice
        for occasion in occasions(d, facts)
        for notice in notices(row(d), occasion, addressed(d, occasion, channels, directory))
    ]


def addressed(
    d: Dossier, occasion: Occasion, channels: Channels | None = None, directory: Directory = PEOPLE
) -> list[Addressee]:
    """Who is told of an occasion on the day on which it is told."""
    day = d.calendar.local(occasion.tell_at).date()
    return addressees(row(d), occasion, directory, channels or Channels(), day)


def at(text: str) -> datetime:
    """An instant from office time such as "2026-03-02 09:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


def local(instant: datetime | None) -> str | None:
    """An instant in office time, as text."""
    return None if instant is None else instant.astimezone(ZONE).strftime("%Y-%m-%d %H:%M")


class Case:
    """One dossier, the facts it has, and a clock that the test moves."""

    def __init__(self, *lines: str, rules: Procedure = PROCEDURE, days: Calendar = CALENDAR) -> None:
        self.empty = Dossier(code="H53-260302-0001", office="demo", procedure=rules, calendar=days)
        self.dossier, self.facts, self.asked = self.empty, list[Fact](), 0
        self.commands: list[Any] = []
        self.now = at("2026-03-02 08:00")  # a Monday
        self.run(*lines)

    def run(self, *lines: str) -> Case:
        """Each line is "WHO COMMAND key=value …" (nothing after "=": without it), or "@ office time"."""
        for line in lines:
            if line.startswith("@ "):
                self.now = at(line[2:])
                continue
            who, kind, *words = shlex.split(line)
            self.do(f"{who} {kind}", **dict(word.split("=", 1) for word in words))
        return self

    def do(self, what: str, /, **data: Any) -> list[Fact]:
        """One command; returns its facts, which the dossier now has."""
        who, kind = what.split()
        self.asked += 1
        if kind == "assign" and data.get("to") in STAFF:
            data["holder"] = STAFF[data["to"]]  # as the desk does
        command = COMMANDS.validate_python(
            {"id": f"c{self.asked}", "kind": kind, "actor": STAFF[who]}
            | {name: value for name, value in (NEEDED.get(kind, {}) | data).items() if value != ""}
        )
        facts = decide(self.dossier, command, self.now)
        self.commands.append(command)
        self.dossier = fold(self.dossier, facts)
        self.facts += facts
        assert broken_links(self.dossier.code, self.facts) == []
        return facts

    def tick(self, when: str | None = None) -> list[Fact]:
        """The clock looks at the dossier until nothing more has come due."""
        if when is not None:
            self.now = at(when)
        found: list[Fact] = []
        while not self.dossier.closed and (facts := self.do("clock tick")):
            found += facts
        return found

    def kinds(self) -> list[str]:
        """What has happened so far."""
        return [fact.kind for fact in self.facts]

    @property
    def due(self) -> str | None:
        """When the whole dossier is due, in office time."""
        return local(self.dossier.term.due_at) if self.dossier.term else None

    @property
    def status(self) -> str:
        """The dossier's status."""
        return self.dossier.status


STORY = (
    "receiver1 file",
    "receiver1 accept",
    "receiver1 complete",
    "handler1 complete",
    "leader1 complete",
    "approver1 approve",
    ISSUE,
    "returner1 return",
    "citizen1 rate",
)
"""The plain way through the office."""

STAGES = {
    name: STORY[:count]
    for count, name in enumerate(
        ("nothing", "filed", "accepted", "handling", "reviewing", "deciding", "issuing", "ready", "returned")
    )
} | {"closed": STORY}
"""How far along the plain way a dossier is."""


def stage(name: str, *lines: str, rules: Procedure = PROCEDURE) -> Case:
    """A dossier that has come so far, and then some."""
    return Case(*STAGES[name], *lines, rules=rules)
