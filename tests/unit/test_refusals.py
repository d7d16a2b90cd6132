"""Every command: one case in which it is allowed, and one for each way in which its rule says no."""

from __future__ import annotations

import ast
import inspect
import typing

import pytest

from models import commands as c
from models import outages, relief, rules
from models import refusals as r
from models.procedure import Procedure
from models.refusals import Problem, Refusal, exit_code, revive
from models.rights import COMMANDS
from tests.unit.office import ISSUE, STAFF, TEXT, Case, at, procedure, stage, step

KINDS = {
    kind
    for command in typing.get_args(typing.get_args(c.Command)[0])
    for kind in typing.get_args(command.model_fields["kind"].annotation)
}

OPEN_ENDED = procedure(limit=None)
APOLOGETIC = procedure(apology="-1 day")
DRAFTED = ("@ 2026-03-05 08:00", "clock tick")
SOUNDED = ("@ 2026-03-10 09:00", "clock tick")
REST = "until=2026-03-11T09:00:00Z"
TUESDAY = ("@ 2026-03-03 10:00",)
OUT = "since=2026-03-02T06:00:00Z until=2026-03-02T08:00:00Z"
AT_THE_END = ("receiver1 file", "receiver1 accept", "receiver1 complete")
TOMORROW = "number=7 date=2026-03-03T02:00:00Z"
ONE_SIGNATURE = procedure(
    steps=[
        step("handle", "process", "handler", "1 day"),
        step("sign", "approve", "approver", "1 day", decides=True, issues=True),
        step("hand-over", "return", "returner", None),
    ]
)
SIGNING = ("receiver1 file", "receiver1 accept", "handler1 complete")
BOTH_HANDLED = ("both1 complete", "leader1 complete")
PAST = "limit='until 2026-03-02T00:00:00Z'"
TOO_LATE = "limit='until 2199-12-31T12:00:00Z'"
UNTIL = "until=2026-03-20T02:00:00Z"
BACKWARD = "since=2026-03-02T08:00:00Z until=2026-03-02T08:00:00Z"
ENDLESS = "since=2026-01-01T00:00:00Z until=2026-03-02T08:00:00Z"

LINK = {"id": "tax", "step": "handle", "procedure": "x.tax", "unit": "tax"}
LINKED = procedure(links=[LINK])
LINKED_LATER = procedure(links=[{**LINK, "step": "decide"}])
UNCOUNTED = procedure(links=[{**LINK, "mode": "resume"}])

# command -> stage, lines before it, the line, what happens
ALLOWED: dict[str, tuple[str, tuple[str, ...], str, list[str]]] = {
    "file": ("nothing", (), "citizen1 file channel=online", ["filed"]),
    "accept": ("filed", (), "receiver2 accept", ["accepted", "step-opened"]),
    "refuse": ("filed", (), "receiver1 refuse", ["refused"]),
    "claim": ("handling", (), "handler1 claim", ["claimed"]),
    "release": ("handling", ("handler1 claim",), "handler1 release", ["released"]),
    "assign": ("handling", ("handler1 claim",), "head1 assign to=handler2", ["assigned"]),
    "free": ("handling", ("handler1 claim",), "clock free task=5 assignee=handler1", ["task-freed"]),
    "complete": ("handling", (), "handler1 complete step=handle", ["step-completed", "step-opened"]),
    "send-back": ("deciding", (), "approver1 send-back step=review", ["sent-back", "step-opened"]),
    "request-supplement": (
        "handling",
        (),
        "handler1 request-supplement",
        ["supplement-requested", "clock-paused"],
    ),
    "supply": (
        "handling",
        ("handler1 request-supplement",),
        "citizen1 supply",
        ["supplied", "clock-resumed"],
    ),
    "request-payment": (
        "handling",
        (),
        "receiver1 request-payment",
        ["payment-requested", "clock-paused"],
    ),
    "pay": ("handling", ("receiver1 request-payment",), "citizen1 pay", ["paid", "clock-resumed"]),
    "consult": ("handling", (), "handler1 consult", ["consulted"]),
    "answer": ("handling", ("handler1 consult",), "clerk1 answer", ["answered"]),
    "approve": ("deciding", (), "approver1 approve", ["decided", "step-opened"]),
    "reject": ("deciding", (), "approver1 reject", ["decided", "step-opened"]),
    "extend": ("handling", (), f"leader1 extend {UNTIL}", ["extended"]),
    "apologise": ("handling", DRAFTED, "leader1 apologise", ["extended"]),
    "dismiss-apology": ("handling", DRAFTED, "head1 dismiss-apology", ["apology-dismissed"]),
    "acknowledge": ("handling", SOUNDED, f"leader1 acknowledge {REST}", ["acknowledged"]),
    "return": ("ready", (), "returner1 return channel=post", ["returned"]),
    "withdraw": ("deciding", (), "citizen1 withdraw", ["withdrawn"]),
    "stop": ("handling", (), "head1 stop", ["stopped", "clock-paused"]),
    "resume": ("handling", ("head1 stop",), "leader1 resume", ["clock-resumed"]),
    "outage": ("handling", TUESDAY, f"admin1 outage {OUT}", ["outage-counted"]),
    "amend-calendar": ("handling", (), "admin1 amend-calendar", ["calendar-amended"]),
    "transfer": ("filed", (), "receiver1 transfer", ["transferred"]),
    "correct": ("reviewing", (), "handler1 correct", ["corrected"]),
    "note": ("filed", (), "clerk1 note", ["noted"]),
    "attach": ("filed", (), "clerk1 attach", ["attached"]),
    "rate": ("returned", (), "citizen1 rate score=1", ["rated"]),
    "observe": ("filed", (), "admin1 observe", ["observed"]),
    "hear": ("handling", (), "clock hear", ["heard"]),
    "tick": ("filed", ("@ 2026-03-03 08:00",), "clock tick", ["rung-reached"]),
}

