"""Refusals in Vietnamese: every class and every phrase with sample values, and those of real rules."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator
from datetime import date
from importlib import import_module
from pkgutil import walk_packages
from string import Formatter
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import Request

from models import refusals as r
from models.dossier import NATIONAL_STATUS
from models.explanation import explained
from models.outages import check
from models.people import Person, check_there
from models.procedure import Role
from models.refusals import Phrase, Problem, revive, unpacked
from models.rights import COMMANDS
from motcua.catalogue.catalogue import Catalogue
from motcua.forms import InvalidCommand, read_command
from motcua.rulebook import rulebook
from motcua.temporal import packed
from motcua.web import app
from motcua.web.house import House
from motcua.web.visit import Visit
from tests.unit.office import CALENDAR, STAFF, at, stage
from tests.unit.test_refusals import REFUSED
from tools.texts import OPERATORS, ROOT, collected

CATALOG = ROOT / "catalog"
CATALOGUE = Catalogue.load(CATALOG)
ISO = re.compile(r"\b[0-9]{4}-[0-9]{2}(-[0-9]{2})?\b")
WORD = re.compile(r"[a-z]+(?:'[a-z]+)?", re.IGNORECASE)
DAY, MOMENT = date(2026, 3, 2), "2026-03-02 09:30"
assert app

NAMES = {
    *(
        "starter",
        "py",
        "dossiers",
        "restart",
        "as",
        "reason",
        "user",
        "audit",
        "verify",
        "seal",
        "rotate",
        "key",
    ),
    *("Temporal", "PostgreSQL", "PDF", "Word", "Excel", "OpenDocument", "JPEG", "PNG", "MB", "NUL", "QR"),
    *("RFC", "MOTCUA", "TSA", "TOML", "UTF", "UTC", "JSON", "surrogate", "byte", "pdf", "x"),
}
"""Names of things that a Vietnamese sentence may hold: programs, commands, formats."""


@pytest.fixture(scope="module")
def house() -> House:
    """The shipped office, without its servers: a refusal's sentence needs neither."""
    rules = SimpleNamespace(rulebook=rulebook(CATALOGUE))
    absent: Any = SimpleNamespace()
    return House(rules, absent, CATALOGUE, CATALOG, absent, absent, absent, absent)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def vietnamese(house: House) -> Visit:
    """Somebody who looks at the pages in Vietnamese."""
    state = SimpleNamespace(state=SimpleNamespace(live=SimpleNamespace(mark="")))
    scope = {"type": "http", "headers": [(b"cookie", b"motcua_language=vi")], "app": state}
    return Visit(Request(scope), house, None)


def english() -> set[str]:
    """The words of the English texts, without those that are Vietnamese syllables, too."""
    letters = (CATALOG / "texts").glob("*.vi.txt")
    syllables = {word.lower() for path in letters for word in WORD.findall(path.read_text(encoding="utf-8"))}
    texts = (text for message in collected() if message.id for text in _both(message.id))
    words = {
        word.lower() for text in texts for word in WORD.findall(re.sub(r"\{[^}]*\}|%\(\w+\)s", " ", text))
    }
    return {word for word in words - syllables if len(word) > 2} - {name.lower() for name in NAMES}


def _both(text: Any) -> tuple[str, ...]:
    return text if isinstance(text, tuple) else (text,)


ENGLISH = english()


def faults(said: str) -> list[str]:
    """English words and ISO dates in a sentence."""
    words = re.findall(r"(?<![\w-])[^\W\d_]+(?![\w-])", said)  # not the ids of people and steps
    return [word for word in words if word.lower() in ENGLISH] + [found[0] for found in ISO.finditer(said)]


def families() -> list[type[Problem]]:
    """Every class of problem that people of the office meet, by its own sentence."""
    for part in ("models", "motcua"):  # a class is found where its module has been imported
        for module in walk_packages([str(ROOT / part)], f"{part}."):
            import_module(module.name)
    found, todo = [], [Problem]
    while todo:
        family = todo.pop()
        todo += family.__subclasses__()
        place = set(family.__module__.split("."))
        if place & {"models", "motcua"} and not place & OPERATORS and family.sentence != Problem.sentence:
            found.append(family)
    return sorted(found, key=lambda family: family.__name__)


def phrases() -> Iterator[str]:
    """The text of every phrase that is made in the code."""
    for part in ("models", "motcua"):
        for path in sorted((ROOT / part).rglob("*.py")):
            if OPERATORS & {*path.parts, path.stem}:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                match node:
                    case ast.Call(
                        func=ast.Name(id="Phrase") | ast.Attribute(attr="Phrase"),
                        args=[ast.Constant(value=text)],
                    ) if text:
                        yield text


