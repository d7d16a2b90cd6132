"""The hash chain: whatever is changed or taken out is found."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from pydantic import TypeAdapter

from models import facts as f
from models.chain import GENESIS, broken_links, encode, fact_hash, fingerprint, seal
from models.commands import Note
from models.facts import Event, Fact
from models.fold import apply, fold
from tests.unit.office import CALENDAR, PROCEDURE, STAFF, STORY, TEXT, Case, at, calendar, procedure

CODE = "H53-260302-0001"


def a_rich_case() -> Case:
    """A dossier that has gone through most of what can happen."""
    return Case(
        *STORY[:2],
        "leader1 assign to=receiver1",
        "receiver1 complete",
        "handler1 claim",
        "handler1 consult",
        "handler1 request-supplement",
        "@ 2026-03-03 09:00",
        "citizen1 supply",
        "handler1 answer",
        "leader1 extend until=2026-03-20T02:00:00Z legal_basis=art.19",
        "handler1 complete",
        "leader1 send-back step=handle",
        "head1 stop",
        "@ 2026-03-04 09:00",
        "head1 resume",
        "admin1 amend-calendar",
        "admin1 observe deviation=late",
        "@ 2026-03-19 10:00",
        "clock tick",
        "handler1 note",
        "handler1 complete",
        *STORY[4:],
    )


RICH = a_rich_case()


def test_a_lived_dossier_has_an_unbroken_chain() -> None:
    """Facts are numbered from 1, the first follows the genesis, each next one the hash before it."""
    facts = RICH.facts
    assert [fact.seq for fact in facts] == list(range(1, len(facts) + 1))
    assert facts[0].prev_hash == GENESIS
    assert all(b.prev_hash == a.hash for a, b in pairwise(facts))
    assert broken_links(CODE, facts) == []
    assert RICH.dossier.head == facts[-1].hash
    assert fold(RICH.empty, facts) == RICH.dossier


def test_time_travel_is_the_fold_of_fewer_facts() -> None:
    """Folding the first facts gives the dossier as it stood then."""
    early = fold(RICH.empty, RICH.facts[:1])
    assert (early.status, early.seq) == ("submitted", 1)


def test_facts_survive_json_with_the_same_hash() -> None:
    """A fact read back from JSON is the same fact and hashes to the same value."""
    for fact in RICH.facts:
        again = Fact.model_validate_json(fact.model_dump_json())
        assert again == fact
        assert fact_hash(CODE, again) == fact.hash


def test_the_canonical_encoding_is_the_documented_one() -> None:
    """The bytes of a fact, written by hand from the documentation, hash to what the fact carries."""
    command = Note(id="c-1", actor=STAFF["handler1"], text=TEXT)
    moment = at("2026-01-31 17:00")
    whole, fraction = (
        seal(CODE, [f.Noted(text=TEXT)], after=6, head="a" * 64, at=when, command=command)[0]
        for when in (moment, moment + timedelta(microseconds=123456))
    )
    expected = (
        '{"actor":"handler1","at":"2026-01-31T10:00:00Z","code":"H53-260302-0001","command":"c-1",'
        f'"data":{{"text":{{"hash":"{"5" * 64}","id":"text-1"}}}},"kind":"noted",'
        f'"prev_hash":"{"a" * 64}","seq":7,"unit":"demo"}}'
    )
    assert whole.hash == hashlib.sha256(expected.encode()).hexdigest()
    later = expected.replace("10:00:00Z", "10:00:00.123456Z")
    assert fraction.hash == hashlib.sha256(later.encode()).hexdigest()


def test_vietnamese_is_encoded_as_utf8() -> None:
    """Letters are written as they are, not escaped; keys are sorted at every level."""
    found = encode(
        code="X",
        seq=1,
        at="T",
        actor="Tạ",
        unit="",
        command="",
        kind="k",
        data={"b": 1, "a": None},
        prev_hash="0",
    )
    assert (
        found
        == (
            '{"actor":"Tạ","at":"T","code":"X","command":"","data":{"a":null,"b":1},'
            '"kind":"k","prev_hash":"0","seq":1,"unit":""}'
        ).encode()
    )


def changed(value: Any) -> Any:
    """Something else of the same JSON type."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return "2027" + value[4:] if value[4:5] == "-" else f"{value}x"
        case None:
            return "something"
        case _:
            raise AssertionError(value)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every plain value in a piece of JSON."""
    if isinstance(value, dict):
        return [leaf for key, part in value.items() for leaf in leaves(part, (*path, key))]
    if isinstance(value, list):
        return [leaf for key, part in enumerate(value) for leaf in leaves(part, (*path, key))]
    return [path]


def test_changing_any_field_of_any_fact_is_found() -> None:
    """Every plain value of every fact but the calendar's, changed alone, breaks the chain at that fact."""
    tried = 0
    for index, fact in enumerate(RICH.facts):
        for path in leaves(fact.model_dump(mode="json", exclude={"event": {"calendar"}})):
            data = fact.model_dump(mode="json")
            part: Any = data
            for key in path[:-1]:
                part = part[key]
            part[path[-1]] = changed(part[path[-1]])
            try:
                forged = Fact.model_validate(data)
            except ValueError:
                continue  # it does not even read as a fact
            facts = [*RICH.facts[:index], forged, *RICH.facts[index + 1 :]]
            found = broken_links(CODE, facts)
            assert found, (fact.seq, path)
            assert min(seq for seq, _ in found) <= fact.seq, (fact.seq, path)
            tried += 1
    assert tried > 10 * len(RICH.facts)


