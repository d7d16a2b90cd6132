"""The texts of notices: all of them with all samples, each way to spoil one, and what values can never do."""

from __future__ import annotations

import html
import re
import shutil
import typing
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import nodes

from models.base import Value
from motcua.catalogue.files import BadCatalogue
from motcua.texts import Texts, Unfilled, UnknownLanguage, UnknownText
from motcua.texts.formats import FILTERS, LANGUAGES, Formats, Vocabulary
from motcua.texts.plain import lines, one_line, unlinked
from motcua.texts.samples import ANY_MAY_LACK, MAY_LACK, samples, without
from motcua.texts.sandbox import _PEOPLE, BLOCKS, Sandbox
from motcua.texts.sources import LAYOUTS
from motcua.texts.topic import APPLICANT, NAMES, STAFF, Digest, Topic, Words

ROOT = Path(__file__).resolve().parents[2]
CATALOG = ROOT / "catalog"
ZONE = "Asia/Ho_Chi_Minh"
TEXTS = Texts.load(CATALOG)
TWINS = [(name, language) for name in NAMES for language in LANGUAGES]
HOSTILE = '<script>alert(1)</script> & "x"'


def sample(name: str, language: str = "vi") -> Topic:
    """The usual sample of a text."""
    return samples(name, language)[0]


def words(name: str, language: str = "vi", topic: Topic | None = None, **more: Any) -> Words:
    """A text in words, of its usual sample unless told otherwise."""
    topic = topic or sample(name, language)
    return TEXTS.words(name, language, topic.model_copy(update=more), ZONE)


def put(value: Any, path: str, new: Any) -> Any:
    """A copy of a value with something else in one place; of a list, in its first entry."""
    if isinstance(value, tuple):
        return (put(value[0], path, new), *value[1:])
    first, _, rest = path.partition(".")
    return value.model_copy(update={first: put(getattr(value, first), rest, new) if rest else new})


def get(value: Any, path: str) -> Any:
    """What stands in one place of a value; None where there is nothing."""
    for name in path.split("."):
        if isinstance(value, tuple):
            value = value[0] if value else None
        value = getattr(value, name, None)
    return value


def leaves(model: type[Value], before: str = "") -> Iterator[str]:
    """The places of all fields."""
    for name, field in model.model_fields.items():
        inner = [arg for arg in (field.annotation, *typing.get_args(field.annotation)) if is_value(arg)]
        if inner:
            yield from leaves(inner[0], f"{before}{name}.")
        else:
            yield f"{before}{name}"


def is_value(found: Any) -> bool:
    """Whether this is one of our models."""
    return isinstance(found, type) and issubclass(found, Value)