SAMPLES: dict[str, Any] = {
    "code": "H53.26-260302-0001",
    "command": "accept",
    "status": "awaiting-supplement",
    **dict.fromkeys(("assignee", "actor", "person"), "handler1"),
    **dict.fromkeys(("unit", "actor_unit", "agency"), "police"),
    "units": "demo, police, tax",
    "needed": "unit-leader or office-leader",
    "roles": "receiver, handler",
    "field": "certified[2].applicant.channel",
    "kind": "control-slip",
    "basis": "retention",
    "known": "receipt, supplement, control-slip",
    "step": "review",
    "steps": "digitise, review",
    "link": "residence",
    **dict.fromkeys(("day", "first", "last", "since", "until"), DAY),
    **dict.fromkeys(("value", "at", "now"), MOMENT),
    **dict.fromkeys(("asked", "paid", "allowed", "least", "most", "seconds", "days", "number", "seq"), 1234),
    **dict.fromkeys(("length", "limit", "size", "given"), 5000),
    **dict.fromkeys(("service", "name", "text", "file", "paper", "host", "path", "found", "type"), "ạ.pdf"),
    **dict.fromkeys(("reason", "what", "hint", "rest", "spans"), Phrase("it lies in the future.")),
    "near": "handler1",
}
"""A value for each parameter; a parameter without one is sampled as a code."""


def sampled(text: str, **given: Any) -> dict[str, Any]:
    """A value for each parameter of a text."""
    wanted = {name: spec for _, name, spec, _ in Formatter().parse(text) if name}
    usual = {
        name: 1234 if spec == "," else SAMPLES.get(name, "H53.26-260302-0002")
        for name, spec in wanted.items()
    }
    return usual | {name: value for name, value in given.items() if name in wanted}


@pytest.mark.parametrize("family", families(), ids=lambda family: family.__name__)
def test_a_refusal_is_vietnamese_throughout(vietnamese: Visit, family: type[Problem]) -> None:
    """No English word and no ISO date, whichever command, state or role it names."""
    wanted = {name for _, name, _, _ in Formatter().parse(family.sentence) if name}
    every: list[dict[str, Any]] = [{}]
    every += [{"command": kind} for kind in COMMANDS] if "command" in wanted else []
    every += [{"status": status} for status in (*NATIONAL_STATUS, "not filed")] if "status" in wanted else []
    every += [{"needed": f"{role}"} for role in Role] if "needed" in wanted else []
    every += [{"roles": roles} for roles in (*Role, "none")] if "roles" in wanted else []
    every += [{"reason": "Connection reset by peer"}] if "reason" in wanted else []
    for given in every:
        problem = family.__new__(family)
        Problem.__init__(problem, **sampled(family.sentence, **given))  # some are made of something else
        said = vietnamese.problem(problem)
        assert said, family
        assert said != problem.message
        assert faults(said) == [], said
        again = revive(family.__name__, problem.message, packed(problem.facts))
        assert again is not None
        assert vietnamese.problem(again) == said, "as it comes from another process"


@pytest.mark.parametrize("text", sorted(set(phrases())))
def test_a_phrase_in_a_refusal_is_vietnamese_throughout(vietnamese: Visit, text: str) -> None:
    """Also one inside another, sent between processes, and in the sentence of a refusal."""
    phrase = Phrase(text, **sampled(text))
    assert phrase == text.format_map(sampled(text))
    assert faults(vietnamese.phrase(phrase)) == [], vietnamese.phrase(phrase)
    problem = r.OutageMissed(code="H53.26-260302-0001", notice="12/TB", reason=phrase)
    (again,) = unpacked(packed({"reason": phrase})).values()
    assert isinstance(again, Phrase)
    assert (again, set(again.facts)) == (phrase, set(phrase.facts))
    assert vietnamese.problem(pickle.loads(pickle.dumps(problem))) == vietnamese.problem(problem)


def test_no_part_of_a_refusal_is_a_bare_english_text() -> None:
    """What fills a sentence is a phrase or data: a literal there would be shown as it stands."""
    bare = []
    for part in ("models", "motcua"):
        for path in sorted((ROOT / part).rglob("*.py")):
            if OPERATORS & {*path.parts, path.stem} or (
                path.parent.name == "catalogue" and path.stem not in READ
            ):
                continue  # the others are read where the office starts
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    bare += [f"{path.relative_to(ROOT)}:{each.lineno}" for each in _literals(node)]
    assert bare == []


READ = ("files", "changes")
"""Modules of the catalogue that also read what pages send."""
RAISED = {family.__name__ for family in families()}
WORDS = ("reason", "what", "hint")


def _literals(function: ast.AST) -> Iterator[ast.expr]:
    """The literals that a function gives a problem where words belong, at once or by a variable."""
    variables = set()
    for node in ast.walk(function):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for keyword in node.keywords if name in RAISED else ():
            if keyword.arg in WORDS and isinstance(keyword.value, ast.JoinedStr | ast.Constant):
                yield keyword.value
            elif keyword.arg in WORDS and isinstance(keyword.value, ast.Name):
                variables.add(keyword.value.id)
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and variables & {getattr(each, "id", "") for each in node.targets}:
            yield from [node.value] if isinstance(node.value, ast.JoinedStr | ast.Constant) else []


REAL = {
    f"{line} {refusal.__name__} {where} {before}": each
    for each in REFUSED
    for line, refusal, where, before, _ in [each]
}


