"""The open work of one morning, drawn from a seed: dossiers in every state, with all officers.

Like the town's caseload it says who acts when; what state that leads to is the engine's to say. A draw that
would lead to another state than the wanted one is drawn again.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from models.apologies import draft_at
from models.base import Value
from models.calendar import Calendar
from models.procedure import Procedure, Role, Stage, Step
from models.terms import Term, due, starts
from models.timeliness import overdue_from
from motcua.caseloads.script import Act, Case
from motcua.caseloads.states import Reason, Shortfall, State, suitable
from motcua.caseloads.town import Share, invented_name, there
from motcua.catalogue.catalogue import Catalogue
from motcua.catalogue.files import check, read

DRAWS = 2_000
"""A state that so many draws do not lead to is not to be had from this catalogue."""
HOUR = timedelta(hours=1)


class OpenWork(Value):
    """A file of open work."""

    name: str
    unit: str
    first: date
    day: date
    clock: time
    direct: float = Share
    claimed: float = Share
    states: dict[State, Annotated[int, Field(ge=0)]] = Field(min_length=1)


def read_open_work(file: Path) -> OpenWork:
    """Open work from its file."""
    return check(OpenWork, read(file.parent, file.name), file.name)


class Drawn(NamedTuple):
    """The cases of open work, and the states of which there are fewer than the caseload wants."""

    cases: list[Case]
    shortfalls: list[Shortfall]


class OpenWorkPlan:
    """Draws the cases; the same seed draws the same ones."""

    def __init__(self, work: OpenWork, catalogue: Catalogue, seed: int) -> None:
        self.work, self.catalogue, self.seed = work, catalogue, seed
        self.calendar: Calendar = catalogue.calendar(catalogue.office.calendar)
        self.moment = self.calendar.instant(work.day, work.clock)
        """Where the clocks of all cases are left, and the desk's."""
        self.soon = _midnight(self.calendar, self._working_day(catalogue.office.notices.soon.days))
        self.staff = {
            role: [
                user
                for user, member in catalogue.office.staff.items()
                if role in member.roles and member.unit == work.unit and there(member, work.first, work.day)
            ]
            for role in Role
        }
        asked = {link.procedure for version in catalogue.procedures for link in version.links}
        in_force = [
            catalogue.procedure(version.code, work.first)
            for version in catalogue.procedures
            if version.code not in asked and self._holds(version)
        ]
        roles = [role for role, users in self.staff.items() if users]
        self.suitable: dict[State, tuple[list[Procedure], Reason]] = {
            state: suitable(state, in_force, work.unit, roles) for state in work.states
        }
        """The procedures for each state, and why there are no more dossiers of it."""

    def draw(self, share: float = 1.0) -> Drawn:
        """The whole work, or a part of it that has at least one dossier in each state."""
        cases: list[Case] = []
        shortfalls: list[Shortfall] = []
        for state, count in self.work.states.items():
            wanted = max(1, round(count * share)) if count else 0
            procedures, reason = self.suitable[state]
            drawn = [self._case(state, number) for number in range(wanted)] if procedures else []
            found = [case for case in drawn if case is not None]
            cases += found
            if len(found) < wanted:
                shortfalls.append(Shortfall(state=state, wanted=wanted, drawn=len(found), reason=reason))
        return Drawn(cases, shortfalls)

    def _case(self, state: State, number: int) -> Case | None:
        name = f"{self.work.name}/{self.seed}/{state}-{number}"
        random = Random(name)  # noqa: S311 - the same draw each time is the point
        for _ in range(DRAWS):
            case = _Draw(self, random, state, number, name).case()
            if case is not None:
                return case
        return None

    def _working_day(self, days: int) -> date:
        return self.calendar.working_day_after(self.work.day, days) if days else self.work.day

    def _holds(self, version: Procedure) -> bool:
        """Whether it is in force from the first day to the last."""
        return version.version <= self.work.first and (version.until or self.work.day) >= self.work.day


