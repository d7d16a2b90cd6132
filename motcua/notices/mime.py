"""From a letter to the bytes of an e-mail: seven bits, short lines, and headers that hold one thing each.

Every byte of the structure is written here. The standard library would read what it is given: it drops the
quotes of a name that it has to fold, so that `x, <a@b>` in a long name becomes a second recipient, and it
decodes what only looks encoded, so that a file named `=?utf-8?q?a=0D=0ABcc:...?=` ends a header line in some
of its versions and raises an error in others.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from base64 import b64encode, encodebytes
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email.utils import format_datetime, localtime
from hashlib import sha256
from urllib.parse import quote

from models.addresses import NotAnAddress, parse_address
from motcua.notices.letter import Attachment, Letter, Undeliverable

PLAIN = re.compile(r"[A-Za-z0-9]+( [A-Za-z0-9]+)*")
"""Words that stand in a header as they are."""
TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
NEWLINE = re.compile("\r\n|\r|\n")
BREAKING = ("Cc", "Cs", "Zl", "Zp")
"""Unicode categories that end a line somewhere, or cannot be encoded."""
WORD_BYTES = 42
"""Bytes of one encoded word before base64: behind "Subject: " a line has at most 78 characters (RFC 2047)."""
PIECE_LENGTH = 54
"""Characters of one piece of a file name: with the parameter's name a line has at most 78 (RFC 2231)."""


@dataclass(frozen=True)
class Mailbox:
    """An address that is one, with the name of whose it is."""

    name: str
    local: str
    domain: str
    """In ASCII."""

    @classmethod
    def of(cls, address: str, name: str = "") -> Mailbox:
        """Check an address (`a@b.vn`) and a name; NotAnAddress says what is wrong with them."""
        local, domain = parse_address(address)
        if broken(name):
            raise NotAnAddress("has a name with control characters")
        seen = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")
        return cls(" ".join(seen.split()), local, domain)

    @property
    def address(self) -> str:
        """As it stands in the envelope."""
        return f"{self.local}@{self.domain}"

    def header(self, field: str) -> str:
        """A header line with this one mailbox."""
        name = _words(self.name)
        return f"{field}: {name}\r\n <{self.address}>\r\n" if name else f"{field}: <{self.address}>\r\n"


@dataclass(frozen=True)
class Mail:
    """An e-mail that is ready to be handed to a server."""

    sender: Mailbox
    recipient: Mailbox
    content: bytes
    hidden: tuple[str, ...]
    """What must not be kept of it when a server answers with it."""

    @property
    def utf8(self) -> bool:
        """Whether only a server that offers SMTPUTF8 can take it."""
        return not self.recipient.local.isascii()


def compose(letter: Letter, sender: Mailbox) -> Mail:
    """The e-mail of a letter. One that could not be told from another, or from two, is Undeliverable."""
    try:
        recipient = Mailbox.of(letter.to, letter.to_name)
    except NotAnAddress as error:
        raise undeliverable(f"the address {error}") from None
    if broken(letter.words.subject):
        raise undeliverable("the subject holds control characters")
    if not TOKEN.fullmatch(letter.language):
        raise undeliverable("the language is none")
    key = sha256(letter.key.encode()).hexdigest()[:32]
    head = (
        sender.header("From")
        + recipient.header("To")
        + f"Subject: {_words(letter.words.subject)}\r\n"
        + f"Date: {format_datetime(localtime())}\r\n"
        + f"Message-ID: <{key}@{sender.domain}>\r\n"
        + "Auto-Submitted: auto-generated\r\n"
        + f"Content-Language: {letter.language}\r\n"
        + "MIME-Version: 1.0\r\n"
    )
    domain = letter.to.rpartition("@")[2]
    hidden = (letter.to, recipient.address, recipient.local, recipient.domain, domain, letter.to_name)
    return Mail(sender, recipient, head.encode() + _body(letter, key), hidden)


def undeliverable(reason: str) -> Undeliverable:
    """The refusal; it never says who the recipient is, because reasons are kept for ever."""
    return Undeliverable(to="recipient", reason=reason)


def broken(text: str) -> bool:
    """Whether a text could end a header line, or be no text at all."""
    return any(unicodedata.category(letter) in BREAKING for letter in text)


def _body(letter: Letter, key: str) -> bytes:
    """Both texts, and the attachments behind them; begins with the header lines that say so."""
    both = _multipart(
        "alternative", key, (_text("plain", letter.words.text), _text("html", letter.words.html))
    )
    if not letter.attachments:
        return both
    return _multipart("mixed", key, (both, *map(_attached, letter.attachments)))


def _multipart(kind: str, key: str, parts: Iterable[bytes]) -> bytes:
    # No part has a line with "=_": quoted-printable writes "=" as "=3D", and base64 has no "_".
    boundary = f"=_{kind}_{key}"
    begin = f"--{boundary}\r\n".encode()
    head = f'Content-Type: multipart/{kind};\r\n boundary="{boundary}"\r\n\r\n'.encode()
    return head + b"".join(begin + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()


def _text(kind: str, text: str) -> bytes:
    try:
        content = "\n".join(NEWLINE.split(text.removesuffix("\n"))).encode()
    except UnicodeEncodeError:
        raise undeliverable("the text cannot be encoded") from None
    lines = binascii.b2a_qp(content).split(b"\n")
    head = (
        f'Content-Type: text/{kind}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
    )
    return head.encode() + b"".join(line + b"\r\n" for line in lines)


def _attached(attachment: Attachment) -> bytes:
    main, _, sub = attachment.media_type.partition("/")
    if not (TOKEN.fullmatch(main) and TOKEN.fullmatch(sub)) or main in ("multipart", "message", "text"):
        raise undeliverable("an attachment has no media type that can be sent")
    if broken(attachment.name):
        raise undeliverable("the name of an attachment holds control characters")
    head = (
        f"Content-Type: {main}/{sub}\r\n"
        + "Content-Transfer-Encoding: base64\r\n"
        + f"Content-Disposition: attachment{_parameter('filename', attachment.name)}\r\n\r\n"
    )
    return head.encode() + encodebytes(attachment.content).replace(b"\n", b"\r\n")


def _words(text: str) -> str:
    """Free text in a header: as it is only where nobody could read it as anything else (RFC 2047)."""
    if not text or (PLAIN.fullmatch(text) and len(text) < 60):
        return text
    words = (b64encode(piece.encode()).decode() for piece in _pieces(text, _byte_length, WORD_BYTES))
    return "\r\n ".join(f"=?utf-8?b?{word}?=" for word in words)


def _parameter(name: str, text: str) -> str:
    """Free text as a parameter of a header, each piece on a line of its own (RFC 2231)."""
    pieces = [quote(piece, safe="") for piece in _pieces(text, _quoted_length, PIECE_LENGTH)]
    if not pieces:
        return ""
    if len(pieces) == 1:
        return f";\r\n {name}*=utf-8''{pieces[0]}"
    first, *others = pieces
    numbered = "".join(f";\r\n {name}*{number}*={piece}" for number, piece in enumerate(others, 1))
    return f";\r\n {name}*0*=utf-8''{first}{numbered}"


def _byte_length(letter: str) -> int:
    return len(letter.encode())


def _quoted_length(letter: str) -> int:
    return len(quote(letter, safe=""))


def _pieces(text: str, length: Callable[[str], int], most: int) -> Iterator[str]:
    """A text in pieces of whole characters, each of at most some length."""
    piece, size = "", 0
    for letter in text:
        if size + length(letter) > most:
            yield piece
            piece, size = "", 0
        piece, size = piece + letter, size + length(letter)
    if piece:
        yield piece
