"""The texts of notices: read from `catalog/texts/`, checked whole, and put into words for one topic.

A text is plain: its first line is the subject, blank lines part its paragraphs. The layouts make the mail
around it, once as plain text and once as HTML; so there is one text per language, and one place that escapes.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from jinja2 import Template, TemplateError, TemplateSyntaxError, meta, nodes

from models.refusals import BadInput
from motcua.catalogue.files import BadCatalogue
from motcua.notices.formats import LANGUAGES, Formats, Language, Vocabulary
from motcua.notices.grammar import Grammar
from motcua.notices.letter import Words
from motcua.notices.plain import one_line
from motcua.notices.samples import samples
from motcua.notices.sandbox import END, LINK, PARTICULARS, TASKS, Sandbox, Table, shown
from motcua.notices.topic import NAMES, STAFF, Topic

FOLDER = "texts"
LAYOUTS = ("layout.html", "layout.txt")
LONGEST_SUBJECT = 150
_VARIABLES = tuple(Topic.model_fields)
_OF_LAYOUT = {
    *("place", "dossier", "digest", "language", "subject", "heading", "tone", "blocks", "preview"),
    *("staff", "say", "_formats"),
}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MARKS = {ord(LINK): None, ord(END): None}


class UnknownText(BadInput):
    """There is no text of this name."""

    sentence = "There is no text {name}{hint}."


class UnknownLanguage(BadInput):
    """The texts are not written in this language."""

    sentence = "The texts are not written in the language {language}; there is: {known}."


class Unfilled(BadInput):
    """A text needs something that this notice does not have."""

    sentence = "The text {name} cannot be written: {file}: {field}: {reason}"


class _Fault(Exception):
    """What went wrong while rendering, with its place."""

    def __init__(self, file: str, field: str, reason: str) -> None:
        super().__init__(reason)
        self.file, self.field, self.reason = file, field, reason


class _Text:
    """One compiled text: its subject and its body."""

    def __init__(self, file: str, subject: Template, body: Template) -> None:
        self.file, self.subject, self.body = file, subject, body


class Texts:
    """Every text in every language. Safe for several threads: nothing changes once it is loaded."""

    def __init__(
        self, words: Vocabulary, texts: Mapping[tuple[str, Language], _Text], layouts: Mapping[str, Template]
    ) -> None:
        self._words, self._texts, self._layouts = words, texts, layouts
        self._say = {
            language: Table({key: word.of(language) for key, word in words.say.items()})
            for language in LANGUAGES
        }
        self._formats = lru_cache(maxsize=64)(self._made)

    @classmethod
    def load(cls, root: Path) -> Texts:
        """Read, check and try out all texts of a catalogue; BadCatalogue when one of them cannot be used."""
        words = Vocabulary.load(root)
        _only_known(root)
        environment = Sandbox()
        texts = {
            (name, language): _text(environment, root, name, language)
            for name in NAMES
            for language in LANGUAGES
        }
        found = cls(words, texts, {name: _layout(environment, root, name) for name in LAYOUTS})
        found._try_out()
        return found

    def words(self, name: str, language: str, topic: Topic, zone: str) -> Words:
        """A text in words; Unfilled when the topic lacks something that the text speaks of."""
        known = _language(language)
        if name not in NAMES:
            raise UnknownText(name=name, hint=near(name))
        try:
            return self._render(name, known, topic, zone)
        except _Fault as fault:
            raise Unfilled(name=name, file=fault.file, field=fault.field, reason=fault.reason) from fault

    def heading(self, name: str, language: str) -> str:
        """The label of a text."""
        if name not in NAMES:
            raise UnknownText(name=name, hint=near(name))
        return self._words.heading[name].of(_language(language))

    def _made(self, language: Language, zone: str) -> Formats:
        return Formats(self._words, language, ZoneInfo(zone))

    def _try_out(self) -> None:
        for name, language in self._texts:
            for sample in samples(name, language):
                try:
                    self._render(name, language, sample, "Asia/Ho_Chi_Minh")
                except _Fault as fault:
                    raise BadCatalogue(file=fault.file, field=fault.field, reason=fault.reason) from fault

    def _render(self, name: str, language: Language, topic: Topic, zone: str) -> Words:
        text = self._texts[name, language]
        values = {field: shown(getattr(topic, field), field) for field in _VARIABLES}
        values["_formats"] = self._formats(language, zone)
        subject = one_line(_rendered(text.subject, text.file, values))
        if not subject:
            raise _Fault(text.file, "line 1", "the subject is empty")
        body = _rendered(text.body, text.file, values)
        blocks = list(_blocks(text.file, body))
        heading = self._words.heading[name]
        given = {
            **{key: values[key] for key in ("place", "dossier", "digest", "_formats")},
            "language": language,
            "subject": subject,
            "heading": heading.of(language),
            "tone": heading.tone,
            "blocks": blocks,
            "preview": _preview(blocks),
            "staff": name in STAFF,
            "say": self._say[language],
        }
        plain, html = (_rendered(self._layouts[each], f"{FOLDER}/{each}", given) for each in LAYOUTS[::-1])
        plain = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in plain.splitlines())).strip()
        return Words(subject=_short(subject), text=plain.translate(_MARKS) + "\n", html=html)


def near(name: str) -> str:
    """A word about the names that are most like this one."""
    likely = get_close_matches(name, NAMES)
    return f" (did you mean {' or '.join(likely)}?)" if likely else f"; there is: {', '.join(NAMES)}"


# Reading


def _language(language: str) -> Language:
    for known in LANGUAGES:
        if known == language:
            return known
    raise UnknownLanguage(language=language, known=", ".join(LANGUAGES))


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


def _text(environment: Sandbox, root: Path, name: str, language: Language) -> _Text:
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
    return _Text(file, first, body)


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
        for unknown in sorted(meta.find_undeclared_variables(tree) - _OF_LAYOUT):
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


# Rendering


def _rendered(template: Template, file: str, values: Mapping[str, Any]) -> str:
    try:
        return template.render(values)
    except (TemplateError, TypeError) as error:
        frames = traceback.walk_tb(error.__traceback__)
        found = [line for frame, line in frames if frame.f_code.co_filename == template.filename]
        if not found:
            raise  # not the text's fault
        raise _Fault(file, f"line {found[-1]}", " ".join(str(error).split())) from error


def _blocks(file: str, body: str) -> Iterator[Table]:
    """The paragraphs and tables of a body, as the layouts go through them."""
    for paragraph in re.split(r"\n\s*\n", body.strip()):
        if paragraph in (PARTICULARS, TASKS):
            yield Table(kind=paragraph.strip("\x01"), lines=())
            continue
        if "\x01" in paragraph:
            place = next(n for n, line in enumerate(body.split("\n"), start=1) if "\x01" in line)
            raise _Fault(file, f"paragraph of line {place}", "a table stands in a paragraph of its own")
        yield Table(kind="paragraph", lines=tuple(_pieces(line) for line in paragraph.split("\n")))


def _pieces(line: str) -> tuple[Table, ...]:
    """A line in parts, of which every second one is the topic's own address."""
    parts = re.split(f"{LINK}([^{END}]*){END}", line.strip())
    return tuple(Table(text=part, link=bool(n % 2)) for n, part in enumerate(parts) if part)


def _preview(blocks: list[Table]) -> str:
    """What mailboxes show beside the subject: the first paragraph after the greeting."""
    paragraphs = [block["lines"] for block in blocks if block["kind"] == "paragraph"]
    pieces = (
        piece["text"] for line in paragraphs[1:2] for parts in (line,) for part in parts for piece in part
    )
    return _short(" ".join(pieces))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_SUBJECT else text[: LONGEST_SUBJECT - 1].rstrip() + "…"