class Read(HTMLParser):
    """What a mail program reads: tags with the names of their attributes, addresses, words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str | None] = []
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.words += data


# What there is


@pytest.mark.parametrize(("name", "language"), TWINS)
def test_every_text_with_every_sample(name: str, language: str) -> None:
    """A subject on one line, a text and HTML that say the code or the day, and nothing unfinished."""
    for topic in samples(name, language):
        said = words(name, language, topic)
        for part in (said.subject, said.text, Read(said.html).words):
            assert not re.search(r"None|Undefined|\{\{|\}\}|\{%|[\x00-\x09\x0b-\x1f]", part), part
        assert "\n" not in said.subject
        assert said.text.count("\n\n\n") == 0
        wanted = topic.dossier.code if topic.dossier else "2026"
        assert wanted in said.subject
        assert wanted in said.text
        assert topic.recipient in said.text
        assert topic.place.office in said.text


@pytest.mark.parametrize("name", NAMES)
def test_twins_say_the_same(name: str) -> None:
    """Both languages use the same variables and filters."""
    vi, en = (used(CATALOG / "texts" / f"{name}.{language}.txt") for language in LANGUAGES)
    assert vi == en


def used(path: Path) -> set[str]:
    """The variables and filters of a file."""
    tree = Sandbox().parse(path.read_text(encoding="utf-8"))
    names = {node.name for node in tree.find_all(nodes.Name)} | {
        f".{node.attr}" for node in tree.find_all(nodes.Getattr)
    }
    return names | {f"|{node.name}" for node in tree.find_all(nodes.Filter)}


UNSAID = ("alarm.kind", "digest.late.left", "digest.today.late", "digest.soon.late")
"""The kind of an alarm only chooses the text; and what is late has no time left."""


@pytest.mark.parametrize("path", list(leaves(Topic)))
def test_every_field_is_for_something(path: str) -> None:
    """Another value in it changes some text."""
    if path in UNSAID:
        return
    for name in NAMES:
        for topic in samples(name, "vi"):
            was = get(topic, path)
            if was is None:
                continue
            other = put(topic, path, another(was))
            if said_or_refused(name, other) != said_or_refused(name, topic):
                return
    pytest.fail(f"no text says {path}")


def another(value: Any) -> Any:
    """A value of the same kind."""
    match value:
        case bool():
            return not value
        case str():
            return {"step": "dossier", "dossier": "step", "work-does-not-fit": "no-time"}.get(value, "ready")
        case int():
            return value + 1
        case datetime() | timedelta():
            return value + timedelta(days=1)
    return value[:-1]


def said_or_refused(name: str, topic: Topic) -> Words | str:
    """What a text makes of a topic."""
    try:
        return words(name, "vi", topic)
    except Unfilled as problem:
        return problem.message


@pytest.mark.parametrize("name", STAFF)
def test_staff_learn_nothing_of_the_applicant(name: str) -> None:
    """A free text that lies in the topic does not get into a mail to staff."""
    for language in LANGUAGES:
        said = words(name, language, reason="Hồ sơ của Đặng Thị Riêng", number="N-1")
        assert "Riêng" not in said.text + said.html


@pytest.mark.parametrize("name", APPLICANT)
def test_applicants_are_addressed(name: str) -> None:
    """Respectfully, by their own name; who has the dossier at the office is not told."""
    topic = put(put(sample(name), "dossier.assignee", "Người Thụ Lý"), "dossier.step", "Bước Nội Bộ")
    said = words(name, topic=topic)
    assert "Kính gửi ông/bà Nguyễn Thị Mỹ Duyên," in said.text
    assert "Người Thụ Lý" not in said.text + said.html
    assert "Bước Nội Bộ" not in said.text + said.html


def test_what_is_absent_is_left_out() -> None:
    """The same reminder with and without a stand-in, time left and address."""
    full = words("reminder")
    assert "thay cho Võ Thị Kim Ngân" in full.text
    assert "còn 1 ngày 1 giờ 30 phút làm việc" in full.text
    topic = sample("reminder")
    for path in (*ANY_MAY_LACK, *MAY_LACK["reminder"]):
        topic = without(topic, path)
    bare = words("reminder", topic=topic)
    assert "thay cho" not in bare.text
    assert "kết thúc lúc 09:32 ngày 19/03/2026." in bare.text
    assert "Điện thoại" not in bare.text + bare.html
    assert Read(bare.html).links == []


@pytest.mark.parametrize("name", ["stopped", "withdrawn"])
def test_a_dossier_that_stands_still_promises_no_date(name: str) -> None:
    """Neither the due instant nor a new date is in the mail to its applicant."""
    said = words(name, topic=samples(name, "vi")[-1])
    assert "Tiếp nhận lúc" not in said.text
    for topic in samples(name, "vi"):
        if get(topic, "dossier.status") == name:
            said = words(name, topic=topic)
            assert "19/03/2026" not in said.text + said.html
            assert "24/03/2026" not in said.text + said.html


def test_an_empty_digest_says_so() -> None:
    """Nothing late, today or soon."""
    topic = sample("digest").model_copy(update={"digest": Digest(day=datetime(2026, 3, 19, tzinfo=UTC))})
    said = words("digest", topic=topic)
    assert said.subject == "Công việc ngày 19/03/2026: 0 quá hạn, 0 đến hạn hôm nay, 0 sắp đến hạn"
    assert "Không có hồ sơ nào." in said.text


def test_the_mail_is_made_for_mail_programs() -> None:
    """No scripts, images, style sheets or addresses but the tracking page; colours never speak alone."""
    for name, language in TWINS:
        topic = sample(name, language)
        read = Read(words(name, language, topic).html)
        assert {tag for tag, _ in read.tags} <= set(
            re.findall(r"\w+", "html head meta title body div table tr td span h1 p br a b")
        )
        assert set(read.links) <= {topic.dossier.track if topic.dossier else None}
        assert all("class" not in names and "id" not in names for _, names in read.tags)
    read = Read(words("digest").html)
    for word in ("Quá hạn (2)", "Đến hạn hôm nay (1)", "Sắp đến hạn (3)"):
        assert word in read.words


# How things are written


@pytest.mark.parametrize(
    ("name", "value", "vi", "en"),
    [
        ("when", datetime(2026, 3, 2, tzinfo=UTC), "07:00 ngày 02/03/2026", "07:00 on 2 March 2026"),
        ("when", datetime(2026, 3, 1, 17, 5, tzinfo=UTC), "00:05 ngày 02/03/2026", "00:05 on 2 March 2026"),
        ("day", datetime(2026, 12, 31, 18, tzinfo=UTC), "01/01/2027", "1 January 2027"),
        ("weekday", datetime(2026, 3, 2, tzinfo=UTC), "Thứ Hai", "Monday"),
        ("number", 1234567, "1.234.567", "1,234,567"),
        ("money", 100000, "100.000 đồng", "100,000 dong"),
        ("names", ("A", "B", "C"), "A, B và C", "A, B, and C"),
        ("names", ("A",), "A", "A"),
        ("count", ("A", "B"), "2", "2"),
        ("worktime", timedelta(hours=19), "2 ngày 3 giờ làm việc", "2 working days 3 hours"),
        ("worktime", timedelta(hours=8), "1 ngày làm việc", "1 working day"),
        ("worktime", timedelta(hours=7, minutes=59), "7 giờ 59 phút làm việc", "7 working hours 59 minutes"),
        ("worktime", timedelta(minutes=541), "1 ngày 1 giờ 1 phút làm việc", "1 working day 1 hour 1 minute"),
        ("worktime", timedelta(minutes=1, seconds=59), "1 phút làm việc", "1 working minute"),
        ("worktime", timedelta(seconds=59), "dưới 1 phút làm việc", "less than a minute"),
        ("status", "awaiting-supplement", "chờ bổ sung hồ sơ", "waiting for missing papers"),
    ],
)  # fmt: skip
def test_formats(name: str, value: Any, vi: str, en: str) -> None:
    """Each filter in both languages, on the office's clock."""
    vocabulary = Vocabulary.load(CATALOG)
    found = [getattr(Formats(vocabulary, each, ZONE), name)(value) for each in LANGUAGES]
    assert found == [vi, en]


