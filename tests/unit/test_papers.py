"""The papers: which form when, what each says, and how they look whatever people have keyed in."""

from __future__ import annotations

import re
import shutil
import unicodedata
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest
import segno

from models.base import Reference
from models.limits import Limit
from models.procedure import Fee
from models.refusals import exit_code
from models.units import UnknownUnit
from motcua.catalogue.files import BadCatalogue
from motcua.catalogue.papers import FORMS, forms_on, read_forms
from motcua.papers import NoSuchForm, NoSuchPaper, Paper, Papers, UnknownPaper, words
from motcua.papers.press import qr
from motcua.past import NoSuchFact
from motcua.store import Store
from tests import pdf
from tests.unit.office import CALENDAR, ISSUE, Case, at, calendar, procedure
from tests.unit.shelf import CATALOG_DIR, OFFICE, papers

TRACK = "https://motcua.example"
USED = {"LibertinusSerif-Regular", "LibertinusSerif-Semibold", "LibertinusSerif-Italic", "DejaVuSansMono"}
"""The fonts of the papers. The bold cuts of Libertinus Serif lack letters of Vietnamese."""
TONES = re.compile("[\u0300\u0301\u0303\u0309\u0323]")
APPLICANT: dict[str, Any] = {
    "name": "Nguyễn Thị Phượng Hằng",
    "id_number": "072185004321",
    "phone": "0905 123 456",
    "email": "hang@example.vn",
    "address": "Số 47, ấp Trường Thọ",
    "owner": {"name": "Đặng Vũ Quốc Khánh", "address": "Số 8, khu phố Ninh Hưởng"},
    "request": {"request": "Mở quán cơm chay Diệu Hữu", "sets": 2, "result_by": "post"},
}
PAPERS = [{"name": "Giấy đề nghị", "originals": 1, "copies": 3}, "Văn bản ủy quyền", {"title": "Sơ đồ"}]
ROWS: dict[str, Any] = {
    "who": APPLICANT,
    "papers": PAPERS,
    "lack": {"text": "Thiếu chữ ký.\nĐịa chỉ chưa khớp.", "papers": [{"name": "Biên bản", "certified": 4}]},
    "why": "Khối lượng hồ sơ tăng cao.",
}
DAY = at("2026-03-02 09:32")


def ref(name: str) -> dict[str, Any]:
    """A reference to one of the rows."""
    return Reference(id=name, hash="5" * 64).model_dump()


def begun(*lines: str, accept: bool = True, **changes: Any) -> Case:
    """A dossier that its applicant has handed in at the counter, and then some."""
    case = Case(rules=procedure(fees=[{"kind": "lệ phí", "name": "Lệ phí", "amount": 100000}], **changes))
    case.now = DAY
    case.do("receiver1 file", applicant=ref("who"), papers=ref("papers"), accept=accept)
    return case.run(*lines)


async def made(kind: str, case: Case, seq: int | None = None, **rows: Any) -> Paper:
    """A paper of a dossier; some of its erasable rows may say something else, or None: be erased."""
    kept = {name: row for name, row in {**ROWS, **rows}.items() if row is not None}
    return await papers(case, rows=kept, public_url=TRACK).make(kind, case.dossier.code, seq=seq)


def says(paper: Paper, *expected: str) -> None:
    """Each of these stands on the paper, which is set in its own fonts and well within the page."""
    said = pdf.text(paper.content)
    assert [each for each in expected if pdf.flat(each) not in said] == []
    assert pdf.fonts(paper.content) <= USED
    assert pdf.overlaps(paper.content) == []
    assert pdf.outside(paper.content, 24) == []