def test_a_change_sealed_anew_breaks_the_next_link() -> None:
    """Whoever forges a fact and its hash is found at the fact after it."""
    facts = list(RICH.facts)
    forged = facts[2].model_copy(update={"actor": "somebody-else"})
    facts[2] = forged.model_copy(update={"hash": fact_hash(CODE, forged)})
    assert broken_links(CODE, facts) == [(4, "does not follow the fact before it")]


@pytest.mark.parametrize("gone", [0, 1, len(RICH.facts) // 2, len(RICH.facts) - 2])
def test_a_missing_fact_is_found(gone: int) -> None:
    """The first fact or one in the middle cannot be taken out."""
    facts = [*RICH.facts[:gone], *RICH.facts[gone + 1 :]]
    assert broken_links(CODE, facts)[0] == (gone + 1, f"fact {gone + 1} is missing")


def test_facts_of_another_dossier_or_order_are_found() -> None:
    """A chain belongs to its code, and its order is its own."""
    assert len(broken_links("H53-260302-0002", RICH.facts)) == len(RICH.facts)
    swapped = [RICH.facts[1], RICH.facts[0], *RICH.facts[2:]]
    assert broken_links(CODE, swapped)


def test_a_fact_out_of_order_is_not_folded() -> None:
    """Folding a fact twice, or one that does not follow, is a bug and fails."""
    one = fold(RICH.empty, RICH.facts[:1])
    with pytest.raises(ValueError, match="does not follow"):
        apply(one, RICH.facts[0])
    with pytest.raises(ValueError, match="does not follow"):
        apply(one, RICH.facts[1].model_copy(update={"prev_hash": GENESIS}))


def test_a_fingerprint_names_the_exact_rules() -> None:
    """Any change of a procedure or calendar changes its fingerprint; reading it again does not."""
    assert fingerprint(PROCEDURE) == fingerprint(procedure())
    assert fingerprint(PROCEDURE) != fingerprint(procedure(limit="6 days"))
    assert fingerprint(CALENDAR) == fingerprint(
        type(CALENDAR).model_validate_json(CALENDAR.model_dump_json())
    )
    assert fingerprint(CALENDAR) != fingerprint(calendar(version="other"))


def test_every_event_reads_back_from_its_json() -> None:
    """The rich dossier has most kinds of event, and each reads back as what it was."""
    adapter: TypeAdapter[Any] = TypeAdapter(Event)
    for fact in RICH.facts:
        assert adapter.validate_json(fact.event.model_dump_json()) == fact.event
    assert len(set(RICH.kinds())) >= 22
