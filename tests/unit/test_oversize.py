"""A body that is too large: typed fields come through whole, file contents do not, however it arrives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.types import Message

from motcua.web import oversize
from motcua.web.oversize import Body

MOST = 5_000
NOTE = 'Đã gọi "ông Ân" & bà Bé\r\n--x\r\nhẹn 9 giờ'
BOUNDARY = b"limit"
FORM = b"multipart/form-data; boundary=limit"


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    """One part of a form."""
    file = f'; filename="{filename}"\r\nContent-Type: application/pdf' if filename else ""
    head = f'Content-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return b"--" + BOUNDARY + b"\r\n" + head.encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    """A whole form."""
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"


async def received(
    content: bytes,
    *,
    chunk: int = 65536,
    length: bool = True,
    kind: bytes = FORM,
    most: int = MOST,
) -> tuple[Body, Request]:
    """A request as an application behind it gets it."""
    pieces = [content[at : at + chunk] for at in range(0, len(content), chunk)] or [b""]
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces) - 1}
        for number, piece in enumerate(pieces)
    ]

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    body = Body(receive, kind, len(content) if length else None, most)
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", kind)]}
    return body, Request(scope, body.receive)


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("chunk", [1, 7, 1000, 65536, 10_000_000])
@pytest.mark.parametrize("first", [True, False])
async def test_typed_fields_come_through(*, first: bool, chunk: int, length: bool) -> None:
    """Before and after the file, in pieces of any size, with a length and without."""
    size = MOST + 1 if chunk < 1000 else 3_000_000
    file = part("file", b"%PDF" + b"x" * size, "quyết định.pdf")
    typed = (part("csrf", b"secret"), part("note", NOTE.encode()))
    body, request = await received(
        form(*([file, *typed] if first else [*typed, file])), chunk=chunk, length=length
    )
    found = await request.form()
    assert body.too_large
    assert (found["csrf"], found["note"]) == ("secret", NOTE)
    upload = found["file"]
    assert not isinstance(upload, str)
    assert (upload.filename, await upload.read()) == ("quyết định.pdf", b"")
    await found.close()


@pytest.mark.parametrize("length", [True, False])
async def test_what_fits_comes_as_it_is(*, length: bool) -> None:
    """File and fields, and the answer to what was sent is not that it is too large."""
    body, request = await received(
        form(part("note", b"a"), part("file", b"b" * 3_000, "a.pdf")), length=length
    )
    found = await request.form()
    upload = found["file"]
    assert not isinstance(upload, str)
    assert (found["note"], len(await upload.read()), body.too_large) == ("a", 3_000, False)
    await found.close()


@pytest.mark.parametrize("length", [True, False])
async def test_a_long_form_without_a_file(*, length: bool) -> None:
    """More than is taken at once, yet all of it comes back."""
    kind = b"application/x-www-form-urlencoded"
    body, request = await received(b"a=" + b"y" * 20_000 + b"&b=%C3%A9", length=length, kind=kind)
    found = await request.form()
    assert (body.too_large, found["a"], found["b"]) == (True, "y" * 20_000, "é")


@pytest.mark.parametrize("multipart", [True, False])
async def test_a_field_is_never_cut(monkeypatch: pytest.MonkeyPatch, *, multipart: bool) -> None:
    """What does not fit even there is left out whole: half of it could be sent again as if it were all."""
    monkeypatch.setattr(oversize, "KEPT", 15_000)
    long = b"y" * 20_000
    if multipart:
        body, request = await received(form(part("a", b"1"), part("b", long), part("c", b"3")))
    else:
        kind = b"application/x-www-form-urlencoded"
        body, request = await received(b"a=1&b=" + long, kind=kind)
    found = await request.form()
    assert body.too_large
    assert found["a"] == "1"
    assert "b" not in found


@pytest.mark.parametrize("multipart", [True, False])
@pytest.mark.parametrize("length", [True, False])
async def test_without_a_session_little_is_kept(*, multipart: bool, length: bool) -> None:
    """However it arrives, and also where the form itself would not be too large with a session."""
    fields = {f"f{n}": b"y" * 100_000 for n in range(30)}
    if multipart:
        content = form(*(part(name, text) for name, text in fields.items()))
    else:
        content = b"&".join(name.encode() + b"=" + text for name, text in fields.items())
    kind = FORM if multipart else b"application/x-www-form-urlencoded"
    body, request = await received(content, length=length, kind=kind, most=20_000_000)
    body.restrict()
    assert len(await request.body()) <= oversize.GUEST_KEPT + 100
    assert body.too_large
    assert set(await request.form()) == {f"f{n}" for n in range(8)}


async def test_a_body_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond several times the largest upload nothing more is read; what was typed before is kept."""
    monkeypatch.setattr(oversize, "READ", 300_000)
    begun = part("note", NOTE.encode()) + part("file", b"x" * 50_000, "a.pdf").rstrip()
    asked = 0

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": begun if asked == 1 else b"x" * 50_000, "more_body": True}

    body = Body(receive, FORM, None, MOST)
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", FORM)]}
    found = await Request(scope, body.receive).form()
    assert (body.too_large, body.too_long, found["note"], asked) == (True, True, NOTE, 6)
    await found.close()


async def test_a_form_that_is_none() -> None:
    """Rubbish under the name of a form is read to its end and breaks nothing."""
    body, request = await received(b"rubbish" * 5_000)
    assert len(await request.form()) == 0
    assert body.too_large


@pytest.mark.parametrize("name", [None, "a.pdf"])
async def test_a_form_of_very_many_parts(name: str | None) -> None:
    """What is held of a form is bounded, also where its fields and files are empty."""
    _, request = await received(form(*(part("many", b"", name) for _ in range(5_000))))
    assert len(await request.body()) < 200_000


async def test_headers_alone_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The header of a part counts like what was typed."""
    monkeypatch.setattr(oversize, "KEPT", 15_000)
    _, request = await received(form(*(part("n" * 1_000, b"", "a.pdf") for _ in range(100))))
    assert len(await request.body()) < 16_000


@given(st.one_of(st.binary(max_size=400), st.binary(max_size=400).map(lambda more: FORM + more)))
@example(b"multipart/form-data; boundary=" + b"y" * 257)
async def test_no_content_type_breaks_the_receiving(kind: bytes) -> None:
    """It is any text that a client sends; a boundary of 257 letters was an error on every address."""
    _, request = await received(form(part("note", NOTE.encode(), "a.pdf")) * 50, kind=kind)
    assert len(await request.body()) <= oversize.KEPT


async def test_a_boundary_that_is_too_long_is_no_form() -> None:
    """The library that reads forms refuses it where the form is asked for, and only there."""
    kind = b"multipart/form-data; boundary=" + b"y" * 257
    _, request = await received(b"--" + b"y" * 257, kind=kind)
    with pytest.raises(MultiPartException):
        await request.form()