async def test_a_receipt() -> None:
    """Everything that form 01 asks for."""
    paper = await made("receipt", begun())
    assert (paper.form, paper.pages, paper.archivable, paper.seq) == ("01", 1, True, 2)
    assert paper.name == "H53-260302-0001-receipt.pdf"
    says(
        paper,
        *("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "ỦY BAN NHÂN DÂN"),
        *("TRUNG TÂM PHỤC VỤ HÀNH CHÍNH CÔNG", "Mẫu số 01 · Thông tư số 03/2025/TT-VPCP"),
        *("GIẤY TIẾP NHẬN HỒ SƠ VÀ HẸN TRẢ KẾT QUẢ", "Đông Hòa, ngày 02 tháng 3 năm 2026"),
        *("Số: H53-260302-0001/TNHS-2", "Mã hồ sơ: H53-260302-0001", f"{TRACK}/track/H53-260302-0001"),
        *("Nguyễn Thị Phượng Hằng", "072185004321", "Số 47, ấp Trường Thọ", "0905 123 456"),
        *("hang@example.vn", "Đặng Vũ Quốc Khánh", "Số 8, khu phố Ninh Hưởng", "Mở quán cơm chay Diệu Hữu"),
        *("1 Giấy đề nghị 1 – 3", "2 Văn bản ủy quyền", "3 Sơ đồ", "2 bộ", "05 ngày làm việc"),
        *("09:32 ngày 02/03/2026", "09:32 ngày 09/03/2026", "☐ Trực tiếp", "☒ Bưu chính công ích"),
        *("Lệ phí: 100.000 đồng/hồ sơ", "Quyển số 01", "đường 30 tháng 4", "Nguyễn Thị An"),
    )


async def test_a_supplement() -> None:
    """What is missing with counts, why, until when, and whom to ask."""
    case = begun("@ 2026-03-02 10:00", "receiver1 complete")
    case.do("handler1 request-supplement", reason=ref("lack"))
    paper = await made("supplement", case)
    assert (paper.form, paper.pages) == ("02", 1)
    says(
        paper,
        *("PHIẾU YÊU CẦU BỔ SUNG, HOÀN THIỆN HỒ SƠ", "/HDHS-6", "Đặng Vũ Quốc Khánh", "Số 8, khu phố"),
        *("0905 123 456", "hang@example.vn", "Mở quán cơm chay", "1 Biên bản – 4 –", "Thiếu chữ ký."),
        *("Địa chỉ chưa khớp.", "Chậm nhất 10:00 ngày 11/03/2026", "Lê Thị Cúc, điện thoại 0276 000 1022"),
    )
    plain = await made("supplement", case, lack="Thiếu bản vẽ.")
    says(plain, "Thiếu bản vẽ.")
    assert "STT" not in pdf.text(plain.content)


async def test_a_refusal_at_intake_and_a_decision() -> None:
    """With the reason; one was received and the other was not."""
    turned_away = begun(accept=False)
    turned_away.do("receiver1 refuse", reason=ref("why"))
    paper = await made("refusal", turned_away)
    says(paper, "từ chối tiếp nhận hồ sơ", "Khối lượng hồ sơ tăng cao.", "Nguyễn Thị An", "NGƯỜI NỘP HỒ SƠ")
    assert "Tiếp nhận lúc" not in pdf.text(paper.content)

    decided = begun("receiver1 complete", "handler1 complete", "leader1 complete")
    decided.do("approver1 reject", reason=ref("why"))
    paper = await made("refusal", decided)
    assert (paper.form, paper.seq) == ("03", 10)
    says(
        paper,
        *("PHIẾU TỪ CHỐI GIẢI QUYẾT HỒ SƠ", "từ chối giải quyết hồ sơ", "Khối lượng hồ sơ tăng cao."),
        *("Tiếp nhận lúc: 09:32 ngày 02/03/2026", "Võ Văn Hải", "NGƯỜI CÓ THẨM QUYỀN"),
    )
    decided.run("approver1 correct")
    with pytest.raises(NoSuchPaper, match="it was not refused"):
        await made("refusal", decided)
    assert (await made("refusal", decided, seq=10)).seq == 10


async def test_an_apology() -> None:
    """Who is late and why, the day that was promised first and the new one."""
    case = begun("receiver1 complete", "@ 2026-03-06 15:00")
    case.do("leader1 extend", until="2026-03-11T02:32:00Z", reason=ref("why"), legal_basis="Điều 19")
    paper = await made("apology", case)
    says(
        paper,
        *("PHIẾU XIN LỖI VÀ HẸN LẠI NGÀY TRẢ KẾT QUẢ", "Kính gửi: Đặng Vũ Quốc Khánh", "/XLHS-"),
        *("H53-260302-0001", "Tiếp nhận lúc: 09:32 ngày 02/03/2026", "Mở quán cơm chay"),
        *("Đã hẹn trả kết quả lúc 09:32 ngày 09/03/2026", "Hẹn lại lúc 09:32 ngày 11/03/2026"),
        *("Trung tâm Phục vụ hành chính công (mẫu)", "Khối lượng hồ sơ tăng cao.", "Căn cứ gia hạn: Điều 19"),
        *("Hoàng Thị Giang", "LÃNH ĐẠO ĐƠN VỊ", "ngày 06 tháng 3 năm 2026"),
    )


async def test_an_apology_as_it_was_drafted() -> None:
    """The draft's own reason stands in for that of a leader who gave none."""
    case = begun("receiver1 complete", apology="-1 day")
    case.tick("2026-03-06 10:00")
    case.run("leader1 apologise")
    paper = await made("apology", case)
    says(paper, "Các bước còn lại không thể hoàn thành trước thời hạn trả kết quả.")


async def test_stops() -> None:
    """Withdrawn, stopped until it is resumed, and by the clock because nothing was brought."""
    case = begun("receiver1 complete")
    case.do("head1 stop", reason=ref("why"))
    says(await made("stop", case), "tạm dừng giải quyết hồ sơ", "Khối lượng hồ sơ tăng cao.", "Ngô Thị Nga")
    case.run("head1 resume")
    case.do("receiver1 withdraw", reason=ref("why"))
    paper = await made("stop", case)
    assert paper.form == "05"
    says(paper, "THÔNG BÁO DỪNG GIẢI QUYẾT HỒ SƠ", "theo đề nghị rút hồ sơ của người nộp", "/DHS-")

    lapsed = begun("receiver1 complete", "handler1 request-supplement")
    lapsed.tick("2026-03-12 08:01")
    paper = await made("stop", lapsed)
    says(paper, "Đã hết thời hạn bổ sung", "từ 08:01 ngày 12/03/2026", "LÃNH ĐẠO ĐƠN VỊ", "0276 000 1022")


async def test_a_control_slip() -> None:
    """Each handover with both sides, its time, its result and what happened meanwhile."""
    case = begun("@ 2026-03-02 10:00", "receiver1 complete")
    case.do("handler1 request-supplement", reason=ref("lack"))
    case.run("@ 2026-03-04 08:00", "citizen1 supply", "@ 2026-03-06 08:00", "handler1 complete")
    case.do("leader1 send-back", step="handle", reason=ref("why"))
    # At the very instant at which the step is due: on time.
    case.run("@ 2026-03-09 14:00", "handler1 complete", "leader1 complete", "approver1 approve", ISSUE)
    case.run("@ 2026-03-10 08:00", "returner1 return")
    paper = await made("control-slip", case)
    assert (paper.form, paper.seq) == ("06", len(case.facts))
    says(
        paper,
        *("PHIẾU KIỂM SOÁT QUÁ TRÌNH GIẢI QUYẾT HỒ SƠ", "Đặng Vũ Quốc Khánh", "Người nộp hồ sơ"),
        *("Bộ phận tiếp nhận", "Bộ phận thụ lý", "Lãnh đạo phòng", "Lãnh đạo phê duyệt", "Văn thư"),
        *("Nguyễn Thị An", "Lê Thị Cúc", "Hoàng Thị Giang", "Võ Văn Hải", "Bùi Thị Lan", "Đỗ Văn Minh"),
        *(
            "Trước hạn",
            "Đúng hạn",
            "Quá hạn",
            "Yêu cầu bổ sung lúc 10:00 ngày 02/03/2026, hạn nộp 10:00 ngày 11/03/2026: Thiếu chữ ký.",
        ),
        *("Tiếp tục lúc 08:00 ngày 04/03/2026", "Trả lại: Khối lượng hồ sơ tăng cao.", "Trả kết quả"),
        *("Hẹn trả kết quả lúc: ", "Hạn ban đầu: 09:32 ngày 09/03/2026"),
    )
    early = await made("control-slip", case, seq=3)
    assert "Lê Thị Cúc" not in pdf.text(early.content)


def test_every_letter_is_there() -> None:
    """Set in each of the cuts that the papers use, each letter is itself, and drawn with its vowel."""
    import typst  # noqa: PLC0415 - only here

    cuts = {"Regular": "weight: 400", "Semibold": "weight: 600, kerning: false", "Italic": 'style: "italic"'}
    whole = 'set page(width: 60cm); set text(font: "Libertinus Serif", size: 12pt, fallback: false)'
    for cut, how in cuts.items():
        source = f'#{{ {whole}; text({how}, "{" ".join(pdf.LETTERS)}") }}'
        content = typst.compile(source.encode(), ignore_system_fonts=True)
        glyphs = {glyph.letter: glyph for glyph in pdf.glyphs(content)}
        assert "".join(glyphs) == pdf.LETTERS
        assert pdf.fonts(content) == {f"LibertinusSerif-{cut}"}
        for letter, glyph in glyphs.items():
            vowel = unicodedata.normalize("NFC", TONES.sub("", unicodedata.normalize("NFD", letter)))
            width, height = glyphs[vowel].size
            assert glyph.size[0] >= 0.9 * width, letter
            assert glyph.size[1] >= 0.9 * height, letter


async def test_letters_as_people_key_them_in() -> None:
    """Vietnamese in separate accents is composed; what no font has is printed, but is no PDF/A."""
    spaced = unicodedata.normalize("NFD", " ".join(pdf.LETTERS))
    paper = await made("receipt", begun(), who={"name": "Hằng", "request": {"request": spaced}})
    assert paper.archivable
    assert pdf.LETTERS in pdf.text(paper.content).replace(" ", "")
    odd = await made("receipt", begun(), who={"name": "Hằng 🙂 漢"})
    assert not odd.archivable
    assert "Hằng" in pdf.text(odd.content)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ('#panic("x") *b* <script> $x$ `y` @z [w] \\u{41} _i_', None),
        ("Nguyễn\r\nThị\tAn\u2028 Bình\x07", "Nguyễn Thị An Bình"),
        ("Nguyễn " * 28, None),
        ("W" * 200, None),
        ('"}, "head": null', None),
    ],
)
async def test_nothing_is_markup(name: str, shown: str | None) -> None:
    """Names stand on every paper as they are, on one line as far as it goes, and break where they must."""
    case = begun("receiver1 complete")
    case.do("handler1 request-supplement", reason=ref("lack"))
    case.run("citizen1 supply")
    case.do("leader1 extend", until="2026-03-20T02:00:00Z", reason=ref("why"))
    case.do("receiver1 withdraw", reason=ref("why"))
    row = {"name": name, "address": name, "request": {"request": name}}
    for kind in ("receipt", "supplement", "apology", "stop", "control-slip"):
        paper = await made(
            kind, case, who=row, why=name, lack={"text": name, "papers": [name, {"name": name}]}
        )
        assert paper.archivable
        says(paper)
        dense = (shown or name).replace(" ", "")
        assert dense in pdf.text(paper.content).replace(" ", "")


async def test_many_papers_and_long_reasons() -> None:
    """They go on over several pages, with the head of the table on each, and nothing is lost."""
    many = [
        {"name": f"Giấy tờ thứ {n} của hồ sơ, " + "rất dài " * (n % 9), "copies": n} for n in range(1, 41)
    ]
    paper = await made("receipt", begun(), papers=many)
    pages = pdf.pages(paper.content)
    assert paper.pages == len(pages) == 3
    says(paper, *(f"{n} Giấy tờ thứ {n} của hồ sơ" for n in range(1, 41)), "3/3")
    assert ["Tên giấy tờ" in page for page in pages] == [True, True, False]

    case = begun("receiver1 complete")
    case.do("handler1 request-supplement", reason=ref("why"))
    long = "\n".join(f"Lý do {n}: " + "hồ sơ chưa đủ, " * 12 for n in range(1, 60))
    paper = await made("supplement", case, why=long)
    assert paper.pages >= 3
    says(paper, "Lý do 1:", "Lý do 59:", "NGƯỜI THỤ LÝ HỒ SƠ")


async def test_what_has_been_erased_is_said_so() -> None:
    """The paper is still there, without the person and the words."""
    case = begun("receiver1 complete")
    case.do("handler1 request-supplement", reason=ref("lack"))
    says(await made("receipt", case, who=None, papers=None), "Tiếp nhận hồ sơ của: (đã xóa)", "1 (đã xóa)")
    says(await made("supplement", case, lack=None), "(đã xóa)", "Đặng Vũ Quốc Khánh")
    says(await made("control-slip", case, who=None), "Chủ hồ sơ: (đã xóa)")


async def test_the_same_facts_give_the_same_bytes() -> None:
    """Also after more has happened; and the PDF says what it is, in which language, and when."""
    case = begun()
    first = await made("receipt", case)
    case.run("receiver1 complete")
    again = await made("receipt", case)
    assert again.content == first.content
    assert b"<pdfaid:part>2</pdfaid:part>" in first.content
    assert b"<pdfuaid:part>1</pdfuaid:part>" in first.content
    assert "Giấy tiếp nhận hồ sơ và hẹn trả kết quả H53-260302-0001".encode() in first.content
    assert b"vi-VN" in first.content
    assert b"2026-03-02T02:32:00" in first.content


async def test_what_there_is_no_paper_of() -> None:
    """Each has a stable name, a sentence and an exit code."""
    case = begun()
    for kind, reason in (
        ("supplement", "no supplement was asked for"),
        ("refusal", "it was not refused"),
        ("apology", "no new date was promised"),
        ("stop", "it was neither withdrawn nor stopped"),
    ):
        with pytest.raises(NoSuchPaper, match=f"no {kind} for dossier H53-260302-0001: {reason}") as caught:
            await made(kind, case)
        assert exit_code(caught.value) == 3
    with pytest.raises(NoSuchPaper, match="it cannot be about fact 1"):
        await made("receipt", case, seq=1)
    with pytest.raises(NoSuchPaper, match="it has not been accepted"):
        await made("receipt", begun(accept=False))
    for seq in (0, 9):
        with pytest.raises(NoSuchFact):
            await made("receipt", case, seq=seq)
    for kind in ("register", "letter"):
        with pytest.raises(UnknownPaper) as unknown:
            await made(kind, case)
        assert exit_code(unknown.value) == 2