@pytest.mark.parametrize("case", REAL)
def test_what_a_rule_refuses_is_told_in_vietnamese(vietnamese: Visit, case: str) -> None:
    """Each case of the rules' own table."""
    line, refusal, where, before, changed = REAL[case]
    dossier = stage(where, *before, **({"rules": changed} if changed else {}))
    with pytest.raises(refusal) as refused:
        dossier.run(line)
    said = vietnamese.problem(refused.value)
    for step in (*(each.id for each in dossier.dossier.procedure.steps), "nowhere"):
        said = said.replace(step, "")  # steps of the sample procedure, which the shipped office has not
    assert faults(said) == [], said


def test_people_who_are_not_there_are_told_by_dates_of_the_office(vietnamese: Visit) -> None:
    """Their time has ended or has not begun: day, month, year."""
    person = Person(id="handler1", name="x", roles=(Role.HANDLER,), unit="demo", since=DAY, until=DAY)
    told = []
    for day in (date(2026, 3, 1), date(2026, 3, 3)):
        with pytest.raises(r.NotThere) as refused:
            check_there(person, day)
        told.append(vietnamese.problem(refused.value))
    assert all("02/03/2026" in each for each in told)
    assert ["01/03/2026" in told[0], "03/03/2026" in told[1]] == [True, True]
    assert [faults(each) for each in told] == [[], []]


@pytest.mark.parametrize(
    ("since", "until"),
    [("09:00", "08:00"), ("09:00", "18:00"), ("2026-01-01", "08:00")],
)
def test_an_outage_that_is_refused_is_told_in_office_time(vietnamese: Visit, since: str, until: str) -> None:
    """Backward, not over yet, too long: the moment stands in the office's zone."""
    first = since if "-" in since else f"2026-03-02 {since}"
    with pytest.raises(r.BadOutage) as refused:
        check(
            CALENDAR,
            at(first if ":" in first else f"{first} 00:00"),
            at(f"2026-03-02 {until}"),
            at("2026-03-02 12:00"),
        )
    said = vietnamese.problem(refused.value)
    assert f"{until} ngày 02/03/2026" in said
    assert faults(said) == []


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("extend", {"until": "tomorrow", "reason": "x"}),
    ("extend", {"until": "2026-13-01", "reason": "x"}),
    ("extend", {"until": "0001-01-01", "reason": "x"}),
    ("extend", {"until": "2026-03-09", "reason": "\u2800"}),
    ("extend", {"until": "2026-03-09"}),
    ("extend", {"until": "2026-03-09", "reason": "x", "legal_basis": "x" * 500}),
    ("acknowledge", {}),
    ("acknowledge", {"until": "2026-03-09", "limit": "2 days"}),
    ("acknowledge", {"limit": "0 days"}),
    ("acknowledge", {"limit": "1.5 clock days"}),
    ("acknowledge", {"limit": 5}),
    ("accept", {"due": "until 2026-03-09T25:00"}),
    ("pay", {"amount": "x", "receipt": "1"}),
    ("pay", {"amount": -1, "receipt": "1"}),
    ("pay", {"amount": 1, "receipt": ""}),
    ("rate", {"score": 9}),
    ("rate", {"score": 0}),
    ("return", {"channel": "pigeon"}),
    ("request-supplement", {"reason": {"text": "x", "papers": [{"name": "x", "copies": -1}]}}),
    ("request-supplement", {"reason": {"text": "x", "papers": [{"copies": 1}]}}),
    ("request-supplement", {"reason": {"text": ""}}),
    ("claim", {"colour": "red"}),
    ("claim", {"actor": "head1"}),
    ("claim", {"task": "x"}),
    ("note", {"text": "\0"}),
    ("note", {"text": 5}),
]


@pytest.mark.parametrize(("kind", "data"), WRONG)
def test_what_is_wrong_in_a_form_is_told_in_vietnamese(
    vietnamese: Visit, kind: str, data: dict[str, Any]
) -> None:
    """Pydantic's own findings and ours, by their kinds and parameters."""
    with pytest.raises(InvalidCommand) as refused:
        read_command("H53.26-260302-0001", kind, STAFF["leader1"], data, "r", CALENDAR)
    assert isinstance(refused.value.facts["reason"], Phrase)
    said = vietnamese.problem(refused.value)
    assert faults(said) == [], said


def test_the_days_of_a_receipt_are_told_in_vietnamese(vietnamese: Visit) -> None:
    """Weekend, pauses one in another, an extension: "supplement and payment" was shown as it stands."""
    case = stage("handling", "@ 2026-03-03 08:00", "handler1 request-supplement")
    case.run("@ 2026-03-04 08:00", "receiver1 request-payment", "@ 2026-03-06 08:00", "citizen1 supply")
    case.run("@ 2026-03-09 08:00", "citizen1 pay", "leader1 extend until=2026-03-20T02:00:00Z legal_basis=x")
    whys = {day.why for term in explained(case.empty, case.facts) for day in term.days}
    assert any(" and " in why for why in whys)
    assert [why for why in whys if faults(vietnamese.why(why))] == []
