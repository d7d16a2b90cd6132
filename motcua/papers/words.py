"""The Vietnamese of the papers: moments, limits, money, roles."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date, datetime

from models.calendar import Calendar
from models.commands import CLOCK, MESSENGER, Channel
from models.handovers import Happening, Remark, Way
from models.limits import HOURS_A_DAY, Limit
from models.procedure import Fee, Role
from models.timeliness import Timeliness

ERASED = "(đã xóa)"
"""What stands on a paper where personal data or a free text has been erased."""

BUREAUS: Mapping[Role, str] = {
    Role.RECEIVER: "Bộ phận tiếp nhận",
    Role.HANDLER: "Bộ phận thụ lý",
    Role.UNIT_LEADER: "Lãnh đạo phòng",
    Role.APPROVER: "Lãnh đạo phê duyệt",
    Role.CLERK: "Văn thư",
    Role.RETURNER: "Bộ phận trả kết quả",
    Role.OFFICE_LEADER: "Lãnh đạo đơn vị",
    Role.AUDITOR: "Kiểm tra",
    Role.ADMINISTRATOR: "Quản trị hệ thống",
    Role.CITIZEN: "Người nộp hồ sơ",
    Role.CLOCK: "Hệ thống",
}
"""Who has a step, by its role."""

SIGNERS: Mapping[Role, str] = {
    Role.RECEIVER: "Người tiếp nhận hồ sơ",
    Role.HANDLER: "Người thụ lý hồ sơ",
    Role.APPROVER: "Người có thẩm quyền",
    Role.RETURNER: "Người trả kết quả",
}
"""What stands over a signature; whoever is none of these signs for the unit."""
SIGNS_FOR_THE_UNIT = "Lãnh đạo đơn vị"

NOBODY: Mapping[str, str] = {
    CLOCK.id: "Hệ thống (tự động)",
    MESSENGER.id: "Hệ thống liên thông",
    "citizen": "Người nộp hồ sơ",
}
"""Who acts without being staff."""

RESULTS: Mapping[Timeliness, str] = {"early": "Trước hạn", "on_time": "Đúng hạn", "overdue": "Quá hạn"}

WAYS: Mapping[Way, str] = {
    "filed": "",
    "forward": "",
    "sent-back": "Trả lại",
    "transferred": "Chuyển đơn vị có thẩm quyền",
    "corrected": "Đính chính bước trước",
    "returned": "Trả kết quả",
    "refused": "Từ chối tiếp nhận",
    "withdrawn": "Rút hồ sơ",
    "stopped": "Dừng giải quyết",
}
"""How a dossier changed hands, where it did not simply go on."""

HAPPENINGS: Mapping[Happening, str] = {
    "supplement": "Yêu cầu bổ sung",
    "stop": "Tạm dừng",
    "payment": "Chờ nộp phí, lệ phí",
    "consultation": "Chờ ý kiến cơ quan khác",
    "linked": "Chờ cơ quan liên thông",
    "resumed": "Tiếp tục",
    "extended": "Hẹn lại",
    "rejected": "Không chấp thuận",
}

OUTCOMES: Mapping[str, str] = {
    "refused": "Từ chối",
    "withdrawn": "Rút hồ sơ",
    "stopped": "Dừng giải quyết",
}
"""How a dossier ended without a result."""


def line(text: object) -> str:
    """Text on one line: what a person keyed in may hold line breaks and characters that show nothing."""
    return " ".join("".join(map(_shown, unicodedata.normalize("NFC", str(text)))).split())


def paper(given: object) -> str:
    """The name of a paper that was handed in; other systems' papers hold what they like."""
    if not isinstance(given, dict):
        return str(given)
    return str(given.get("name") or given.get("title") or ", ".join(map(str, given.values())))


def lines(text: object) -> str:
    """Free text with its line breaks."""
    return "\n".join(filter(None, map(line, str(text).splitlines())))


def _shown(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Cf":  # a mark that nobody sees, and that turns the reading direction, say
        return ""
    return " " if category in ("Cc", "Zl", "Zp") else letter


def moment(calendar: Calendar, at: datetime | None) -> str | None:
    """A moment in office time: `09:32 ngày 02/03/2026`."""
    return None if at is None else f"{calendar.local(at):%H:%M ngày %d/%m/%Y}"


def happening(calendar: Calendar, remark: Remark) -> str:
    """What happened and when; of a promise, and of what is to be brought, also the date that it names."""
    what, at, until = HAPPENINGS[remark.what], moment(calendar, remark.at), moment(calendar, remark.until)
    match remark.what:
        case "extended":
            return f"{what} đến {until} (báo lúc {at})"
        case "supplement":
            return f"{what} lúc {at}, hạn nộp {until}"
        case "consultation" if remark.name:
            return f"{what} ({line(remark.name)}) lúc {at}"
    return f"{what} lúc {at}"


def short_date(day: date) -> str:
    """A day: `02/03/2026`."""
    return f"{day:%d/%m/%Y}"


def dated(place: str | None, day: date) -> str:
    """The line of place and date; Decree 30/2020 has days below 10 and the first two months with a zero."""
    month = f"{day.month:02}" if day.month <= 2 else str(day.month)
    when = f"ngày {day.day:02} tháng {month} năm {day.year}"
    return f"{place}, {when}" if place else when.capitalize()


def limit(calendar: Calendar, given: Limit) -> str:
    """A limit as a paper states it: `05 ngày làm việc`."""
    hours = given.rest.total_seconds() / 3600
    match given.kind:
        case "days":
            count = given.days + hours / HOURS_A_DAY
            return f"{_number(count, padded=True)} ngày làm việc"
        case "hours":
            return f"{_number(hours)} giờ làm việc"
        case "clock hours":
            return f"{_number(hours)} giờ"
        case "calendar days":
            return f"{given.days:02} ngày"
        case "same day":
            return "Trong ngày làm việc"
        case "until":
            return f"Đến {moment(calendar, given.until)}"


def _number(count: float, *, padded: bool = False) -> str:
    if count == int(count):
        return f"{int(count):02}" if padded else str(int(count))
    return f"{count:g}".replace(".", ",")


def fee(each: Fee, channel: Channel | None) -> str:
    """A fee with its amount: `Lệ phí …: 100.000 đồng/hồ sơ`. Handed in online it may cost otherwise."""
    amount = f"{each.price(channel):,}".replace(",", ".")
    return f"{line(each.name)}: {amount} đồng/{each.unit}"


def upper_first(text: str) -> str:
    """The text with a capital at its beginning."""
    return text[:1].upper() + text[1:]
