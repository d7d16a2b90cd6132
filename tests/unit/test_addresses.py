"""E-mail addresses: what is accepted where they are entered, and in the catalogue."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from models.addresses import NotAnAddress, parse_address
from models.people import Person
from models.procedure import Role
from motcua.forms import Applicant

GOOD = {
    "le.van@gmail.com": "le.van@gmail.com",
    "o'neil+hs@Mail.HoaThanh.gov.vn": "o'neil+hs@mail.hoathanh.gov.vn",
    "ánh.nguyễn@hoà-thành.example": "ánh.nguyễn@xn--ho-thnh-9vad.example",
    "a\u0301nh@b.vn": "ánh@b.vn",
    # IDNA 2003 would send the first to strasse.example and the last to another registrant.
    "a@straße.example": "a@xn--strae-oqa.example",
    "a@faß.example": "a@xn--fa-hia.example",
    "a@βόλος.example": "a@xn--nxasmm1c.example",
    "a@xn--strae-oqa.example": "a@xn--strae-oqa.example",
    "a@例え。テスト": "a@xn--r8jz45g.xn--zckzah",
}
BAD = [
    *("le.van.@gmail.com", ".le@gmail.com", "le..van@gmail.com", "“le.van”@gmail.com", "le‘van’@gmail.com"),
    *("", "le", "le@", "@gmail.com", "le@gmail", "le@gmail.", "le@.com", "le@gmail..com", "le@-a.vn"),
    *("le van@gmail.com", "le@gmail.com ", " le@gmail.com", "Lê <le@gmail.com>", '"le"@gmail.com'),
    *(
        "le@[127.0.0.1]",
        "le@a_b.vn",
        "a@b@c.vn",
        "a@b.vn,c@d.vn",
        "a@b.vn;c@d.vn",
        "mailto:a@b.vn",
        "a＠b.vn",
    ),
    *("a@b.vn\n", "a\r\nBcc: c@d.vn@b.vn", "a\0@b.vn", "a\u00a0@b.vn", "a\u200b@b.vn", "a\u202e@b.vn"),
    *("\u3164@b.vn", "\u2800@b.vn", "a\u115f@b.vn", "a\ufe0f@b.vn", "\u0301a@b.vn", "a…b@c.vn", "a→@b.vn"),
    *("a@\u3164.vn", "a@b\u2800.vn", "a@xn--zzzzzz.vn", "a@♥.vn", "a@ab--cd.vn", "a@\u0301b.vn"),
    *("a" * 65 + "@b.vn", "ễ" * 22 + "@b.vn", "a@" + "b" * 64 + ".vn", "a@" + "b." * 130 + "vn"),
    "a@" + ("ễ" * 40 + ".") * 3 + "vn",  # short enough in Unicode, too long where it is sent
]


@pytest.mark.parametrize(("text", "sent"), GOOD.items())
def test_an_address_is_sent_to_in_its_canonical_form(text: str, sent: str) -> None:
    """Domains by IDNA 2008, the part before the @ composed; what was entered is kept as it was."""
    assert str(parse_address(text)) == sent
    assert Applicant(name="a", email=text).email == text
    assert Person(id="a", name="a", roles=(Role.HANDLER,), unit="u", email=text).email == text


@pytest.mark.parametrize("text", BAD)
def test_what_cannot_be_sent_to_is_refused_where_it_is_entered(text: str) -> None:
    """On a page, in a submission and in the catalogue alike."""
    with pytest.raises(NotAnAddress):
        parse_address(text)
    with pytest.raises(ValidationError):
        Applicant(name="a", email=text)
    with pytest.raises(ValidationError):
        Person(id="a", name="a", roles=(Role.HANDLER,), unit="u", email=text)
