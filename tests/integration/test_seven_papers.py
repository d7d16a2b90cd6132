"""All seven papers of real dossiers, made from PostgreSQL; who has been erased is on none of them."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import asyncpg
import pytest

from models.facts import Heard
from models.refusals import UnknownDossier
from motcua.forms import InvalidCommand, InvalidSubmission
from motcua.papers import BadPeriod, NoSuchForm, Paper, Papers
from motcua.papers.words import ERASED
from tests import pdf
from tests.running import CATALOGUE, SETTINGS, Life, Running, submission
from tests.unit.office import CALENDAR, at
from tests.waiting import until

PHONE = "0905 123 456"
OWNER = "Đặng Vũ Quốc Khánh"
APPLICANT: dict[str, Any] = {
    "name": "Nguyễn Thị Phượng Hằng",
    "id_number": "072185004321",
    "phone": PHONE,
    "email": "hang@example.vn",
    "address": "Số 47, ấp Trường Thọ",
    "owner": {"name": OWNER, "address": "Số 8, khu phố Ninh Hưởng"},
}
ASKED: dict[str, Any] = {
    "applicant": APPLICANT,
    "papers": [{"name": "Giấy đề nghị", "originals": 1}, "Văn bản ủy quyền"],
    "request": "Mở quán cơm chay Diệu Hữu",
    "sets": 2,
    "result_by": "online",
}
MISSING = {"text": "Thiếu chữ ký của đủ các thành viên.", "papers": [{"name": "Biên bản họp", "copies": 2}]}


def printer(office: Running, public_url: str = "https://motcua.example/") -> Papers:
    """The papers of the office that runs."""
    return Papers(office.store, CATALOGUE.office, CALENDAR, SETTINGS.catalog_dir, public_url)


async def begin(office: Running, opened: str, procedure: str = "1.001612", **more: Any) -> Life:
    """A dossier that the counter has accepted."""
    given = submission(procedure, **{**ASKED, **more})
    answer = await office.desk.submit(given, officer="receiver1", at=at(opened))
    return Life(office, answer.code, at(opened))


def says(paper: Paper, *expected: str) -> None:
    """Each of these stands on the paper, which can be archived and marks what is simulated."""
    said = pdf.text(paper.content)
    assert [each for each in expected if pdf.flat(each) not in said] == []
    assert paper.archivable
    assert paper.pages == len(pdf.pages(paper.content))
    assert "Hồ sơ mô phỏng, không có giá trị pháp lý" in said
    assert pdf.overlaps(paper.content) == []
    assert pdf.outside(paper.content, 24) == []


async def test_all_seven(office: Running) -> None:
    """From three dossiers in virtual time: one goes all the way, one is turned down, one withdrawn."""
    life = await begin(office, "2026-06-01 09:32")
    await life.run("@ 2026-06-01 10:15", "receiver1 complete", "@ 2026-06-01 15:40")
    await life.do("handler1 request-supplement", reason=MISSING)
    await life.run("@ 2026-06-03 08:05", "receiver1 supply papers='Biên bản họp'", "@ 2026-06-04 10:00")
    reason = "Khối lượng hồ sơ tăng cao."
    await life.do("leader1 extend", until="2026-06-10T09:32", reason=reason, legal_basis="Điều 19")
    await life.run(
        "handler1 complete", "approver1 approve", "clerk1 complete number=57/GCN date=2026-06-04T09:00"
    )
    await life.run("@ 2026-06-05 09:00", "returner1 return")
    papers, code = printer(office), life.code

    receipt, supplement, apology, slip = await asyncio.gather(
        *(papers.make(kind, code) for kind in ("receipt", "supplement", "apology", "control-slip"))
    )
    says(
        receipt,
        *("GIẤY TIẾP NHẬN HỒ SƠ VÀ HẸN TRẢ KẾT QUẢ", f"https://motcua.example/track/{code}", "Mẫu số 01"),
        *("Nguyễn Thị Phượng Hằng", "072185004321", "Số 47, ấp Trường Thọ", PHONE, "hang@example.vn"),
        *(OWNER, "Số 8, khu phố Ninh Hưởng", "Mở quán cơm chay Diệu Hữu", "2 bộ", "1 Giấy đề nghị 1 – –"),
        *("2 Văn bản ủy quyền", "03 ngày làm việc", "09:32 ngày 01/06/2026", "09:32 ngày 04/06/2026"),
        *(
            "☒ Trực tuyến",
            "0 đồng",
            "Quyển số 01",
            "Nguyễn Thị An",
            "Đông Hòa, ngày 01 tháng 6 năm 2026",
        ),
    )
    says(
        supplement,
        *("PHIẾU YÊU CẦU BỔ SUNG, HOÀN THIỆN HỒ SƠ", "1 Biên bản họp – – 2", MISSING["text"], OWNER, PHONE),
        *("Chậm nhất 15:40 ngày 10/06/2026", "Lê Thị Cúc"),
    )
    says(
        apology,
        *("PHIẾU XIN LỖI VÀ HẸN LẠI NGÀY TRẢ KẾT QUẢ", f"Kính gửi: {OWNER}", reason, "Hoàng Thị Giang"),
        *("09:32 ngày 04/06/2026", "09:32 ngày 10/06/2026", "Điều 19", code),
    )
    says(
        slip,
        *("PHIẾU KIỂM SOÁT QUÁ TRÌNH GIẢI QUYẾT HỒ SƠ", OWNER, "Thụ lý hồ sơ", "Lê Thị Cúc", "Võ Văn Hải"),
        *(
            "Bùi Thị Lan",
            "Đỗ Văn Minh",
            f"Hẹn lại đến 09:32 ngày 10/06/2026 (báo lúc 10:00 ngày 04/06/2026): {reason}",
            "Trả kết quả",
        ),
    )

    turned_down = await begin(office, "2026-06-02 09:00", request="Mở tiệm vàng")
    await turned_down.run(
        "receiver1 complete", "handler1 complete", "approver1 reject reason='Chưa đủ điều kiện.'"
    )
    refusal = await papers.make("refusal", turned_down.code)
    says(refusal, "PHIẾU TỪ CHỐI GIẢI QUYẾT HỒ SƠ", "Chưa đủ điều kiện.", OWNER, "Mở tiệm vàng", "Võ Văn Hải")

    withdrawn = await begin(office, "2026-06-03 09:00")
    await withdrawn.run("receiver1 withdraw reason='Đổi ý.'")
    stop = await papers.make("stop", withdrawn.code)
    says(stop, "THÔNG BÁO DỪNG GIẢI QUYẾT HỒ SƠ", "Đổi ý.", "09:00 ngày 03/06/2026", OWNER)

    register = await papers.register(date(2026, 6, 1), date(2026, 6, 3))
    assert (register.kind, register.form, register.seq) == ("register", "07", None)
    # A code breaks within its narrow column, and what is copied from there has no blank.
    says(register, "SỔ THEO DÕI HỒ SƠ", "từ ngày 01/06/2026 đến ngày 03/06/2026", "Mở quán cơm chay Diệu Hữu")
    says(register, OWNER, "Số 8, khu phố Ninh Hưởng", PHONE, "Mở tiệm vàng", "Nguyễn Thị An", "Hộ kinh doanh")
    said = pdf.text(register.content).replace(" ", "")
    assert [each.code in said for each in (life, turned_down, withdrawn)] == [True] * 3
    assert "09:00ngày05/06/2026" in said
    assert "Rúthồsơ:09:00ngày03/06/2026" in said
    nothing = await papers.register(date(2026, 6, 6), date(2026, 6, 7), unit="demo")
    assert "Không có hồ sơ nào." in pdf.text(nothing.content)
    assert [paper.form for paper in (receipt, supplement, refusal, apology, stop, slip)] == [
        *("01", "02", "03", "04", "05", "06"),
    ]
    again = await printer(office).make("control-slip", code)
    assert again.content == slip.content

    connection = await asyncpg.connect(office.local.run.database_url)
    try:
        await connection.execute("delete from private where code = $1", code)
    finally:
        await connection.close()
    for kind in ("receipt", "supplement", "apology", "control-slip"):
        said = pdf.text((await papers.make(kind, code)).content)
        assert ERASED in said
        assert not any(each in said for each in (OWNER, PHONE, reason, MISSING["text"], "Phượng Hằng"))
    said = pdf.text((await papers.register(date(2026, 6, 1), date(2026, 6, 1))).content)
    assert ERASED in said
    assert OWNER not in said


async def test_a_linked_dossier_names_the_applicant_of_its_parent(office: Running) -> None:
    """Its applicant's data is kept once, with the dossier that asked for it; what is asked for is its own."""
    life = await begin(office, "2026-06-08 08:00", "x.land-transfer")
    await life.run("receiver1 complete", "handler1 complete")

    async def opened() -> str | None:
        facts = await life.facts()
        return next((fact.event.child for fact in facts if isinstance(fact.event, Heard)), None)

    code = await until(opened)
    assert code is not None
    await office.desk.act(code, "accept", "tax1")
    receipt = await printer(office, "").make("receipt", code)
    says(receipt, OWNER, PHONE, "Thuế cơ sở (mẫu)".upper(), "Hà Văn Vinh")
    assert "Mở quán cơm chay" not in pdf.text(receipt.content)
    says(await printer(office).make("control-slip", code), "Hệ thống liên thông", OWNER)
    register = await printer(office).register(date(2026, 6, 8), date(2026, 6, 8), unit="tax")
    says(register, OWNER, "Hà Văn Vinh")
    assert "Mở quán cơm chay" not in pdf.text(register.content)


