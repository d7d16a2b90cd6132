"""Letters through a real mail server on loopback: what arrives, and what each of its failures means."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import ssl
import traceback
import unicodedata
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr, ValidationError

from models.addresses import parse_address
from models.people import Person
from models.refusals import Problem, exit_code
from motcua.forms import Applicant
from motcua.notices.letter import Attachment, ChannelAway, Letter, Undeliverable
from motcua.notices.mail import Mailer
from motcua.notices.mime import WORD_BYTES, Mailbox, compose
from motcua.notices.relay import BadMailSetting, Relay
from motcua.texts.topic import Words
from tests.servers import Authority, HookServer, MailServer, Mood, Stage, silence
from tests.waiting import PATIENCE, until

FROM = "Một cửa phường Hoà Thành <motcua@hoathanh.example>"
PASSWORD = "mật khẩu/@:?#%"
LOGIN = base64.b64encode(f"\0motcua\0{PASSWORD}".encode()).decode()
TEXT = "Kính gửi bà Nguyễn Thị Ánh,\n.\n..hồ sơ của bà đã xong.\n" + "Đường dây nóng: 1022. " * 200 + "\n"
HTML = "<p>" + "Kính gửi bà Nguyễn Thị Ánh " * 200 + "</p>\n"
STAGES: list[Stage] = ["greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot"]


def letter(key: str = "H53-1/due/1", to: str = "anh.nguyen@example.org", **more: Any) -> Letter:
    """A letter in Vietnamese."""
    name = more.pop("to_name", "Nguyễn Thị Ánh")
    words = Words(subject=more.pop("subject", "Hồ sơ H53-1 đã có kết quả"), text=TEXT, html=HTML)
    return Letter(key=key, to=to, to_name=name, language="vi", words=words, **more)


@pytest.fixture(scope="module")
def authority() -> Authority:
    """One for all servers here."""
    return Authority()


@pytest.fixture
async def server(authority: Authority) -> AsyncIterator[MailServer]:
    """With STARTTLS and a login."""
    async with MailServer(authority=authority) as server:
        yield server


def mailer(server: MailServer, **more: Any) -> Mailer:
    """A mailer for a server; unless told, it gives a busy machine its time."""
    return Mailer(SecretStr(server.url), FROM, ca_file=server.ca_file, **{"timeout": PATIENCE, **more})


async def refused(mailer: Mailer, letter: Letter) -> Problem:
    """The problem that sending it raises; nowhere in it is who it was for, or our password."""
    with pytest.raises((Undeliverable, ChannelAway)) as caught:
        await mailer.send(letter)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.facts)
    for secret in (letter.to, letter.to.partition("@")[0], letter.to_name, "mật khẩu", LOGIN):
        assert not secret or secret not in told
    return caught.value


# What arrives


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
async def test_a_letter_arrives_as_it_was_written(security: Any, authority: Authority) -> None:
    """Both texts, the attachment with its name, every header; in lines that any server takes."""
    paper = Attachment(
        name="Phiếu xin lỗi và hẹn lại ngày trả kết quả số 17.pdf", content=bytes(range(256)) * 99
    )
    login = None if security == "none" else ("motcua", PASSWORD)
    async with MailServer(security, login=login, authority=authority) as server, mailer(server) as out:
        answer = await out.send(letter(attachments=(paper,)))
    assert answer == "250 2.0.0 OK queued as 1"
    [got] = server.received
    assert (got.sender, got.recipients) == ("motcua@hoathanh.example", ["anh.nguyen@example.org"])
    message = got.message
    assert str(message["From"]) == FROM
    [to] = message["To"].addresses
    assert (to.display_name, to.addr_spec) == ("Nguyễn Thị Ánh", "anh.nguyen@example.org")
    assert message["Subject"] == "Hồ sơ H53-1 đã có kết quả"
    assert got.id == f"<{hashlib.sha256(b'H53-1/due/1').hexdigest()[:32]}@hoathanh.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "vi"
    assert message["Date"].datetime is not None
    assert got.body("plain") == TEXT
    assert got.body("html") == HTML
    [attached] = message.iter_attachments()
    assert isinstance(attached, EmailMessage)
    assert attached.get_filename() == paper.name
    assert attached.get_content_type() == "application/pdf"
    assert attached.get_content() == paper.content
    assert got.raw.isascii()
    assert max(len(line) for line in got.raw.split(b"\r\n")) <= 998
    assert b"\n" not in got.raw.replace(b"\r\n", b"")
    assert server.handshakes == (security != "none")
    assert server.logins == (login is not None)


async def test_a_login_by_the_older_method(authority: Authority) -> None:
    """Some servers offer AUTH LOGIN alone."""
    async with MailServer(mechanisms=("LOGIN",), authority=authority) as server, mailer(server) as out:
        await out.send(letter())
    assert server.logins == 1


async def test_an_address_in_vietnamese(authority: Authority) -> None:
    """It needs a server that offers SMTPUTF8; the part behind the @ never does."""
    other = letter(to="ánh.nguyễn@hoà-thành.example")
    async with MailServer(authority=authority) as server, mailer(server) as out:
        await out.send(other)
        await out.send(letter("2", "anh@hoà-thành.example"))
    domain = "xn--ho-thnh-9vad.example"
    assert [each.recipients for each in server.received] == [[f"ánh.nguyễn@{domain}"], [f"anh@{domain}"]]
    assert ["SMTPUTF8" in each.options for each in server.received] == [True, False]
    assert f"<ánh.nguyễn@{domain}>".encode() in server.received[0].raw
    async with MailServer(smtputf8=False, authority=authority) as server, mailer(server) as out:
        for _ in range(2):
            assert "SMTPUTF8" in (await refused(out, other)).message
            await out.send(letter("2", "anh@hoà-thành.example"))  # and there is a connection to try it on
    assert len(server.received) == 2


# Nothing smuggles anything in

NONE = """
anh @example.org anh@ anh@@example.org a@b,c@d a,b@c.org <a@b.org> a@b.org;c@d.org a(x)@b.org
a\\@b.org a:b@c.org a@b_c.org "a"@c.org a@[127.0.0.1]
a@b＠c.org a＠b.org a@b..org a@-b.org .a@b.org a..b@c.org
"""
BAD_ADDRESSES = [
    *NONE.split(),
    *("le.van.@gmail.com", "“le.van”@gmail.com", "a@localhost", "", "a b@example.org", "a@b c.org"),
    *("a@b>, <c@d", "a@b> SIZE=1", "Ánh <a@b.org>", '"a b"@c.org'),
    *("a@b.org\r\nRCPT TO:<c@d.org>", "a\n@b.org", "a@b.org\0", "a@b.org\x85", "a@b.org\u2028c"),
    *("a\u00a0b@c.org", "a\u200bb@c.org", "a" * 65 + "@b.org", "a@" + "b." * 130 + "org"),
]


@pytest.mark.parametrize("address", BAD_ADDRESSES)
async def test_what_is_no_address_is_not_sent(address: str, server: MailServer) -> None:
    """And it is not quoted either."""
    async with mailer(server) as out:
        with pytest.raises(Undeliverable, match=r"^recipient: ") as caught:
            await out.send(letter(to=address))
    assert not address or address not in caught.value.message
    assert server.connections == 0


BAD = ["\r\nBcc: c@d.org", "\n", "\r", "\0", "\x1b[2J", "\x7f", "\x85", "\u2028", "\u2029", "\ud800"]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("where", ["to_name", "subject", "attachment", "media type", "language"])
def test_control_characters_are_not_sent(where: str, bad: str) -> None:
    """They could begin another header line."""
    usual = letter()
    words = Words.model_construct(subject="a" + bad if where == "subject" else "a", text="a", html="a")
    paper = Attachment.model_construct(
        name="a" + bad if where == "attachment" else "a",
        content=b"",
        media_type="text/x" + bad if where == "media type" else "application/pdf",
    )
    changes = {"words": words, "attachments": (paper,)}
    if where in ("to_name", "language"):
        changes[where] = "vi" + bad  # type: ignore[assignment]
    with pytest.raises(Undeliverable):
        compose(usual.model_copy(update=changes), Mailbox.of("a@b.org"))


SPECIAL = st.text(alphabet=' ,;:<>@"()[]\\.=?_-aZ9ễ中\u0301\u202e', max_size=300)
CONTROL = st.text(alphabet="a\r\n\0\x85\u2028:", max_size=20)
ENCODED = [
    "=?utf-8?q?a=0D=0ABcc:_c@d.org?=",
    "=?utf-8?b?YQ0KQmNjOiBjQGQub3Jn?=",
    "=?utf-8*vi?q?a=0ABcc=3A_c@d.org?= =?us-ascii?q?b?=",
    "=?utf-8?q?a=22=3B_filename=3Db?=.pdf",
    "utf-8''a%0D%0ABcc:%20c@d.org",
    'a"; filename="b.exe',
    "a\\",
]
"""What some versions of some programs read as something else."""
TEXTS = SPECIAL | SPECIAL | SPECIAL | st.text(max_size=150) | CONTROL | st.sampled_from(ENCODED)
ADDRESSES = st.just("a@b.org") | st.just("ễ@b.org") | TEXTS | st.builds("{}@{}".format, SPECIAL, SPECIAL)
HEADERS = [
    *("Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "MIME-Version", "Message-ID"),
    *("Subject", "To"),
]
PARTS = ["multipart/mixed", "multipart/alternative", "text/plain", "text/html", "application/pdf"]


@settings(max_examples=400)
@given(to=ADDRESSES, name=TEXTS, subject=TEXTS, file=TEXTS)
def test_no_text_adds_a_header_or_a_recipient(to: str, name: str, subject: str, file: str) -> None:
    """Whatever an address, a name, a subject or a file's name say: they are sent as that, or not at all."""
    sender = Mailbox.of("motcua@hoathanh.example", name="x, <c@d.org>" * 9)
    words = Words.model_construct(subject=subject, text="a", html="a")
    paper = Attachment.model_construct(name=file, content=b"%PDF", media_type="application/pdf")
    sent = Letter.model_construct(
        key="k", to=to, to_name=name, language="vi", words=words, attachments=(paper,)
    )
    try:
        mail = compose(sent, sender)
    except Undeliverable:
        return
    message = message_from_bytes(mail.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert sorted(message.keys()) == HEADERS
    assert [each.addr_spec for each in message["From"].addresses] == ["motcua@hoathanh.example"]
    [recipient] = message["To"].addresses
    raw = recipient.addr_spec.encode("utf-8", "surrogateescape")  # of an address in UTF-8
    assert raw.decode() == mail.recipient.address
    assert mail.recipient.local == to.rpartition("@")[0] or not to.isascii()
    name = "".join(letter for letter in name if unicodedata.category(letter) != "Cf")  # nobody sees them
    # Python 3.11 reads a space between two encoded words of a name, where there is none.
    assert recipient.display_name.split() == name.split() or len(name.encode()) > WORD_BYTES
    assert "".join(recipient.display_name.split()) == "".join(name.split())
    assert message["Subject"] == subject
    assert [part.get_content_type() for part in message.walk()] == PARTS
    [attached] = message.iter_attachments()
    assert isinstance(attached, EmailMessage)
    assert attached.get_content() == b"%PDF"
    assert attached["Content-Disposition"].params.get("filename", "") == file
    assert not any(letter in mail.recipient.address for letter in ' <>,;:"()\r\n')
    assert max(len(line) for line in mail.content.split(b"\r\n")) <= 998


@pytest.mark.parametrize("text", [*ENCODED, "Phiếu xin lỗi " * 40, "x" * 500, "🏛️" * 80, " ", "a'b*c%d"])
def test_every_name_comes_back_as_it_was(text: str) -> None:
    """Of the recipient, of the letter and of a file: the letter is built, and read it says the same."""
    words = Words(subject=text, text="a", html="a")
    paper = Attachment(name=text, content=b"%PDF")
    sent = letter(to_name=text).model_copy(update={"words": words, "attachments": (paper,)})
    content = compose(sent, Mailbox.of("motcua@hoathanh.example")).content
    assert content.isascii()
    assert max(len(line) for line in content.split(b"\r\n")) <= 78
    message = message_from_bytes(content, policy=policy.default)
    assert sorted(message.keys()) == HEADERS
    [recipient] = message["To"].addresses
    assert recipient.addr_spec == "anh.nguyen@example.org"
    assert "".join(recipient.display_name.split()) == "".join(Mailbox.of("a@b.org", text).name.split())
    assert message["Subject"] == text
    assert isinstance(message, EmailMessage)
    [attached] = message.iter_attachments()
    assert isinstance(attached, EmailMessage)
    assert attached["Content-Disposition"].params["filename"] == text


@given(
    local=st.text("abcXYZ019!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=64),
    domain=st.from_regex(r"[a-z]{1,20}\.vn", fullmatch=True),
)
async def test_an_odd_address_is_the_one_that_is_told(local: str, domain: str) -> None:
    """Every character that an address may have reaches the server as it is."""
    async with MailServer("none", login=None, authority=SHARED) as server, mailer(server) as out:
        await out.send(letter(to=f"{local}@{domain}"))
    assert [each.recipients for each in server.received] == [[f"{local}@{domain}"]]


SHARED = Authority()

LETTERS = st.text("aZ0.'’“”+_-ễ\u0301ß中\u3164\u200b@ ", min_size=1, max_size=12)
DOMAINS = st.sampled_from(
    ["b.vn", "hoà-thành.vn", "straße.vn", "xn--strae-oqa.vn", "例え。テスト"]
) | st.text("ab-.ễßς\u200d\u3164", min_size=1, max_size=70)


@settings(max_examples=150)
@given(text=st.builds("{}@{}".format, LETTERS, DOMAINS) | st.text(max_size=40))
async def test_what_is_accepted_where_it_is_entered_is_taken_by_the_mail_server(text: str) -> None:
    """An address of an applicant or of the staff; every other is refused there and not sent to."""
    applicant = _accepts(Applicant, name="Lê Văn", email=text)
    assert _accepts(Person, id="a", name="Lê Văn", roles=("handler",), unit="u", email=text) == applicant
    if not applicant:
        with pytest.raises(Undeliverable):
            compose(letter(to=text), Mailbox.of("a@b.vn"))
        return
    async with MailServer("none", login=None, authority=SHARED) as server, mailer(server) as out:
        await out.send(letter(to=text))
    [got] = server.received
    assert got.recipients == [str(parse_address(text))]
    assert got.recipients[0].rpartition("@")[2].isascii()


def _accepts(model: type[BaseModel], **given: Any) -> bool:
    try:
        model.model_validate(given)
    except ValidationError:
        return False
    return True


# What failures mean


@pytest.mark.parametrize(
    ("stage", "answer", "problem"),
    [
        ("greeting", "421 too busy", ChannelAway),
        ("greeting", "554 no service", ChannelAway),
        ("ehlo", "550 who are you", ChannelAway),
        ("starttls", "454 no TLS now", ChannelAway),
        ("starttls", "501 no TLS", ChannelAway),
        ("auth", "535 5.7.8 wrong password", ChannelAway),
        ("auth", "454 no login now", ChannelAway),
        ("auth", "550 account closed", ChannelAway),
        ("auth", f"535 not {PASSWORD} nor {LOGIN}", ChannelAway),
        ("mail", "451 later", ChannelAway),
        ("mail", "421 going down", ChannelAway),
        ("mail", "530 5.7.0 Authentication required", ChannelAway),
        ("mail", "550 5.1.0 sender unknown", Undeliverable),
        ("mail", "552 5.3.4 too large", Undeliverable),
        ("rcpt", "450 4.2.0 <{to}> greylisted", ChannelAway),
        ("rcpt", "550 5.1.1 <{to}>: no such user", Undeliverable),
        ("rcpt", "550-5.1.1 the account {to} does\r\n550 5.1.1 not exist", Undeliverable),
        ("rcpt", "554 5.7.1 relay access denied", Undeliverable),
        ("data", "452 disk full", ChannelAway),
        ("data", "554 no valid recipients", Undeliverable),
        ("dot", "451 virus scanner away", ChannelAway),
        ("dot", "552 5.3.4 message too large for {to}", Undeliverable),
        ("dot", "554 5.7.1 spam", Undeliverable),
        ("rcpt", "complete nonsense", ChannelAway),
        ("rcpt", "550 \xff\x07\x1b[2J {to}", Undeliverable),
    ],
)
async def test_what_an_answer_means(
    stage: Stage, answer: str, problem: type[Problem], server: MailServer
) -> None:
    """For good if it speaks of the letter; all else passes, or is ours to mend. Then it is friendly."""
    server.mood = Mood(stage, answer, times=1)
    async with mailer(server) as out:
        raised = await refused(out, letter())
        assert type(raised) is problem
        assert raised.message.isprintable()
        assert len(raised.message) < 400
        if problem is Undeliverable:
            assert raised.facts["to"] == "recipient"
            assert answer[:3] in raised.message
        assert exit_code(raised) == (2 if problem is Undeliverable else 5)
        await out.send(letter())
    assert len(server.received) == 1
    assert server.connections == 2  # after an error a connection is not used again


async def test_the_words_of_the_server_without_the_address(server: MailServer) -> None:
    """They tell what is wrong; whose mailbox it is stands in an erasable row."""
    server.mood = Mood("rcpt", "550 5.1.1 <{to}>: user anh.nguyen unknown at EXAMPLE.ORG (Nguyễn Thị Ánh)")
    async with mailer(server) as out:
        raised = await refused(out, letter())
    assert raised.message == ("recipient: 550 5.1.1 <address>: user <hidden> unknown at <hidden> (<hidden>)")


async def test_a_letter_that_is_too_large(authority: Authority) -> None:
    """The server says so before it is sent."""
    async with MailServer(most_bytes=10_000, authority=authority) as server, mailer(server) as out:
        large = Attachment(name="a.pdf", content=b"a" * 20_000)
        assert isinstance(await refused(out, letter(attachments=(large,))), Undeliverable)


@pytest.mark.parametrize("stage", STAGES)
async def test_a_server_that_hangs(stage: Stage, server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """At any stage: the time limit holds, and the next letter goes through."""
    server.mood = Mood(stage, "hang", times=1)
    async with mailer(server, timeout=1.0) as out:
        problem = await refused(out, letter())
        assert isinstance(problem, ChannelAway)
        assert "within 1 s" in problem.message
        monkeypatch.setattr(out, "_timeout", PATIENCE)  # what goes through is given its time
        await until(lambda: server.open_sessions == 0)
        await out.send(letter())
    taken = 2 if stage == "dot" else 1
    assert len(server.received) == taken
    assert len(set(server.ids)) == 1  # whoever gets it twice can tell
    assert len(server.unheard) == taken - 1


@pytest.mark.parametrize("scheme", ["smtp", "smtps", "smtp+plain"])
async def test_a_port_that_says_nothing(scheme: str) -> None:
    """Not even a handshake."""
    async with silence() as port, Mailer(SecretStr(f"{scheme}://localhost:{port}"), FROM, timeout=0.3) as out:
        assert "0.3 s" in (await refused(out, letter())).message


@pytest.mark.parametrize("stage", STAGES)
async def test_a_server_that_goes_away(stage: Stage, server: MailServer) -> None:
    """Also between the last dot and its answer: nobody knows then, so it is sent again with the same id."""
    server.mood = Mood(stage, "drop", times=1)
    async with mailer(server) as out:
        assert isinstance(await refused(out, letter()), ChannelAway)
        await out.send(letter())
    assert len(set(server.ids)) == 1
    assert len(server.received) == (2 if stage == "dot" else 1)


async def test_a_letter_that_is_tried_until_it_goes(server: MailServer) -> None:
    """As the workflow does."""
    server.mood = Mood("rcpt", "451 greylisted", times=3)
    tried = 0
    async with mailer(server) as out:
        while not server.received:
            tried += 1
            try:
                await out.send(letter())
            except ChannelAway:
                continue
    assert (tried, len(server.received)) == (4, 1)


async def test_no_server(authority: Authority) -> None:
    """Nobody listens, or nobody knows the name."""
    async with MailServer(authority=authority) as server:
        pass
    async with mailer(server) as out:
        assert isinstance(await refused(out, letter()), ChannelAway)
    async with Mailer(SecretStr("smtp://nowhere.invalid"), FROM) as out:
        assert isinstance(await refused(out, letter()), ChannelAway)


async def test_a_server_of_another_kind(authority: Authority) -> None:
    """TLS where there is none, none where there is TLS, a web server, one that wants certificates of us."""
    tls, starttls = (MailServer(security, authority=authority) for security in ("tls", "starttls"))
    async with tls, starttls, HookServer() as web:
        for port, scheme in (
            *((tls.port, "smtp"), (tls.port, "smtp+plain"), (starttls.port, "smtps")),
            *((web.port, "smtp"), (web.port, "smtps")),
        ):
            url = SecretStr(f"{scheme}://localhost:{port}")
            async with Mailer(url, FROM, ca_file=tls.ca_file, timeout=0.5) as out:
                assert isinstance(await refused(out, letter()), ChannelAway)
    context = authority.context()
    context.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(lambda _reader, _writer: None, "localhost", ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with Mailer(
        SecretStr(f"smtps://localhost:{port}"), FROM, ca_file=authority.file, timeout=0.6
    ) as out:
        assert isinstance(await refused(out, letter()), ChannelAway)
    server.close()


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_certificates_are_verified(security: Any) -> None:
    """One of an unknown authority, or for another name, gets neither password nor letter."""
    stranger = Authority()
    async with MailServer(security) as server:
        async with Mailer(SecretStr(server.url), FROM) as out:
            assert "certificate" in (await refused(out, letter())).message.lower()
        async with Mailer(SecretStr(server.url), FROM, ca_file=stranger.file) as out:
            assert isinstance(await refused(out, letter()), ChannelAway)
        other = server.url.replace("localhost", "127.0.0.1")
        async with Mailer(SecretStr(other), FROM, ca_file=server.ca_file) as out:
            assert isinstance(await refused(out, letter()), ChannelAway)
    assert (server.logins, server.received) == (0, [])


async def test_tls_is_required(authority: Authority) -> None:
    """A server (or who sits before it) that offers no STARTTLS gets neither password nor letter."""
    async with MailServer("none", login=None, authority=authority) as server:
        url = server.url.replace("smtp+plain://", "smtp://motcua:geheim@")
        async with Mailer(SecretStr(url), FROM, ca_file=server.ca_file) as out:
            assert "STARTTLS" in (await refused(out, letter())).message
    assert server.received == []


async def test_a_wrong_password(server: MailServer) -> None:
    """Is ours to mend: the letter is not at fault, and waits. It is tried once, or accounts get locked."""
    url = server.url.replace("motcua:", "motcua:x")
    async with Mailer(SecretStr(url), FROM, ca_file=server.ca_file) as out:
        problem = await refused(out, letter())
    assert isinstance(problem, ChannelAway)
    assert "535" in problem.message


# Connections


async def test_two_hundred_letters_over_four_connections(server: MailServer) -> None:
    """One handshake and one login for each connection."""
    async with mailer(server) as out:
        answers = await asyncio.gather(*(out.send(letter(f"key {number}")) for number in range(200)))
    assert len(set(answers)) == len(set(server.ids)) == 200
    assert (server.connections, server.handshakes, server.logins) == (4, 4, 4)


async def test_a_connection_that_was_closed_meanwhile(server: MailServer) -> None:
    """Is replaced at once, and nobody notices; nothing is sent twice."""
    async with mailer(server) as out:
        for number in range(3):
            await out.send(letter(str(number)))
            server.close_idle()  # whether or not the loop has told the client by the next letter
        await until(lambda: server.open_sessions == 0)
        await out.send(letter("last"))
        server.mood = Mood("mail", "421 4.4.2 you waited too long", times=1)
        await out.send(letter("later"))
        server.mood = Mood("mail", "drop", times=1)
        await out.send(letter("latest"))
    assert len(set(server.ids)) == len(server.received) == 6
    assert server.connections == 6


async def test_a_kept_connection_that_breaks_within_the_content(server: MailServer) -> None:
    """Nobody knows whether that letter was taken: it is not sent again at once."""
    async with mailer(server) as out:
        await out.send(letter("1"))
        server.mood = Mood("dot", "drop", times=1)
        assert isinstance(await refused(out, letter("2")), ChannelAway)
    assert len(server.received) == 2
    assert server.connections == 1


async def test_unused_connections_are_closed(server: MailServer) -> None:
    """Politely, after a while and at the end."""
    async with mailer(server, idle=0.05) as out:
        await asyncio.gather(*(out.send(letter(str(number))) for number in range(4)))
        await until(lambda: server.open_sessions == 0)
        await out.send(letter("again"))
    assert server.connections == 5
    async with mailer(server) as out:
        await out.send(letter())
    await until(lambda: server.open_sessions == 0)


async def test_a_cancelled_letter_leaves_nothing_behind(server: MailServer) -> None:
    """Neither a half-used connection nor a taken place."""
    async with mailer(server, connections=1) as out:
        server.mood = Mood("data", "hang", times=1)
        sending = asyncio.create_task(out.send(letter()))
        await until(lambda: server.mood is not None and server.mood.times == 0)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await until(lambda: server.open_sessions == 0)
        await out.send(letter())


async def test_waiting_for_a_connection_has_the_same_limit(server: MailServer) -> None:
    """So that a caller knows how long it can last."""
    server.mood = Mood("dot", "hang")
    async with mailer(server, connections=1, timeout=0.5) as out:
        problems = await asyncio.gather(*(refused(out, letter(str(number))) for number in range(9)))
    assert {type(problem) for problem in problems} == {ChannelAway}
    assert all("0.5 s" in problem.message for problem in problems)


# Configuration


BAD_URLS = """
mail.example.org http://mail.example.org smtp:// smtp://:587 smtp://host:0 smtp://host:99999 smtp://host:port
smtp://user@host smtp://user:@host smtp://:geheim@host smtp+plain://user:geheim@host smtp://host/inbox
smtp://user:ge/heim@host smtp://user:ge#heim@host smtp://user:ge?heim@host smtp://user:[geheim@host
"""


@pytest.mark.parametrize("url", ["", "smtp://ho st", "smtp://host\n", *BAD_URLS.split()])
def test_a_url_that_cannot_be_used(url: str) -> None:
    """Says why, and quotes nothing of it."""
    with pytest.raises(BadMailSetting, match=r"^MOTCUA_SMTP_URL cannot be used: .+\.$") as caught:
        Mailer(SecretStr(url), FROM)
    told = "".join(traceback.format_exception(caught.value))
    assert "heim" not in told
    assert exit_code(caught.value) == 2


def test_a_url_that_can_be_used() -> None:
    """Ports as usual, and passwords with anything in them; it is not shown."""
    assert Relay.of("smtp://mail.example.org") == Relay("mail.example.org", 587, "starttls")
    assert Relay.of("smtps://mail.example.org/") == Relay("mail.example.org", 465, "tls")
    assert Relay.of("smtp+plain://[::1]:2525") == Relay("::1", 2525, "none")
    relay = Relay.of("smtp://a%40b:m%E1%BA%ADt%20kh%E1%BA%A9u%2F%40@h")
    assert (relay.user, relay.password) == ("a@b", "mật khẩu/@")
    assert "khẩu" not in repr(relay)


@pytest.mark.parametrize(
    "sender", ["", "motcua", "Một cửa <motcua>", "a@b.org, c@d.org", "ánh@b.org", "a\n <a@b.org>"]
)
def test_a_sender_that_cannot_be_used(sender: str) -> None:
    """Is told when the office is opened, not with the first letter."""
    with pytest.raises(BadMailSetting, match=r"^MOTCUA_MAIL_FROM cannot be used: "):
        Mailer(SecretStr("smtp://localhost"), sender)


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_authorities_that_cannot_be_used(text: str | None, tmp_path: Path) -> None:
    """No file, or nothing in it."""
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(BadMailSetting, match=r"^MOTCUA_CA_FILE cannot be used: "):
        Mailer(SecretStr("smtp://localhost"), FROM, ca_file=file)


async def test_nothing_of_it_is_logged(server: MailServer, caplog: pytest.LogCaptureFixture) -> None:
    """At any level: neither the password nor the address."""
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("mail.log").disabled = True  # the server's own
        async with mailer(server) as out:
            await out.send(letter())
    assert PASSWORD not in caplog.text
    assert "anh.nguyen" not in caplog.text