CHANGED = {"apologise": APOLOGETIC, "dismiss-apology": APOLOGETIC, "hear": LINKED}
"""The rules of those that the sample procedure does not have."""

# line, refusal, stage, lines before it, rules
REFUSED: list[tuple[str, type[Refusal], str, tuple[str, ...], Procedure | None]] = [
    ("receiver1 file", r.WrongStage, "filed", (), None),
    ("citizen1 file submitted_at=2026-03-02T01:00:01Z", r.BadDate, "nothing", (), None),
    ("citizen1 file accept=true", r.WrongRole, "nothing", (), None),
    ("stranger1 file accept=true", r.WrongUnit, "nothing", (), None),
    ("receiver1 file accept=true", r.DueMissing, "nothing", (), OPEN_ENDED),
    ("receiver1 file accept=true due='3 days'", r.DueNotExpected, "nothing", (), None),
    ("receiver1 accept", r.WrongStage, "accepted", (), None),
    ("receiver1 accept", r.TaskTaken, "filed", ("receiver2 claim",), None),
    ("receiver1 accept", r.DossierWaits, "filed", ("receiver1 request-supplement",), None),
    ("receiver1 accept", r.DueMissing, "filed", (), OPEN_ENDED),
    *(
        entry
        for limit, refusal in ((PAST, r.EndNotAhead), (TOO_LATE, r.EndBeyondCalendar))
        for entry in (
            (f"receiver1 accept {limit.replace('limit', 'due')}", refusal, "filed", (), OPEN_ENDED),
            (
                f"receiver1 file accept=true {limit}".replace("limit", "due"),
                refusal,
                "nothing",
                (),
                OPEN_ENDED,
            ),
            (f"handler1 request-supplement {limit}", refusal, "handling", (), None),
            (f"handler1 consult {limit}", refusal, "handling", (), None),
        )
    ),
    ("receiver1 accept due='3 days'", r.DueNotExpected, "filed", (), None),
    ("handler1 refuse", r.WrongStage, "handling", (), None),
    ("receiver1 refuse", r.TaskTaken, "filed", ("receiver2 claim",), None),
    ("handler1 claim task=1", r.StaleTask, "handling", (), None),
    ("handler1 claim", r.TaskTaken, "handling", ("handler2 claim",), None),
    ("both1 claim", r.FourEyes, "handling", BOTH_HANDLED, None),
    ("returner1 claim", r.WrongStage, "returned", (), None),
    ("handler1 release task=1", r.StaleTask, "handling", ("handler1 claim",), None),
    ("clock free task=4 assignee=handler1", r.StaleTask, "handling", ("handler1 claim",), None),
    ("clock free task=5 assignee=handler2", r.StaleTask, "handling", ("handler1 claim",), None),
    ("clock free task=5 assignee=handler1", r.StaleTask, "handling", (), None),
    ("handler1 release", r.TaskNotClaimed, "handling", (), None),
    ("handler1 release", r.TaskTaken, "handling", ("handler2 claim",), None),
    ("leader1 assign to=returner1", r.WrongStage, "returned", (), None),
    ("leader1 assign to=handler1 task=1", r.StaleTask, "handling", (), None),
    ("leader1 assign to=both1", r.FourEyes, "handling", BOTH_HANDLED, None),
    ("leader1 assign to=clerk1", r.NotTheirTask, "handling", (), None),
    ("head1 assign to=stranger1", r.NotTheirTask, "handling", (), None),
    ("leader1 assign to=nobody1", r.NotTheirTask, "filed", (), None),
    ("receiver1 complete", r.WrongStage, "filed", (), None),
    ("approver1 complete", r.WrongStage, "deciding", (), None),
    ("returner1 complete", r.WrongStage, "ready", (), None),
    ("handler1 complete", r.TaskTaken, "handling", ("handler2 claim",), None),
    ("handler1 complete step=digitise", r.StaleTask, "handling", (), None),
    ("handler1 complete", r.DossierWaits, "handling", ("handler1 request-supplement",), None),
    ("handler1 complete", r.DossierWaits, "handling", ("head1 stop",), None),
    ("handler1 complete", r.ConsultationOpen, "handling", ("handler1 consult",), None),
    ("handler1 complete", r.LinkPending, "handling", (), LINKED),
    ("handler1 complete", r.LinkPending, "handling", ("clock hear what=late",), LINKED),
    ("handler1 complete", r.DossierWaits, "handling", (), UNCOUNTED),
    ("clock hear", r.NotLinked, "handling", (), None),
    ("clock hear link=police", r.NotLinked, "handling", (), LINKED),
    ("clock hear", r.NotLinked, "handling", ("clock hear child=H53-260302-0009",), LINKED),
    ("clock hear what=late", r.NotLinked, "handling", ("clock hear what=ready",), LINKED),
    ("clerk1 complete number=7", r.ResultIncomplete, "issuing", (), None),
    ("handler1 complete number=7", r.ResultNotExpected, "handling", (), None),
    ("receiver1 send-back step=handle", r.WrongStage, "filed", (), None),
    ("returner1 send-back step=handle", r.WrongStage, "ready", (), None),
    ("leader1 send-back step=handle", r.TaskTaken, "reviewing", ("head1 assign to=leader2",), None),
    ("leader1 send-back step=handle", r.DossierWaits, "reviewing", ("head1 stop",), None),
    ("leader1 send-back step=nowhere", r.NoSuchStep, "reviewing", (), None),
    ("leader1 send-back step=review", r.NoSuchStep, "reviewing", (), None),
    ("leader1 send-back step=issue", r.NoSuchStep, "reviewing", (), None),
    ("leader1 request-supplement", r.WrongStage, "deciding", (), None),
    ("handler1 request-supplement", r.TaskTaken, "handling", ("handler2 claim",), None),
    ("handler1 request-supplement", r.DossierWaits, "handling", ("head1 stop",), None),
    (
        "handler1 request-supplement",
        r.AlreadyAsked,
        "handling",
        ("leader1 request-supplement",),
        None,
    ),
    (
        "handler1 request-supplement",
        r.SupplementsUsed,
        "handling",
        ("handler1 request-supplement", "citizen1 supply") * 2,
        None,
    ),
    ("citizen1 supply", r.NothingAsked, "handling", ("receiver1 request-payment",), None),
    ("receiver1 request-payment", r.WrongStage, "ready", (), None),
    ("receiver1 request-payment", r.AlreadyAsked, "handling", ("leader1 request-payment",), None),
    ("citizen1 pay", r.NothingAsked, "handling", ("handler1 request-supplement",), None),
    ("citizen1 pay amount=99999", r.WrongAmount, "handling", ("handler1 request-payment",), None),
    (f"clerk1 complete {TOMORROW}", r.BadDate, "issuing", (), None),
    ("handler1 consult", r.WrongStage, "deciding", (), None),
    ("leader1 consult", r.WrongStage, "filed", (), None),
    ("handler1 consult", r.TaskTaken, "handling", ("handler2 claim",), None),
    ("handler1 consult", r.DossierWaits, "handling", ("head1 stop",), None),
    ("handler1 consult", r.AlreadyAsked, "handling", ("leader1 consult",), None),
    ("handler1 answer agency=police", r.NothingAsked, "handling", ("handler1 consult",), None),
    *(
        entry
        for verb in ("approve", "reject")
        for entry in (
            (f"handler1 {verb}", r.WrongStage, "handling", (), None),
            (f"both1 {verb}", r.FourEyes, "handling", BOTH_HANDLED, None),
            (f"approver1 {verb}", r.TaskTaken, "deciding", ("approver2 claim",), None),
            (f"approver1 {verb}", r.LinkPending, "deciding", (), LINKED_LATER),
            (f"approver1 {verb}", r.DossierWaits, "deciding", ("receiver1 request-payment",), None),
            (f"approver1 {verb}", r.ResultIncomplete, "nothing", SIGNING, ONE_SIGNATURE),
            (f"approver1 {verb} {TOMORROW}", r.BadDate, "nothing", SIGNING, ONE_SIGNATURE),
            (f"approver1 {verb} number=7", r.ResultNotExpected, "deciding", (), None),
        )
    ),
    ("approver1 reject reason=", r.ReasonMissing, "deciding", (), None),
    (f"leader1 extend {UNTIL}", r.WrongStage, "filed", (), None),
    (f"leader1 extend {UNTIL}", r.WrongStage, "ready", (), None),
    (
        "leader1 extend until=2026-03-27T02:00:00Z",
        r.ExtensionUsed,
        "handling",
        (f"leader1 extend {UNTIL}",),
        None,
    ),
    (f"leader1 extend {UNTIL}", r.DossierWaits, "handling", ("head1 stop",), None),
    ("leader1 extend until=2026-03-09T01:00:00Z", r.BadDate, "handling", (), None),
    (f"leader1 extend {UNTIL}", r.BadDate, "handling", ("@ 2026-03-20 09:00",), None),
    ("leader1 apologise", r.NothingDrafted, "handling", (), APOLOGETIC),
    ("leader1 apologise", r.NothingDrafted, "handling", (*DRAFTED, "leader1 apologise"), APOLOGETIC),
    ("leader1 apologise", r.DossierWaits, "handling", (*DRAFTED, "head1 stop"), APOLOGETIC),
    ("leader1 apologise until=2026-03-09T00:00:00Z", r.BadDate, "handling", DRAFTED, APOLOGETIC),
    ("leader1 apologise", r.BadDate, "handling", (*DRAFTED, "@ 2026-03-20 08:00"), APOLOGETIC),
    (
        "leader1 apologise",
        r.DateMissing,
        "nothing",
        ("@ 2026-12-24 08:00", *AT_THE_END, "@ 2026-12-29 08:00", "clock tick"),
        APOLOGETIC,
    ),
    (f"admin1 outage {OUT}", r.OutageKnown, "handling", (*TUESDAY, f"admin1 outage {OUT}"), None),
    (f"admin1 outage {OUT}", r.OutageMissed, "nothing", (*TUESDAY, "receiver1 file"), None),
    (f"admin1 outage {OUT}", r.OutageMissed, "handling", TUESDAY, procedure(pausing={"outage": "none"})),
    (f"admin1 outage {OUT}", r.BadOutage, "handling", (), None),
    (f"admin1 outage {BACKWARD}", r.BadOutage, "handling", TUESDAY, None),
    (f"admin1 outage {ENDLESS}", r.BadOutage, "handling", TUESDAY, None),
    ("head1 dismiss-apology", r.NothingDrafted, "handling", (), APOLOGETIC),
    (
        "head1 dismiss-apology",
        r.NothingDrafted,
        "handling",
        (*DRAFTED, "head1 dismiss-apology"),
        APOLOGETIC,
    ),
    ("head1 dismiss-apology", r.DossierWaits, "handling", (*DRAFTED, "head1 stop"), APOLOGETIC),
    (f"head1 acknowledge {REST}", r.NothingSounded, "handling", (), None),
    (f"head1 acknowledge term=99 {REST}", r.NothingSounded, "handling", SOUNDED, None),
    (f"head1 acknowledge {REST}", r.NothingSounded, "handling", (*SOUNDED, "head1 stop"), None),
    ("head1 acknowledge until=2026-03-10T02:00:00Z", r.BadDate, "handling", SOUNDED, None),
    ("head1 acknowledge until=2026-03-17T02:00:01Z", r.BadDate, "handling", SOUNDED, None),
    ("clerk1 return", r.WrongStage, "issuing", (), None),
    ("returner1 return", r.TaskTaken, "ready", ("leader1 assign to=returner2",), None),
    ("citizen1 withdraw", r.WrongStage, "issuing", (), None),
    ("head1 stop", r.WrongStage, "ready", (), None),
    ("head1 stop", r.AlreadyAsked, "handling", ("leader1 stop",), None),
    ("head1 resume", r.NothingAsked, "handling", ("handler1 request-supplement",), None),
    ("leader1 transfer", r.WrongStage, "ready", (), None),
    ("leader1 transfer unit=demo", r.SameUnit, "handling", (), None),
    ("receiver1 correct", r.NotCorrectable, "accepted", (), None),
    ("handler2 correct", r.NotCorrectable, "reviewing", (), None),
    ("handler1 correct", r.NotCorrectable, "reviewing", ("leader1 claim",), None),
    ("handler1 correct", r.NotCorrectable, "reviewing", ("head1 stop",), None),
    ("handler1 correct", r.NotCorrectable, "reviewing", ("head1 stop", "head1 resume"), None),
    ("clerk1 correct", r.NotCorrectable, "returned", (), None),
    ("approver1 correct", r.NotCorrectable, "deciding", ("approver1 send-back step=handle",), None),
    ("citizen1 rate", r.WrongStage, "ready", (), None),
    ("citizen1 rate", r.WrongStage, "returned", ("@ 2026-03-16 08:01",), None),
]