async def test_what_there_is_no_paper_of(office: Running) -> None:
    """Unknown dossiers and periods that cannot be."""
    papers = printer(office)
    with pytest.raises(UnknownDossier):
        await papers.make("receipt", "H53.26-260101-9999")
    with pytest.raises(BadPeriod, match="it ends before it begins"):
        await papers.register(date(2026, 6, 2), date(2026, 6, 1))
    with pytest.raises(BadPeriod, match="more than 366 days"):
        await papers.register(date(2026, 1, 1), date(2027, 1, 2))
    only = Papers(office.store, CATALOGUE.office, CALENDAR, SETTINGS.catalog_dir)
    only._forms = only._forms[1:]
    with pytest.raises(NoSuchForm, match="2025-09-14: the catalogue has no forms for that day"):
        await only.register(date(2025, 9, 1), date(2025, 9, 14))


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"applicant": {"name": "A", "email": "a@b.vn\nBcc: x@y.vn"}}, "applicant.email"),
        ({"applicant": {"name": "A", "email": "nobody"}}, "applicant.email"),
        ({"applicant": {"name": "A", "email": "a b@c.vn"}}, "applicant.email"),
        ({"applicant": {"name": "A", "email": "a@b.vn, c@d.vn"}}, "applicant.email"),
        ({"applicant": {"name": "A", "language": "fr"}}, "applicant.language"),
        ({"applicant": {"name": "A", "owner": {"name": " "}}}, "applicant.owner.name"),
        ({"applicant": {"name": "A", "owner": {"name": "B", "phone": "1"}}}, "applicant.owner.phone"),
        ({"papers": [{"name": "x", "originals": -1}]}, "papers"),
        ({"papers": ["y", {"name": "x", "copies": 1.5}]}, "papers"),
        ({"papers": [{"name": "x", "certified": True}]}, "papers"),
        ({"papers": [{"originals": 1}]}, "papers"),
        ({"sets": 0}, "sets"),
        ({"result_by": "pigeon"}, "result_by"),
        ({"request": " "}, "request"),
        ({"requests": "x"}, "requests"),
    ],
)
async def test_what_a_receipt_could_not_say(office: Running, more: dict[str, Any], field: str) -> None:
    """Refused by its field when it is handed in."""
    with pytest.raises(InvalidSubmission) as caught:
        office.desk.read_submission(submission(**more))
    assert caught.value.facts["field"] == field


async def test_what_is_kept_of_a_submission(office: Running) -> None:
    """As it was before where nothing new is said; all that is new lies in the erasable row."""
    plain = office.desk.read_submission(submission(papers=[{"title": "x", "pages": 3}, "y"]))
    assert set(plain.model_dump()) >= {"applicant", "papers"}
    assert not {"request", "sets", "result_by"} & set(plain.model_dump())
    assert set(plain.kept()["applicant"]) == {"name", "id_number", "phone", "email", "address"}
    assert plain.kept()["papers"] == [{"title": "x", "pages": 3}, "y"]
    asked = office.desk.read_submission(submission(**ASKED)).kept()["applicant"]
    assert asked["request"] == {"request": ASKED["request"], "sets": 2, "result_by": "online"}
    assert asked["owner"]["name"] == OWNER
    life = await begin(office, "2026-06-09 08:00")
    bad = {"text": "x", "papers": [{"name": "x", "originals": -1}]}
    with pytest.raises(InvalidCommand, match=r"reason\.papers: entry 1: originals"):
        await life.do("receiver1 request-supplement", reason=bad)