async def test_forms_of_the_day_of_reception() -> None:
    """The old circular's numbers until 2025-09-14, the new one's from then on, whatever is printed later."""
    week = {"first": "2025-01-01", "special": []}
    old, new = (Case(rules=procedure(), days=calendar(**week)) for _ in range(2))
    old.now, new.now = at("2025-09-12 09:00"), at("2025-09-15 09:00")
    for case, number in ((old, "05"), (new, "06")):
        case.do("receiver1 file", applicant=ref("who"), accept=True)
        case.now = at("2025-09-16 09:00")
        case.run("receiver1 complete")
        assert (await made("control-slip", case)).form == number
        case.do("receiver1 withdraw")
    assert (await made("stop", new)).form == "05"
    with pytest.raises(NoSuchForm, match="2025-09-12: Thông tư số 01/2018/TT-VPCP has no such form"):
        await made("stop", old)
    says(await made("receipt", old), "Mẫu số 01 · Thông tư số 01/2018/TT-VPCP")


def test_the_forms_of_the_catalogue() -> None:
    """Six, then seven, and no day without forms."""
    sets = read_forms(CATALOG_DIR)
    numbers = [[form.number for form in each.papers.values()] for each in sets]
    assert numbers == [["01", "02", "03", "04", "05", "06"], ["01", "02", "03", "04", "05", "06", "07"]]
    for day, circular in ((date(2018, 12, 1), "01/2018"), (date(2025, 9, 15), "03/2025")):
        found = forms_on(sets, day)
        assert found is not None
        assert circular in found.source


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "until = 2025-09-14",
            "until = 2025-09-15",
            r"forms\[Thông tư số 03/2025/TT-VPCP\]: holds on the same",
        ),
        ('refusal = { number = "03"', 'refusal = { number = "02"', r"papers\[02\]: is there twice"),
        ('number = "07"', 'number = "7"', "number"),
        ("register =", "ledger =", "ledger"),
        ('title = "Sổ theo dõi hồ sơ"', 'title = " "', "title"),
        ("until = 2025-09-14", "to = 2025-09-14", "this key is not known"),
    ],
)
def test_a_wrong_file_of_forms_is_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    """On one line with file, place and reason."""
    text = (CATALOG_DIR / FORMS).read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "papers").mkdir()
    (tmp_path / FORMS).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(BadCatalogue, match=f"^papers/forms.toml: .*{complaint}"):
        read_forms(tmp_path)


def test_the_qr_code_is_the_address() -> None:
    """Drawn from the SVG, module by module, it is the code of the text that it should hold."""
    address = f"{TRACK}/track/H53-260302-0001"
    wanted = segno.make_qr(address, error="m")
    found = re.search(r' d="([^"]+)"', qr(address))
    assert found is not None
    assert drawn(found[1], len(wanted.matrix)) == [[bool(module) for module in row] for row in wanted.matrix]


def drawn(path: str, size: int) -> list[list[bool]]:
    """The modules that an SVG path of strokes one unit high makes dark."""
    dark = [[False] * size for _ in range(size)]
    x, y = 0.0, 0.0
    for kind, numbers in re.findall(r"([Mmh])([^Mmh]*)", path):
        values = [float(number) for number in re.findall(r"-?[\d.]+", numbers)]
        if kind == "h":
            for place in range(int(x), int(x + values[0])):
                dark[int(y)][place] = True
            x += values[0]
        elif kind == "m":
            x, y = x + values[0], y + values[1]
        else:
            x, y = values
    return dark


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("5 days", "05 ngày làm việc"),
        ("1.5 days", "1,5 ngày làm việc"),
        ("22 days", "22 ngày làm việc"),
        ("4 hours", "4 giờ làm việc"),
        ("24 clock hours", "24 giờ"),
        ("30 calendar days", "30 ngày"),
        ("same day", "Trong ngày làm việc"),
        ("until 2026-03-02T02:32:00Z", "Đến 09:32 ngày 02/03/2026"),
    ],
)
def test_limits_in_words(limit: str, said: str) -> None:
    """As a receipt states them."""
    assert words.limit(CALENDAR, Limit.parse(limit)) == said


