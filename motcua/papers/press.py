"""Prints: a template and what it says become a PDF that can be archived (PDF/A-2a) and read aloud (PDF/UA-1).

Nothing of what a paper says is ever markup: it goes in as JSON and the templates show it as text.
"""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import segno
import typst

from models.base import Value
from motcua.catalogue.files import BadCatalogue

_ONCE = datetime(2026, 3, 2, tzinfo=UTC)
STANDARDS: list[typst.PDFStandard] = ["a-2a", "ua-1"]


class Print(Value):
    """A printed paper."""

    content: bytes
    pages: int
    archivable: bool
    """False where a name or text holds a letter that the fonts lack: it is printed as a box."""


class Press:
    """Prints the templates of a folder with the fonts that come with the compiler, and no others."""

    def __init__(self, templates: Path) -> None:
        self._templates = templates
        self._fonts = typst.Fonts(include_system_fonts=False)

    def try_out(self, template: str, said: Value) -> None:
        """Print something invented; BadCatalogue says what is wrong with a template before it is needed."""
        try:
            self._compiled(self._templates / f"{template}.typ", {"said": said.model_dump_json()}, _ONCE, [])
        except (typst.TypstError, OSError) as error:
            reason = " ".join(str(error).split())[:300]
            raise BadCatalogue(file=f"papers/{template}.typ", field="template", reason=reason) from error

    def pull(self, template: str, said: Value, at: datetime) -> Print:
        """The PDF of a template, made "at" that instant; the same input gives the same bytes.

        Takes some milliseconds and lets other threads run meanwhile.
        """
        inputs = {"said": said.model_dump_json()}
        file = self._templates / f"{template}.typ"
        try:
            content, archivable = self._compiled(file, inputs, at, STANDARDS), True
        except typst.TypstError:  # what is wrong with a template is wrong without the standards as well
            content, archivable = self._compiled(file, inputs, at, []), False
        pages = typst.query(
            file,
            "<pages>",
            field="value",
            one=True,
            root=self._templates,
            font_paths=self._fonts,
            ignore_system_fonts=True,
            sys_inputs=inputs,
        )
        return Print(content=content, pages=int(pages), archivable=archivable)

    def _compiled(
        self, file: Path, inputs: dict[str, str], at: datetime, standards: list[typst.PDFStandard]
    ) -> bytes:
        return typst.compile(
            file,
            root=self._templates,
            font_paths=self._fonts,
            ignore_system_fonts=True,
            sys_inputs=inputs,
            pdf_standards=standards,
            timestamp=at.replace(microsecond=0),  # PDF counts in seconds
        )


def qr(text: str) -> str:
    """A QR code as SVG, its quiet zone left to the page."""
    out = io.BytesIO()
    segno.make_qr(text, error="m").save(out, kind="svg", border=0, xmldecl=False, svgns=True)
    return out.getvalue().decode()
