"""Documents on the dossier's page: taken, looked through, kept, and given out as they were."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import asyncpg
import pytest

from motcua.documents import Clamd, Document
from motcua.forms import DocumentMissing, DocumentNotExpected
from motcua.guardian import GUARDIAN
from motcua.web.visit import COOKIE
from tests.files import PDF, PNG, TEST_VIRUS, docx
from tests.needs import needs
from tests.present import present
from tests.running import Running, submission
from tests.waiting import PATIENCE, until
from tests.web import Answered, Visitor, Web, web

SCAN = {"document": ("đơn xin.pdf", PDF, "application/pdf")}


@pytest.fixture(scope="module")
async def now(office: Running) -> AsyncIterator[Web]:
    """A desk in real time, without a scanner."""
    async with web(office, present()) as served:
        yield served


@asynccontextmanager
async def scanning(folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A real ClamAV that knows one virus, on a socket in a folder."""
    program = shutil.which("clamd")
    if program is None:
        needs("ClamAV", "apt-get install clamav-daemon")
    (folder / "known").mkdir(exist_ok=True)
    (folder / "known" / "test.ndb").write_text(f"Motcua.Test:0:*:{TEST_VIRUS.hex()}\n")
    settings = folder / "clamd.conf"
    settings.write_text(
        f"DatabaseDirectory {folder}/known\nLocalSocket {folder}/scanner\nForeground true\nUser root\n"
    )
    argv, stdin = GUARDIAN.guarded((program, "-c", str(settings)))
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=stdin, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:

        async def answers() -> bool:
            assert process.returncode is None, "clamd ended"
            return (folder / "scanner").exists()

        await until(answers)
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def processing(desk: Web, *acts: tuple[str, str]) -> str:
    """A dossier that a handler may work on, or that has come further."""
    answer = await desk.house.desk.submit(submission("usual"), officer="receiver1")
    for who, command in (("receiver1", "complete"), *acts):
        await desk.house.desk.act(answer.code, command, who)
    return answer.code


async def to_be_issued(desk: Web) -> str:
    """A dossier whose next step takes number, date and file of the result."""
    acts = (("handler1", "complete"), ("leader1", "complete"), ("approver1", "approve"))
    return await processing(desk, *acts)


async def kinds(desk: Web, code: str) -> list[str]:
    """What has happened to a dossier."""
    return [fact.kind for fact in await desk.house.store.facts(code)]


async def files(desk: Web, code: str) -> list[bytes]:
    """Every file that is kept of a dossier, straight from the table, the earliest first."""
    async with desk.house.store._connection() as connection:
        rows = await connection.fetch(
            "select f.content from files f join private p using (id) where p.code = $1 order by p.created_at",
            code,
        )
    return [row["content"] for row in rows]


async def number(desk: Web, code: str, kind: str = "attached") -> int:
    """The number of the fact that a document came with."""
    return next(fact.seq for fact in reversed(await desk.house.store.facts(code)) if fact.kind == kind)


async def test_a_scan_is_added_and_opened_again(now: Web) -> None:
    """Byte for byte, under its name, in the list and the timeline; the fact holds neither name nor bytes."""
    code = await processing(now)
    handler, colleague = await now.visitor("handler1"), await now.visitor("handler2")
    done = await handler.act(code, "attach", files=SCAN)
    assert done.status == 200, done.words[:300]
    assert "Done: Add a document" in done.words
    assert done.words.count("đơn xin.pdf") == 2
    address = f"/dossiers/{code}/documents/{await number(now, code)}"
    assert f'href="{address}"' in done.text
    given = await colleague.get(address)
    assert given.content == PDF
    assert given.headers["content-type"] == "application/pdf"
    assert given.headers["content-disposition"] == "inline; filename*=UTF-8''%C4%91%C6%A1n%20xin.pdf"
    assert given.headers["x-content-type-options"] == "nosniff"
    assert "no-store" in given.headers["cache-control"]
    fact = (await now.house.store.facts(code))[-1].model_dump_json()
    assert "xin" not in fact
    assert hashlib.sha256(PDF).hexdigest() not in fact


