"""A real Chromium before a real office: what a person sees, and what is wrong with it for somebody."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, FilePayload, Page, async_playwright

from motcua.telemetry import configure_logging, runtime
from tests.needs import needs
from tests.running import Running, running
from tests.waiting import PATIENCE
from tests.web import PASSWORD

HERE = Path(__file__).parent
AXE = HERE / "node_modules" / "axe-core" / "axe.min.js"
OPTIONS = [
    # As root in a container, and without a word to the makers of the browser.
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
]


@pytest.fixture(scope="session")
async def office(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """Servers and a worker for the browser's tests."""
    configure_logging("error")
    async with running(tmp_path_factory.mktemp("browser"), runtime(0)) as office:
        yield office


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        needs("Chromium", "apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=OPTIONS)
        yield browser
        await browser.close()


class Person:
    """Somebody at a screen of their own."""

    def __init__(self, base: str, context: BrowserContext, page: Page, pictures: Path | None) -> None:
        self.base, self.context, self.page, self._pictures = base, context, page, pictures
        self.complaints: list[str] = []
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and "the server responded with a status of 4" not in text:
            self.complaints.append(f"console: {text}")

    async def sign_in(self, name: str) -> Person:
        """By keyboard, as everybody does."""
        await self.page.goto(f"{self.base}/sign-in")
        await self.focused("name")
        await self.page.keyboard.type(name)
        await self.page.keyboard.press("Tab")
        await self.page.keyboard.type(PASSWORD)
        await self.page.keyboard.press("Enter")
        await self.page.wait_for_url("**/inbox")
        return self

    async def focused(self, field: str) -> None:
        """Wait until a page has put the focus where one begins to type."""
        await self.page.wait_for_function("id => document.activeElement.id === id", arg=field)

    async def open(self, path: str) -> None:
        """Go to a page."""
        await self.page.goto(self.base + path)

    async def words(self) -> str:
        """What the page says."""
        return " ".join((await self.page.inner_text("main")).split())

    async def command(
        self, name: str, *, files: dict[str, tuple[str, bytes]] | None = None, **fields: str
    ) -> None:
        """Fill in the form of a command on a dossier's page, choose its files, and send it."""
        form = self.page.locator(f'form[action$="/{name}"]')
        details = form.locator("xpath=ancestor::details[contains(@class, 'act')]")
        if await details.count() and await details.get_attribute("open") is None:
            await details.locator("summary").click()
        for field, value in fields.items():
            await fill(form, field, value)
        for field, (called, content) in (files or {}).items():
            chosen = FilePayload(name=called, mimeType="application/octet-stream", buffer=content)
            await form.locator(f"[name={field}]").set_input_files(chosen)
        await self.page.evaluate("document.querySelector('#main').dataset.sent = '1'")
        await form.locator("button").click()
        # Another page, or another content: a form with a file is sent by the page's script.
        await self.page.wait_for_selector("#main:not([data-sent])")
        await self.page.wait_for_load_state()

    async def look(self, name: str, *, language: str = "vi") -> None:
        """Nothing is out of place: pictures at two widths, no sideways scrolling, no fault for anybody.

        Pages are built alike in all languages, but words are not as wide: the checker looks at one of them.
        """
        if language == "vi":
            await accessible(self.page)
        for width in (1280, 390):
            await self.page.set_viewport_size({"width": width, "height": 800})
            wide = await self.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} scrolls sideways at {width} px: {wide}"
            if self._pictures is not None:
                await self.page.screenshot(path=self._pictures / f"{name}-{width}.png", full_page=True)
        await self.page.set_viewport_size({"width": 1280, "height": 800})


async def fill(form: Any, field: str, value: str) -> None:
    """Put a value into a field of whatever kind."""
    element = form.locator(f"[name={field}]").first
    kind = await element.evaluate("e => e.tagName + ' ' + (e.type || '')")
    if kind.startswith("SELECT"):
        await element.select_option(value)
    elif kind == "INPUT file":
        await element.set_input_files(value)
    else:
        await element.fill(value)


