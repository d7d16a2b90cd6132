"""The two languages of the pages: Babel's catalogues, and one set of templates for each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from motcua.texts.formats import LANGUAGES, Language

__all__ = ["LANGUAGES", "Language", "asset", "environment", "gettext", "marked", "translations"]

HERE = Path(__file__).parent


def marked(message: str) -> str:
    """Marks a text that is translated where it is shown."""
    return message


@cache
def translations(language: Language) -> NullTranslations:
    """The texts of a language; English is what stands in the code."""
    file = HERE / "locale" / f"{language}.po"
    if not file.exists():
        return NullTranslations()
    compiled = BytesIO()
    with file.open("rb") as lines:
        write_mo(compiled, read_po(lines, locale=language))
    compiled.seek(0)
    return Translations(compiled)


def gettext(language: Language, message: str, **values: Any) -> str:
    """A text in a language, filled in."""
    said = translations(language).gettext(message)
    return said.format_map(values) if values else said


@cache
def environment(language: Language) -> Environment:
    """The templates, with their texts in one language."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    made.globals["_"] = _short(language)
    made.globals["asset"] = asset
    return made


def _short(language: Language) -> Callable[..., Markup]:
    """The `_` of templates: what Jinja's own does, which a list of tasks calls five hundred times."""

    @cache
    def said(message: str) -> Markup:
        return Markup(translations(language).gettext(message))  # noqa: S704 - the catalogue's own texts

    def short(message: str, **values: Any) -> Markup:
        return said(message) % values if values else said(message)

    return short


@cache
def asset(name: str) -> str:
    """The address of a file of the pages; another one whenever its content is another."""
    content = (HERE / "static" / name).read_bytes()
    return f"/static/{name}?{hashlib.sha256(content).hexdigest()[:12]}"