def test_dates_in_words() -> None:
    """Decree 30/2020: a zero before days below 10 and before the first two months only."""
    assert words.dated("Đông Hòa", date(2026, 2, 5)) == "Đông Hòa, ngày 05 tháng 02 năm 2026"
    assert words.dated("Đông Hòa", date(2026, 3, 15)) == "Đông Hòa, ngày 15 tháng 3 năm 2026"
    assert words.dated(None, date(2026, 10, 1)) == "Ngày 01 tháng 10 năm 2026"


def test_a_template_that_is_broken_is_found_when_it_is_loaded(tmp_path: Path) -> None:
    """It was found when a citizen stood at the counter."""
    shutil.copytree(CATALOG_DIR, tmp_path / "catalog")
    template = tmp_path / "catalog" / "papers" / "stop.typ"
    template.write_text(template.read_text(encoding="utf-8") + "#said.nobody\n", encoding="utf-8")
    with pytest.raises(BadCatalogue, match=r"papers/stop\.typ"):
        Papers(cast(Store, None), OFFICE, CALENDAR, tmp_path / "catalog")


async def test_the_register_of_a_unit_that_there_is_not() -> None:
    """It was an empty book."""
    with pytest.raises(UnknownUnit, match="There is no unit north"):
        await papers().register(date(2026, 3, 1), date(2026, 3, 31), unit="north")


def test_what_a_fee_costs_online() -> None:
    """The receipt of somebody who paid nothing said 100.000 đồng."""
    fee = Fee(kind="lệ phí", name="Lệ phí", amount=100_000, online=0)
    assert words.fee(fee, "online") == "Lệ phí: 0 đồng/hồ sơ"
    assert words.fee(fee, "counter") == "Lệ phí: 100.000 đồng/hồ sơ"
    assert words.fee(fee.model_copy(update={"online": None}), "online") == "Lệ phí: 100.000 đồng/hồ sơ"


def test_one_function_says_what_a_fee_costs() -> None:
    """Page, form and receipt each chose between the two amounts, and said different things."""
    root = Path(__file__).parents[2]
    sources = [path for name in ("models", "motcua") for path in (root / name).rglob("*.*")]
    readers = {
        path.relative_to(root).as_posix()
        for path in sources
        if path.suffix in (".py", ".html", ".typ", ".sql")
        and re.search(r"\b(fee|fees\[\d+\]|each)\.(amount|online)\b", path.read_text(encoding="utf-8"))
    }
    assert readers == set()
    (online, counter) = [
        Fee(kind="phí", name="Phí", amount=5000, online=2000).price(channel) for channel in ("online", "post")
    ]
    assert (online, counter) == (2000, 5000)


async def test_an_address_can_be_copied_from_a_receipt() -> None:
    """Marks that nobody sees stood in it, and in long codes of registers."""
    case = begun()
    track = "https://dichvucong.tayninh.example.vn"
    made = await papers(case, rows=ROWS, public_url=track).make("receipt", case.dossier.code)
    said = pdf.text(made.content)
    assert f"{track}/track/{case.dossier.code}" in said
    assert "\u200b" not in said


def test_marks_that_turn_the_reading_direction_are_not_printed() -> None:
    """A name could swap what stood behind it."""
    assert words.line("Nguyễn\u202e Văn\u200b A\u00ad") == "Nguyễn Văn A"


async def test_a_control_slip_tells_of_rejections_and_of_whom_was_waited_for() -> None:
    """Neither the reason of a rejection nor the agency that was asked stood on it."""
    case = begun("receiver1 complete", pausing={"consultation": "resume"})
    case.run(
        "handler1 consult agency=police",
        "handler1 answer agency=police",
        "handler1 complete",
        "leader1 complete",
    )
    case.do("approver1 reject", reason=ref("why"))
    paper = await made("control-slip", case)
    says(
        paper,
        "Chờ ý kiến cơ quan khác (police) lúc",
        "Không chấp thuận lúc 09:32 ngày 02/03/2026: Khối lượng hồ sơ",
    )
