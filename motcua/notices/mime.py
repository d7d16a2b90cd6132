"""From a letter to the bytes of an e-mail: seven bits, short lines, and headers that hold one thing each.

Headers with free text are written here. The standard library forgets the quotes of a name that it has to
fold, so that `x, <a@b>` in a long name becomes a second recipient, and it decodes what only looks encoded.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime
from hashlib import sha256

from motcua.notices.letter import Attachment, Letter, Undeliverable

POLICY = SMTP.clone(cte_type="7bit")
LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(\.[\w!#$%&'*+/=?^`{|}~-]+)*")
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
PLAIN = re.compile(r"[A-Za-z0-9]+( [A-Za-z0-9]+)*")
"""Words that stand in a header as they are."""
TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
BREAKING = ("Cc", "Cs", "Zl", "Zp")
"""Unicode categories that end a line somewhere, or cannot be encoded."""


class NotAnAddress(ValueError):
    """A text that is no e-mail address."""


@dataclass(frozen=True)
class Mailbox:
    """An address that is one, with the name of whose it is."""

    name: str
    local: str
    domain: str
    """In ASCII."""

    @classmethod
    def of(cls, address: str, name: str = "") -> Mailbox:
        """Check an address (`a@b`) and a name; NotAnAddress says what is wrong with them."""
        if broken(address):
            raise NotAnAddress("the address holds control characters")
        if broken(name):
            raise NotAnAddress("the name holds control characters")
        local, at, domain = unicodedata.normalize("NFC", address).rpartition("@")
        if not at or not LOCAL.fullmatch(local):
            raise NotAnAddress("that is no e-mail address")
        try:
            ascii_domain = domain.encode("idna").decode("ascii")
        except UnicodeError:
            raise NotAnAddress("the part behind the @ is no domain") from None
        if not all(LABEL.fullmatch(label) for label in ascii_domain.split(".")):
            raise NotAnAddress("the part behind the @ is no domain")
        if len(local.encode()) > 64 or len(local.encode()) + 1 + len(ascii_domain) > 254:
            raise NotAnAddress("the address is too long")
        seen = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")
        return cls(" ".join(seen.split()), local, ascii_domain)

    @property
    def address(self) -> str:
        """As it stands in the envelope."""
        return f"{self.local}@{self.domain}"

    def header(self, field: str) -> str:
        """A header line with this one mailbox."""
        name = _words(field, self.name)
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
        raise undeliverable(str(error)) from None
    if broken(letter.words.subject):
        raise undeliverable("the subject holds control characters")
    if not TOKEN.fullmatch(letter.language):
        raise undeliverable("the language is none")
    head = (
        sender.header("From")
        + recipient.header("To")
        + f"Subject: {_words('Subject', letter.words.subject)}\r\n"
        + f"Date: {format_datetime(localtime())}\r\n"
        + f"Message-ID: <{sha256(letter.key.encode()).hexdigest()[:32]}@{sender.domain}>\r\n"
        + "Auto-Submitted: auto-generated\r\n"
        + f"Content-Language: {letter.language}\r\n"
    )
    domain = letter.to.rpartition("@")[2]
    hidden = (letter.to, recipient.address, recipient.local, recipient.domain, domain, letter.to_name)
    return Mail(sender, recipient, head.encode() + _body(letter), hidden)


def undeliverable(reason: str) -> Undeliverable:
    """The refusal; it never says who the recipient is, because reasons are kept for ever."""
    return Undeliverable(to="recipient", reason=reason)


def broken(text: str) -> bool:
    """Whether a text could end a header line, or be no text at all."""
    return any(unicodedata.category(letter) in BREAKING for letter in text)


def _body(letter: Letter) -> bytes:
    message = EmailMessage(policy=POLICY)
    try:
        message.set_content(letter.words.text)
        message.add_alternative(letter.words.html, subtype="html")
    except UnicodeEncodeError:
        raise undeliverable("the text cannot be encoded") from None
    for attachment in letter.attachments:
        _attach(message, attachment)
    return message.as_bytes()


def _attach(message: EmailMessage, attachment: Attachment) -> None:
    main, _, sub = attachment.media_type.partition("/")
    if not (TOKEN.fullmatch(main) and TOKEN.fullmatch(sub)) or main in ("multipart", "message", "text"):
        raise undeliverable("an attachment has no media type that can be sent")
    if broken(attachment.name):
        raise undeliverable("the name of an attachment holds control characters")
    message.add_attachment(attachment.content, maintype=main, subtype=sub, filename=attachment.name)


def _words(field: str, text: str) -> str:
    """Free text in a header: as it is only where nobody could read it as anything else."""
    if not text or (PLAIN.fullmatch(text) and len(text) < 60):
        return text
    return Header(text, "utf-8", header_name=field, maxlinelen=75).encode(linesep="\r\n")
