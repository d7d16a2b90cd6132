"""Pages that stay open: they follow what changes, keep one's place, and say what has become of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Route
from playwright.async_api import TimeoutError as PlaywrightTimeout

from motcua.web import live
from tests.browser.conftest import Cast, accessible
from tests.present import present
from tests.running import Running, submission
from tests.web import Web, web

pytestmark = pytest.mark.slow  # a browser waits as long as people would


@pytest.fixture(scope="module")
async def desk(office: Running) -> AsyncIterator[Web]:
    """A desk in real time, with the procedures of the catalogue."""
    async with web(office, present()) as served:
        yield served


async def free(desk: Web) -> str:
    """A dossier whose task nobody has yet."""
    answer = await desk.house.desk.submit(submission("1.001612"), officer="receiver1")
    await desk.house.desk.act(answer.code, "complete", "receiver1")
    return answer.code


async def test_an_open_inbox_comes_back_after_a_server_that_was_away(desk: Web, cast: Cast) -> None:
    """After an answer that is no stream a browser tries no more; pages stayed as they were until reloaded."""
    watching = await cast.person(desk.url, "handler2", language="en")
    asked = 0

    async def away(route: Route) -> None:
        nonlocal asked
        asked += 1
        await route.fulfill(status=503, body="away")

    await watching.page.route("**/events*", away)
    await watching.open("/inbox?view=free")  # the leader's fifty are with somebody
    await watching.page.wait_for_selector("#lost:not([hidden])")
    await watching.page.unroute("**/events*")
    code = await free(desk)
    await watching.page.wait_for_selector(f'tr[data-code="{code}"]')
    await watching.page.wait_for_selector("#lost[hidden]", state="attached")
    assert asked >= 1
    told = [line for line in watching.complaints if "503" in line]
    assert watching.complaints == told  # the browser's own word for what was played here, and nothing else
    watching.complaints.clear()


async def test_a_task_that_moved_on_is_not_chosen_any_more(desk: Web, cast: Cast) -> None:
    """The list ticked whatever step the dossier had come to, as if it had been looked at."""
    code = await free(desk)
    watching = await cast.person(desk.url, "handler2", language="en")
    await watching.open(f"/inbox?view=unit&q={code}")
    box = watching.page.locator(f'tr[data-code="{code}"] input')
    await box.check()
    before = await box.get_attribute("value")
    await desk.house.desk.act(code, "note", "leader1", {"text": "khoan đã"})
    await watching.page.wait_for_function(
        "([code, before]) => document.querySelector(`tr[data-code='${code}'] input`)?.value !== before",
        arg=[code, before],
    )
    assert not await box.is_checked()


async def test_an_open_inbox_follows_and_keeps_ones_place(desk: Web, cast: Cast) -> None:
    """A new task appears by itself; what was chosen stays chosen; an open dossier says that it changed."""
    house = desk.house
    first = await free(desk)
    watching = await cast.person(desk.url, "handler2", language="en")
    await watching.open("/inbox?view=free")
    box = watching.page.locator(f'tr[data-code="{first}"] input')
    await box.check()
    second = await free(desk)
    await watching.page.wait_for_selector(f'tr[data-code="{second}"]')
    assert await box.is_checked()
    await watching.open(f"/dossiers/{first}")
    await house.desk.act(first, "note", "leader1", {"text": "xem lại"})
    await watching.page.wait_for_selector("#changed:not([hidden])")
    await accessible(watching.page)


async def test_a_list_that_renews_itself_leaves_the_keyboard_where_it_is(desk: Web, cast: Cast) -> None:
    """The focus fell back to the top of the page every few seconds, or onto a link that Enter then opened."""
    house = desk.house
    first = await free(desk)
    watching = await cast.person(desk.url, "handler2", language="en")
    await watching.open("/inbox?view=free")
    page, row = watching.page, f'tr[data-code="{first}"]'
    has = "what => document.activeElement === document.querySelector(what)"
    for what in (f"{row} input", f"{row} [data-do=c]", ".bulk button"):
        await page.focus(what)
        await page.wait_for_selector(f'tr[data-code="{await free(desk)}"]')
        assert await page.evaluate(has, what), what
    await page.focus(f"{row} input")
    await house.desk.act(first, "claim", "handler1")
    await page.wait_for_selector(row, state="detached")
    assert await page.evaluate("document.activeElement.matches('#list a.code')")  # of the row beside it


async def test_no_button_moves_away_under_a_pointer(desk: Web, cast: Cast) -> None:
    """A list waits, but not for ever, while the mouse is on one."""
    code = await free(desk)
    watching = await cast.person(desk.url, "handler2", language="en")
    await watching.open("/inbox?view=free")
    button = f'tr[data-code="{code}"] [data-do=c]'
    await watching.page.hover(button)
    other = await free(desk)
    with pytest.raises(PlaywrightTimeout):
        await watching.page.wait_for_selector(f'tr[data-code="{other}"]', timeout=5000)  # it stays away
    await watching.page.mouse.move(0, 0)
    await watching.page.wait_for_selector(f'tr[data-code="{other}"]')


async def test_an_open_dossier_says_that_one_has_been_signed_out(
    desk: Web, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It spoke of a lost connection, for ever; whoever went on typing learned of it at sending."""
    monkeypatch.setattr(live, "BEAT", 1.0)
    answer = await desk.house.desk.submit(submission("1.001612"), officer="receiver1")
    reading = await cast.person(desk.url, "handler2", language="en")
    await reading.open(f"/dossiers/{answer.code}")
    await desk.house.accounts.record.end_sessions("handler2", "admin1")
    await reading.page.wait_for_selector("#out:not([hidden])")
    assert await reading.page.is_hidden("#lost")
