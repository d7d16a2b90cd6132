"""Reads the files of texts and layouts and compiles them; what cannot be used is refused by file and line."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple, NoReturn

from jinja2 import Template, TemplateSyntaxError, meta, nodes

from motcua.catalogue.files import BadCatalogue
from motcua.texts.formats import LANGUAGES, Language
from motcua.texts.grammar import Grammar
from motcua.texts.sandbox import Sandbox
from motcua.texts.topic import NAMES, STAFF

FOLDER = "texts"
LAYOUTS = ("layout.html", "layout.txt")
OF_LAYOUT = frozenset(
    (
        *("place", "dossier", "digest", "language", "subject", "title", "heading", "tone", "blocks"),
        *("preview", "staff", "say", "_formats"),
    )
)
"""What a layout may speak of."""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Source(NamedTuple):
    """One compiled text: its subject and its body."""

    file: str
    subject: Template
    body: Template


def sources(root: Path) -> tuple[dict[tuple[str, Language], Source], dict[str, Template]]:
    """Every text by name and language, and the layouts."""
    _only_known(root)
    environment = Sandbox()
    texts = {
        (name, language): _text(environment, root, name, language) for name in NAMES for language in LANGUAGES
    }
    return texts, {name: _layout(environment, root, name) for name in LAYOUTS}


def _only_known(root: Path) -> None:
    """A text under a wrong name would never be sent, and nobody would be told."""
    known = {f"{name}.{language}.txt" for name in NAMES for language in LANGUAGES} | {*LAYOUTS, "words.toml"}
    for path in sorted((root / FOLDER).iterdir()):
        if path.name not in known and not path.name.startswith("."):
            likely = get_close_matches(path.name, sorted(known), n=1)
            hint = f"; did you mean {likely[0]}?" if likely else ""
            reason = f"no text is called so{hint}"
            raise BadCatalogue(file=f"{FOLDER}/{path.name}", field="file", reason=reason)


def _source(root: Path, file: str) -> str:
    try:
        source = (root / file).read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise BadCatalogue(file=file, field=f"byte {error.start}", reason="is not UTF-8 text") from error
    except FileNotFoundError as error:
        raise BadCatalogue(file=file, field="file", reason="is missing") from error
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise BadCatalogue(file=file, field="file", reason=reason) from error
    for number, line in enumerate(source.split("\n"), start=1):
        if _CONTROL.search(line):
            _refuse(file, number, "holds a control character")
    return source


def _text(environment: Sandbox, root: Path, name: str, language: Language) -> Source:
    file = f"{FOLDER}/{name}.{language}.txt"
    subject, *rest = _source(root, file).split("\n")
    if not subject.strip():
        _refuse(file, 1, "the first line is the subject; it is empty")
    if not rest or rest[0].strip():
        _refuse(file, 2, "a blank line must follow the subject")
    if not any(line.strip() for line in rest):
        _refuse(file, len(rest) + 1, "the text ends after its subject")
    withheld = ("reason",) if name in STAFF else ()
    # An empty line stands for the subject, so that lines are counted as an editor does.
    first, body = (_parsed(environment, file, part, withheld) for part in (subject, "\n".join(["", *rest])))
    return Source(file, first, body)


def _parsed(environment: Sandbox, file: str, source: str, withheld: tuple[str, ...]) -> Template:
    def refuse(line: int, reason: str) -> NoReturn:
        _refuse(file, line, reason)

    try:
        tree = environment.parse(source, file, file)
        Grammar(refuse, withheld).check(tree)
        return _compiled(environment, tree, file)
    except TemplateSyntaxError as error:
        _refuse(file, error.lineno, error.message or "cannot be read")


def _layout(environment: Sandbox, root: Path, name: str) -> Template:
    file = f"{FOLDER}/{name}"
    source = _source(root, file)
    try:
        tree = environment.parse(source, file, file)
        for unknown in sorted(meta.find_undeclared_variables(tree) - OF_LAYOUT):
            line = next(n.lineno for n in tree.find_all(nodes.Name) if n.name == unknown)
            _refuse(file, line, f"there is no variable {unknown}")
        return _compiled(environment, tree, file)
    except TemplateSyntaxError as error:
        _refuse(file, error.lineno, error.message or "cannot be read")


def _compiled(environment: Sandbox, tree: nodes.Template, file: str) -> Template:
    code = environment.compile(tree, file, file)
    return Template.from_code(environment, code, environment.make_globals(None))


def _refuse(file: str, line: int, reason: str) -> NoReturn:
    raise BadCatalogue(file=file, field=f"line {line}", reason=" ".join(reason.split()))
