"""The open work of one morning, played by the pure rules: every state, with everybody, each time the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import time, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from models.dossier import Dossier
from models.procedure import Role
from motcua.caseloads.fit import fitting_caseload
from motcua.caseloads.open_work import OpenWorkPlan, read_open_work
from motcua.caseloads.script import Case
from motcua.caseloads.states import Shortfall, State
from motcua.caseloads.town import Town, TownPlan, read_town
from motcua.catalogue.catalogue import Catalogue
from motcua.store.screens import Edges
from tests.second_office import second_office
from tests.unit.test_town import CALENDAR, Played

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = Catalogue.load(ROOT / "catalog")
WORK = read_open_work(ROOT / "catalog" / "caseloads" / "hoa-thanh-open.toml")
TOWN = read_town(ROOT / "catalog" / "caseloads" / "hoa-thanh.toml")
PLAN = OpenWorkPlan(WORK, CATALOGUE, 1)


class Drawn(NamedTuple):
    """The open work of one office, and what the rules make of it, by the state that a case was drawn for."""

    catalogue: Catalogue
    town: Town
    plan: OpenWorkPlan
    cases: list[Case]
    shortfalls: list[Shortfall]
    played: dict[State, list[Dossier]]


@pytest.fixture(scope="module", params=["shipped", "second"])
def drawn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Drawn:
    """All of it, in each of two offices."""
    second = request.param == "second"
    root = second_office(tmp_path_factory.mktemp("second")) if second else ROOT / "catalog"
    catalogue = Catalogue.load(root)
    town, work = fitting_caseload(root, catalogue)
    plan = OpenWorkPlan(work, catalogue, 1)
    cases, shortfalls = plan.draw()
    played: dict[State, list[Dossier]] = defaultdict(list)
    for case in cases:
        state = case.request_id.rpartition("/")[2].partition("-")[0]
        played[state].append(Played(case, CALENDAR, catalogue).dossier)  # type: ignore[index]
    return Drawn(catalogue, town, plan, cases, shortfalls, played)


def in_state(plan: OpenWorkPlan, dossier: Dossier, state: State) -> bool:
    """Whether the engine finds a dossier in a state."""
    midnight = CALENDAR.instant(plan.work.day + timedelta(days=1), time())
    edges = Edges(plan.moment, midnight, plan.soon)
    assert dossier.task is not None
    step = dossier.term_of(dossier.task.id)
    terms = [term for term in (step, dossier.term) if term is not None]
    urgent = min((term.due_at for term in terms), default=edges.soon)
    overdue = min((dossier.overdue_from(term) for term in terms), default=None)
    match state:
        case "new":
            return dossier.status == "submitted"
        case "supplement" | "payment":
            return dossier.status == f"awaiting-{state}" and dossier.paused
        case "apology":
            return dossier.apology is not None
        case "linked":
            return len(dossier.links) > 0 and not any(linked.over for linked in dossier.links)
        case "ready":
            return dossier.status == "ready"
        case "resting":
            rests = [term.rests_until for term in dossier.terms if term.rests_until is not None]
            return edges.state(0, urgent, overdue) == "late" and plan.moment < min(rests, default=plan.moment)
    return not dossier.paused and edges.state(0, urgent, overdue) == state


def test_each_state_is_what_the_rules_make_of_it(drawn: Drawn) -> None:
    """As many of each as the file says, or a shortfall says how many not; nobody is refused anything."""
    found = Counter({state: len(dossiers) for state, dossiers in drawn.played.items()})
    for shortfall in drawn.shortfalls:
        assert found[shortfall.state] == shortfall.drawn < shortfall.wanted
        found[shortfall.state] = shortfall.wanted
    assert found == drawn.plan.work.states
    for state, dossiers in drawn.played.items():
        assert [dossier for dossier in dossiers if not in_state(drawn.plan, dossier, state)] == [], state


def test_the_shipped_office_shows_every_state() -> None:
    """In the number that its file says, 60 to 100 in all."""
    cases, shortfalls = PLAN.draw()
    assert shortfalls == []
    assert 60 <= len(cases) == sum(WORK.states.values()) <= 100


def test_the_work_is_spread_over_the_officers(drawn: Drawn) -> None:
    """Everybody who works on dossiers has some, colleagues about as much, and some is free."""
    tasks = [dossier.task for dossiers in drawn.played.values() for dossier in dossiers if dossier.task]
    has = Counter(task.assignee for task in tasks)
    busy = {Role.HANDLER, Role.UNIT_LEADER, Role.APPROVER, Role.CLERK}
    unit = [member for member in drawn.catalogue.office.staff.values() if member.unit == drawn.plan.work.unit]
    assert [member.id for member in unit if busy & set(member.roles) and not has[member.id]] == []
    one, other = (has[member.id] for member in unit if Role.HANDLER in member.roles)
    assert abs(one - other) <= 10
    assert has[None] > 0


def test_the_same_seed_draws_the_same_work(drawn: Drawn) -> None:
    """Another seed draws other dossiers."""
    assert OpenWorkPlan(drawn.plan.work, drawn.catalogue, 1).draw().cases == drawn.cases
    other = OpenWorkPlan(drawn.plan.work, drawn.catalogue, 2).draw().cases
    assert {case.request_id for case in other}.isdisjoint(case.request_id for case in drawn.cases)


def test_it_comes_after_the_period_of_the_report(drawn: Drawn) -> None:
    """Everything is received later and lies open at one moment; acts go forward until then."""
    for case in drawn.cases:
        moments = [case.at, *(act.at for act in case.acts), drawn.plan.moment]
        assert moments == sorted(moments)
        assert CALENDAR.local(case.at).date() > drawn.town.last
        assert case.until == drawn.plan.moment


def test_a_part_has_at_least_one_of_each() -> None:
    """A small demo shows every state, too."""
    part = PLAN.draw(0.01).cases
    assert len(part) == len(WORK.states)
    assert {case.request_id for case in part} <= {case.request_id for case in PLAN.draw().cases}


def test_what_the_town_left_open_goes_on_to_the_same_moment() -> None:
    """The same acts; only the clocks of open dossiers stand later."""
    before = TownPlan(TOWN, CATALOGUE, 1).cases(120)
    after = TownPlan(TOWN, CATALOGUE, 1, left_at=PLAN.moment).cases(120)
    assert [case._replace(until=None) for case in before] == [case._replace(until=None) for case in after]
    assert all(a.until is None or (b.until or a.until) <= a.until for b, a in zip(before, after, strict=True))
    assert max(case.until for case in after if case.until) == PLAN.moment