async def accessible(page: Page) -> None:
    """No finding of axe-core that is serious or critical."""
    if not AXE.exists():
        needs("axe-core", "make browser")
    await page.evaluate(
        AXE.read_text(encoding="utf-8")
    )  # not as a script of the page: its policy forbids that
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    grave = [
        f"{each['id']}: {each['help']}: {[node['html'][:160] for node in each['nodes'][:4]]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
    assert not grave, f"{page.url}: " + "; ".join(grave)


REACHABLE = """() => {
  const kinds = 'a[href], button, input, select, textarea, summary';
  const shown = {visibilityProperty: true};
  const wanted = [...document.querySelectorAll(kinds)].filter(e => !e.disabled && e.type !== 'hidden' &&
    e.checkVisibility(shown) &&    !e.closest('details:not([open]) > :not(summary)'));
  wanted.forEach((e, n) => { e.dataset.reach = n; });
  return wanted.length;
}"""
REST = """numbers => numbers.map(n => document.querySelector(`[data-reach="${n}"]`))
  .filter(e => e.type !== 'radio').map(e => e.outerHTML.slice(0, 120))"""
"""Of the choices of one question the keyboard reaches one; arrows do the rest."""
FOCUSED = """() => {
  const e = document.activeElement, style = getComputedStyle(e);
  const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  return [e.dataset ? e.dataset.reach : null, seen, e.outerHTML.slice(0, 120)];
}"""


async def keyboard_reaches(page: Page) -> None:
    """Every link, button and field gets the focus from the Tab key alone, and shows it."""
    count = await page.evaluate(REACHABLE)
    await page.evaluate("() => { document.activeElement.blur(); window.scrollTo(0, 0); }")
    reached, unseen = set(), []
    for _ in range(count + 30):
        await page.keyboard.press("Tab")
        number, seen, html = await page.evaluate(FOCUSED)
        if number is not None:
            if not seen and number not in reached:
                unseen.append(html)
            reached.add(number)
    rest = await page.evaluate(REST, sorted({str(n) for n in range(count)} - reached))
    assert not rest, f"{page.url}: the keyboard does not reach {rest}"
    assert not unseen, f"{page.url}: the focus does not show on {unseen}"


@pytest.fixture(scope="session")
def pictures() -> Path | None:
    """Where pictures are put: MOTCUA_SCREENSHOTS; none are taken where nobody would look at them."""
    chosen = os.environ.get("MOTCUA_SCREENSHOTS")
    if not chosen:
        return None
    folder = Path(chosen)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Cast:
    """The people of a story, each with a browser of their own."""

    def __init__(self, chromium: Browser, pictures: Path | None) -> None:
        self._chromium, self._pictures = chromium, pictures
        self._people: list[Person] = []

    async def person(
        self, base: str, name: str = "", *, language: str = "vi", scripts: bool = True
    ) -> Person:
        """Somebody who is signed in, or a guest."""
        context = await self._chromium.new_context(
            viewport={"width": 1280, "height": 800},
            locale="vi-VN" if language == "vi" else "en-GB",
            timezone_id="Asia/Ho_Chi_Minh",
            java_script_enabled=scripts,
        )
        await context.add_cookies([{"name": "motcua_language", "value": language, "url": base}])
        context.set_default_timeout(PATIENCE * 1000)
        person = Person(base, context, await context.new_page(), self._pictures)
        self._people.append(person)
        if name:
            await person.sign_in(name)
        return person

    async def leave(self) -> None:
        """Close everything; what a browser complained of on the way fails the story."""
        for person in self._people:
            await person.context.close()
        complaints = [line for person in self._people for line in person.complaints]
        assert not complaints, complaints


@pytest.fixture
async def cast(chromium: Browser, pictures: Path | None) -> AsyncIterator[Cast]:
    """The people of one story."""
    cast = Cast(chromium, pictures)
    yield cast
    await cast.leave()


def code_in(text: str) -> str:
    """The code of a dossier that a text names."""
    found = re.search(r"H53\.26-\d{6}-\d{4}", text)
    assert found is not None, text
    return found[0]
