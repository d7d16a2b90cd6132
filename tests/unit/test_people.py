"""Who is told: by role and unit, in place of the absent, once, and nobody who may not see the dossier."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.people import UPWARD, Absence, Directory, Person, check_there, vacancy
from models.procedure import Role
from models.refusals import NotThere

DAY = date(2026, 3, 2)


def person(name: str, roles: str = "handler", unit: str = "demo") -> Person:
    """A member of staff."""
    return Person(id=name, name=name.title(), roles=tuple(Role(role) for role in roles.split()), unit=unit)


PEOPLE = {
    each.id: each
    for each in (
        person("h1"),
        person("h2"),
        person("h3"),
        person("l1", "unit-leader"),
        person("l2", "unit-leader", "police"),
        person("boss", "office-leader", "hall"),
        person("admin", "administrator", "hall"),
        person("p1", "handler", "police"),
    )
}


def away(name: str, substitute: str | None = None, since: int = 1, until: int = 5) -> Absence:
    """An absence in March 2026."""
    return Absence(person=name, substitute=substitute, since=date(2026, 3, since), until=date(2026, 3, until))


def told(
    *words: str, absences: tuple[Absence, ...] = (), assignee: str | None = "h1", unit: str = "demo"
) -> dict[str, str | None]:
    """Who is told, and in whose place."""
    found = Directory(people=PEOPLE, absences=absences).told(words, assignee=assignee, unit=unit, day=DAY)
    assert len({each.person.id for each in found}) == len(found)
    return {each.person.id: each.in_place_of for each in found}


def test_roles_are_those_of_the_dossiers_unit() -> None:
    """Its own leader, not that of the police; the office's leader wherever they sit."""
    assert told("assignee") == {"h1": None}
    assert told("unit-leader") == {"l1": None}
    assert told("unit-leader", unit="police") == {"l2": None}
    assert told("handler") == {"h1": None, "h2": None, "h3": None}
    assert told("assignee", "unit-leader", "office-leader") == {"h1": None, "l1": None, "boss": None}


def test_a_role_of_one_unit_is_told_only_while_the_dossier_is_there() -> None:
    """Who may not see it is not told; whoever stands above in its own unit is."""
    assert told("handler@police", unit="police") == {"p1": None}
    assert told("handler@police") == {"l1": None}
    assert told("assignee", assignee="p1") == {"l1": None}


def test_nobody_has_the_task() -> None:
    """Then its unit's leader is told: somebody has to hand it out."""
    assert told("assignee", assignee=None) == {"l1": None}
    assert told("assignee", assignee="gone") == {"l1": None}


def test_substitutes_stand_in() -> None:
    """Also when they are away themselves and have one; nobody is told twice."""
    assert told("assignee", absences=(away("h1", "h2"),)) == {"h2": "h1"}
    assert told("assignee", absences=(away("h1", "h2"), away("h2", "h3"))) == {"h3": "h1"}
    assert told("handler", absences=(away("h1", "h2"),)) == {"h2": None, "h3": None}
    assert told("assignee", absences=(away("h1", "h2", 3),)) == {"h1": None}
    assert told("assignee", absences=(away("h1", "h2"), away("h1", "h3"))) == {"h3": "h1"}


def test_where_nobody_stands_in_those_above_are_told() -> None:
    """No substitute, a circle of them, one from elsewhere, one who has left."""
    for absences in (
        (away("h1"),),
        (away("h1", "h2"), away("h2", "h1")),
        (away("h1", "p1"),),
        (away("h1", "gone"),),
    ):
        assert told("assignee", absences=absences) == {"l1": None}
    assert told("assignee", absences=(away("h1"), away("l1"))) == {"boss": None}
    assert told("unit-leader", absences=(away("l1"),)) == {"boss": None}
    assert told("office-leader", absences=(away("boss"),)) == {"admin": None}


def test_where_everybody_is_away_they_are_told_all_the_same() -> None:
    """Nobody was, and nobody knew; a letter that is read after the leave is better."""
    everybody = tuple(away(each) for each in PEOPLE)
    assert told("assignee", absences=everybody) == {"h1": None}
    assert told("unit-leader", absences=everybody) == {"l1": None}
    assert told("assignee", assignee=None, absences=everybody) == {"l1": None}
    assert told("handler@police", absences=everybody) == {"l1": None}


def test_two_who_are_away_with_one_substitute() -> None:
    """The substitute got a letter for each of them."""
    assert told("handler", absences=(away("h1", "h3"), away("h2", "h3"))) == {"h3": None}
    both = (away("h1", "h2"), away("l1", "h2"))
    assert told("assignee", "unit-leader", absences=both) == {"h2": "h1"}


