"""The whole story in a browser: from the counter to the citizen's opinion, in both languages, by keyboard."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from tests import pdf
from tests.browser.conftest import Cast, Person, code_in, keyboard_reaches
from tests.files import PDF
from tests.present import present
from tests.running import Running, submission
from tests.web import Web, web

pytestmark = pytest.mark.slow  # every page in two languages, each looked at at two widths


SAYS = {
    "vi": {
        "received": "Đã tiếp nhận",
        "late?": "hẹn trả kết quả",
        "supplement": "hờ bổ sung hồ sơ",
        "ready": "Đã có kết quả, chờ trả",
        "thanks": "Cảm ơn ý kiến của bạn",
        "returned": "Đã trả kết quả",
        "rated": "Đánh giá 5/5",
        "erased": "Đã xóa",
    },
    "en": {
        "received": "Received",
        "late?": "the result is due",
        "supplement": "aiting for missing papers",
        "ready": "Result ready, not collected yet",
        "thanks": "Thank you for your opinion",
        "returned": "Result handed over",
        "rated": "Rated 5 of 5",
        "erased": "It is erased",
    },
}


@pytest.fixture(scope="module")
async def desk(office: Running) -> AsyncIterator[Web]:
    """A desk in real time, with the procedures of the catalogue."""
    async with web(office, present()) as served:
        yield served


async def received(person: Person, procedure: str, name: str) -> str:
    """Receive a dossier at the counter with nothing but the keyboard, and give its code."""
    await person.open("/counter")
    keys = person.page.keyboard
    await person.focused("pick")
    await keys.type(procedure)  # narrows the list; Enter takes what is left
    await keys.press("Enter")
    await person.page.wait_for_url("**/counter?procedure=*")
    await person.focused("a-name")
    for text in (name, "079099000123", "0912345678", "thu@example.org", "Số 1, đường Hùng Vương", ""):
        await keys.type(text)
        await keys.press("Tab")
    await keys.press("Tab")  # past the language
    for text in ("Tờ khai", "1", "", "Căn cước công dân", "", "1"):
        await keys.type(text)
        await keys.press("Tab")
    await keys.press("Enter")
    await person.page.wait_for_url("**/counter/received/*")
    return code_in(await person.words())


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_the_whole_story(desk: Web, cast: Cast, language: str) -> None:
    """Receive, handle, supplement and answer, send back, approve by another person, return, rate by QR."""
    says = SAYS[language]

    async def somebody(name: str) -> Person:
        return await cast.person(desk.url, name, language=language)

    receiver = await somebody("receiver1")
    await receiver.look(f"inbox-receiver-{language}", language=language)
    await receiver.open("/counter")
    await receiver.look(f"counter-{language}", language=language)
    await receiver.open("/counter?procedure=1.001612")
    assert says["late?"] in await receiver.words()
    await receiver.look(f"counter-form-{language}", language=language)
    code = await received(
        receiver, "ho kinh doanh" if language == "vi" else "household", "Nguyễn Thị Thu Hường"
    )
    assert says["received"] in await receiver.words()
    await receiver.look(f"received-{language}", language=language)
    await receiver.open(f"/dossiers/{code}")
    await receiver.command("complete")

    handler = await somebody("handler1")
    await handler.look(f"inbox-handler-{language}", language=language)
    await handler.page.keyboard.press("f")  # narrow
    await handler.page.keyboard.type(code)
    await handler.page.keyboard.press("Enter")
    await handler.page.wait_for_url("**q=*")
    await handler.page.keyboard.press("j")
    await handler.page.keyboard.press("c")  # claim
    await handler.page.wait_for_url("**done=claim")
    await handler.page.keyboard.press("j")
    await handler.page.keyboard.press("Enter")  # open
    await handler.page.wait_for_url(f"**/dossiers/{code}")
    await handler.look(f"dossier-{language}", language=language)
    await handler.command("request-supplement", reason="Thiếu hộ khẩu", papers="Sổ hộ khẩu\nGiấy ủy quyền")
    assert says["supplement"] in await handler.words()
    await handler.look(f"dossier-waiting-{language}", language=language)

    citizen = await cast.person(desk.url, language=language)
    await citizen.open(f"/track/{code}")
    assert says["supplement"] in await citizen.words()
    await citizen.look(f"track-{language}", language=language)

    await receiver.open(f"/dossiers/{code}")
    await receiver.command("supply", papers="Sổ hộ khẩu\nGiấy ủy quyền")
    await handler.open(f"/dossiers/{code}")
    await handler.command("attach", files={"document": ("giấy ủy quyền.pdf", PDF)})
    assert "giấy ủy quyền.pdf" in await handler.words()
    await handler.look(f"dossier-document-{language}", language=language)
    await handler.command("complete", note="Đủ điều kiện")

    approver = await somebody("approver1")
    await approver.open(f"/dossiers/{code}")
    await approver.command("send-back", step="handle", reason="Thiếu tờ trình")
    await handler.open(f"/dossiers/{code}")
    assert "Thiếu tờ trình" in await handler.words()
    await handler.command("complete")
    await approver.open(f"/dossiers/{code}")
    await approver.look(f"dossier-approve-{language}", language=language)
    await approver.command("approve", reason="Đồng ý")

    clerk = await somebody("clerk1")
    await clerk.open(f"/dossiers/{code}")
    await clerk.command("complete", number="12/GP", files={"file": ("giấy phép.pdf", PDF)})
    assert says["ready"] in await clerk.words()
    assert "giấy phép.pdf" in await clerk.words()

    returner = await somebody("returner1")
    await returner.open(f"/dossiers/{code}")
    await returner.command("return", channel="counter")
    assert says["returned"].lower() in (await returner.words()).lower()
    await returner.look(f"dossier-returned-{language}", language=language)
    auditor = await somebody("auditor1")
    await auditor.open(f"/dossiers/{code}/audit")
    await auditor.page.evaluate("document.querySelectorAll('details.act').forEach(each => each.open = true)")
    await auditor.look(f"audit-dossier-{language}", language=language)
    await keyboard_reaches(auditor.page)

    receipt = await returner.page.request.get(f"{desk.url}/dossiers/{code}/papers/receipt.pdf")
    (link,) = pdf.qr_codes(await receipt.body())
    assert link.startswith(f"{desk.url}/track/{code}?k=")
    await citizen.page.goto(link)
    await citizen.look(f"rate-{language}", language=language)
    await keyboard_reaches(citizen.page)
    await citizen.page.check('[name=score][value="5"]')
    await citizen.page.fill("[name=text]", "Rất nhanh")
    await citizen.page.click("form[action$='/rate'] button")
    await citizen.page.wait_for_url("**rated=1")
    assert says["thanks"] in await citizen.words()
    await returner.open(f"/dossiers/{code}")
    assert says["rated"] in await returner.words()
    assert "Rất nhanh" in await returner.words()

    head = await somebody("head1")
    await head.open(f"/dossiers/{code}/audit")
    await head.page.evaluate("document.querySelectorAll('details.act').forEach(each => each.open = true)")
    await head.look(f"audit-erase-{language}", language=language)
    await keyboard_reaches(head.page)
    await head.page.select_option("#basis", "request")
    await head.page.fill("#erase-paper", "CV 12/2026")
    await head.page.fill("#sure", code)
    await head.page.click("form[action$='/erase'] button")
    await head.page.wait_for_url("**done=erase")
    assert says["erased"] in await head.words()
    await head.open(f"/dossiers/{code}")
    assert "Thu Hường" not in await head.words()


async def test_the_leader_hands_fifty_dossiers_to_somebody_else(desk: Web, cast: Cast) -> None:
    """With one act, a result for each; and the leader's other pages."""
    house = desk.house
    for _ in range(50):
        answer = await house.desk.submit(submission("1.001612"), officer="receiver1")
        await house.desk.act(answer.code, "complete", "receiver1")
        await house.desk.act(answer.code, "claim", "handler1")
    leader = await cast.person(desk.url, "leader1")
    await leader.open("/board")
    await leader.look("board-vi")
    await keyboard_reaches(leader.page)
    row = leader.page.locator("tr", has_text="Lê Thị Cúc").first
    await row.locator("a.button").click()
    await leader.page.wait_for_url("**/board/tasks*")
    await leader.look("assign-vi")
    await leader.page.check("[data-all]")
    await leader.page.select_option("#to", "handler2")
    await leader.page.click("form[action='/board/assign'] button")
    await leader.page.wait_for_url("**/board/assign")
    words = await leader.words()
    done = re.search(r"(\d+) xong, (\d+) không", words)
    assert done is not None
    assert int(done[1]) >= 50
    assert done[2] == "0"
    await leader.look("bulk-vi")
    rows = await house.store._pool.fetch(
        "select assignee, count(*) from tasks where step = 'handle' group by 1"
    )
    held = {row["assignee"]: row["count"] for row in rows}
    assert held.get("handler2", 0) >= 50
    assert "handler1" not in held


