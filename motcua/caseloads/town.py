"""A town's caseload, drawn from a seed: arrivals over real working days, and the pace of its officers.

It says when people act. Deadlines, escalations and timeliness are the engine's: take a holiday out of the
calendar that the engine uses, and the same acts come out differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any, Literal

from pydantic import Field

from models.base import Value
from models.calendar import Calendar
from models.people import Person
from models.procedure import Procedure, Role, Stage, Step
from models.terms import due, starts
from motcua.caseloads.script import Act, Case
from motcua.catalogue.catalogue import Catalogue
from motcua.catalogue.files import check, read

Share = Field(ge=0, le=1)
Kind = Literal["ordinary", "slow", "unfinished"]
MINUTE = timedelta(minutes=1)
FAMILY = ("Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Phan", "Vũ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô")
MIDDLE = ("Văn", "Thị", "Minh", "Ngọc", "Thanh", "Hữu", "Kim", "Quốc")
GIVEN = ("An", "Bình", "Chi", "Dung", "Hạnh", "Khoa", "Lan", "Long", "Mai", "Nam", "Phúc", "Quân", "Trang")


class Town(Value):
    """What a caseload file says."""

    name: str
    unit: str
    first: date
    last: date
    dossiers: int = Field(gt=0)
    direct: int = Field(ge=0)
    slow: int = Field(ge=0)
    unfinished: int = Field(ge=0)
    post: float = Share
    to_the_day: float = Share
    supplement: float = Share
    payment: float = Share
    consultation: float = Share
    send_back: float = Share
    reject: float = Share
    rated: float = Share
    weights: dict[str, float]
    consults: dict[str, str]
    pace: dict[str, float]


def read_town(file: Path) -> Town:
    """A caseload from its file."""
    return check(Town, read(file.parent, file.name), file.name)


def there(person: Person, first: date, last: date) -> bool:
    """Whether somebody works at the office from the first day of a caseload to the last."""
    return person.holds(first) and person.holds(last)


class TownPlan:
    """Draws a town's cases; the same seed draws the same ones, whatever the calendar of the engine."""

    def __init__(
        self, town: Town, catalogue: Catalogue, seed: int, *, left_at: datetime | None = None
    ) -> None:
        self._town, self._catalogue, self._seed = town, catalogue, seed
        self._calendar = catalogue.calendar(catalogue.office.calendar)
        self._staff = {
            role: [
                user
                for user, member in catalogue.office.staff.items()
                if role in member.roles and member.unit == town.unit and there(member, town.first, town.last)
            ]
            for role in Role
        }
        self.end = self._calendar.instant(town.last, time(17, 0))
        """The moment that the report speaks of: nobody acts after it."""
        self.left_at = left_at or self.end
        """Where the clocks of dossiers are left that are still open then."""

    def cases(self, count: int | None = None) -> list[Case]:
        """The whole caseload, or a smaller town's with the same shares."""
        town = self._town
        count = town.dossiers if count is None else count
        random = Random(f"{town.name} {self._seed} {count}")  # noqa: S311 - the same draw each time is the point
        scale = count / town.dossiers
        slow, unfinished = (_scaled(n, scale, count) for n in (town.slow, town.unfinished))
        counts: dict[Kind, int] = {"slow": slow, "unfinished": unfinished}
        counts["ordinary"] = count - slow - unfinished
        kinds = [kind for kind, share in counts.items() for _ in range(share)]
        direct = set(random.sample(range(count), round(town.direct * scale)))
        days = self._working_days()
        return [
            _CasePlan(self, random, days, kind).draw(
                f"{self._seed}-{count}/{number}", direct=number in direct
            )
            for number, kind in enumerate(kinds)
        ]

    def _working_days(self) -> list[date]:
        span = (self._town.last - self._town.first).days + 1
        days = (self._town.first + timedelta(days=n) for n in range(span))
        return [day for day in days if self._calendar.opened(day)]

    @property
    def parts(self) -> tuple[Town, Catalogue, Calendar, Mapping[Role, list[str]]]:
        """What the plan of one case needs."""
        return self._town, self._catalogue, self._calendar, self._staff


