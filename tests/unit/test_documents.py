"""Which files are taken: by what is in them, never by their name alone."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motcua.documents import (
    TYPES,
    Document,
    DocumentRefused,
    Documents,
    DocumentTooLarge,
    EmptyDocument,
    MisnamedDocument,
    type_of,
)
from motcua.store import Store
from tests.files import JPEG, PDF, PNG, docx, odt, xlsx

DOCUMENTS = Documents(cast(Store, None), most_mb=1)
"""Without a record: nothing is kept before a file has been found fit."""


WORD = {"word/document.xml": b""}
DECLARED, VBA = "[Content_Types].xml", b'<Override ContentType="application/vnd.ms-office.vbaProject"/>'
ODT = b"application/vnd.oasis.opendocument.text"


def archive(parts: dict[str, bytes]) -> bytes:
    """A zip archive."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as written:
        for name, content in parts.items():
            packed = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            written.writestr(name, content, packed)
    return made.getvalue()


def zipped(**parts: bytes) -> bytes:
    """The same; `__` stands for a slash and `_` for a dot."""
    return archive({name.replace("__", "/").replace("_", "."): content for name, content in parts.items()})


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("đơn.pdf", PDF, "application/pdf"),
        ("ẢNH.JPG", JPEG, "image/jpeg"),
        ("ảnh.jpeg", JPEG, "image/jpeg"),
        ("a.png", PNG, "image/png"),
        ("tờ trình.docx", docx(), next(t for t, e in TYPES.items() if e == ".docx")),
        ("bảng.xlsx", xlsx(), next(t for t, e in TYPES.items() if e == ".xlsx")),
        ("a.odt", odt(), next(t for t, e in TYPES.items() if e == ".odt")),
    ],
)
async def test_what_is_taken(name: str, content: bytes, kind: str) -> None:
    """Papers as offices write and scan them."""
    assert await DOCUMENTS.received(name, content) == Document(name, kind, content)


@pytest.mark.parametrize(
    ("name", "content", "refusal"),
    [
        ("a.pdf", b"", EmptyDocument),
        ("a.pdf", b"<html><script>alert(1)</script>", DocumentRefused),
        ("a.html", b"<html><script>alert(1)</script>", DocumentRefused),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", DocumentRefused),
        ("a.js", b"alert(1)", DocumentRefused),
        ("a.sh", b"#!/bin/sh\nid", DocumentRefused),
        ("a.exe", b"MZ\x90\x00", DocumentRefused),
        ("a.gif", b"GIF89a/*", DocumentRefused),
        ("a.zip", zipped(a_txt=b"x"), DocumentRefused),
        ("a.docx", zipped(a_txt=b"x"), DocumentRefused),
        ("a.docm", zipped(word__document_xml=b"", word__vbaProject_bin=b""), DocumentRefused),
        ("a.docx", zipped(word__document_xml=b"", word__vbaProject_bin=b""), DocumentRefused),
        ("a.docx", archive({**WORD, "word/macros.bin": b"", DECLARED: VBA}), DocumentRefused),
        ("a.docx", archive({**WORD, DECLARED: b"application/x.macroEnabled.main+xml"}), DocumentRefused),
        ("a.docx", archive({**WORD, DECLARED: b" " * 1_000_000}), DocumentRefused),
        ("a.odt", archive({"mimetype": ODT, "./Basic/x.xml": b"x"}), DocumentRefused),
        ("a.docx", docx()[:-40], DocumentRefused),
        ("a.odt", zipped(mimetype=b"text/html"), DocumentRefused),
        ("a.odt", zipped(mimetype=b"x" * 5000), DocumentRefused),
        ("a.pdf", zipped(mimetype=b"application/pdf", evil_exe=b"MZ"), DocumentRefused),
        ("a.png", zipped(mimetype=b"image/png"), DocumentRefused),
        (
            "a.odt",
            zipped(mimetype=b"application/vnd.oasis.opendocument.text", Scripts__python__x_py=b"x"),
            DocumentRefused,
        ),
        ("a.html", PDF, MisnamedDocument),
        ("a.pdf", PNG, MisnamedDocument),
        ("pdf", PDF, MisnamedDocument),
        ("a.docx", xlsx(), MisnamedDocument),
        ("a.pdf", PDF + b" " * 1_000_000, DocumentTooLarge),
    ],
)
async def test_what_is_refused(name: str, content: bytes, refusal: type[Exception]) -> None:
    """Scripts, macros, what is broken, and what is called otherwise than it is."""
    with pytest.raises(refusal):
        await DOCUMENTS.received(name, content)


@pytest.mark.parametrize("packed", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bomb_is_not_unpacked(packed: int) -> None:
    """Found as a few hundred bytes that took the memory of the process: it lied about its size."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packed) as archive:
        archive.writestr("mimetype", bytes(20_000_000))
    lying = made.getvalue().replace((20_000_000).to_bytes(4, "little"), (50).to_bytes(4, "little"))
    assert lying != made.getvalue()
    tracemalloc.start()
    try:
        assert type_of(lying) is None
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_damaged_archive_is_refused(packed: int) -> None:
    """Whatever byte is wrong, it is one of the kinds or none, and never an error."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packed) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", "<x/>")
    for place in range(4, len(made.getvalue())):
        damaged = bytearray(made.getvalue())
        damaged[place] ^= 0x5A
        assert type_of(bytes(damaged)) in {*TYPES, None}


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"PK\x03\x04", b"%PDF-", b"\xff\xd8\xff", docx()[:200]])
)
def test_whatever_comes_is_one_of_the_kinds_or_none(rest: bytes, start: bytes) -> None:
    """No content makes it stumble."""
    assert type_of(start + rest) in {*TYPES, None}


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        (r"C:\Users\an\đơn.pdf", "đơn.pdf"),
        ("../../etc/x.pdf", "x.pdf"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie: x.pdf"),
        ("\u202efdp.pdf", "fdp.pdf"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
    ],
)
async def test_a_name_is_only_a_name(given_name: str, kept: str) -> None:
    """No folders, no headers, nothing that turns the text around, and not without end."""
    assert (await DOCUMENTS.received(given_name, PDF)).name == kept


def test_what_is_told_of_it_holds_no_content() -> None:
    """Name, type, bytes and their hash."""
    told: dict[str, Any] = Document("a.pdf", "application/pdf", b"abc").told
    assert told == {
        "name": "a.pdf",
        "type": "application/pdf",
        "size": 3,
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }
