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
from typing import Any

from jinja2 import Template, TemplateError

from models.refusals import BadInput
from motcua.catalogue.files import BadCatalogue
from motcua.texts.formats import LANGUAGES, Formats, Language, Vocabulary
from motcua.texts.plain import one_line
from motcua.texts.samples import samples
from motcua.texts.sandbox import CODE, END, LINK, PARTICULARS, TASKS, Table, shown
from motcua.texts.sources import FOLDER, LAYOUTS, Source, sources
from motcua.texts.topic import NAMES, STAFF, Topic, Words

LONGEST_SUBJECT = 150
LONGEST_CODE = 40
"""A longer code is broken where the line ends."""
_VARIABLES = tuple(Topic.model_fields)
_MARKS = dict.fromkeys(map(ord, (LINK, CODE, END)))
_PIECES = re.compile(f"([{LINK}{CODE}])([^{END}]*){END}")


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


class Texts:
    """Every text in every language. Safe for several threads: nothing changes once it is loaded."""

    def __init__(
        self, words: Vocabulary, texts: Mapping[tuple[str, Language], Source], layouts: Mapping[str, Template]
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
        texts, layouts = sources(root)
        found = cls(words, texts, layouts)
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
        return Formats(self._words, language, zone)

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
        title = _rendered(text.subject, text.file, values)
        subject = one_line(title.translate(_MARKS))
        if not subject:
            raise _Fault(text.file, "line 1", "the subject is empty")
        body = _rendered(text.body, text.file, values)
        blocks = list(_blocks(text.file, body))
        heading = self._words.heading[name]
        given = {
            **{key: values[key] for key in ("place", "dossier", "digest", "_formats")},
            "language": language,
            "subject": subject,
            "title": _pieces(title),
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


def _language(language: str) -> Language:
    for known in LANGUAGES:
        if known == language:
            return known
    raise UnknownLanguage(language=language, known=", ".join(LANGUAGES))


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
            raise _Fault(file, "file", "a table (particulars, tasks) must be a paragraph of its own")
        yield Table(kind="paragraph", lines=tuple(_pieces(line) for line in paragraph.split("\n")))


def _pieces(line: str) -> tuple[Table, ...]:
    """A line in parts: text, the topic's own address, and codes."""
    parts = iter(_PIECES.split(line.strip()))
    found = [Table(kind="text", text=next(parts))]
    for mark, marked, after in zip(parts, parts, parts, strict=True):
        kind = "link" if mark == LINK else "code" if len(marked) <= LONGEST_CODE else "text"
        found += [Table(kind=kind, text=marked), Table(kind="text", text=after)]
    return tuple(piece for piece in found if piece["text"])


def _preview(blocks: list[Table]) -> str:
    """What mailboxes show beside the subject: the first paragraph after the greeting."""
    paragraphs = [block["lines"] for block in blocks if block["kind"] == "paragraph"]
    lines = paragraphs[1] if len(paragraphs) > 1 else ()
    return _short(" ".join("".join(piece["text"] for piece in line) for line in lines))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_SUBJECT else text[: LONGEST_SUBJECT - 1].rstrip() + "…"