class _Draw:
    """One case while it is being drawn: `at` is where its story stands."""

    def __init__(self, plan: OpenWorkPlan, random: Random, state: State, number: int, name: str) -> None:
        self.plan, self.random, self.state, self.number, self.name = plan, random, state, number, name
        self.calendar, self.end = plan.calendar, plan.moment
        self.acts: list[Act] = []
        self.done: set[str] = set()

    def case(self) -> Case | None:
        """The case, or None where the draw leads to another state."""
        self.procedure = self.random.choice(self.plan.suitable[self.state][0])
        direct = self.state != "new" and self.random.random() < self.plan.work.direct
        self.channel = "counter" if direct else "online"
        arrived = self._arrival()
        if arrived >= self.end:
            return None
        self.at = arrived
        receiver = self._who(Role.RECEIVER)
        if self.state != "new":
            if not direct:
                self._later(self.random.uniform(0.1, 1.5) * HOUR)
                self._act("accept", receiver)
            if not self._lived(receiver):
                return None
        if any(act.at >= self.end for act in self.acts):
            return None
        return Case(
            submission={
                "request_id": self.name,
                "procedure": self.procedure.code,
                "channel": self.channel,
                "unit": self.plan.work.unit,
                "applicant": {
                    "name": invented_name(self.random),
                    "phone": f"09{self.random.randrange(10**8):08d}",
                },
                "submitted_at": arrived.isoformat(),
            },
            at=arrived,
            officer=receiver if direct else None,
            acts=tuple(self.acts),
            until=self.end,
            seed=self.name,
            asks_others=self.state == "linked",
        )

    def _arrival(self) -> datetime:
        """When it is handed in: new ones in the last hours of work, the others since the first day."""
        if self.state == "new":
            return self.calendar.add(self.end, -self.random.uniform(0.2, 5) * HOUR)
        if self.state == "linked":
            return self.calendar.add(self.end, -self.random.uniform(6, 14) * HOUR)
        opened = self.calendar.instant(self.plan.work.first, time(7))
        span = self.calendar.between(opened, self.end)
        return self.calendar.add(
            opened, timedelta(minutes=round(span / timedelta(minutes=1) * self.random.random()))
        )

    def _lived(self, receiver: str) -> bool:
        """What happens after acceptance; False where it leads to another state."""
        accepted = starts(self.calendar, self.at, self.procedure.cut_off)
        limit = self.procedure.limit
        assert limit is not None
        whole = due(self.calendar, limit, accepted)
        self.at, steps = accepted, list(self.procedure.steps)
        if self.state == "payment":
            return self._asked_to_pay(receiver)
        to_return = len(steps) - 1
        reached = to_return if self.state == "ready" else self._reached(steps)
        for step in steps[:reached]:
            budget = step.limit.rest / HOUR if step.limit and step.limit.kind == "hours" else 4.0
            self._later(self.random.uniform(0.1, 0.7) * budget * HOUR)
            self._finish(step, receiver if step.stage is Stage.RECEIVE else self._who(step.role, step))
        if self.at >= self.end:
            return False
        step, opened = steps[reached], self.at
        begins = starts(self.calendar, opened)
        own = due(self.calendar, step.limit, begins) if step.limit else whole
        urgent = min(whole, own)
        overdue = min(
            overdue_from(self.calendar, self.procedure.timeliness, whole),
            overdue_from(self.calendar, "instant", own) if step.limit else datetime.max.replace(tzinfo=UTC),
        )
        holder = None
        if self.random.random() < self.plan.work.claimed or self.state in ("supplement", "resting"):
            holder = self._who(step.role, step)
            self._later(self.random.uniform(0.05, 0.5) * HOUR)
            self._act("claim", holder)
        return self._ends_as_wanted(step, urgent, overdue, whole, opened, holder)

    def _reached(self, steps: list[Step]) -> int:
        """The step that is open now: any that can be, before those that ask other agencies."""
        linked = {link.step for link in self.procedure.links}
        asks = next((n for n, step in enumerate(steps) if step.id in linked), len(steps) - 1)
        if self.state == "linked":
            return asks
        first = next(n for n, step in enumerate(steps) if step.stage is not Stage.RECEIVE)
        return (
            first
            if self.state in ("supplement", "apology")
            else self.random.randrange(first, max(asks, first + 1))
        )

    def _ends_as_wanted(
        self,
        step: Step,
        urgent: datetime,
        overdue: datetime,
        whole: datetime,
        opened: datetime,
        holder: str | None,
    ) -> bool:
        end, calendar = self.end, self.calendar
        match self.state:
            case "ready":
                return True
            case "linked":  # so recently that the other agencies have not answered, and are not late
                return calendar.between(opened, end) < HOUR
            case "apology":
                assert self.procedure.limit is not None
                term = Term(
                    id=1,
                    of="dossier",
                    name="dossier",
                    limit=self.procedure.limit,
                    started_at=opened,
                    due_at=whole,
                    original_due_at=whole,
                )
                call = draft_at(calendar, self.procedure, step.id, term)
                return call is not None and call[0] < end < whole
            case "supplement":
                self._later(self.random.uniform(0.5, 3) * HOUR)
                assert holder is not None
                self._act("request-supplement", holder, reason="Thiếu bản sao giấy tờ")
                return self.at < min(urgent, end) and calendar.between(self.at, end) < 16 * HOUR
            case "late" | "resting":
                if overdue > end or calendar.between(overdue, end) > 24 * HOUR:
                    return False
                return self.state == "late" or self._rests(max(urgent, overdue))
            case "today":
                return overdue > end and urgent < _midnight(calendar, self.plan.work.day)
            case "soon":
                return _midnight(calendar, self.plan.work.day) <= urgent < self.plan.soon
        return urgent >= self.plan.soon

    def _rests(self, urgent: datetime) -> bool:
        """A leader lets the alarms that have sounded rest until tomorrow."""
        self.at = max(self.at, calendar_after(self.calendar, urgent, HOUR))
        tomorrow = self.calendar.opened(self.calendar.working_day_after(self.plan.work.day, 1))[0][0]
        self._act("acknowledge", self._who(Role.UNIT_LEADER), until=(tomorrow + 2 * HOUR).isoformat())
        return self.at < self.end

    def _asked_to_pay(self, receiver: str) -> bool:
        fee = next((fee for fee in self.procedure.fees if fee.price(self.channel)), None)
        if fee is None:
            return False
        self._later(self.random.uniform(0.1, 1) * HOUR)
        self._act("request-payment", receiver, fee=fee.kind, amount=fee.price(self.channel))
        return self.calendar.between(self.at, self.end) < 24 * HOUR

    # Small things

    def _finish(self, step: Step, officer: str) -> None:
        data: dict[str, Any] = {}
        if step.issues:
            number = f"{self.random.randrange(1, 10_000)}/{self.plan.work.unit.upper()}"
            data = {"number": number, "date": self.at.isoformat()}
        if step.decides:
            self._act("approve", officer, **data)
        else:
            self.done.add(officer)
            self._act("complete", officer, step=step.id, **data)

    def _act(self, command: str, user: str, **data: Any) -> None:
        self.acts.append(Act(self.at, command, user, data))

    def _later(self, work: timedelta) -> None:
        """Go on after some working time, to the second."""
        self.at = calendar_after(self.calendar, self.at, timedelta(seconds=round(work.total_seconds())))

    def _who(self, role: Role, step: Step | None = None) -> str:
        """An officer of a role, each in turn; nobody decides on what they have handled."""
        staff = self.plan.staff[role]
        if step is not None and step.decides:
            staff = [user for user in staff if user not in self.done] or staff
        return staff[self.number % len(staff)]


def calendar_after(calendar: Calendar, at: datetime, work: timedelta) -> datetime:
    """The moment some working time later."""
    return calendar.add(calendar.next_open(at), work)


def _midnight(calendar: Calendar, day: date) -> datetime:
    """The end of a date."""
    return calendar.instant(day + timedelta(days=1), time())
