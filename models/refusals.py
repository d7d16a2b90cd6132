"""Every way in which motcua says no, as one family of exceptions.

Each class has a stable name (scripts and the Temporal failure type rely on it) and a sentence for
people. `EXIT_CODES` below is the one table that maps a family to a process exit code and an HTTP
status; nothing else decides them. Anything that is not a `Problem` is a bug and is never caught.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar


class Phrase(str):
    """Part of a refusal's sentence, kept as a text and its parameters so that pages can translate it.

    As a string it is the English text, filled in. `text` is a literal where it is made: the catalogues of the
    pages collect it there.
    """

    text: str
    facts: dict[str, object]

    def __new__(cls, text: str, /, **facts: object) -> Phrase:
        made = super().__new__(cls, text.format_map(_no_moments(facts)))
        made.text, made.facts = text, facts
        return made

    def __reduce__(self) -> tuple[object, ...]:
        return _phrase, (self.text, self.facts)

    @classmethod
    def listed(cls, parts: Iterable[Phrase]) -> Phrase:
        """Several phrases, one after another; there is at least one."""
        first, *rest = parts
        return cls("{first}, {rest}", first=first, rest=cls.listed(rest)) if rest else first


def _phrase(text: str, facts: dict[str, object]) -> Phrase:
    return Phrase(text, **facts)


def _no_moments(facts: dict[str, object]) -> dict[str, object]:
    # Their own text would be UTC, which reads as office time and is another day before 07:00.
    assert not any(isinstance(fact, datetime) for fact in facts.values()), "say moments in office time"
    return facts


def packed(facts: dict[str, object]) -> dict[str, Any]:
    """The parameters of a problem as JSON: numbers and texts, phrases as objects."""
    return {name: _packed(value) for name, value in facts.items()}


def _packed(value: object) -> Any:
    if isinstance(value, Phrase):
        return {"text": value.text, "facts": packed(value.facts)}
    return value if isinstance(value, int) else str(value)


def unpacked(facts: dict[str, Any]) -> dict[str, object]:
    """The parameters of a problem from their JSON."""
    return {
        name: Phrase(value["text"], **unpacked(value["facts"])) if isinstance(value, dict) else value
        for name, value in facts.items()
    }


class Problem(Exception):
    """Something a person can understand and mend; the base of every error that motcua raises."""

    sentence: ClassVar[str] = "{detail}"

    def __init__(self, **facts: object) -> None:
        self.facts = _no_moments(facts)
        super().__init__(self.sentence.format_map(facts))

    def __reduce__(self) -> tuple[object, ...]:
        """How it is carried to another process."""
        return _again, (type(self), str(self), self.facts)

    @property
    def type(self) -> str:
        """The stable name of this problem, for scripts and for Temporal's failure type."""
        return type(self).__name__

    @property
    def message(self) -> str:
        """One sentence for people."""
        return str(self)

    @property
    def phrase(self) -> Phrase:
        """The same as part of another problem's sentence."""
        return Phrase(self.sentence, **self.facts)


def _again(family: type[Problem], message: str, facts: dict[str, object]) -> Problem:
    problem = family.__new__(family)
    Exception.__init__(problem, message)
    problem.facts = facts
    return problem


def revive(type_name: str, message: str, facts: dict[str, Any] | None = None) -> Problem | None:
    """The problem that another process raised: its stable name, its sentence, its packed parameters."""
    todo = [Problem]
    while todo:
        family = todo.pop()
        if family.__name__ == type_name:
            return _again(family, message, unpacked(facts or {}))
        todo += family.__subclasses__()
    return None


class BadInput(Problem):
    """What was handed in cannot be read or is not well formed; nothing was done."""


class Refusal(Problem):
    """A rule of the office does not allow this command now; nothing was done."""


class Forbidden(Refusal):
    """It is not for this person to do or to see, whatever state things are in."""


