"""Reads a TOML file of the catalogue as a model; a wrong one is refused with file, place and reason."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, ValidationError

from models.base import one_line
from models.faults import fault
from models.refusals import BadInput, Phrase
from models.visible import Visible

Text = Annotated[Visible, Field(pattern=r"^[^\x00]*$")]
"""Words: not only blanks, and without NUL, which PostgreSQL cannot keep."""

Line = Annotated[Text, Field(max_length=200), AfterValidator(one_line)]
"""Words that stand in headers and tables."""
Id = Annotated[str, Field(max_length=64, pattern=r"^[^\s/]+$"), AfterValidator(one_line)]
"""A name that is part of longer ones: of notices, and with them of workflows, which have a limit."""

_Model = TypeVar("_Model", bound=BaseModel)
_ID: TypeAdapter[str] = TypeAdapter(Id)
_SAID_OTHERWISE = {"extra_forbidden": Phrase("this key is not known"), "missing": Phrase("is missing")}


class BadCatalogue(BadInput):
    """A file of the catalogue cannot be used."""

    sentence = "{file}: {field}: {reason}"


def files(root: Path, folder: str) -> list[tuple[str, dict[str, Any]]]:
    """The TOML files of a folder in the order of their names, each as its path below root and its content."""
    paths = sorted(path.relative_to(root).as_posix() for path in (root / folder).glob("*.toml"))
    return [(path, read(root, path)) for path in paths]


def read(root: Path, file: str) -> dict[str, Any]:
    """The content of a TOML file."""
    try:
        return tomllib.loads((root / file).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        # Python 3.11 tells the place only inside its message: "... (at line 3, column 7)".
        found = re.fullmatch(r"(.*) \(at (.*)\)", str(error), re.DOTALL)
        reason, place = (found[1], found[2]) if found else (str(error), "file")
        raise BadCatalogue(file=file, field=place, reason=_one_line(reason)) from error
    except UnicodeDecodeError as error:
        raise BadCatalogue(
            file=file, field=f"byte {error.start}", reason=Phrase("is not UTF-8 text")
        ) from error
    except OSError as error:
        reason = Phrase("cannot be read: {error}", error=error.strerror)
        raise BadCatalogue(file=file, field="file", reason=reason) from error


def check(model: type[_Model], data: dict[str, Any], file: str, within: str = "") -> _Model:
    """The data as a model; `within` says where in the file the data stand."""
    # By way of JSON: pydantic's strict mode refuses wrong types there, but takes arrays, dates and times.
    text = json.dumps(data, default=lambda value: value.isoformat())
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(part for part in (within, _place(data, first["loc"])) if part)
        reason = _SAID_OTHERWISE.get(first["type"]) or fault(dict(first))
        raise BadCatalogue(file=file, field=_one_line(place) or "file", reason=reason) from error


def check_id(text: str, file: str, field: str) -> None:
    """Refuse what is no `Id` in a model that has to read what was recorded before there were limits."""
    try:
        _ID.validate_python(text)
    except ValidationError as error:
        reason = fault(dict(error.errors(include_url=False)[0]))
        raise BadCatalogue(file=file, field=field, reason=reason) from error


def only_once(file: str, field: str, ids: Iterable[object]) -> None:
    """Refuse a list in which two entries have the same id."""
    seen = set()
    for one in ids:
        if one in seen:
            raise BadCatalogue(file=file, field=f"{field}[{one}]", reason=Phrase("is there twice"))
        seen.add(one)


def _place(data: Any, loc: tuple[int | str, ...]) -> str:
    """Where an error is, entries of lists being called by what identifies them: steps[handle].limit."""
    place = ""
    for part in loc:
        if part == "[key]":  # pydantic's word for: the key itself is wrong
            continue
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            data = {}
        if isinstance(part, int):
            place += f"[{_identity(data, part)}]"
        else:
            place += f".{part}" if place else part
    return place


def _identity(entry: Any, index: int) -> Any:
    keys = ("id", "date", "name", "code") if isinstance(entry, dict) else ()
    return next((entry[key] for key in keys if key in entry), index)


def _one_line(text: str) -> str:
    return " ".join(text.split())