class _CasePlan:
    """One case while it is being drawn: `at` is where its story stands."""

    def __init__(self, plan: TownPlan, random: Random, days: list[date], kind: Kind) -> None:
        self.town, self.catalogue, self.calendar, self.staff = plan.parts
        self.random, self.kind, self.end, self.left_at = random, kind, plan.end, plan.left_at
        self.channel = "online"
        self.procedure = self._procedure(days)
        self.day = self._day(days)
        self.acts: list[Act] = []
        self.until: datetime | None = None
        self.officers: dict[str, str] = {}

    def draw(self, name: str, *, direct: bool) -> Case:
        """The case."""
        if direct:
            self.channel = "post" if self._happens(self.town.post) else "counter"
        arrived, officer = self._arrival()
        self.at = arrived
        if officer is None:
            officer = self._who(Role.RECEIVER)
            self._later(self.random.randint(15, 120))
            self._out_of_the_cut_off()
            self._act("accept", officer)
            counter = None
        else:
            counter = officer
        self.officers[Role.RECEIVER] = officer
        start = starts(self.calendar, self.at, self.procedure.cut_off)
        assert self.procedure.limit is not None
        self.due = due(self.calendar, self.procedure.limit, start)
        self.at = start
        self._work()
        return Case(
            submission={
                "request_id": f"{self.town.name}/{name}",
                "procedure": self.procedure.code,
                "channel": self.channel,
                "unit": self.town.unit,
                "applicant": {
                    "name": invented_name(self.random),
                    "phone": f"09{self.random.randrange(10**8):08d}",
                },
                "submitted_at": arrived.isoformat(),
            },
            at=arrived,
            officer=counter,
            acts=tuple(act for act in self.acts if act.at <= self.end),
            until=self.until,
            seed=f"{self.town.name} {name}",
        )

    # Arrival

    def _procedure(self, days: list[date]) -> Procedure:
        codes, weights = zip(*self.town.weights.items(), strict=True)
        while True:
            (code,) = self.random.choices(codes, weights)
            procedure = self.catalogue.procedure(code, days[0])
            # What must be open at the end needs a limit that reaches beyond it.
            if self.kind != "unfinished" or (procedure.limit is not None and procedure.limit.days >= 3):
                return procedure

    def _day(self, days: list[date]) -> date:
        if self.kind == "unfinished":
            return self.random.choice(days[-2:])
        assert self.procedure.limit is not None
        # Early enough to be finished by the end, supplement, send-back and delay included.
        room = max(self.procedure.limit.days, 1) + (8 if self.kind == "slow" else 5)
        return self.random.choice(days[:-room])

    def _arrival(self) -> tuple[datetime, str | None]:
        """When it is handed in, and the officer who accepts it at once, at the counter."""
        online = self.channel == "online"
        if self.kind == "unfinished":  # early enough to be accepted on the last day
            clock = self.random.randint(7 * 60 + 5, 10 * 60)
        elif online:
            clock = self.random.randint(6 * 60, 21 * 60)
        else:  # while the office is open
            clock = self.random.randint(7 * 60 + 5, 11 * 60) + self.random.choice((0, 395))
        self.at = self.calendar.instant(self.day, time(clock // 60, clock % 60, self.random.randrange(60)))
        self._out_of_the_cut_off()
        return self.at, None if online or self.channel == "post" else self._who(Role.RECEIVER)

    def _out_of_the_cut_off(self) -> None:
        """Nobody accepts within a quarter of an hour of 15:00, so that a slow machine changes nothing."""
        cut_off = self.procedure.cut_off
        if cut_off is None:
            return
        border = self.calendar.instant(self.calendar.local(self.at).date(), cut_off)
        if abs(self.at - border) < 15 * MINUTE:
            self.at = border + 15 * MINUTE

    # Work

    def _work(self) -> None:
        limit = self.calendar.between(self.at, self.due)
        steps = [step for step in self.procedure.steps if step.stage is not Stage.RETURN]
        self._pay_first(limit)
        if steps[0].stage is Stage.RECEIVE:
            self._act("complete", self.officers[Role.RECEIVER])
            steps = steps[1:]
        if self.kind == "unfinished":
            self.until = self.left_at
            return
        fraction = self.random.uniform(0.15, 0.7)
        ready: datetime | None = None
        if self.kind == "slow":
            ready = self._some_time(self.calendar.working_day_after(self._date(self.due), self._extra_days()))
        elif self._happens(self.town.to_the_day):
            ready = self._some_time(self._date(self.due))
        if ready is None or ready <= self.at:
            ready = None
            self._supplement(limit)
        budget = self.calendar.between(self.at, ready) if ready else limit * fraction
        parts = self.random.choices(range(1, 10), k=len(steps))
        self._through(steps, [budget * part / sum(parts) for part in parts], hurry=ready is not None)
        self._return()

    def _through(self, steps: list[Step], budgets: list[timedelta], *, hurry: bool) -> None:
        redo = not hurry and self._happens(self.town.send_back)
        consult = self.town.consults.get(self.procedure.code)
        for index, (step, budget) in enumerate(zip(steps, budgets, strict=True)):
            officer = self._who(step.role)
            if step.stage is Stage.PROCESS and consult and self._happens(self.town.consultation):
                self._act("consult", officer, agency=consult)
                self._later(budget * 0.6 / MINUTE)
                self._act("answer", officer, agency=consult)
                self._later(budget * 0.4 / MINUTE)
                consult = None
            else:
                self._later(budget / MINUTE * (1.0 if hurry else self.town.pace.get(officer, 1.0)))
            if step.decides and redo and index:
                again = steps[0]
                self._act("send-back", officer, step=again.id, reason="Bổ sung căn cứ pháp lý")
                self._later(5)
                for back in steps[:index]:
                    self._finish(back, self.officers[back.id])
            self.officers[step.id] = officer
            self._finish(step, officer)

    def _finish(self, step: Step, officer: str) -> None:
        data: dict[str, Any] = {}
        if step.issues:
            number = f"{self.random.randrange(1, 10_000)}/{self.town.unit.upper()}"
            data = {"number": number, "date": self.at.isoformat()}
        if step.decides:
            reject = self._happens(self.town.reject)
            reason = {"reason": "Không đủ điều kiện theo quy định"} if reject else {}
            self._act("reject" if reject else "approve", officer, **data, **reason)
        else:
            self._act("complete", officer, step=step.id, **data)

    def _pay_first(self, limit: timedelta) -> None:
        charged = [(fee.kind, price) for fee in self.procedure.fees if (price := fee.price(self.channel))]
        if self.kind != "ordinary" or not charged or limit < timedelta(hours=3):
            return
        if self._happens(self.town.payment):
            kind, price = charged[0]
            self._act("request-payment", self.officers[Role.RECEIVER], fee=kind, amount=price)
            self._later(self.random.randint(3, 50))
            self._act("pay", "citizen", amount=price, receipt=f"BL{self.random.randrange(10**6):06d}")

    def _supplement(self, limit: timedelta) -> None:
        pauses = self.procedure.pausing.supplement != "none"
        if self.kind != "ordinary" or not pauses or not self._happens(self.town.supplement):
            return
        self._later(limit * 0.1 / MINUTE)
        handler = self._who(Role.HANDLER)
        self._act("request-supplement", handler, reason="Thiếu bản sao giấy tờ")
        self._later(self.random.randint(120, 2 * 480))
        self._act("supply", "citizen")

    def _return(self) -> None:
        self._later(self.random.randint(10, 900))
        self._act("return", self._who(Role.RETURNER), channel=self.channel)
        if self.procedure.rating_window is None:
            return  # it ends with the return
        if self._happens(self.town.rated):
            self._act("rate", "citizen", score=self.random.choices((5, 4, 3, 2, 1), (80, 15, 3, 1, 1))[0])
        else:
            lapse = due(self.calendar, self.procedure.rating_window, starts(self.calendar, self.at))
            self.until = min(lapse + MINUTE, self.left_at)
        if self.at > self.end:
            self.until = self.left_at

    # Small things

    def _act(self, command: str, user: str, **data: Any) -> None:
        self.acts.append(Act(self.at, command, user, data))

    def _later(self, minutes: float) -> None:
        """Go on after some working time, to the second."""
        self.at = self.calendar.add(self.calendar.next_open(self.at), timedelta(seconds=round(minutes * 60)))

    def _some_time(self, day: date) -> datetime:
        """A moment of a working day, away from its ends."""
        opens, closes = self.random.choice(self.calendar.opened(day))
        return opens + (closes - opens) * self.random.uniform(0.15, 0.9)

    def _extra_days(self) -> int:
        return self.random.randint(1, 6)

    def _date(self, at: datetime) -> date:
        return self.calendar.local(at).date()

    def _who(self, role: Role) -> str:
        return self.random.choice(self.staff[role])

    def _happens(self, share: float) -> bool:
        return self.random.random() < share


def invented_name(random: Random) -> str:
    """The name of somebody who does not exist."""
    return " ".join(random.choice(words) for words in (FAMILY, MIDDLE, GIVEN))


def _scaled(number: int, scale: float, count: int) -> int:
    """A small town has at least one of each, as long as it has a hundred dossiers."""
    return max(round(number * scale), 1 if count >= 100 else 0)