UNREACHABLE = {
    # A second lock: no step before the decision can be completed while an agency has not answered.
    ("approve", "ConsultationOpen"),
    ("reject", "ConsultationOpen"),
    # One rule for both, and only who rejects owes a reason.
    ("approve", "ReasonMissing"),
}


@pytest.mark.parametrize("kind", sorted(ALLOWED))
def test_allowed(kind: str) -> None:
    """Each command does what it says where its rule allows it."""
    where, before, line, expected = ALLOWED[kind]
    case = stage(where, *before, rules=CHANGED.get(kind, procedure()))
    count = len(case.facts)
    case.run(line)
    assert case.kinds()[count:] == expected
    assert {fact.command for fact in case.facts[count:]} == {f"c{case.asked}"}


@pytest.mark.parametrize(
    ("line", "refusal", "where", "before", "changed"),
    REFUSED,
    ids=[f"{line}-{refusal.__name__}-{where}" for line, refusal, where, *_ in REFUSED],
)
def test_refused(
    line: str, refusal: type[Refusal], where: str, before: tuple[str, ...], changed: Procedure | None
) -> None:
    """Each rule says no in its own class and words, and nothing has happened."""
    case = stage(where, *before, rules=changed or procedure())
    was = case.dossier
    with pytest.raises(r.Problem) as caught:
        case.run(line)
    assert type(caught.value) is refusal, caught.value
    assert case.dossier is was
    assert exit_code(caught.value) == (2 if issubclass(refusal, r.BadInput) else 3)
    assert "{" not in caught.value.message
    assert str(revive(refusal.__name__, caught.value.message)) == caught.value.message


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_command_without_its_role(kind: str) -> None:
    """Somebody without roles may ask nothing."""
    where = {"file": "nothing", "accept": "filed", "refuse": "filed"}.get(kind, "handling")
    with pytest.raises(r.WrongRole, match="nobody1 has none"):
        ask(stage(where), "nobody1", kind)


