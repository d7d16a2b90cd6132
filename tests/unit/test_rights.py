"""The table of rights: every role, every command, its own unit and another, every stage."""

from __future__ import annotations

import pytest

from models import refusals as r
from models.commands import Actor
from models.offers import offers
from models.procedure import Role, Stage
from models.rights import COMMANDS, EVERYWHERE, OF_THE_TASK, OFFICE, STAFF
from models.rules import decide
from tests.unit.office import COMMANDS as READ
from tests.unit.office import NEEDED, Case, at
from tests.unit.test_refusals import ALLOWED, CHANGED

STAGES: dict[Stage, tuple[str, ...]] = {
    Stage.RECEIVE: ("receiver1 file",),
    Stage.PROCESS: ("receiver1 file", "receiver1 accept", "receiver1 complete"),
    Stage.APPROVE: (
        *("receiver1 file", "receiver1 accept", "receiver1 complete", "handler1 complete"),
        "leader1 complete",
    ),
    Stage.RETURN: (
        *("receiver1 file", "receiver1 accept", "receiver1 complete", "handler1 complete"),
        *("leader1 complete", "approver1 approve", "clerk1 complete number=7 date=2026-03-02T01:00:00Z"),
    ),
}
DATA: dict[str, dict[str, str]] = {
    "send-back": {"step": "digitise"},
    "acknowledge": {"until": "2026-03-03T02:00:00Z"},
    "assign": {"to": "handler2"},
    "extend": {"until": "2026-03-20T02:00:00Z"},
    "outage": {"since": "2026-03-02T00:00:00Z", "until": "2026-03-02T01:00:00Z"},
}


def asked(case: Case, kind: str, role: Role, unit: str) -> type[r.Problem] | None:
    """How a command of somebody with one role ends: allowed, or the class of the refusal."""
    actor = Actor(id="somebody", roles=(role,), unit=unit)
    data = NEEDED.get(kind, {}) | DATA.get(kind, {})
    command = READ.validate_python({"id": "mine", "kind": kind, "actor": actor, **data})
    try:
        decide(case.dossier, command, case.now)
    except r.Problem as problem:
        return type(problem)
    return None


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("kind", sorted(set(COMMANDS) - {"file"}))
def test_the_table_decides(kind: str, stage: Stage) -> None:
    """Who has no right is refused for that; who has it is never told that it is their role or unit."""
    case = Case(*STAGES[stage])
    assert case.dossier.stage is stage
    assert case.dossier.task is not None
    roles, stages = COMMANDS[kind]
    entitled = (case.dossier.task.role,) if roles == OF_THE_TASK else roles
    for role in Role:
        for unit in ("demo", "police"):
            end = asked(case, kind, role, unit)
            if roles == OF_THE_TASK and end is r.WrongStage and kind not in ("claim", "release"):
                continue  # not the command of this task: it is nobody's
            if role not in entitled:
                assert end is r.WrongRole, (role, unit)
            elif unit != "demo" and role not in EVERYWHERE:
                assert end is r.WrongUnit, (role, unit)
            elif stage not in stages:
                assert end is r.WrongStage, (role, unit)
            else:
                assert end is None or not issubclass(end, r.Forbidden), (role, unit, end)


@pytest.mark.parametrize("kind", sorted(set(COMMANDS) - {"file"}))
def test_each_right_can_be_used(kind: str) -> None:
    """In one of its stages at least, by each of its roles: else the table promises what no rule grants."""
    where, before, line, _ = ALLOWED[kind]
    case = Case(rules=CHANGED[kind]) if kind in CHANGED else Case()
    case.run(*stage_lines(where), *before)
    assert case.dossier.stage in COMMANDS[kind].stages
    case.run(line)


def stage_lines(name: str) -> tuple[str, ...]:
    """The lines that lead to a stage of the tables."""
    return LINES[name]


LINES: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "filed": STAGES[Stage.RECEIVE],
    "accepted": ("receiver1 file", "receiver1 accept"),
    "handling": STAGES[Stage.PROCESS],
    "reviewing": (*STAGES[Stage.PROCESS], "handler1 complete"),
    "deciding": STAGES[Stage.APPROVE],
    "ready": STAGES[Stage.RETURN],
    "returned": (*STAGES[Stage.RETURN], "returner1 return"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_offers_are_what_would_be_allowed(stage: Stage) -> None:
    """Nothing that the table forbids is offered, and what is offered can be done."""
    case = Case(*STAGES[stage])
    assert case.dossier.task is not None
    for role in STAFF:
        for unit in ("demo", "police"):
            actor = Actor(id="somebody", roles=(role,), unit=unit)
            found = offers(case.dossier, actor, case.now)
            for kind in found:
                roles, stages = COMMANDS[kind]
                assert role in (roles or (case.dossier.task.role,))
                assert unit == "demo" or role in EVERYWHERE
                assert stage in stages
            assert ("note" in found) == (
                role in COMMANDS["note"].roles and (unit == "demo" or role in EVERYWHERE)
            )


def test_offers_follow_what_happens() -> None:
    """The one who has the task, those who have not, and what is waited for."""
    case = Case(*STAGES[Stage.PROCESS], "handler1 claim")
    handler, other, leader = (
        Actor(id=name, roles=(role,), unit="demo")
        for name, role in (
            ("handler1", Role.HANDLER),
            ("handler2", Role.HANDLER),
            ("leader1", Role.UNIT_LEADER),
        )
    )
    assert {"complete", "release", "send-back", "consult"} <= set(offers(case.dossier, handler, case.now))
    assert offers(case.dossier, handler, case.now)["send-back"].choices == ("digitise",)
    assert not {"complete", "claim", "release"} & set(offers(case.dossier, other, case.now))
    assert {"assign", "stop", "extend"} <= set(offers(case.dossier, leader, case.now))
    case.run("handler1 consult agency=police")
    assert offers(case.dossier, handler, case.now)["answer"].choices == ("police",)
    case.run("handler1 request-payment amount=5000")
    waiting = offers(case.dossier, handler, case.now)
    assert "pay" in waiting
    assert "complete" not in waiting
    case.run("leader1 stop")
    assert "resume" in offers(case.dossier, leader, case.now)
    assert offers(Case("receiver1 file", "receiver1 refuse").dossier, leader, at("2026-03-02 09:00")) == {}


def test_the_table_of_the_office() -> None:
    """Every page and act is somebody's, and nobody's who is no staff; by the clock only data is erased."""
    for what, roles in OFFICE.items():
        assert roles
        assert set(roles) - set(STAFF) == ({Role.CLOCK} if what == "erase" else set())
