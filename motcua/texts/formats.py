"""How moments, lengths of time, numbers and the office's own terms are written in each language."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from babel import Locale
from babel.dates import format_datetime, get_timezone
from babel.lists import format_list
from babel.numbers import format_decimal
from pydantic import Field

from models.base import Value
from models.dossier import Status
from models.facts import ApologyReason
from models.limits import HOURS_A_DAY
from motcua.catalogue.files import BadCatalogue, Text, check, read
from motcua.texts.plain import one_line, unlinked
from motcua.texts.topic import NAMES, Alarm

Language = Literal["vi", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
WORDS = "texts/words.toml"

_NAMED = ("step", "consultation", "link")
_TERMS = get_args(Alarm.model_fields["of"].annotation)
_PATTERNS: dict[Language, dict[str, str]] = {
    "vi": {"when": "HH:mm 'ngày' dd/MM/y", "day": "dd/MM/y", "weekday": "EEEE"},
    "en": {"when": "HH:mm 'on' d MMMM y", "day": "d MMMM y", "weekday": "EEEE"},
}
FILTERS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("when", "day", "weekday"), datetime),
    **{"number": int, "money": int, "worktime": timedelta, "names": tuple, "count": tuple},
    **{"status": str, "term": Alarm, "cause": str},
}
"""Each filter with what it takes."""

# Babel 2.18 has no words for units of time in Vietnamese, and "working" belongs to none of its units.
_WORK: dict[Language, dict[str, str]] = {
    "vi": {
        "days": "ngày",
        "hours": "giờ",
        "minutes": "phút",
        "all": "{} làm việc",
        "less": "dưới 1 phút làm việc",
    },
    "en": {"days": "day", "hours": "hour", "minutes": "minute", "all": "{}", "less": "less than a minute"},
}


class Word(Value):
    """One notion in both languages."""

    vi: Text
    en: Text

    def of(self, language: Language) -> str:
        """The word of a language."""
        return self.vi if language == "vi" else self.en


class Heading(Word):
    """The label that stands above a text, and its colour; the colour never says what the label does not."""

    tone: Literal["plain", "good", "warn", "bad"]


class Vocabulary(Value):
    """`texts/words.toml`: the words that all texts share."""

    status: dict[str, Word]
    term: dict[str, Word]
    """What the time limits are called; `{name}` stands for the step or agency."""
    cause: dict[str, Word]
    heading: dict[str, Heading]
    say: Annotated[dict[str, Word], Field(min_length=1)]
    """The labels of the layout."""

    @classmethod
    def load(cls, root: Path) -> Vocabulary:
        """The words of a catalogue; one that is missing or unknown is refused by name."""
        found = check(cls, read(root, WORDS), WORDS)
        for table, wanted in (
            ("status", get_args(Status)),
            ("term", _TERMS),
            ("cause", get_args(ApologyReason)),
            ("heading", NAMES),
        ):
            there = getattr(found, table)
            for key in wanted:
                if key not in there:
                    raise BadCatalogue(file=WORDS, field=f"{table}.{key}", reason="is missing")
            for key, word in there.items():
                if key not in wanted:
                    raise BadCatalogue(file=WORDS, field=f"{table}.{key}", reason="this key is not known")
                for language in LANGUAGES:
                    rest = word.of(language)
                    if table == "term" and key in _NAMED:
                        rest = rest.replace("{name}", "")
                    if "{" in rest or "}" in rest:
                        reason = "only {name} is filled in, and only for steps, agencies and linked dossiers"
                        raise BadCatalogue(file=WORDS, field=f"{table}.{key}.{language}", reason=reason)
        return found


@lru_cache(maxsize=10_000)
def _number(value: int, locale: Locale) -> str:
    return format_decimal(value, locale=locale)


@lru_cache(maxsize=10_000)
def _moment(at: datetime, pattern: str, zone: tzinfo, locale: Locale) -> str:
    # What is due is due at the close of a day, most of it: the same moment stands on a page many times.
    return format_datetime(at, pattern, tzinfo=zone, locale=locale)


class Formats:
    """The filters of one language in one zone: each public method that is in FILTERS."""

    def __init__(self, words: Vocabulary, language: Language, zone: str) -> None:
        self._words, self._language, self._zone = words, language, get_timezone(zone)
        self._locale = Locale.parse(language)

    def when(self, at: datetime) -> str:
        """07:00 ngày 02/03/2026 | 07:00 on 2 March 2026."""
        return self._moment(at, "when")

    def day(self, at: datetime) -> str:
        """02/03/2026 | 2 March 2026."""
        return self._moment(at, "day")

    def weekday(self, at: datetime) -> str:
        """Thứ Hai | Monday."""
        return self._moment(at, "weekday")

    def number(self, value: int) -> str:
        """1.234 | 1,234."""
        return _number(value, self._locale)

    def money(self, value: int) -> str:
        """100.000 đồng | 100,000 dong."""
        return f"{self.number(value)} {'đồng' if self._language == 'vi' else 'dong'}"

    def worktime(self, length: timedelta) -> str:
        """2 ngày 3 giờ làm việc | 2 working days 3 hours; a day is eight hours, seconds are left out."""
        minutes = int(length / timedelta(minutes=1))
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, HOURS_A_DAY)
        words = _WORK[self._language]
        parts = [
            self._counted(amount, words[unit])
            for unit, amount in (("days", days), ("hours", hours), ("minutes", minutes))
            if amount
        ]
        if not parts:
            return words["less"]
        if self._language == "en":  # "working" stands once, in the first part
            amount, _, unit = parts[0].partition(" ")
            parts[0] = f"{amount} working {unit}"
        return words["all"].format(" ".join(parts))

    def names(self, them: Sequence[str]) -> str:
        """A, B và C | A, B, and C."""
        return format_list(list(them), locale=self._locale)

    def count(self, them: Sequence[Any]) -> str:
        """How many there are."""
        return self.number(len(them))

    def status(self, code: str) -> str:
        """đang giải quyết | being processed."""
        return self._words.status[code].of(self._language)

    def term(self, alarm: Alarm) -> str:
        """thời hạn giải quyết hồ sơ | the time limit of the dossier."""
        return self._words.term[alarm.of].of(self._language).replace("{name}", unlinked(one_line(alarm.name)))

    def cause(self, code: str) -> str:
        """Why an apology was drafted, as part of a sentence."""
        return self._words.cause[code].of(self._language)

    def _moment(self, at: datetime, pattern: str) -> str:
        return _moment(at, _PATTERNS[self._language][pattern], self._zone, self._locale)

    def _counted(self, amount: int, unit: str) -> str:
        plural = "s" if self._language == "en" and self._locale.plural_form(amount) != "one" else ""
        return f"{self.number(amount)} {unit}{plural}"