@pytest.mark.parametrize(
    "kind", sorted(KINDS - {"file", "amend-calendar", "outage", "observe", "rate", "hear", "tick", "free"})
)
def test_no_command_from_another_unit(kind: str) -> None:
    """All roles at another unit allow nothing; the administrator, citizen and clock have no unit."""
    where = {"accept": "filed", "refuse": "filed"}.get(kind, "handling")
    with pytest.raises(r.WrongUnit, match="elsewhere"):
        ask(stage(where), "stranger1", kind)


@pytest.mark.parametrize("kind", sorted(KINDS - {"file"}))
def test_no_command_before_the_dossier_is_filed(kind: str) -> None:
    """A dossier begins with its filing."""
    with pytest.raises(r.WrongStage, match="not filed"):
        ask(stage("nothing"), "head1", kind)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_command_after_the_end(kind: str) -> None:
    """A closed dossier accepts nothing, not even from the clock."""
    who = "clock" if kind in ("hear", "tick", "free") else "admin1"
    for ended in (
        stage("closed"),
        stage("filed", "receiver1 refuse"),
        stage("handling", "citizen1 withdraw"),
    ):
        with pytest.raises(r.DossierClosed):
            ask(ended, who, kind)


def ask(case: Case, who: str, kind: str) -> None:
    """Any well-formed command of this kind."""
    more = {
        "send-back": {"step": "handle"},
        "assign": {"to": "x"},
        "extend": {"until": "2026-03-20T02:00:00Z"},
        "outage": {"since": "2026-03-02T00:00:00Z", "until": "2026-03-02T00:30:00Z"},
        "acknowledge": {"until": "2026-03-03T00:00:00Z"},
    }
    case.do(f"{who} {kind}", **more.get(kind, {}))


