"""Plays a case by the rules alone, without servers, to find what would end its import in the middle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from models.commands import SimulatedTime
from models.dossier import Dossier
from models.fold import fold
from models.refusals import Refusal
from models.reserved import OBSERVER_ID
from models.rules import decide
from motcua.caseloads.player import deviation
from motcua.caseloads.script import Act, Case
from motcua.desk import Rulebook
from motcua.forms import read_command, read_submission


class Rehearsal:
    """The dossier of one case, as far as it has been played."""

    def __init__(self, case: Case, book: Rulebook) -> None:
        self._case, self._book = case, book
        submission = read_submission(case.submission, book.calendar)
        planned = SimulatedTime(at=case.at)
        opening, _ = book.opening(submission, case.officer, case.at, planned, case.seed)
        assert opening.filing is not None
        self._dossier: Dossier = fold(opening.dossier, decide(opening.dossier, opening.filing, case.at))

    @classmethod
    def play(cls, case: Case, book: Rulebook) -> None:
        """Play the whole case; raises the Problem that would end its import.

        A refusal is none of them as long as somebody can stand in, or nobody has to.
        """
        rehearsal = cls(case, book)
        for number, act in enumerate(case.acts):
            rehearsal._act(case.act_id(number), act)

    def _act(self, act_id: str, act: Act) -> None:
        try:
            self._ask(act.command, act.user, act.data, act_id, act.at)
        except Refusal as refusal:
            if act.stand_in is None:
                return
            self._ask("observe", OBSERVER_ID, deviation(act, refusal), f"{act_id}/deviation", act.at)
            self._ask(act.command, act.stand_in, act.data, f"{act_id}/stand-in", act.at)

    def _ask(self, kind: str, user: str, data: Mapping[str, Any], request_id: str, at: datetime) -> None:
        actor, calendar = self._book.actor(user), self._book.calendar
        planned = SimulatedTime(at=at)
        command, _ = read_command("", kind, actor, dict(data), request_id, calendar, simulated=planned)
        self._dossier = fold(self._dossier, decide(self._dossier, command, at))