class RequestReused(BadInput):
    """A request id came again with other content."""

    sentence = "The request id {request_id} was used before for something else."


class BadRequestId(BadInput):
    """A request id that motcua could take for one of its own."""

    sentence = "{given!r} is no request id: it must not contain a slash."


class NoSuchPart(BadInput):
    """A dossier was asked for a part by a number that it does not have: a fact, a term, a document."""


class UnknownDossier(Problem):
    """No dossier has this code."""

    sentence = "There is no dossier with the code {code}."


class Unreachable(Problem):
    """A service that is needed does not answer."""

    sentence = "{service} cannot be reached: {reason}"


class CheckFailed(Problem):
    """A check ran to its end and found something wrong."""


# family -> (exit code of the command line, HTTP status)
EXIT_CODES: dict[type[Problem], tuple[int, int]] = {
    CheckFailed: (1, 409),
    NoSuchPart: (2, 404),
    BadInput: (2, 422),
    Forbidden: (3, 403),
    Refusal: (3, 409),
    UnknownDossier: (4, 404),
    Unreachable: (5, 503),
}


def exit_code(problem: Problem) -> int:
    """The process exit code for a problem: that of its family."""
    return _codes(problem)[0]


def http_status(problem: Problem) -> int:
    """The HTTP status for a problem: that of its family."""
    return _codes(problem)[1]


def _codes(problem: Problem) -> tuple[int, int]:
    return next(codes for family, codes in EXIT_CODES.items() if isinstance(problem, family))


class WrongStage(Refusal):
    """The command does not fit where the dossier stands."""

    sentence = "{command} is not possible: dossier {code} is {status}."


class DossierClosed(Refusal):
    """Nothing more can be done with a closed dossier."""

    sentence = "Dossier {code} is closed ({status}); {command} is not possible any more."


class WrongRole(Forbidden):
    """The actor's roles do not allow this command."""

    sentence = "{command} needs the role {needed}; {actor} has {roles}."


class WrongUnit(Forbidden):
    """The dossier belongs to another unit."""

    sentence = "Dossier {code} belongs to the unit {unit}; {actor} works for {actor_unit}."


class Outdated(Refusal):
    """Somebody did something after the page was shown from which this is asked."""

    sentence = "Dossier {code} has changed since you looked at it; look at what is new and ask again."


class StaleTask(Refusal):
    """The task the command was meant for is not the open one."""

    sentence = "Task {task} of dossier {code} is not open any more; reload to see what changed."


class TaskTaken(Refusal):
    """Somebody else has the task."""

    sentence = "This task of dossier {code} is with {assignee}."


class TaskNotClaimed(Refusal):
    """Nobody has the task, so it cannot be given back."""

    sentence = "Nobody has claimed this task of dossier {code}."


class NotTheirTask(Refusal):
    """A task is for its role in the dossier's unit; nobody else could do it, or even see it."""

    sentence = "{assignee} cannot be given this task of dossier {code}: it is for a {needed} of {unit}."


class NotThere(Refusal):
    """Somebody does not work at the office on a day."""

    sentence = "{person} does not work at this office on {day}: {reason}"


class FourEyes(Refusal):
    """An approver must never have handled the same dossier."""

    sentence = "{actor} handled dossier {code} and so must not decide on it; another approver must."


class DossierWaits(Refusal):
    """The work cannot go on before something that was asked for has come."""

    sentence = "Dossier {code} is {status}; {command} has to wait."


class NothingAsked(Refusal):
    """Nothing of this kind has been asked for."""

    sentence = "Nothing was asked for that {command} could answer (dossier {code})."


class AlreadyAsked(Refusal):
    """The same thing has been asked for and has not come yet."""

    sentence = "Dossier {code} already waits for this: {what}."


class SupplementsUsed(Refusal):
    """The procedure allows no further supplement."""

    sentence = "Dossier {code} has had the {allowed} supplement request(s) that its procedure allows."


