"""Looks into PDF files: their words, fonts and pages, and where each letter stands."""

from __future__ import annotations

import ctypes
import unicodedata
from typing import Any, NamedTuple

import pypdfium2 as pdfium
import zxingcpp
from pypdfium2 import raw

_BASE = "aăâeêioôơuưy"
_TONES = ("", "\u0300", "\u0309", "\u0303", "\u0301", "\u0323")
_LOWER = "".join(unicodedata.normalize("NFC", vowel + tone) for vowel in _BASE for tone in _TONES) + "đ"
LETTERS = _LOWER + _LOWER.upper()
"""Every letter of Vietnamese that has a mark, and the vowels without one."""


class Glyph(NamedTuple):
    """A letter on a page, the box of its ink (points, from the lower left), and its font."""

    letter: str
    left: float
    bottom: float
    right: float
    top: float
    font: str

    @property
    def size(self) -> tuple[float, float]:
        """Width and height."""
        return self.right - self.left, self.top - self.bottom


def qr_codes(content: bytes) -> list[str]:
    """What the QR codes of the first page say, read as a telephone reads them: from a picture of the page."""
    picture = pdfium.PdfDocument(content)[0].render(scale=3).to_pil()
    return [
        each.text for each in zxingcpp.read_barcodes(picture) if each.format == zxingcpp.BarcodeFormat.QRCode
    ]


def pages(content: bytes) -> list[str]:
    """The words of each page, blanks and breaks all being one blank."""
    document = pdfium.PdfDocument(content)
    return [flat(page.get_textpage().get_text_range()) for page in document]


def text(content: bytes) -> str:
    """The words of all pages."""
    return " ".join(pages(content))


def flat(words: str) -> str:
    """Text with single blanks, without what only says where a line may break."""
    return " ".join(words.replace("\u200b", "").replace("\ufffe", "").split())


def glyphs(content: bytes, number: int = 0) -> list[Glyph]:
    """The letters of a page in the order of the text."""
    page = pdfium.PdfDocument(content)[number]
    layer = page.get_textpage()
    whole = layer.get_text_range()
    found = []
    for index in range(layer.count_chars()):
        letter = chr(raw.FPDFText_GetUnicode(layer, index))
        if letter.isspace() or letter == "\u200b":
            continue
        found.append(Glyph(letter, *layer.get_charbox(index), _font(layer, index)))
    assert len(found) <= len(whole)
    return found


def fonts(content: bytes) -> set[str]:
    """The fonts in which its letters are set, without the prefix of a subset."""
    count = len(pdfium.PdfDocument(content))
    return {glyph.font for number in range(count) for glyph in glyphs(content, number)}


def _font(layer: Any, index: int) -> str:
    buffer, flags = ctypes.create_string_buffer(200), ctypes.c_int()
    raw.FPDFText_GetFontInfo(layer, index, buffer, 200, flags)
    return buffer.value.decode().rpartition("+")[2]


def overlaps(content: bytes) -> list[tuple[int, Glyph, Glyph]]:
    """Letters of which one covers a third of another, with their page: there should be none.

    The tail of a Q goes on below the u, and a comma stands below that of an italic y: they do not count.
    """
    found = []
    for number in range(len(pdfium.PdfDocument(content))):
        letters = [each for each in glyphs(content, number) if each.letter.isalnum() and each.letter != "Q"]
        row = sorted(letters, key=lambda glyph: glyph.left)
        for place, one in enumerate(row):
            for other in row[place + 1 :]:
                if other.left >= one.right:
                    break
                if _shared(one, other) > 0.3:
                    found.append((number, one, other))
    return found


def _shared(one: Glyph, other: Glyph) -> float:
    """How much of the smaller letter the other one covers."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.top, other.top) - max(one.bottom, other.bottom)
    smaller = min(one.size[0] * one.size[1], other.size[0] * other.size[1])
    return width * height / smaller if width > 0 and height > 0 and smaller else 0.0


def outside(content: bytes, margin: float) -> list[tuple[int, Glyph]]:
    """Letters nearer to an edge of the page than a margin (points); there should be none."""
    document = pdfium.PdfDocument(content)
    found = []
    for number, page in enumerate(document):
        width, height = page.get_size()
        found += [
            (number, each)
            for each in glyphs(content, number)
            if not (margin <= each.left and each.right <= width - margin)
            or not (margin <= each.bottom and each.top <= height - margin)
        ]
    return found
