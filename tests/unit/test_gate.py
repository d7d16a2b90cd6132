"""A channel that hangs keeps one hand busy, not all."""

from __future__ import annotations

import pytest

from motcua.notices import gate as gates
from motcua.notices.gate import Gate
from motcua.notices.letter import ChannelAway


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """One at which every failure has kept somebody waiting."""
    monkeypatch.setattr(gates, "SLOW", 0)
    return Gate("email")


def fail(gate: Gate) -> None:
    """Go through, and come back with nothing."""
    with pytest.raises(TimeoutError), gate.passing():
        raise TimeoutError


def test_after_a_hang_one_at_a_time_finds_out(gate: Gate) -> None:
    """The others are turned away at once, until one got through."""
    with gate.passing(), gate.passing():  # as many as like
        pass
    fail(gate)
    with pytest.raises(ChannelAway), gate.passing(), gate.passing():
        pass
    fail(gate)
    with gate.passing():
        pass
    with gate.passing(), gate.passing():
        pass


def test_nobody_finds_out_while_others_are_still_waiting(gate: Gate) -> None:
    """Those who went through before it was known to hang."""
    with gate.passing():
        fail(gate)
        with pytest.raises(ChannelAway), gate.passing():
            pass
    fail(gate)


def test_what_fails_at_once_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that refuses connections, or one recipient."""
    monkeypatch.setattr(gates, "SLOW", 60)
    gate = Gate("email")
    fail(gate)
    with gate.passing(), gate.passing():
        pass