def test_every_command_and_refusal_has_a_test() -> None:
    """The commands, the rights, the rules and the tables here name the same commands and refusals."""
    assert KINDS == set(COMMANDS) == set(rules._RULES) == set(ALLOWED)
    tested = {(line.split()[1], refusal.__name__) for line, refusal, *_ in REFUSED}
    assert raised_by_rules() - tested == UNREACHABLE
    of_the_desk = {"UnitEnded", "UnitNotBegun", "NotThere"}
    of_the_gate = {
        "DossierClosed",
        "RealClock",
        "Outdated",
        "WrongRole",
        "WrongStage",
        "WrongUnit",
        "FourEyes",
    }
    families = (Refusal, r.Forbidden)
    ours = {each.__name__ for family in families for each in family.__subclasses__()}
    ours = {name for name in ours - {"Forbidden"} if hasattr(r, name)}
    bad_input = {"BadOutage"}  # whatever state a dossier is in, such an outage is none
    assert ours | bad_input == (of_the_gate | of_the_desk | {name for _, name in tested})


def raised_by_rules() -> set[tuple[str, str]]:
    """Which refusals each command's rule raises, itself or by what it calls, read from its source."""
    bodies = {
        node.name: node
        for module in (rules, relief, outages)
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.FunctionDef)
    }

    def reach(name: str, seen: set[str]) -> set[str]:
        if name in seen or name not in bodies:
            return set()
        seen.add(name)
        found = set()
        for node in ast.walk(bodies[name]):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Attribute) and node.func.attr == "Phrase":
                continue
            if isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "r":
                found.add(node.func.attr)
            else:
                found |= reach(_called(node.func), seen)
        return found

    def _called(function: ast.expr) -> str:
        if isinstance(function, ast.Attribute) and getattr(function.value, "id", "") == "relief":
            return function.attr
        return getattr(function, "id", "")

    return {(kind, refusal) for kind, rule in rules._RULES.items() for refusal in reach(rule.__name__, set())}