def test_whom_somebody_stands_in_for() -> None:
    """Directly, or at the end of a chain."""
    directory = Directory(people=PEOPLE, absences=(away("h1", "h2"), away("h2", "h3")))
    assert directory.stood_for(PEOPLE["h3"], DAY) == ["h1", "h2"]
    assert directory.stood_for(PEOPLE["h2"], DAY) == []


NAMES = st.sampled_from(sorted(PEOPLE))
WORDS = st.sampled_from(["assignee", *UPWARD, "handler", "handler@police", "unit-leader@demo", "auditor"])


@given(
    st.lists(WORDS, min_size=1, max_size=4),
    st.none() | NAMES,
    st.sampled_from(["demo", "police"]),
    st.lists(st.builds(away, NAMES, st.none() | NAMES), max_size=8),
)
def test_somebody_who_is_there_and_may_see_it_is_told(
    words: list[str], assignee: str | None, unit: str, absences: list[Absence]
) -> None:
    """Whatever absences there are: each once, none who is away or must not know, and somebody if anybody."""
    absences = [each for each in absences if each.substitute != each.person]
    directory = Directory(people=PEOPLE, absences=tuple(absences))
    found = directory.told(tuple(words), assignee=assignee, unit=unit, day=DAY)
    assert len({each.person.id for each in found}) == len(found)
    assert found
    assert all(each.person.may_see(unit) for each in found)
    above = [each for each in ("boss", "admin") if not directory.away(each, DAY)]
    if above and "administrator" not in words and ("boss" in above or "office-leader" not in words):
        assert not any(directory.away(each.person.id, DAY) for each in found)


def test_whoever_has_left_or_is_yet_to_come_is_told_nothing() -> None:
    """Not for themselves, not in another's place, and not where everybody is away; those above are told."""
    people = {
        **PEOPLE,
        "h1": PEOPLE["h1"].model_copy(update={"until": date(2026, 3, 1)}),
        "h2": PEOPLE["h2"].model_copy(update={"since": date(2026, 3, 3)}),
        "l1": PEOPLE["l1"].model_copy(update={"until": DAY}),
    }
    directory = Directory(people=people, absences=(away("h3", "h2"),))
    found = directory.told(("assignee", "handler"), assignee="h1", unit="demo", day=DAY)
    assert [each.person.id for each in found] == ["l1"]
    assert directory.present(people["l1"], "demo", date(2026, 3, 3)) is None
    gone = {name: each.model_copy(update={"until": date(2026, 3, 1)}) for name, each in PEOPLE.items()}
    assert Directory(people=gone).told(("assignee",), assignee="h1", unit="demo", day=DAY) == []


def test_one_whose_sight_ends_at_their_unit() -> None:
    """An auditor of one unit sees no other, and is told of no other."""
    inspector = person("i1", "auditor", "police").model_copy(update={"scope": "unit"})
    assert (inspector.may_see("police"), inspector.may_see("demo"), inspector.sees_all) == (
        True,
        False,
        False,
    )
    directory = Directory(people={**PEOPLE, "i1": inspector})
    for unit, name in (("police", "i1"), ("demo", "l1")):
        (found,) = directory.told(("auditor",), assignee=None, unit=unit, day=DAY)
        assert found.person.id == name


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, None),
        ({"until": DAY}, None),
        ({"since": DAY}, None),
        ({"until": date(2026, 3, 1)}, "left"),
        ({"since": date(2026, 3, 3)}, "not-begun"),
        ({"until": date(2026, 3, 1), "unit": "police"}, "left"),
        ({"unit": "police"}, "unit"),
        ({"unit": "police", "roles": (Role.OFFICE_LEADER, Role.HANDLER)}, None),
        ({"unit": "police", "roles": (Role.OFFICE_LEADER,)}, "role"),
        ({"roles": (Role.CLERK, Role.UNIT_LEADER)}, "role"),
        (None, "unknown"),
    ],
)
def test_why_a_task_cannot_be_with_somebody(change: dict[str, object] | None, why: str | None) -> None:
    """Their days, both included; their unit and their role; whether they are known at all."""
    holder = None if change is None else PEOPLE["h1"].model_copy(update=change)
    assert vacancy(holder, Role.HANDLER, "demo", DAY) == why
    if holder is None or why in (None, "unit", "role"):
        if holder is not None:
            check_there(holder, DAY)
        return
    with pytest.raises(NotThere, match="h1 does not work at this office on 2026-03-02: the"):
        check_there(holder, DAY)