def test_a_topic_is_told_on_the_clock_of_its_zone() -> None:
    """The same moment in another office."""
    there = TEXTS.words("reminder", "en", sample("reminder", "en"), "Europe/Amsterdam")
    assert "03:32 on 19 March 2026" in there.text


# What values can never do


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_is_escaped_exactly_once(language: str) -> None:
    """An applicant may be called like a script."""
    said = words("refused", language, recipient=HOSTILE, reason=f"{HOSTILE}\n{HOSTILE}")
    assert HOSTILE in said.text
    assert "<script" not in said.html
    assert "&amp;lt;" not in said.html
    assert Read(said.html).words.count(HOSTILE) >= 3


EVIL = ["www.evil.vn", "evil.vn", "http://evil.vn", "HTTPS://EVIL.VN/x", "a@evil.vn", "mailto:a@evil.vn"]
EVIL += [
    "evil。vn",
    "evil．vn",
    "//evil.vn",
    r"\\evil\vn",
    "tel:0912345678",
    "An.evil.vn",
    "evil\u200b.\u2060vn",
]
LINKABLE = re.compile(r"(?i)[.:@。．](evil|vn|/|0912)|//|\\\\|(evil|www)[.。．]\w")


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_name_becomes_a_link(language: str, evil: str) -> None:
    """Neither a person's nor an agency's, in no subject, no text and no HTML of any notice."""
    found = 0
    for name in NAMES:
        topic = sample(name, language)
        for path in ("recipient", "in_place_of", "dossier.assignee", "alarm.name"):
            with suppress(AttributeError, KeyError, TypeError):
                if get(topic, path):
                    topic = put(topic, path, evil)
        if topic.digest is not None:
            late = tuple(line.model_copy(update={"assignee": evil}) for line in topic.digest.late)
            digest = topic.digest.model_copy(update={"late": late, "stands_in_for": (evil, "An")})
            topic = topic.model_copy(update={"digest": digest})
        rendered = words(name, language, topic)
        for part in (rendered.subject, rendered.text, html.unescape(rendered.html)):
            for line in part.splitlines():
                if "vil" in line.lower() or "0912" in line:
                    found += 1
                    pieces = re.split(r"[<>\"]", line)
                    marked = [each for each in pieces if "vil" in each.lower() or "0912" in each]
                    assert not any(LINKABLE.search(each) for each in marked), (name, line)
    assert found >= 2 * len(NAMES)


def test_a_subject_stays_one_line() -> None:
    """A code with line breaks, tabs and marks that turn the reading direction adds no header and no line."""
    topic = put(sample("ready"), "dossier.code", "H53\r\nBcc: all@example.vn\x00\u2028\u202e1")
    said = words("ready", topic=topic)
    assert said.subject == "Đã có kết quả giải quyết hồ sơ H53 Bcc: all@example.vn 1"
    assert "\nBcc" not in said.text


def test_a_reason_keeps_its_lines() -> None:
    """As lines in the text, as breaks and paragraphs in HTML."""
    said = words("refused", reason="một\r\n\thai\n\n\n\nba\u2028bốn")
    assert "\nmột\nhai\n\nba\nbốn\n\n" in said.text
    assert "một<br>hai</p>" in said.html
    assert re.search(r"<p [^>]*>ba<br>bốn</p>", said.html)


def test_only_the_tracking_address_becomes_a_link() -> None:
    """Other addresses stay text; what is no web address is refused when the topic is made."""
    said = words("refused", reason="xem https://lừa-đảo.example.vn ngay")
    track = get(sample("refused"), "dossier.track")
    assert set(Read(said.html).links) == {track}
    for address in ("javascript:alert(1)", 'https://x"onclick="y', "https://x y", "https://x\n"):
        with pytest.raises(ValueError, match="track"):
            type(sample("refused").dossier)(code="x", procedure="y", status="ready", track=address)  # type: ignore[misc]


def test_a_forged_table_stays_words() -> None:
    """The marks of tables, links and codes are control characters, which no value keeps."""
    said = words("refused", reason="\x01particulars\x01\n\x02http://x\x03\n\x04a\x03")
    assert "particulars\nhttp://x\na\n" in said.text
    assert Read(said.html).tags == Read(words("refused", reason="a\nb\nc").html).tags


FREE = [
    path
    for path in leaves(Topic)
    if path not in ("dossier.status", "dossier.track", "alarm.kind", "alarm.of", "cause")
    and any(isinstance(get(sample(name), path), str) for name in NAMES)
]


@settings(max_examples=300, database=None)
@given(text=st.text(max_size=200), path=st.sampled_from(FREE), twin=st.sampled_from(TWINS))
def test_any_text_in_any_field(text: str, path: str, twin: tuple[str, str]) -> None:
    """The same tags as with an innocent value, a subject of one line, and the value in the plain text."""
    name, language = twin
    topic = next((each for each in samples(*twin) if isinstance(get(each, path), str)), None)
    cleaned = lines(text) if path == "reason" else one_line(text)
    if topic is None or not cleaned:
        return
    if path.rpartition(".")[2] in _PEOPLE:
        cleaned = unlinked(cleaned)
    innocent = "\n".join("x" * len(line) for line in cleaned.split("\n"))
    expected, said = (words(name, language, put(topic, path, value)) for value in (innocent, text))
    read = Read(said.html)
    assert read.tags == Read(expected.html).tags
    assert read.links == Read(expected.html).links
    assert len(said.subject.splitlines()) == 1
    assert len(said.subject) == len(expected.subject)
    marker = words(name, language, put(topic, path, "⁂⁂"))
    assert said.text.count("\n") - cleaned.count("\n") <= marker.text.count("\n")
    if "⁂⁂" in marker.text:
        assert all(line in said.text for line in cleaned.split("\n"))
        assert all(line in read.words for line in cleaned.split("\n"))
    said.model_dump_json().encode()