def test_a_revived_problem_is_of_its_class() -> None:
    """What another process raised comes back by name; an unknown name does not."""
    problem = revive("FourEyes", "said there")
    assert isinstance(problem, r.FourEyes)
    assert (problem.type, problem.message) == ("FourEyes", "said there")
    assert revive("NoSuchThing", "x") is None
    assert isinstance(revive("Problem", "x"), Problem)


def test_a_repeated_command_leads_to_nothing() -> None:
    """The same command again gives no facts: at once, later, and after the end."""
    case = Case()
    file = c.File(id="c1", actor=STAFF["receiver1"], channel="counter", unit="demo", applicant=TEXT)
    assert rules.decide(case.dossier, file, case.now) == rules.decide(case.dossier, file, case.now)
    closed = Case("receiver1 file", "receiver1 refuse")
    refuse = c.Refuse(id="c2", actor=STAFF["receiver1"], reason=TEXT)
    for again in (file, refuse):
        assert rules.decide(closed.dossier, again, closed.now) == []
    assert closed.dossier.answered == {"c1": 1, "c2": 2}


ONCE = {
    "assign": ("handling", (), "leader1 assign to=handler1", {"to": "handler2"}),
    "claim": ("handling", (), "handler1 claim", {"actor": STAFF["handler2"]}),
    "pay": ("handling", ("handler1 request-payment",), "citizen1 pay", {"receipt": "R-2"}),
    "consult": ("handling", (), "handler1 consult", {"agency": "police"}),
    "complete": ("issuing", (), ISSUE, {"number": "13/GP"}),
    "extend": ("handling", (), "leader1 extend until=2026-03-20T02:00:00Z", {"legal_basis": "art. 19"}),
    "send-back": ("reviewing", (), "leader1 send-back step=handle", {"step": "digitise"}),
    "note": ("handling", (), "handler1 note", {"text": TEXT.model_copy(update={"id": "text-2"})}),
    "rate": ("returned", (), "citizen1 rate", {"score": 4}),
}
"""Commands that are done once, and what is different when the same request id comes again."""


