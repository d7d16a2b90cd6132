"""The pages' texts: every one in both languages, filled in with the same names; and what the charts draw."""

from __future__ import annotations

import re
from string import Formatter

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from models.commands import Command
from models.rights import COMMANDS, OFFICE
from motcua.web import charts, names
from motcua.web.language import environment, gettext
from motcua.web.visit import local
from tools.texts import LOCALE, collected

with (LOCALE / "vi.po").open("rb") as lines:
    VIETNAMESE = read_po(lines, locale="vi")


def test_the_catalogue_is_complete_and_nothing_in_it_is_left_over() -> None:
    """`make texts` brings it up to date."""
    wanted = {message.id for message in collected() if message.id}
    there = {message.id for message in VIETNAMESE if message.id}
    assert wanted - there == set()
    assert there - wanted == set()
    assert [message.id for message in VIETNAMESE if message.id and not message.string] == []
    assert [message.id for message in VIETNAMESE if message.fuzzy and message.id] == []


def test_translations_fill_in_the_same_names() -> None:
    """A name too many would break the page in one language only; one that is missing must be on purpose."""
    for message in VIETNAMESE:
        if not message.id:
            continue
        english = message.id[0] if isinstance(message.id, tuple) else message.id
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        for said in strings:
            for pattern in (r"%\((\w+)\)s", r"\{(\w+)"):
                assert set(re.findall(pattern, said)) <= set(re.findall(pattern, english)), said
            if "{" in english:
                list(Formatter().parse(said))


@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_template_can_be_read(language: str) -> None:
    """Syntax is checked for all of them, also those that no other test shows."""
    made = environment(language)  # type: ignore[arg-type]
    for name in made.list_templates():
        made.get_template(name)
    assert gettext("vi", "Sign in") == "Đăng nhập"
    assert gettext("en", "Sign in") == "Sign in"


def test_each_command_that_people_give_has_a_name() -> None:
    """Those of machines, of the office as a whole and of citizens have none."""
    others = {"file", "free", "hear", "tick", "observe", "outage", "amend-calendar", "rate"}
    assert set(names.COMMANDS) == set(COMMANDS) - others


def test_every_right_has_a_label() -> None:
    """The page of rights was an error for a right without one."""
    assert set(names.PLACES) == set(OFFICE)
    assert Command is not None


@given(st.text())
def test_an_address_that_is_followed_is_on_this_server(text: str) -> None:
    """Whatever is asked for: one slash at its beginning, no scheme, no host."""
    for address in (text, f"/{text}", f"//{text}", f"/\\{text}"):
        found = local(address)
        assert found.startswith("/")
        assert not found.startswith(("//", "/\\"))
        assert "\n" not in found
        assert "\r" not in found


@given(st.integers(0, 10**9))
def test_the_scale_of_a_chart_holds_its_highest_bar(most: int) -> None:
    """And not much more; its middle is a whole number."""
    top = charts.scale(most)
    assert max(most, 1) <= top <= max(4, 2 * most)
    assert top % 2 == 0


def test_what_is_overdue_is_called_so_in_vietnamese() -> None:
    """The official word is quá hạn; only apologies speak of their delay (sự chậm trễ)."""
    said = [str(message.string) for message in VIETNAMESE if message.id]
    catalog = LOCALE.parents[2] / "catalog"
    letters = [*catalog.glob("texts/*.vi.txt"), catalog / "texts/words.toml", *catalog.glob("papers/*")]
    said += [path.read_text(encoding="utf-8") for path in letters if path.is_file()]
    assert [text for text in said if re.search("trễ|muộn hạn", text.lower().replace("sự chậm trễ", ""))] == []
    assert gettext("vi", "late by {time}", time="1 giờ") == "quá hạn 1 giờ"
    assert {gettext("vi", names.STATES["late"]), gettext("vi", names.NEWS["late"])} == {"quá hạn"}