def test_very_long_values() -> None:
    """They are cut in the subject, nowhere else, and may be broken anywhere in HTML."""
    topic = put(sample("ready"), "dossier.code", "H" * 5000)
    said = words("ready", topic=topic)
    assert len(said.subject) == 150
    assert said.subject.endswith("…")
    assert "H" * 5000 in said.text
    assert "nowrap" not in said.html
    assert "overflow-wrap:anywhere" in said.html


# Each way to spoil a text

REMINDER = "texts/reminder.vi.txt"
GOOD = "Sắp đến hạn: {{ dossier.code }}\n\nKính gửi {{ recipient }},\n\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A catalogue of one's own."""
    shutil.copytree(CATALOG, tmp_path / "catalog")
    return tmp_path / "catalog"


@pytest.mark.parametrize(
    ("more", "place", "reason"),
    [
        ("{% if alarm.left %}x", "line 5", "Unexpected end of template.*'if'"),
        ("{{ recipient", "line 5", "unexpected end of template|expected token"),
        ("a\nb\n{{ dossier.cod }}", "line 7", r"no variable dossier\.cod \(did you mean code\?\)"),
        (
            "{% if final %}x{% else %}{{ recipent }}{% endif %}",
            "line 5",
            r"recipent \(did you mean recipient",
        ),
        (
            "{% if approved %}{{ alarm.due_at | wen }}{% endif %}",
            "line 5",
            r"no filter wen \(did you mean when",
        ),
        ("{{ place.address }}", "line 5", "place.address is absent here: write {% if place.address %}"),
        ("{{ alarm.left | worktime }}", "line 5", "alarm.left is absent here"),
        ("{{ number }}", "line 5", "number is absent"),
        ("{{ digest.day | day }}", "line 5", "digest is absent"),
        ("{{ alarm.due_at }}", "line 5", "a moment is no text: it needs a filter"),
        ("{{ alarm.left }}", "line 5", "a length of time is no text"),
        ("{{ final }}", "line 5", "yes or no is no text"),
        ("{{ dossier }}", "line 5", "a whole subject is no text"),
        ("{{ recipient | when }}", "line 5", "the filter when cannot write text"),
        ("{{ final | number }}", "line 5", "the filter number cannot write yes or no"),
        ("{{ recipient | status }}", "line 5", "the filter status has no word for"),
        ("{{ alarm.due_at | when(1) }}", "line 5", "takes nothing in brackets"),
        ("x {{ dossier | particulars }}", "file", "must be a paragraph of its own"),
        ("{{ reason }}", "line 5", "reason is not for staff"),
        ("{% for x in recipient %}{% endfor %}", "line 5", "needs a list"),
        ("{% set x = 1 %}", "line 5", "{% set %} does not belong"),
        ("{% include 'due.vi.txt' %}", "line 5", "{% include %} does not belong"),
        ("{% macro x() %}{% endmacro %}", "line 5", "{% macro %} does not belong"),
        ("{{ 'x' * 1000000000 }}", "line 5", "Mul does not belong"),
        ("{{ recipient ~ recipient }}", "line 5", "Concat does not belong"),
        ("{{ recipient.__class__ }}", "line 5", "no variable recipient.__class__"),
        ("{{ ''.__class__.__mro__ }}", "line 5", "no variable …"),
        ("{{ recipient.upper() }}", "line 5", "a call does not belong"),
        ("{{ dossier.model_copy }}", "line 5", "no variable dossier.model_copy"),
        ("{{ dossier['code'] }}", "line 5", r"\[ \] does not belong"),
        ("{{ self._TemplateReference__context }}", "line 5", "no variable self"),
        ("{{ _formats }}", "line 5", "no variable _formats"),
        ("{{ lipsum }}", "line 5", "no variable lipsum"),
        ("{{ cycler.__init__.__globals__ }}", "line 5", "no variable cycler"),
        ("{{ recipient | attr('x') }}", "line 5", "no filter attr"),
        ("a\tb\x07", "line 5", "control character"),
    ],
)
def test_a_text_that_cannot_be_used(root: Path, more: str, place: str, reason: str) -> None:
    """Refused with file, line and reason, though nobody ever asked for it."""
    (root / REMINDER).write_text(GOOD + more + "\n", encoding="utf-8")
    with pytest.raises(BadCatalogue) as refused:
        Texts.load(root)
    assert refused.value.facts["file"] == REMINDER
    assert refused.value.facts["field"] == place
    assert re.search(reason, str(refused.value.facts["reason"]))
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    ("content", "place", "reason"),
    [
        (b"", "line 1", "the subject; it is empty"),
        (b"  \n\nx\n", "line 1", "the subject; it is empty"),
        (b"Subject\nbody\n", "line 2", "a blank line must follow"),
        (b"Subject\n\n \n", "line 4", "ends after its subject"),
        (b"{% if in_place_of %}x{% endif %}\n\nbody\n", "line 1", "the subject is empty"),
        (b"Subject\n\n\xff\n", "byte 9", "is not UTF-8"),
        (None, "file", "is missing"),
    ],
)
def test_a_file_that_is_no_text(root: Path, content: bytes | None, place: str, reason: str) -> None:
    """No subject, no body, no UTF-8, no file."""
    if content is None:
        (root / REMINDER).unlink()
    else:
        (root / REMINDER).write_bytes(content)
    with pytest.raises(BadCatalogue, match=f"^{re.escape(REMINDER)}: {place}: .*{reason}"):
        Texts.load(root)


