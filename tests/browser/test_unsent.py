"""A form with a file that does not get through: the page stays, with all that was typed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.browser.conftest import Cast
from tests.files import PDF
from tests.running import Running, always_open, submission
from tests.web import Web, web

pytestmark = [pytest.mark.timeout(180), pytest.mark.slow]  # a browser for each refusal
NOTE = "Đã gọi ông Ân, hẹn 9 giờ"


@pytest.fixture(scope="module")
async def desk(office: Running) -> AsyncIterator[Web]:
    """A desk in real time."""
    async with web(office, always_open()) as served:
        yield served


@asynccontextmanager
async def proxied(url: str, most: int, refusal: bytes) -> AsyncIterator[str]:
    """A proxy before the desk that answers larger bodies itself; without an answer it hangs up."""
    host, _, port = url.removeprefix("http://").partition(":")
    served: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            writer.write(chunk)
            await writer.drain()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        served.add(task)
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the browser needs it no more
        finally:
            served.discard(task)
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
        length = int(fields.get(b"content-length", b"0"))
        if length > most:
            await reader.readexactly(length)
            writer.write(refusal)
            return
        to_desk, from_desk = await asyncio.open_connection(host, int(port))
        from_desk.write(
            head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n").replace(b"keep-alive", b"close")
        )
        from_desk.write(await reader.readexactly(length))
        try:
            await pump(to_desk, writer)
        finally:
            from_desk.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        open_still = list(served)
        for task in open_still:  # a page that is live listens for as long as it is open
            task.cancel()
        await asyncio.gather(*open_still, return_exceptions=True)


_PAGE = b"<html><body><h1>413 Request Entity Too Large</h1></body></html>"
REFUSAL = (
    b"HTTP/1.1 413 Request Entity Too Large\r\nContent-Type: text/html\r\nContent-Length: %d\r\n"
    b"Connection: close\r\n\r\n%s" % (len(_PAGE), _PAGE)
)


@pytest.mark.parametrize(("refusal", "said"), [(REFUSAL, "(413)"), (b"", "")])
async def test_what_was_typed_stays_where_a_proxy_refuses(
    desk: Web, cast: Cast, refusal: bytes, said: str
) -> None:
    """With its own page or with none; then a smaller file goes through, once."""
    code = (await desk.house.desk.submit(submission("usual"), officer="receiver1")).code
    acts = ("receiver1 complete", "handler1 complete", "leader1 complete", "approver1 approve")
    for who, command in (act.split() for act in acts):
        await desk.house.desk.act(code, command, who)
    async with proxied(desk.url, 1_000_000, refusal) as url:
        clerk = await cast.person(url, language="vi")
        await clerk.sign_in("clerk1")
        await clerk.open(f"/dossiers/{code}")
        form = clerk.page.locator("form[action$='/complete']")
        if (
            await clerk.page.locator("details.act:has(form[action$='/complete'])").get_attribute("open")
            is None
        ):
            await clerk.page.locator("details.act:has(form[action$='/complete']) summary").click()
        await form.locator("[name=note]").fill(NOTE)
        await form.locator("[name=number]").fill("12/GP")
        large = {"name": "to.pdf", "mimeType": "application/pdf", "buffer": PDF + bytes(1_500_000)}
        await form.locator("[name=file]").set_input_files(large)
        await form.locator("button").click()
        alert = form.locator("[role=alert]")
        await alert.wait_for()
        assert "Nội dung đã nhập vẫn còn" in await alert.inner_text()
        assert said in await alert.inner_text()
        assert await form.locator("[name=note]").input_value() == NOTE
        small = {"name": "nhỏ.pdf", "mimeType": "application/pdf", "buffer": PDF}
        await form.locator("[name=file]").set_input_files(small)
        await form.locator("button").click()
        await clerk.page.wait_for_url("**done=complete")
        await clerk.page.goto("about:blank")  # a live page would miss the proxy
    facts = await desk.house.store.facts(code)
    assert [fact.kind for fact in facts].count("issued") == 1
    clerk.complaints.clear()  # the browser tells of the refused request


async def test_a_refusal_of_the_desk_fills_the_form_again(desk: Web, cast: Cast) -> None:
    """A file that is none: the desk's own page comes back in its place, with what was typed."""
    code = (await desk.house.desk.submit(submission("usual"), officer="receiver1")).code
    clerk = await cast.person(desk.url, language="en")
    await clerk.sign_in("handler1")
    await desk.house.desk.act(code, "complete", "receiver1")
    await clerk.open(f"/dossiers/{code}")
    await clerk.command("attach", files={"document": ("x.pdf", b"no paper at all")})
    assert "is not taken" in await clerk.words()
    await clerk.command("attach", files={"document": ("x.pdf", PDF)})
    await clerk.page.wait_for_url("**done=attach")


async def test_a_file_that_is_too_large_is_not_sent(desk: Web, cast: Cast) -> None:
    """The page says so before anything leaves it."""
    code = (await desk.house.desk.submit(submission("usual"), officer="receiver1")).code
    await desk.house.desk.act(code, "complete", "receiver1")
    clerk = await cast.person(desk.url, language="vi")
    await clerk.sign_in("handler1")
    await clerk.open(f"/dossiers/{code}")
    field = clerk.page.locator("form[action$='/attach'] [name=document]")
    most = int(await field.get_attribute("data-most") or 0)
    assert most == desk.house.documents.most_mb * 1_000_000
    large = {"name": "to.pdf", "mimeType": "application/pdf", "buffer": PDF + bytes(most)}
    await field.set_input_files(large)
    assert "quá lớn" in await field.evaluate("field => field.validationMessage")
    await field.set_input_files({"name": "a.pdf", "mimeType": "application/pdf", "buffer": PDF})
    assert await field.evaluate("field => field.validationMessage") == ""