async def test_every_other_page(desk: Web, cast: Cast) -> None:
    """Looked at by the checker, at two widths, by keyboard; in both languages."""
    pages = {
        "leader1": ("/absences", "/calendar", "/search?q=nguyen", "/rights", "/password", "/inbox?view=unit"),
        "admin1": ("/people", "/book", "/nothing-here", "/counter"),
        "head1": ("/board", "/inbox?view=all"),
        "auditor1": ("/audit",),
    }
    for language in ("vi", "en"):
        guest = await cast.person(desk.url, language=language)
        for path in ("/sign-in", "/track", "/track/H53.26-991231-0001"):
            await guest.open(path)
            await guest.look(f"{path.strip('/').replace('/', '-')}-{language}", language=language)
            await keyboard_reaches(guest.page)
        for name, paths in pages.items():
            person = await cast.person(desk.url, name, language=language)
            for path in paths:
                await person.open(path)
                label = re.sub(r"\W+", "-", path).strip("-")
                await person.look(f"{name}-{label}-{language}", language=language)
                if language == "vi":
                    await keyboard_reaches(person.page)


async def test_it_works_without_scripts(desk: Web, cast: Cast) -> None:
    """Plain forms: claim, complete with a note, keep a view."""
    answer = await desk.house.desk.submit(submission("1.001612"), officer="receiver1")
    await desk.house.desk.act(answer.code, "complete", "receiver1")
    person = await cast.person(desk.url, scripts=False, language="en")
    await person.page.goto(f"{desk.url}/sign-in")
    await person.page.fill("#name", "handler2")
    await person.page.fill("#password", "một mật khẩu dài")
    await person.page.click("main button")
    await person.open(f"/inbox?view=free&q={answer.code}")
    await person.page.click("button[data-do=c]")
    assert "Done: Claim" in await person.words()
    await person.open(f"/dossiers/{answer.code}")
    await person.page.click("summary:has-text('Complete this step')")
    await person.page.fill("#complete-note", "không cần kịch bản")
    await person.page.click("form[action$='/complete'] button")
    assert "không cần kịch bản" in await person.words()
