"""Which form a paper is on a day: numbers and titles by role, from `papers/forms.toml`."""

from __future__ import annotations

from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field

from models.base import Dated, Value
from models.visible import Line
from motcua.catalogue.files import BadCatalogue, check, only_once, read

FORMS = "papers/forms.toml"

Kind = Literal["receipt", "supplement", "refusal", "apology", "stop", "control-slip", "register"]
"""What a paper is for; its number depends on the rules of the day."""
KINDS: tuple[Kind, ...] = get_args(Kind)


class Form(Value):
    """A form of a circular."""

    number: str = Field(pattern=r"^\d{2}$")
    title: Line
    symbol: Line | None = None
    """What stands after the dossier's code in the number of the paper; None: it has no number."""


class FormSet(Dated):
    """The forms of a circular, and the days on which they hold."""

    source: Line
    papers: dict[Kind, Form] = Field(min_length=1)


class _FormsFile(Value):
    forms: tuple[FormSet, ...] = Field(min_length=1)


def read_forms(root: Path) -> tuple[FormSet, ...]:
    """The sets of forms; BadCatalogue where two hold on one day, or where a set has a number twice."""
    sets = check(_FormsFile, read(root, FORMS), FORMS).forms
    for one, other in combinations(sets, 2):
        if one.overlaps(other):
            reason = f"holds on the same day as {one.source}"
            raise BadCatalogue(file=FORMS, field=f"forms[{other.source}]", reason=reason)
    for each in sets:
        only_once(FORMS, f"forms[{each.source}].papers", [form.number for form in each.papers.values()])
    return sets


def forms_on(sets: tuple[FormSet, ...], day: date) -> FormSet | None:
    """The set that holds on a day."""
    return next((each for each in sets if each.holds(day)), None)