async def test_a_word_document_is_saved_not_shown(now: Web) -> None:
    """Only pictures and PDFs open beside the page."""
    code = await processing(now)
    handler = await now.visitor("handler1")
    word = {"document": ("tờ trình.docx", docx(), "application/octet-stream")}
    assert (await handler.act(code, "attach", files=word)).status == 200
    given = await handler.get(f"/dossiers/{code}/documents/{await number(now, code)}")
    assert given.headers["content-disposition"].startswith("attachment;")
    assert given.content == docx()


async def test_a_script_does_not_come_in(now: Web) -> None:
    """Whatever its name and whatever the browser calls it: refused with the reason, and nothing is kept."""
    code = await processing(now)
    handler = await now.visitor("handler1")
    before = await kinds(now, code)
    script = b"<html><script>alert(1)</script></html>"
    for name, content, said in (
        ("x.html", script, "text/html"),
        ("x.pdf", script, "application/pdf"),
        ("x.svg", b"<svg onload='alert(1)'/>", "image/svg+xml"),
        ("x.html", PDF, "application/pdf"),
        ('"><script>alert(1)</script>.pdf', script, "application/pdf"),
        ("x.pdf", b"", "application/pdf"),
    ):
        refused = await handler.act(code, "attach", files={"document": (name, content, said)})
        assert refused.status == 422, name
        assert "is not taken" in refused.words or "is empty" in refused.words
        assert "<script>alert" not in refused.text
    none = await handler.act(code, "attach", files={"document": ("", b"", "application/octet-stream")})
    assert none.status == 422
    assert "there is none. Choose one." in none.words
    assert await kinds(now, code) == before
    assert await files(now, code) == []


async def test_too_large_a_document(now: Web) -> None:
    """Beyond this office's 2 MB it is refused by name, 30 MB by the guard; a smaller one follows."""
    code = await processing(now)
    handler = await now.visitor("handler1")
    over = await handler.act(code, "attach", files={"document": ("to.pdf", PDF + bytes(2_000_000), "x/y")})
    assert over.status == 422
    assert "at most 2 MB are taken" in over.words
    huge = await handler.act(code, "attach", files={"document": ("to.pdf", PDF + bytes(30_000_000), "x/y")})
    assert huge.status == 413
    assert "too large" in huge.words
    assert await files(now, code) == []
    assert (await handler.act(code, "attach", files=SCAN)).status == 200


TYPED = 'Đã gọi "ông Ân" & bà Bé, hẹn 9 giờ'


def _multipart(fields: dict[str, str], name: str, content: bytes, *, first: bool) -> tuple[bytes, str]:
    """A form with a file, which stands before or after all else."""
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="to.pdf"\r\n\r\n'.encode()
    parts.insert(0 if first else len(parts), head + content + b"\r\n")
    return b"".join(parts) + b"--b--\r\n", "multipart/form-data; boundary=b"