def test_a_text_under_a_wrong_name(root: Path) -> None:
    """It would never be sent; files that editors leave behind a dot are nobody's."""
    (root / "texts" / ".reminder.vi.txt.swp").write_text("x")
    assert Texts.load(root)
    (root / "texts" / "remindr.vi.txt").write_text("x")
    with pytest.raises(
        BadCatalogue, match=r"^texts/remindr\.vi\.txt: file: .*did you mean reminder\.vi\.txt\?"
    ):
        Texts.load(root)


@pytest.mark.parametrize(
    ("layout", "old", "new", "reason"),
    [
        (LAYOUTS[0], "{{ subject }}", "{{ sujet }}", "no variable sujet"),
        (LAYOUTS[0], "{{ subject }}", "{{ subject | upper }}", "No filter named 'upper'"),
        (LAYOUTS[0], "{{ say.automatic }}", "{{ say.mechanical }}", "no mechanical here"),
        (LAYOUTS[0], "{{ preview }}", "{{ place.address }}", "place.address is absent"),
        (LAYOUTS[0], "{{ preview }}", "{{ subject.__class__ }}", "no __class__ here"),
        (LAYOUTS[0], "{{ preview }}", "{{ subject.upper() }}", "not safely callable"),
        (LAYOUTS[0], "{{ preview }}", "{{ subject * 9 }}", r"does not calculate \(\*\)"),
        (LAYOUTS[0], "{{ preview }}", "{{ blocks[0] }}", r"a text has no \[ \]"),
        (LAYOUTS[1], "{{ say.automatic }}", "{% if %}", "Expected an expression"),
    ],
)
def test_a_layout_that_cannot_be_used(root: Path, layout: str, old: str, new: str, reason: str) -> None:
    """Layouts may do a little more than texts, and nothing beyond."""
    path = root / "texts" / layout
    before = path.read_text(encoding="utf-8")
    line = before[: before.index(old)].count("\n") + 1
    path.write_text(before.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadCatalogue, match=rf"^texts/{layout}: line {line}: .*{reason}"):
        Texts.load(root)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("processing = {", "procesing = {", "status.processing"),
        ("[status]\n", '[status]\nlost = { vi = "mất", en = "lost" }\n', "status.lost"),
        ('en = "Received", tone = "good"', 'en = "Received", tone = "pink"', "heading.accepted.tone"),
        ('vi = "Đến hạn", ', "", "heading.due.vi"),
    ],
)
def test_words_that_cannot_be_used(root: Path, old: str, new: str, field: str) -> None:
    """A word that is missing, unknown or of no colour is refused by name."""
    path = root / "texts" / "words.toml"
    before = path.read_text(encoding="utf-8")
    assert old in before
    path.write_text(before.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BadCatalogue, match=rf"^texts/words\.toml: {re.escape(field)}: "):
        Texts.load(root)


