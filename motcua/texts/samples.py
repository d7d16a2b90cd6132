"""Sample topics: what a text is tried out on when it is loaded, and what a preview shows.

The first sample of a text is the usual case. The others stand elsewhere, have all that there can be, lack one
thing each, then all of it: so a text which takes something for granted is found at once and not at night. All
people in them are invented.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, get_args

from models.base import Value
from models.commands import Vacancy
from models.dossier import Status
from models.facts import ApologyReason
from motcua.texts.topic import STAFF, Alarm, Digest, Line, Place, Subject, Topic

MAY_LACK: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("reminder", "due", "overdue", "escalation"),
        ("in_place_of", "dossier.step", "dossier.assignee", "alarm.overdue", "alarm.left", "alarm.late"),
    ),
    "apology-drafted": ("in_place_of", "dossier.step", "dossier.assignee", "until", "proposed_at", "cause"),
    "task-freed": ("in_place_of", "dossier.step", "dossier.assignee", "officer", "vacancy"),
    "digest": ("digest.late", "digest.today", "digest.soon", "digest.more", "digest.stands_in_for"),
    "accepted": ("attached",),
    "supplement-requested": ("reason", "until", "attached"),
    "applicant-reminder": ("reason", "alarm.left"),
    "applicant-due": ("alarm.left",),
    "applicant-late": ("alarm.late",),
    **dict.fromkeys(("refused", "extended", "stopped", "withdrawn"), ("reason", "attached")),
    "resumed": (),
    "ready": ("reason", "number", "approved", "attached"),
}
"""What each notice may be without, beside what any may lack. Free text can always be gone: it is erasable."""
ANY_MAY_LACK = (
    *("place.address", "place.phone", "dossier.received_at", "dossier.due_at", "dossier.original_due_at"),
    *("dossier.promised_at", "dossier.track"),
)
_PROCEDURES = (
    ("Đăng ký thành lập hộ kinh doanh", "Household business registration"),
    ("Cấp giấy phép xây dựng nhà ở riêng lẻ", "House building permit"),
    ("Cấp đổi giấy chứng nhận quyền sử dụng đất", "Exchange of a land certificate"),
    ("Đăng ký khai sinh", "Birth registration"),
    (
        "Liên thông đăng ký khai sinh, đăng ký thường trú, cấp thẻ bảo hiểm y tế cho trẻ dưới 6 tuổi",
        "Linked birth, residence and health card",
    ),
    ("Chứng thực bản sao từ bản chính", "Certified copy from the original"),
)
_STEPS = (("Thụ lý hồ sơ", "Handle the dossier"), ("Phê duyệt, ký kết quả", "Approve and sign"))
_ASSIGNEE = "Lê Thị Bích Hường"
_MISSING = (
    "- Bản vẽ thiết kế xây dựng: thiếu mặt cắt móng, tỷ lệ 1/50;\n- Giấy chứng nhận quyền sử dụng đất: bản"
    " chụp không rõ số thửa;\n- Đơn đề nghị: chưa ký tên.",
    "- Construction drawings: the section of the foundations, 1:50, is missing;\n- Land certificate: the"
    " number of the plot cannot be read;\n- Application: not signed.",
)
_WHY: dict[str, tuple[str, str]] = {
    "supplement-requested": _MISSING,
    "applicant-reminder": _MISSING,
    "refused": (
        "Thửa đất nằm ngoài địa bàn giải quyết.\nĐề nghị nộp hồ sơ tại Văn phòng đăng ký đất đai.",
        "The plot lies outside the area of this centre.\nPlease go to the land registration office.",
    ),
    "extended": (
        "Cần thêm thời gian lấy ý kiến của cơ quan phòng cháy, chữa cháy.",
        "The fire authority needs more time for its opinion.",
    ),
    "stopped": (
        "Đã hết thời hạn bổ sung mà chưa nhận được giấy tờ theo yêu cầu.",
        "The time for handing in what is missing has passed.",
    ),
    "withdrawn": ("Thay đổi nhu cầu xây dựng.", "The plans to build have changed."),
    "ready": (
        "Công trình không phù hợp với quy hoạch đã được phê duyệt.",
        "The building does not agree with the approved plan.",
    ),
}


@lru_cache(maxsize=64)
def samples(name: str, language: str) -> tuple[Topic, ...]:
    """The samples of a text; the first is the usual case."""
    full = _full(name, 0 if language == "vi" else 1)
    lacking = [path for path in (*ANY_MAY_LACK, *MAY_LACK[name]) if _has(full, path)]
    bare = full
    for path in lacking:
        bare = without(bare, path)
    usual = full
    gone: tuple[str, ...] = ("dossier.original_due_at", "dossier.promised_at")
    if name in _DATELESS:
        gone += ("dossier.due_at",)
    for path in () if full.dossier is None else gone:
        usual = without(usual, path) if path in lacking else usual
    if name == "ready":
        usual = usual.model_copy(update={"approved": True, "reason": None, "attached": False})
    return (usual, *_others(name, full), full, *(without(full, path) for path in lacking), bare)


def without(value: Any, path: str) -> Any:
    """A copy of a value that lacks one thing."""
    first, _, rest = path.partition(".")
    given = getattr(value, first)
    if rest:
        less = without(given, rest)
    else:
        less = () if isinstance(given, tuple) else type(given)() if isinstance(given, int) else None
    return value.model_copy(update={first: less})


def _has(value: Any, path: str) -> bool:
    for name in path.split("."):
        value = getattr(value, name, None)
    return value not in (None, (), 0, False)


def _at(day: int, hour: int, minute: int = 0) -> datetime:
    """A time of March 2026 on the clock of the office."""
    return datetime(2026, 3, day, hour - 7, minute, tzinfo=UTC)


def _full(name: str, index: int) -> Topic:
    staff = name in STAFF
    place = Place(
        office=(
            "Trung tâm Phục vụ hành chính công phường Long Hoa",
            "Public Administration Service Centre of Long Hoa ward",
        )[index],
        address=(
            "Số 12 đường Nguyễn Thị Minh Khai, phường Long Hoa, tỉnh Tây Ninh",
            "12 Nguyễn Thị Minh Khai Street, Long Hoa ward, Tây Ninh province",
        )[index],
        phone="0276 3 555 012",
    )
    dossier = Subject(
        code="H53.26-260302-0017",
        procedure=_PROCEDURES[1][index],
        step=_STEPS[0][index] if staff else None,
        assignee=_ASSIGNEE if staff else None,
        status=_STATUS.get(name, "processing"),
        received_at=_at(2, 9, 32),
        due_at=_at(19, 9, 32),
        original_due_at=_at(16, 9, 32),
        promised_at=_at(24, 9, 0),
        track="https://motcua.example.vn/tra-cuu/H53.26-260302-0017",
    )
    topic = Topic(place=place, recipient="Nguyễn Thị Mỹ Duyên", dossier=dossier)
    if staff:
        topic = topic.model_copy(update={"recipient": "Trần Văn Phước", "in_place_of": "Võ Thị Kim Ngân"})
    if name == "digest":
        return topic.model_copy(update={"dossier": None, "in_place_of": None, "digest": _digest(index)})
    return topic.model_copy(update=_more(name, index))


_DATELESS = ("supplement-requested", "applicant-reminder", "refused", "stopped", "withdrawn")
"""When these are told, no date of the result holds."""

_STATUS: dict[str, Status] = {
    "accepted": "received",
    "supplement-requested": "awaiting-supplement",
    "applicant-reminder": "awaiting-supplement",
    "refused": "refused",
    "stopped": "stopped",
    "withdrawn": "withdrawn",
    "ready": "ready",
}


def _more(name: str, index: int) -> dict[str, Any]:
    """What only this notice has."""
    left, late = timedelta(hours=9, minutes=30), timedelta(hours=19)
    why = _WHY.get(name, (None, None))[index]
    match name:
        case "reminder":
            return {"alarm": _alarm("reminder", "step", index, left=left)}
        case "due":
            return {"alarm": _alarm("due", "dossier", index, overdue=True, late=timedelta(minutes=45))}
        case "overdue":
            return {"alarm": _alarm("overdue", "dossier", index, overdue=True, late=late, occurrence=1)}
        case "escalation":
            more = {"overdue": True, "late": late, "occurrence": 2}
            return {"alarm": _alarm("escalation", "dossier", index, **more)}
        case "apology-drafted":
            return {"until": _at(19, 9, 32), "proposed_at": _at(24, 9, 0), "cause": "work-does-not-fit"}
        case "task-freed":
            return {"officer": "Hồ Văn Khải", "vacancy": "left"}
        case "accepted":
            return {"attached": True}
        case "supplement-requested":
            return {"reason": why, "until": _at(11, 17, 0), "attached": True}
        case "extended":
            return {"reason": why, "until": _at(24, 9, 0), "attached": True}
        case "refused" | "withdrawn":
            return {"reason": why, "attached": True}
        case "applicant-reminder":
            return {"reason": why, "alarm": _alarm("reminder", "supplement", index, left=left)}
        case "applicant-due":
            return {"alarm": _alarm("due", "dossier", index)}
        case "applicant-late":
            return {"alarm": _alarm("escalation", "dossier", index, overdue=True, late=late)}
        case "stopped":
            return {"reason": why, "final": True, "attached": True}
        case "ready":
            return {"reason": why, "approved": False, "number": "152/QĐ-UBND", "attached": True}
    return {"reason": why}


def _alarm(kind: Any, of: Any, index: int, **more: Any) -> Alarm:
    name = (_STEPS[0] if of == "step" else ("Công an phường Long Hoa", "Long Hoa ward police"))[index]
    return Alarm(kind=kind, of=of, name=name, due_at=_at(19, 9, 32), **more)


def _others(name: str, full: Topic) -> Iterator[Topic]:
    """Samples that take the branches which the fullest one leaves."""
    match name:
        case "apology-drafted":
            yield from (full.model_copy(update={"cause": cause}) for cause in get_args(ApologyReason))
        case "task-freed":
            yield from (full.model_copy(update={"vacancy": why}) for why in get_args(Vacancy))
        case "ready":
            yield from (full.model_copy(update={"approved": approved}) for approved in (True, None))
        case "stopped":
            yield full.model_copy(update={"final": False})
    if full.alarm is not None:
        of_terms = get_args(Alarm.model_fields["of"].annotation)
        yield from (full.model_copy(update={"alarm": _with(full.alarm, of=of)}) for of in of_terms)
        for left, late in ((timedelta(hours=3), None), (None, timedelta(seconds=20)), (timedelta(0), None)):
            times = {"overdue": late is not None, "left": left, "late": late, "occurrence": 0}
            yield full.model_copy(update={"alarm": _with(full.alarm, **times)})
    if full.dossier is not None:
        for status in get_args(Status):
            yield full.model_copy(update={"dossier": _with(full.dossier, status=status)})


def _with(value: Value, **update: Any) -> Value:
    return value.model_copy(update=update)


def _digest(index: int) -> Digest:
    def line(number: int, step: int, due_at: datetime, **more: Any) -> Line:
        return Line(
            code=f"H53.26-2603{number:02}-00{number + 11}",
            procedure=_PROCEDURES[number % len(_PROCEDURES)][index],
            step=_STEPS[step][index],
            due_at=due_at,
            **more,
        )

    return Digest(
        day=_at(19, 7, 0),
        late=(
            line(2, 0, _at(13, 9, 32), late=timedelta(hours=30), assignee=_ASSIGNEE),
            line(4, 1, _at(18, 15, 20), late=timedelta(hours=1, minutes=40)),
        ),
        today=(line(9, 0, _at(19, 10, 15), left=timedelta(hours=3, minutes=15), assignee=_ASSIGNEE),),
        soon=(
            line(11, 0, _at(20, 8, 5), left=timedelta(hours=9, minutes=5), assignee=_ASSIGNEE),
            line(12, 1, _at(20, 14, 0), left=timedelta(hours=13)),
            line(13, 0, _at(23, 9, 0), left=timedelta(hours=18)),
        ),
        more=12,
        stands_in_for=("Võ Thị Kim Ngân", "Phạm Quốc Đạt"),
    )