@pytest.mark.slow  # up to sixty megabytes, twice
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("size", [2_050_000, 2_500_000, 25_000_000, 60_000_000])
async def test_what_was_typed_comes_back_at_every_size(now: Web, size: int, *, first: bool) -> None:
    """Beside a file that is too large, in the form itself, ready to be sent again with another file."""
    code = await to_be_issued(now)
    clerk = await now.visitor("clerk1")
    form = (await clerk.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/complete")
    fields = {**dict(form.fields), "note": TYPED, "number": "12/GP"}
    content, kind = _multipart(fields, "file", PDF + bytes(size), first=first)
    answer = await clerk.client.post(form.action, content=content, headers={"content-type": kind})
    refused = Answered(answer)
    assert refused.status in (413, 422)
    again = refused.form(form.action)
    kept = dict(again.fields)
    assert (kept["note"], kept["number"], kept["date"]) == (TYPED, "12/GP", fields["date"])
    done = await clerk.send(again, files={"file": ("nhỏ.pdf", PDF, "application/pdf")})
    assert done.status == 200
    assert "issued" in await kinds(now, code)


async def test_a_form_too_large_for_who_is_signed_out(now: Web) -> None:
    """It waits behind the sign-in like any other; only the file has to be chosen again."""
    code = await to_be_issued(now)
    clerk = await now.visitor("clerk1")
    form = (await clerk.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/complete")
    clerk.client.cookies.delete(COOKIE)
    big = {"file": ("to.pdf", PDF + bytes(25_000_000), "application/pdf")}
    asked = await clerk.send(form, files=big, note=TYPED)
    assert asked.status == 401
    assert ("kept:note", TYPED) in asked.form("/sign-in").fields


@pytest.mark.parametrize("length", [True, False])
async def test_a_long_form_comes_back(now: Web, *, length: bool) -> None:
    """Text beyond what a form may have is shown again, to be copied or shortened."""
    receiver = await now.visitor("receiver1")
    page = await receiver.get("/counter?procedure=1.001612")
    long = "Thôn Đông " * 150_000
    form = page.form("/counter")
    data = {**dict(form.fields), "name": "Nguyễn Văn Ân", "address": long}
    content = urlencode(data).encode()

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    headers = {"content-type": "application/x-www-form-urlencoded"}
    sent = content if length else chunks()
    refused = Answered(await receiver.client.post("/counter", content=sent, headers=headers))
    assert refused.status == 413
    assert "Nguyễn Văn Ân" in refused.text
    assert long in refused.text


async def test_a_bug_does_not_take_what_was_typed(now: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that says that something is broken has it, to be copied; never a password."""

    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    code = await processing(now)
    handler = await now.visitor("handler1")
    form = (await handler.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/note")
    with monkeypatch.context() as patched:
        patched.setattr(now.house.desk, "act", broken)
        page = await handler.send(form, text=TYPED)
    assert page.status == 500
    assert "Đã gọi" in page.text
    lost = await handler.send(form, f"/dossiers/{code}/nonsense/at/all", text=TYPED)
    assert lost.status in (404, 405)
    assert "Đã gọi" in lost.text


async def test_a_document_sent_ten_times_is_there_once(now: Web) -> None:
    """A double click; and the same request with another file is refused."""
    code = await processing(now)
    handler = await now.visitor("handler1")
    form = (await handler.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/attach")
    answers = await asyncio.gather(*(handler.send(form, files=SCAN) for _ in range(10)))
    assert {answer.status for answer in answers} == {200}
    assert (await kinds(now, code)).count("attached") == 1
    assert await files(now, code) == [PDF]
    other = await handler.send(form, files={"document": ("khác.png", PNG, "image/png")})
    assert other.status == 422
    assert await files(now, code) == [PDF]


async def test_a_refused_command_leaves_no_file(now: Web) -> None:
    """An auditor reads only: the form is not there, and what is sent all the same is not kept."""
    code = await processing(now)
    handler, auditor = await now.visitor("handler1"), await now.visitor("auditor1")
    form = (await handler.get(f"/dossiers/{code}")).form(f"/dossiers/{code}/attach")
    page = await auditor.get(f"/dossiers/{code}")
    assert not [each for each in page.forms if each.action.endswith("/attach")]
    assert not [each for each in page.forms if each.action.startswith("/dossiers/")]
    theirs = page.form("/sign-out")
    refused = await auditor.send(
        form, files=SCAN, csrf=dict(theirs.fields)["csrf"], request_id="the auditor's own"
    )
    assert refused.status == 403
    assert await files(now, code) == []


async def test_only_who_may_see_the_dossier_gets_its_documents(now: Web) -> None:
    """Another unit, a guest, the number of another fact, another dossier's code."""
    code, other = await processing(now), await processing(now)
    handler, police, guest = await now.visitor("handler1"), await now.visitor("police1"), await now.visitor()
    await handler.act(code, "attach", files=SCAN)
    at = await number(now, code)
    assert (await handler.get(f"/dossiers/{code}/documents/{at}")).status == 200
    assert (await police.get(f"/dossiers/{code}/documents/{at}")).status == 403
    assert PDF not in (await guest.get(f"/dossiers/{code}/documents/{at}")).content
    for path in (f"{code}/documents/1", f"{code}/documents/999", f"{other}/documents/{at}"):
        assert (await handler.get(f"/dossiers/{path}")).status == 404, path
    for path in (f"{code}/documents/x", f"{code}/documents/{10**30}"):
        assert (await handler.get(f"/dossiers/{path}")).status in (404, 422), path


async def test_the_decision_comes_with_its_file(now: Web) -> None:
    """Whoever issues the result adds it; it stands first among the documents, marked as the result."""
    code = await processing(now, ("handler1", "complete"), ("leader1", "complete"), ("approver1", "approve"))
    clerk = await now.visitor("clerk1")
    await clerk.act(code, "attach", files=SCAN)
    paper = {"file": ("giấy phép.png", PNG, "image/png")}
    done = await clerk.act(code, "complete", number="12/GP", files=paper)
    assert done.status == 200, done.words[:300]
    assert "the result" in done.words
    assert done.text.index("/documents/" + str(await number(now, code, "issued"))) < done.text.index(
        "/documents/" + str(await number(now, code))
    )
    given = await clerk.get(f"/dossiers/{code}/documents/{await number(now, code, 'issued')}")
    assert given.content == PNG


async def test_a_document_that_was_changed_is_not_given_out(now: Web, office: Running) -> None:
    """Somebody with the database in hand swaps the bytes: its hash differs."""
    code = await processing(now)
    handler = await now.visitor("handler1")
    await handler.act(code, "attach", files=SCAN)
    at = await number(now, code)
    root = await asyncpg.connect(office.local.run.admin_database_url)
    try:
        await root.execute("update files set content = $1 where id like $2", PNG, f"{code}/%")
        page = await handler.get(f"/dossiers/{code}/documents/{at}")
        assert page.status == 409
        assert "its hash differs" in page.words
        await root.execute("delete from private where id like $1", f"{code}/%/document")
    finally:
        await root.close()
    assert await files(now, code) == []
    assert (await handler.get(f"/dossiers/{code}/documents/{at}")).status == 404
    assert "Erased." in (await handler.get(f"/dossiers/{code}")).words


async def test_words_that_an_earlier_version_took_for_a_file(now: Web, office: Running) -> None:
    """Listed as gone, and nothing breaks where somebody asks for them."""
    code = await processing(now)
    handler = await now.visitor("handler1")
    await handler.act(code, "attach", files=SCAN)
    at = await number(now, code)
    root = await asyncpg.connect(office.local.run.admin_database_url)
    try:
        for told in ('"x"', '{"name": "a.pdf"}', "[]"):
            await root.execute(
                "update private set content = $1::jsonb where id like $2", told, f"{code}/%/document"
            )
            assert (await handler.get(f"/dossiers/{code}/documents/{at}")).status == 404
            assert "Erased." in (await handler.get(f"/dossiers/{code}")).words
    finally:
        await root.close()


async def test_a_document_is_no_data(now: Web) -> None:
    """Who scripts the desk cannot claim a file that did not come along."""
    code = await processing(now)
    told = {"document": {"name": "x.pdf", "type": "application/pdf", "size": 1, "sha256": "0" * 64}}
    for data in ({}, told):
        with pytest.raises(DocumentMissing):
            await now.house.desk.act(code, "attach", "handler1", data)
    with pytest.raises(DocumentNotExpected):
        await now.house.desk.act(
            code, "claim", "handler1", {}, "with a file", Document("x.pdf", "application/pdf", PDF)
        )


async def test_a_virus_stays_outside(office: Running, tmp_path: Path) -> None:
    """ClamAV looks through each file; when it is away none is taken, and the same form can be sent again."""
    async with web(office, present(), scanner=Clamd(str(tmp_path / "scanner"), timeout=PATIENCE)) as desk:
        code = await processing(desk)
        handler = await desk.visitor("handler1")
        sick = {"document": ("đơn.pdf", PDF + TEST_VIRUS, "application/pdf")}
        async with scanning(tmp_path):
            refused = await handler.act(code, "attach", files=sick)
            assert refused.status == 422
            assert "the virus scanner found Motcua.Test" in refused.words
            assert (await handler.act(code, "attach", files=SCAN)).status == 200
        away = await handler.act(code, "attach", files={"document": ("hai.png", PNG, "image/png")})
        assert away.status == 503
        assert "virus scanner cannot be reached" in away.words
        assert "The file has to be chosen again" in away.words
        assert await files(desk, code) == [PDF]
        async with scanning(tmp_path):
            again = await sent_again(handler, away, code)
            assert again.status == 200, again.words[:300]
        assert await files(desk, code) == [PDF, PNG]


async def sent_again(visitor: Visitor, page: Answered, code: str) -> Answered:
    """The form of a page that says that something was away."""
    form = page.form(f"/dossiers/{code}/attach")
    return await visitor.send(form, files={"document": ("hai.png", PNG, "image/png")})
