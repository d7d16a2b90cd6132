"""Sheets that prove: the day's seal, to be put up, and a dossier's audit. No form prescribes them."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from models.base import Value
from models.seals import Seal
from motcua.papers.press import Press, qr


class SealSheet(Value):
    """A seal in print."""

    unit: str
    number: int
    at: str
    size: str
    root: str
    previous: str
    hash: str
    key: str
    signature: str
    stamped: str | None
    qr: str
    """SVG, of the signed statement and the signature."""


class Part(Value):
    """A table of an audit; a width of 0 takes what is left, others are in millimetres."""

    title: str
    columns: tuple[str, ...]
    widths: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]
    none: str


class AuditSheet(Value):
    """A dossier's audit in print."""

    language: str
    title: str
    unit: str
    code: str
    printed: str
    """By whom and when."""
    stood: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]


class Sheets:
    """Prints sheets with the templates of a catalogue."""

    def __init__(self, catalog_dir: Path) -> None:
        self._press = Press(catalog_dir / "papers")

    async def seal(self, seal: Seal, unit: str, at: str, stamped: str | None) -> bytes:
        """The PDF of a seal; `at` and `stamped` are its moments in office time."""
        said = seal.statement
        sheet = SealSheet(
            unit=unit,
            number=seal.number,
            at=at,
            size=f"{said.size:,}".replace(",", "."),
            root=said.root,
            previous=said.previous,
            hash=seal.hash,
            key=said.key,
            signature=seal.signature,
            stamped=stamped,
            qr=qr(seal.stamped.decode()),
        )
        return (await asyncio.to_thread(self._press.pull, "seal", sheet, said.at)).content

    async def audit(self, sheet: AuditSheet, at: datetime) -> bytes:
        """The PDF of an audit."""
        return (await asyncio.to_thread(self._press.pull, "audit", sheet, at)).content