@pytest.mark.parametrize("kind", ONCE)
def test_a_request_id_stands_for_one_command(kind: str) -> None:
    """With other data it is refused, also where the first command has closed the dossier."""
    where, before, line, other = ONCE[kind]
    case = stage(where, *before, line)
    facts = [fact for fact in case.facts if fact.command == f"c{case.asked}"]
    command = case.commands[-1]
    assert rules.decide(case.dossier, command, case.now) == []
    again = command.model_copy(update={"seen": 3, "actor": command.actor.model_copy(update={"roles": ()})})
    assert rules.decide(case.dossier, again, case.now) == [], "what the desk adds makes no other request"
    with pytest.raises(r.RequestReused, match=command.id):
        rules.decide(case.dossier, command.model_copy(update=other), case.now)
    assert [fact.event.request_digest is not None for fact in facts] == [True] + [False] * (len(facts) - 1)


def test_the_hash_of_a_free_text_is_no_part_of_a_request() -> None:
    """Its salt is new each time that the text is kept; the place where it is kept says which text it is."""
    case = stage("handling", "handler1 note")
    salted_anew = case.commands[-1].model_copy(update={"text": TEXT.model_copy(update={"hash": "6" * 64})})
    assert rules.decide(case.dossier, salted_anew, case.now) == []


@pytest.mark.parametrize("until", ["9999-12-31T23:00:00Z", "0001-01-01T00:00:00Z", "2300-01-01T00:00:00Z"])
def test_a_year_that_overflows_is_no_instant(until: str) -> None:
    """Arithmetic with it raised in the workflow, and its dossier took nothing meanwhile."""
    with pytest.raises(ValueError, match="is a mistake"):
        stage("handling", f"leader1 extend until={until} legal_basis=x")


def test_a_request_id_like_the_clocks_own_does_not_stop_the_clock() -> None:
    """Whoever used the id "tick-9" made the clock strike without end, and the dossier was lost."""
    case = stage("handling")
    case.do("clerk1 note", id="tick-9")
    tick = c.Tick(id="tick-9", actor=c.CLOCK)
    assert rules.decide(case.dossier, tick, at("2026-03-20 08:00"))


def test_a_page_that_is_old() -> None:
    """What a colleague did since the page was shown must be seen first; what the clock did need not be."""
    case = Case("receiver1 file", "receiver1 accept", "receiver1 complete", "handler1 claim")
    seen = case.dossier.seq
    assert case.dossier.touched == seen
    case.run("leader1 note")
    with pytest.raises(r.Outdated, match="has changed since"):
        case.run(f"handler1 complete seen={seen}")
    case.run(*SOUNDED)
    assert case.dossier.seq > case.dossier.touched == seen + 1
    case.run(f"handler1 complete seen={seen + 1}")
