"""What each paper says for the sake of trying its template out; the people are invented."""

from __future__ import annotations

from collections.abc import Mapping

from motcua.catalogue.papers import Kind
from motcua.papers import contents as say

_HEAD = say.Head(
    form="01",
    circular="03/2025/TT-VPCP",
    title="Giấy tiếp nhận hồ sơ và hẹn trả kết quả",
    number="H53.26-260302-0017/GTN-2",
    authority="UBND tỉnh Tây Ninh",
    unit="Trung tâm Phục vụ hành chính công",
    dated="Long Hoa, ngày 02 tháng 02 năm 2026",
    code="H53.26-260302-0017",
    simulated=True,
)
_WHO = say.Person(
    name="Nguyễn Thị Mỹ Duyên",
    id_number="072185000123",
    address="Số 12 đường Nguyễn Thị Minh Khai",
    phone="0276 3 555 012",
    email="duyen@dan.example",
)
_PAPERS = (say.Listed(name="Đơn đề nghị", originals=1, certified=0, copies=2), say.Listed(name="Bản vẽ"))
_SIGNER = say.Signer(title="Người tiếp nhận hồ sơ", name="Lê Thị Bích Hường")
_CONTACT = say.Contact(name="Lê Thị Bích Hường", phone="0276 3 555 012")
_AT, _DUE, _WHY = "09:32 ngày 02/03/2026", "09:32 ngày 16/03/2026", "Thiếu mặt cắt móng.\nTỷ lệ 1/50."
_ASKED = {"head": _HEAD, "person": _WHO, "request": "Cấp giấy phép xây dựng"}
_ENDS = {"contact": _CONTACT, "signer": _SIGNER}

SAMPLES: Mapping[Kind, tuple[say.Said | say.Register, ...]] = {
    "receipt": (
        say.Receipt(
            head=_HEAD,
            qr='<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>',
            track="https://motcua.example/track/H53.26-260302-0017",
            submitter=_WHO,
            owner=_WHO,
            request="Cấp giấy phép xây dựng",
            papers=_PAPERS,
            sets=1,
            limit="10 ngày làm việc",
            received=_AT,
            due=_DUE,
            result_by="counter",
            where="Số 12",
            fees=("Lệ phí: 75.000 đồng/hồ sơ",),
            book="01",
            receiver=_SIGNER,
        ),
    ),
    "supplement": (say.Supplement(**_ASKED, papers=_PAPERS, reason=_WHY, until=_DUE, **_ENDS),),
    "refusal": (say.Refusal(**_ASKED, received=_AT, submitted=_AT, reason=_WHY, **_ENDS),),
    "apology": (
        say.Apology(
            **_ASKED,
            received=_AT,
            due=_DUE,
            fault="Phòng Kinh tế",
            reason=_WHY,
            promised=_DUE,
            basis="điểm a khoản 2 Điều 19",
            **_ENDS,
        ),
    ),
    "stop": tuple(
        say.Stop(**_ASKED, received=_AT, submitted=_AT, why=why, at=_AT, reason=_WHY, **_ENDS)
        for why in ("withdrawn", "lapsed", "stopped")
    ),
    "control-slip": (
        say.ControlSlip(
            head=_HEAD,
            owner=_WHO.name,
            request="Cấp giấy phép xây dựng",
            received=_AT,
            due=_DUE,
            original_due=_AT,
            rows=(
                say.Hand(
                    source=("Bộ phận tiếp nhận", "Trung tâm"),
                    target=("Bộ phận thụ lý", "Phòng Kinh tế"),
                    step="Thụ lý hồ sơ",
                    at=_AT,
                    giver="Lê Thị Bích Hường",
                    receiver=None,
                    due=_DUE,
                    done=_DUE,
                    result="Quá hạn",
                    late=True,
                    notes=("Hẹn lại",),
                ),
            ),
        ),
    ),
    "register": (
        say.Register(
            head=_HEAD,
            first="01/03/2026",
            last="31/03/2026",
            books=(
                say.Book(
                    unit="Trung tâm Phục vụ hành chính công",
                    book="01",
                    rows=(
                        say.Entry(
                            code="H53.26-260302-0017",
                            request="Cấp giấy phép xây dựng",
                            sets=1,
                            owner=_WHO.name,
                            address=_WHO.address,
                            phone=_WHO.phone,
                            received=_AT,
                            due=_DUE,
                            original_due=_AT,
                            returned=None,
                            receiver="Lê Thị Bích Hường",
                            field="Hoạt động xây dựng",
                        ),
                    ),
                ),
            ),
        ),
    ),
}
"""All that a template may be asked to show, with every branch that shows more than others."""