def test_windows_line_ends_and_a_mark_of_byte_order(root: Path) -> None:
    """What some editors write reads the same."""
    path = root / REMINDER
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert Texts.load(root).words("reminder", "vi", sample("reminder"), ZONE) == words("reminder")


# Asking


def test_unknown_names_and_languages() -> None:
    """Refused as bad input, with what there is."""
    topic = sample("ready")
    with pytest.raises(UnknownText, match=r"no text redy \(did you mean ready\?\)"):
        TEXTS.words("redy", "vi", topic, ZONE)
    with pytest.raises(UnknownText, match="there is: reminder, due"):
        TEXTS.heading("quite else", "vi")
    with pytest.raises(UnknownLanguage, match="language fr; there is: vi, en"):
        TEXTS.words("ready", "fr", topic, ZONE)


@pytest.mark.parametrize(
    ("name", "path", "what"),
    [
        ("ready", "dossier", "dossier"),
        ("ready", "recipient", "recipient"),
        ("due", "alarm", "alarm"),
        ("digest", "digest", "digest"),
        ("extended", "until", "until"),
    ],
)
def test_a_topic_that_lacks_what_its_text_is_about(name: str, path: str, what: str) -> None:
    """The text is not written; blanks are as good as nothing."""
    topic = put(sample(name), path, " \t" if path == "recipient" else None)
    with pytest.raises(
        Unfilled,
        match=rf"The text {name} cannot be written: texts/{name}\.vi\.txt: line \d+: {what} is absent",
    ):
        words(name, topic=topic)


def test_threads_do_not_meet() -> None:
    """Eight at once write what one after the other writes."""
    asked = [(name, language, topic) for name, language in TWINS for topic in samples(name, language)[:3]]
    alone = [words(*one) for one in asked]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: words(*one), asked * 3))
    assert together == alone * 3


# The page


def test_the_page_has_all_texts_variables_and_filters() -> None:
    """docs/texts.md is what the code is."""
    page = (ROOT / "docs" / "texts.md").read_text(encoding="utf-8")
    _, variables, filters = page.split("\n## ")[1:]
    rows = re.findall(r"^\| `([\w-]+)` \| (staff|applicant) \| (.*) \|$", page, re.MULTILINE)
    expected = [(name, "staff" if name in STAFF else "applicant", MAY_LACK[name]) for name in NAMES]
    assert [(name, to, tuple(re.findall(r"`([^`]+)`", lacks))) for name, to, lacks in rows] == expected
    assert re.findall(r"^\| `([\w.]+)` \|", variables, re.MULTILINE) == list(documented())
    assert set(re.findall(r"^\| `(\w+)` \|", filters, re.MULTILINE)) == {*FILTERS, *BLOCKS}


def documented() -> list[str]:
    """Every place of a topic; the fields of a digest's dossiers are told in a sentence."""
    return list(dict.fromkeys(re.sub(r"^(digest\.\w+)\..*", r"\1", leaf) for leaf in leaves(Topic)))


@pytest.mark.parametrize("word", ["thời hạn {nam}", "thời hạn {name", "name}"])
def test_a_mistyped_place_in_the_words_is_refused(tmp_path: Path, word: str) -> None:
    """It went out as it was."""
    shutil.copytree(CATALOG, tmp_path / "catalog")
    file = tmp_path / "catalog" / "texts" / "words.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("thời hạn của bước “{name}”", word), encoding="utf-8")
    with pytest.raises(BadCatalogue, match=r"term\.step\.vi: only \{name\} is filled in"):
        Texts.load(tmp_path / "catalog")
