"""Reads a TOML file of the catalogue as a model; a wrong one is refused with file, place and reason."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, ValidationError

from models.faults import fault
from models.refusals import BadInput, Phrase
from models.visible import Visible

Text = Annotated[Visible, Field(pattern=r"^[^\x00]*$")]
"""Words: not only blanks, and without NUL, which PostgreSQL cannot keep."""

MAX_DEPTH = 50
"""Levels of tables and lists within each other in a file; more are a mistake, and cannot be checked."""
MAX_INTEGER = 2**63 - 1
"""TOML's own limit, which Python's reader does not keep."""

_Model = TypeVar("_Model", bound=BaseModel)
_TOO_DEEP = Phrase("tables and lists are nested too deeply")
_SAID_OTHERWISE = {"extra_forbidden": Phrase("this key is not known"), "missing": Phrase("is missing")}


class BadCatalogue(BadInput):
    """A file of the catalogue cannot be used."""

    sentence = "{file}: {field}: {reason}"

    def __init__(self, *, file: str, field: str, reason: str) -> None:
        super().__init__(file=file, field=in_one_line(field), reason=_plain(reason))


def files(root: Path, folder: str) -> list[tuple[str, dict[str, Any]]]:
    """The TOML files of a folder in the order of their names, each as its path below root and its content."""
    paths = sorted(path.relative_to(root).as_posix() for path in (root / folder).glob("*.toml"))
    return [(path, read(root, path)) for path in paths]


def read(root: Path, file: str) -> dict[str, Any]:
    """The content of a TOML file."""
    try:
        data = tomllib.loads((root / file).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        # Python 3.11 tells the place only inside its message: "... (at line 3, column 7)".
        found = re.fullmatch(r"(.*) \(at (.*)\)", str(error), re.DOTALL)
        reason, place = (found[1], found[2]) if found else (str(error), "file")
        raise BadCatalogue(file=file, field=place, reason=reason) from error
    except UnicodeDecodeError as error:
        raise BadCatalogue(
            file=file, field=f"byte {error.start}", reason=Phrase("is not UTF-8 text")
        ) from error
    except OSError as error:
        reason = Phrase("cannot be read: {error}", error=error.strerror)
        raise BadCatalogue(file=file, field="file", reason=reason) from error
    except RecursionError as error:
        raise BadCatalogue(file=file, field="file", reason=_TOO_DEEP) from error
    except ValueError as error:  # a number with more digits than Python reads
        raise BadCatalogue(file=file, field="file", reason=str(error)) from error
    _check_size(data, file)
    return data


def _check_size(data: dict[str, Any], file: str) -> None:
    """Refuse what is nested too deeply or too large a number for what checks it: JSON and pydantic."""
    level: list[tuple[str, Any]] = [("", data)]
    for _ in range(MAX_DEPTH):
        for place, value in level:
            if isinstance(value, int) and abs(value) > MAX_INTEGER:
                raise BadCatalogue(file=file, field=place, reason=Phrase("is too large a number"))
        level = [inner for place, value in level for inner in _inside(place, value)]
        if not level:
            return
    place = level[0][0].partition(".")[0].partition("[")[0]
    raise BadCatalogue(file=file, field=place, reason=_TOO_DEEP)


def _inside(place: str, value: Any) -> Iterable[tuple[str, Any]]:
    """What a table or list holds, each with its place."""
    if isinstance(value, dict):
        return [(f"{place}.{key}" if place else key, inner) for key, inner in value.items()]
    if isinstance(value, list):
        return [(f"{place}[{index}]", inner) for index, inner in enumerate(value)]
    return ()


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
        raise BadCatalogue(file=file, field=place or "file", reason=reason) from error


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


def in_one_line(text: str) -> str:
    """Any text in one line; what nobody sees, or reorders other letters, is shown as an escape."""
    words = " ".join(text.split())
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)


def _plain(value: Any) -> Any:
    """A reason in one line; a phrase stays one, so that pages can translate it."""
    if isinstance(value, Phrase):
        return Phrase(value.text, **{name: _plain(fact) for name, fact in value.facts.items()})
    return in_one_line(value) if isinstance(value, str) else value
