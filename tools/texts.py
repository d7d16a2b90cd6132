"""Collects the texts of the pages and brings Babel's catalogues up to date: `python -m tools.texts`.

English stands in the code. What is collected: what templates and modules of motcua/web mark, and the
sentences of the problems that people of the office meet with the phrases in them: a refusal is told in the
reader's language, too.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
LOCALE = ROOT / "motcua" / "web" / "locale"
KEYWORDS = {"_": None, "say": None, "gettext": None, "ngettext": (1, 2)}
OPERATORS = {
    *("cli", "caseloads", "notices", "texts", "config", "local", "servers", "processes", "telemetry"),
    *("temporal", "virtual", "migrate", "serve", "restarts", "missing", "proof"),
}
"""Parts whose problems only those meet who run the servers."""
Found = tuple[str, int, str | tuple[str, ...]]


def collected() -> Catalog:
    """All texts, with where they stand."""
    catalog = Catalog(fuzzy=False)
    for file, _line, message in sorted(_all(), key=lambda found: (found[0], found[1])):
        catalog.add(message, locations=[(file, 0)])
    return catalog


def _all() -> Iterator[Found]:
    web = ROOT / "motcua" / "web"
    options = {"extensions": "jinja2.ext.do", "trimmed": "true"}
    for path in sorted(web.rglob("*.html")):
        yield from _extracted("jinja2", path, options)
    for path in sorted(web.rglob("*.py")):
        yield from _extracted("python", path, {})
    for part in ("models", "motcua"):
        for path in sorted((ROOT / part).rglob("*.py")):
            if not OPERATORS & {*path.parts, path.stem}:
                yield from _sentences(path)
                yield from _phrases(path)


def _extracted(method: str, path: Path, options: dict[str, str]) -> Iterator[Found]:
    name = str(path.relative_to(ROOT))
    for line, message, _comments, _context in extract(
        method, BytesIO(path.read_bytes()), keywords=KEYWORDS, options=options
    ):
        yield name, line, message if isinstance(message, str) else tuple(message)


def _sentences(path: Path) -> Iterator[Found]:
    """The sentences of the problems that a module defines."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ClassDef):
            continue
        for statement in node.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id="sentence")], value=ast.Constant(value=str(text))):
                    yield str(path.relative_to(ROOT)), statement.lineno, text


def _phrases(path: Path) -> Iterator[Found]:
    """The phrases that a module fills into such sentences."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(
                func=ast.Name(id="Phrase") | ast.Attribute(attr="Phrase"), args=[ast.Constant(value=text)]
            ):
                if text:
                    yield str(path.relative_to(ROOT)), node.lineno, text


def updated(language: str) -> Catalog:
    """The catalogue of a language with what is new, and without what is gone."""
    file = LOCALE / f"{language}.po"
    found = collected()
    catalog = Catalog(locale=language, project="motcua", fuzzy=False)
    if file.exists():
        with file.open("rb") as lines:
            catalog = read_po(lines, locale=language)
    catalog.update(found, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    return catalog


def main() -> int:
    """Write the Vietnamese catalogue; returns how many texts are not translated, at most 1."""
    catalog = updated("vi")
    missing = [message.id for message in catalog if message.id and not _translated(message.string)]
    out = BytesIO()
    write_po(out, catalog, sort_output=True, width=110, omit_header=False, include_lineno=False)
    lines = [
        line
        for line in out.getvalue().decode().splitlines()
        if not line.startswith(('"POT-Creation-Date', '"PO-Revision-Date', '"Generated-By'))
    ]
    (LOCALE / "vi.po").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for message in missing:
        print(message, file=sys.stderr)
    print(f"{len(catalog)} texts, {len(missing)} to be translated")
    return int(bool(missing))


def _translated(text: str | tuple[str, ...] | list[str] | None) -> bool:
    return bool(text) if text is None or isinstance(text, str) else all(text)


if __name__ == "__main__":
    sys.exit(main())