class ExtensionUsed(Refusal):
    """The procedure allows no further extension."""

    sentence = "Dossier {code} has had the {allowed} extension(s) that its procedure allows."


class NothingDrafted(Refusal):
    """No apology waits for a leader."""

    sentence = "No apology of dossier {code} is drafted that {command} could answer."


class DateMissing(Refusal):
    """The draft could propose no date, and none was given."""

    sentence = "The calendar of dossier {code} ends before a new date could be proposed: give one."


class NothingSounded(Refusal):
    """No alarm has sounded that could be acknowledged."""

    sentence = "No alarm of dossier {code} has sounded that could be acknowledged."


class OutageKnown(Refusal):
    """The announcement has been counted for this dossier."""

    sentence = "The outage {notice} has been counted for dossier {code}."


class OutageMissed(Refusal):
    """The outage took no time from the dossier."""

    sentence = "The outage {notice} gives dossier {code} nothing back: {reason}."


class BadDate(Refusal):
    """A date that the rules do not allow here."""

    sentence = "{what} cannot be {value}: {reason}"


class BadOutage(BadInput):
    """An outage that goes backward, is longer than any, or has not ended."""

    sentence = "{what} cannot be {value}: {reason}"


class EndNotAhead(Refusal):
    """A limit with a fixed end that does not lie after its start."""

    sentence = BadDate.sentence


class EndBeyondCalendar(Refusal):
    """A limit with a fixed end after the last day of the calendar: no pause could ever be counted off it."""

    sentence = BadDate.sentence


class ConsultationOpen(Refusal):
    """A consulted agency has not answered yet."""

    sentence = "Dossier {code} still waits for the answer of {agency}."


class LinkPending(Refusal):
    """A linked dossier at another agency is not done."""

    sentence = "Dossier {code} still waits for the dossier of {unit} ({link})."


class NotLinked(Refusal):
    """A message from a dossier that is not waited for."""

    sentence = "Dossier {code} waits for no dossier {child} ({link})."


class NoSuchStep(Refusal):
    """The procedure has no such step behind the dossier."""

    sentence = "Dossier {code} cannot be sent back to {step}: {reason}"


class RealClock(Refusal):
    """A planned moment in a command to a dossier that is not simulated."""

    sentence = "Dossier {code} is not simulated: its commands take effect now, at no other moment."


class ResultIncomplete(Refusal):
    """The step that issues the result must name its number and date."""

    sentence = "The result of dossier {code} needs its number and its date."


class ReasonMissing(Refusal):
    """Who rejects owes the applicant a reason."""

    sentence = "Rejecting dossier {code} needs a reason: the applicant has to be told why."


class WrongAmount(Refusal):
    """A payment that is not what was asked for."""

    sentence = "Dossier {code} waits for {asked:,} đồng; {paid:,} is not that."


class ResultNotExpected(Refusal):
    """A number or file was given where no result is issued."""

    sentence = "This step of dossier {code} issues no result; leave out number, date and file."


class DueMissing(Refusal):
    """The procedure leaves the due instant to each dossier, and none was given."""

    sentence = "The procedure of dossier {code} sets no limit: say when it is due."


class DueNotExpected(Refusal):
    """A due instant was given although the procedure sets the limit."""

    sentence = "The procedure of dossier {code} sets the limit; no other can be given."


class NotCorrectable(Refusal):
    """There is no completion that could be corrected, or not by this person."""

    sentence = "Nothing to correct in dossier {code}: {reason}"


class UnitEnded(Refusal):
    """A unit that does not work any more takes no dossiers."""

    sentence = "The unit {unit} ended on {until}{hint}."


class UnitNotBegun(Refusal):
    """A unit that does not work yet takes no dossiers."""

    sentence = "The unit {unit} begins on {since}."


class SameUnit(Refusal):
    """The dossier is already with that unit."""

    sentence = "Dossier {code} is already with the unit {unit}."
