"""`preview` as somebody uses it who changes a text: look at all, at one, at its HTML; no office runs.

With the shipped texts only: the dossiers that it shows are invented ones, the same in every office.
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from motcua.texts.topic import NAMES
from tests.story.cli import ROOT, afresh, starter


def test_all_texts_are_listed(tmp_path: Path) -> None:
    """With who gets them and their labels; as a table and as JSON."""
    listed = starter(tmp_path, "preview", "--json").json
    assert [row["name"] for row in listed] == list(NAMES)
    assert listed[0] == {
        "name": "reminder",
        "to": "staff",
        "vi": "Sắp đến hạn",
        "en": "Due soon",
        "samples": listed[0]["samples"],
    }
    ran = starter(tmp_path, "preview")
    assert all(name in ran.out for name in NAMES)
    assert not (tmp_path / "run.json").exists()


def test_one_text_in_each_language_and_as_html(tmp_path: Path) -> None:
    """The subject, then the mail; JSON has the HTML too, which a file gets on request."""
    ran = starter(tmp_path, "preview", "ready")
    assert ran.out.startswith(
        "Đã có kết quả giải quyết hồ sơ H53.26-260302-0017\n\nKính gửi ông/bà Nguyễn Thị"
    )
    page = tmp_path / "mail.html"
    found = starter(tmp_path, "preview", "ready", "--language", "en", "--html", str(page), "--json").json
    assert set(found) == {"name", "language", "sample", "subject", "text", "html"}
    assert found["subject"] == "The result of your dossier H53.26-260302-0017 is ready"
    assert page.read_text(encoding="utf-8") == found["html"]
    another = starter(tmp_path, "preview", "stopped", "--sample", "2").out
    assert another.startswith("Tạm dừng giải quyết hồ sơ")


@pytest.mark.slow  # every text is filled with every sample each time
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("redy",), "UnknownText"),
        (("ready", "--language", "fr"), "UnknownLanguage"),
        (("ready", "--sample", "0"), "NoSuchSample"),
        (("ready", "--sample", "999"), "NoSuchSample"),
        (("ready", "--html", "/nowhere/mail.html"), "NotWritten"),
        (("--html", "mail.html"), "BadUsage"),
    ],
)
def test_what_cannot_be_shown(tmp_path: Path, arguments: tuple[str, ...], error: str) -> None:
    """Bad input, on one line."""
    ran = starter(tmp_path, "preview", *arguments)
    assert (ran.code, ran.out, ran.error.partition(":")[0]) == (2, "", error)
    assert starter(tmp_path, "preview", *arguments, "--json").json["error"]["type"] == error


def test_a_text_that_was_changed(tmp_path: Path) -> None:
    """An office's own words are shown; a slip in any text is told with file and line."""
    catalog = tmp_path / "catalog"
    shutil.copytree(ROOT / "catalog", catalog)
    text = catalog / "texts" / "ready.vi.txt"
    before = text.read_text(encoding="utf-8")
    text.write_text(before.replace("Kính gửi ông/bà", "Thưa ông/bà"), encoding="utf-8")
    setting = {"MOTCUA_CATALOG_DIR": str(catalog)}
    assert "\nThưa ông/bà Nguyễn" in starter(tmp_path, "preview", "ready", **setting).out
    text.write_text(before.replace("{{ recipient }}", "{{ recipent }}"), encoding="utf-8")
    ran = starter(tmp_path, "preview", "due", **setting)
    assert ran.code == 2
    assert re.match(r"BadCatalogue: texts/ready\.vi\.txt: line 3: there is no variable recipent", ran.error)


def test_the_commands_of_the_page(tmp_path: Path) -> None:
    """As docs/texts.md has them."""
    page = (ROOT / "docs" / "texts.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\$ \.venv/bin/python starter\.py (.*)$", page, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        ran = afresh(tmp_path, *shlex.split(command))
        assert (ran.code, ran.err) == (0, "")
