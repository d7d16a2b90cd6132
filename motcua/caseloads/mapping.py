"""Mapping files: which column and event of another system's log means what."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from models.base import Value
from models.people import DESK, EMAIL
from models.procedure import Procedure
from models.visible import Id, Line
from motcua.catalogue.files import BadCatalogue, Text, check, read
from motcua.catalogue.procedures import check_ladders

Sources = tuple[Text, ...]
"""Where to look, in this order: "column NAME" of the case, or "event NAME" for its moment or its officer."""


class Columns(Value):
    """What the columns are called."""

    case: Text
    channel: Text
    unit: Text
    due: Text
    event: Text
    who: Text
    at: Text


class Point(Value):
    """A moment that matters to the engine, and who brought it about."""

    at: Sources = Field(min_length=1)
    who: Sources = Field(min_length=1)


class Handled(Value):
    """Who worked on the dossier before it was decided."""

    who: Sources = Field(min_length=1)


class Mapping(Value):
    """A mapping file."""

    name: Annotated[Line, Field(max_length=64)]
    agency: Id
    """What codes of dossiers begin with."""
    calendar: Id
    columns: Columns
    channels: dict[str, Literal["online", "counter", "post"]]
    accept: Point
    ready: Point
    handled: Handled
    procedure: Procedure


def read_mapping(file: Path) -> Mapping:
    """A mapping from its file; BadCatalogue where it cannot be used."""
    data: dict[str, Any] = read(file.parent, file.name)
    if isinstance(data.get("procedure"), dict) and data["procedure"].get("limit") == "none":
        data["procedure"]["limit"] = None  # TOML has no null
    mapping = check(Mapping, data, file.name)
    check_recipients(file, mapping, None)
    if mapping.procedure.links:
        reason = "a log is of one office: there are no other agencies whose dossiers it could wait for"
        raise BadCatalogue(file=file.name, field="procedure.links", reason=reason)
    return mapping


def check_recipients(file: Path, mapping: Mapping, units: Collection[str] | None) -> None:
    """Refuse rungs for nobody; units are those of a log, None before one has been read."""
    check_ladders(file.name, "procedure", mapping.procedure, units=units, channels={DESK, EMAIL})
