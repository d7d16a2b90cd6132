"""Notices to a real receiver on loopback, its signatures verified by the library of the specification."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import os
import re
import ssl
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from models.refusals import Problem, exit_code
from motcua.notices.addresses import outside
from motcua.notices.letter import ChannelAway, Undeliverable
from motcua.notices.said import said
from motcua.notices.webhook import BadEndpoint, Endpoint, PrivateAddress, Webhooks, addresses
from tests.servers import Answer, Authority, HookServer, MailServer, silence
from tests.waiting import PATIENCE, until

PAYLOAD = {
    "type": "due",
    "to": "+84 912 345 678",
    "text": "Hồ sơ H53-1 đã có kết quả",
    "dossier": {"n": 123456},
}
ID = f"msg_{hashlib.sha256(b'H53-1/due/1').hexdigest()[:32]}"
SECRET = HookServer.secret


@pytest.fixture
async def server() -> AsyncIterator[HookServer]:
    """In the clear."""
    async with HookServer() as server:
        yield server


def hooks(server: HookServer, **more: Any) -> Webhooks:
    """One channel, "sms", at a server on loopback; unless told, it gives a busy machine its time."""
    endpoint = Endpoint(url=more.pop("url", server.url), secret=SecretStr(server.secret))
    ca_file = server.ca_file if server.tls else None
    return Webhooks(
        {"sms": endpoint}, **{"allow_private": True, "timeout": PATIENCE, "ca_file": ca_file, **more}
    )


async def refused(hooks: Webhooks, key: str = "H53-1/due/1") -> Problem:
    """The problem that sending raises; nowhere in it is the secret, or what was sent."""
    with pytest.raises((Undeliverable, ChannelAway)) as caught:
        await hooks.send("sms", key, PAYLOAD)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.facts)
    for secret in (SECRET, "912345678", "345 678", "Hồ sơ"):
        assert secret not in told
    return caught.value


@pytest.mark.parametrize("tls", [False, True])
async def test_a_notice_arrives_signed(tls: bool) -> None:
    """The receiver verifies it, and knows it again; the words are in UTF-8."""
    async with HookServer(tls=tls) as server, hooks(server) as out:
        assert await out.send("sms", "H53-1/due/1", PAYLOAD) == "200 ok"
        assert await out.send("sms", "H53-1/due/1", dict(reversed(PAYLOAD.items()))) == "200 ok"
        assert await out.send("sms", "H53-1/due/2", PAYLOAD) == "200 ok"
    assert server.requests == {ID: 2, server.received[1].id: 1}
    first = server.received[0]
    assert (first.id, first.payload, first.path) == (ID, PAYLOAD, "/hook")
    assert (
        first.body == json.dumps(PAYLOAD, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    )
    assert first.headers["content-type"] == "application/json"
    assert first.headers["host"] == f"127.0.0.1:{server.port}"
    assert server.forged == 0
    assert server.connections == 1


async def test_another_secret_is_not_taken(server: HookServer) -> None:
    """The receiver says no, and a person has to mend it."""
    endpoint = Endpoint(url=server.url, secret=SecretStr("whsec_" + base64.b64encode(b"x" * 32).decode()))
    async with Webhooks({"sms": endpoint}, allow_private=True) as out:
        assert isinstance(await refused(out), Undeliverable)
    assert (server.forged, server.received) == (1, [])


async def test_no_such_channel(server: HookServer) -> None:
    """A person has to mend the catalogue."""
    async with hooks(server) as out:
        with pytest.raises(Undeliverable, match=r"^chat: "):
            await out.send("chat", "key", PAYLOAD)


# What answers mean


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        *((status, None) for status in (200, 201, 202, 204, 299)),
        *(
            (status, Undeliverable)
            for status in (300, 301, 302, 307, 308, 400, 401, 403, 404, 410, 413, 422, 451)
        ),
        *((status, ChannelAway) for status in (408, 425, 429, 500, 502, 503, 504, 599)),
    ],
)
async def test_what_a_status_means(status: int, problem: type[Problem] | None, server: HookServer) -> None:
    """Taken; refused until somebody mends it; or away for now."""
    body = b"" if status == 204 else b"words\nmore"
    server.answer = Answer(status, body, headers={"Location": f"http://127.0.0.1:{server.port}/elsewhere"})
    async with hooks(server) as out:
        if problem is None:
            assert await out.send("sms", "H53-1/due/1", PAYLOAD) == f"{status} words".replace(
                "204 words", "204"
            )
        else:
            raised = await refused(out)
            assert type(raised) is problem
            assert f"{status} words" in raised.message
            assert "more" not in raised.message
            assert exit_code(raised) == (2 if problem is Undeliverable else 5)
    assert server.requests.total() == 1  # nobody went elsewhere


async def test_a_notice_that_is_tried_until_it_goes(server: HookServer) -> None:
    """As the workflow does: taken once, and again with the same id where the answer got lost."""
    tried = 0
    async with hooks(server) as out:
        for answer in (Answer(503, times=2), Answer(act="drop", times=1)):
            server.answer = answer
            while True:
                tried += 1
                try:
                    await out.send("sms", "H53-1/due/1", PAYLOAD)
                    break
                except ChannelAway:
                    continue
    assert tried == 5
    assert (len(server.received), server.requests[ID], len(server.unheard)) == (1, 5, 1)


@pytest.mark.parametrize("act", ["hang", "trickle"])
async def test_an_answer_that_does_not_come(act: Any, server: HookServer) -> None:
    """The time limit is for everything, however lively the other side drips."""
    server.answer = Answer(act=act, times=1)
    async with hooks(server, timeout=1.0) as hasty:
        problem = await refused(hasty)
        assert isinstance(problem, ChannelAway)
        assert "no answer within 1 s" in problem.message
    async with hooks(server) as out:
        await out.send("sms", "H53-1/due/1", PAYLOAD)
    assert (len(server.received), server.requests[ID]) == (1, 2)


@pytest.mark.parametrize("act", ["cut", "drip"])
async def test_the_status_decides(act: Any, server: HookServer) -> None:
    """A body that breaks off or never ends takes nothing back, and does not hold the office up for long."""
    async with hooks(server) as out:
        server.answer = Answer(act=act, body=b"taken\n")
        assert await out.send("sms", "H53-1/due/1", PAYLOAD) == "200 taken"
        server.answer = Answer(400, act=act, body=b"wrong\n")
        assert isinstance(await refused(out), Undeliverable)
        server.answer = Answer(500, act=act, body=b"broken\n")
        assert isinstance(await refused(out), ChannelAway)


async def test_only_the_beginning_of_an_answer_is_read(server: HookServer) -> None:
    """And what is quoted of it holds neither control characters nor what we sent."""
    server.answer = Answer(400, b"\x1b[2J\x00no: " + b"x" * 3_000_000, headers={"Content-Encoding": "gzip"})
    async with hooks(server) as out:
        raised = await refused(out)
        assert raised.message == "sms: 400 [2J no: …"
        assert len(raised.message) < 320
        server.answer = Answer(400, json.dumps({"bad": "+84 912 345 678", "or": 84912345678}).encode())
        assert (await refused(out)).message == 'sms: 400 {"bad": "<hidden>", "or": 84<hidden>}'
        server.answer = Answer(
            400, json.dumps("Hồ sơ H53-1 đã có kết quả, 0912345678, anh@example.org").encode()
        )
        assert (await refused(out)).message == 'sms: 400 "<hidden>, 0<hidden>, <address>"'


async def test_nobody_there(server: HookServer) -> None:
    """No listener, no such name, no handshake, no certificate that we know."""
    async with HookServer() as gone:
        pass
    async with hooks(gone) as out:
        assert isinstance(await refused(out), ChannelAway)
    async with hooks(server, url="http://nowhere.invalid/") as out:
        assert isinstance(await refused(out), ChannelAway)
    async with silence() as port, hooks(server, url=f"https://localhost:{port}/", timeout=0.3) as out:
        assert "0.3 s" in (await refused(out)).message
    async with HookServer(tls=True) as secure, hooks(secure, ca_file=None) as out:
        assert "certificate" in (await refused(out)).message.lower()
    async with HookServer(tls=True, names=("elsewhere.example",)) as secure, hooks(secure) as out:
        assert isinstance(await refused(out), ChannelAway)
    assert secure.requests.total() == 0


async def test_a_server_of_another_kind(server: HookServer) -> None:
    """TLS where there is none, none where there is TLS, one that wants certificates of us, a mail server."""
    async with HookServer(tls=True) as secure, MailServer(authority=Authority()) as mail:
        for url in (server.url.replace("http:", "https:"), secure.url.replace("https:", "http:")):
            async with hooks(server, url=url, timeout=0.6) as out:
                assert isinstance(await refused(out), ChannelAway)
        async with hooks(server, url=f"http://localhost:{mail.port}/", timeout=0.6) as out:
            assert isinstance(await refused(out), ChannelAway)
    authority = Authority()
    context = authority.context()
    context.verify_mode = ssl.CERT_REQUIRED
    strict = await asyncio.start_server(lambda _reader, _writer: None, "localhost", ssl=context)
    url = f"https://localhost:{strict.sockets[0].getsockname()[1]}/"
    async with hooks(server, url=url, ca_file=authority.file, timeout=0.6) as out:
        assert isinstance(await refused(out), ChannelAway)
    strict.close()


# Where notices may go


INSIDE = """
127.0.0.1 localhost 127.1 2130706433 0x7f000001 0x7f.1 0 0.0.0.0
10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 224.0.0.1 255.255.255.255
[::1] [::] [::ffff:127.0.0.1] [::ffff:10.0.0.1] [fe80::1] [fd00:ec2::254] [ff02::1] [fec0::1]
[64:ff9b::7f00:1] [2002:7f00:1::] [2001:0:1::1] [::127.0.0.1]
"""


@pytest.mark.parametrize("host", INSIDE.split())
async def test_no_notice_goes_inside(host: str) -> None:
    """Into the network that it is sent from, by whatever way its address is written."""
    async with hooks(HookServer(), url=f"https://{host}/", allow_private=False) as out:
        raised = await refused(out)
    assert type(raised) is PrivateAddress
    assert raised.message.startswith("sms: ")
    assert exit_code(raised) == 2


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_lies_outside(address: str) -> None:
    """The public internet."""
    assert outside(address)


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.0.0.1", "::1"])
async def test_one_address_inside_is_enough(inside: str) -> None:
    """However many others the name has: nothing is sent to any of them."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["203.113.131.1", inside]

    async with hooks(HookServer(), url="https://sms.example/", allow_private=False, resolve=resolve) as out:
        assert type(await refused(out)) is PrivateAddress


async def test_a_name_that_leads_elsewhere_the_second_time() -> None:
    """The connection goes to the address that was checked; name and certificate stay those of the host."""
    asked = 0

    async def resolve(_host: str, _port: int) -> list[str]:
        nonlocal asked
        asked += 1
        return ["127.0.0.1" if asked == 1 else "127.0.0.2"]

    async with HookServer(tls=True, names=("sms.example",)) as checked:
        other = HookServer(tls=True, names=("sms.example",), host="127.0.0.2", port=checked.port)
        url = f"https://sms.example:{checked.port}/in?token=1"
        async with other, hooks(checked, url=url, resolve=resolve) as out:
            await out.send("sms", "key", PAYLOAD)
            assert (asked, other.connections) == (1, 0)
    assert checked.server_names == ["sms.example"]
    assert checked.received[0].headers["host"] == f"sms.example:{checked.port}"
    assert checked.received[0].path == "/in?token=1"


async def test_the_next_address_when_one_takes_no_connection(server: HookServer) -> None:
    """A host with an old address beside its good one is reached."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.3", "127.0.0.1"]

    async with hooks(server, url=f"http://sms.example:{server.port}/", resolve=resolve) as out:
        await out.send("sms", "key", PAYLOAD)
    assert len(server.received) == 1


async def test_channels_on_one_address_share_no_connection() -> None:
    """A connection was verified for the name of one of them only."""

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    async with HookServer(tls=True, names=("a.example",)) as server:
        secret = SecretStr(server.secret)
        both = {name: Endpoint(url=f"https://{name}.example:{server.port}/", secret=secret) for name in "ab"}
        async with Webhooks(both, allow_private=True, ca_file=server.ca_file, resolve=resolve) as out:
            await out.send("a", "key", PAYLOAD)
            with pytest.raises(ChannelAway):
                await out.send("b", "key", PAYLOAD)
    assert len(server.received) == 1


async def test_no_proxy_of_the_environment(server: HookServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be asked to reach what must not be reached."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with hooks(server) as out:
        await out.send("sms", "key", PAYLOAD)


async def test_the_systems_addresses() -> None:
    """Each once, odd ways of writing one included."""
    assert await addresses("0x7f.1", 80) == ["127.0.0.1"]
    found = await addresses("localhost", 80)
    assert "127.0.0.1" in found
    assert len(found) == len(set(found))


# Configuration


BAD_URLS = """
sms.example /x ftp://sms.example/ https:// https:///x https://geheim@sms.example/
https://user:geheim@sms.example/ https://sms.example/#geheim https://sms.example/#
https://sms.example:port/geheim https://0177.0.0.1/geheim http://sms.example/geheim
"""


@pytest.mark.parametrize("url", ["", "https://a b/geheim", "https://x\r\ny/geheim", *BAD_URLS.split()])
def test_an_address_that_cannot_be_used(url: str) -> None:
    """Is told when the office is opened, and quoted nowhere: some gateways put a token into it."""
    with pytest.raises(BadEndpoint, match=r"^The channel sms cannot be used: .+\.$") as caught:
        Webhooks({"sms": Endpoint(url=url, secret=SecretStr(SECRET))})
    assert "geheim" not in "".join(traceback.format_exception(caught.value))
    assert exit_code(caught.value) == 2


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "geheim",
        "whsec_geheim",
        "whsec_" + "é" * 40,
        SECRET[6:],
        "whsec_" + "QUJD" * 4,
        SECRET + "!",
    ],
)
def test_a_secret_that_cannot_be_used(secret: str) -> None:
    """Is told, and not shown."""
    with pytest.raises(BadEndpoint, match="its secret must be") as caught:
        Webhooks({"sms": Endpoint(url="https://sms.example/", secret=SecretStr(secret))})
    assert len(secret) < 7 or secret not in "".join(traceback.format_exception(caught.value))


async def test_secrets_are_shown_nowhere(server: HookServer, caplog: pytest.LogCaptureFixture) -> None:
    """Neither by a value nor in a log."""
    endpoint = Endpoint(url="https://sms.example/geheim", secret=SecretStr(SECRET))
    assert "geheim" not in repr(endpoint)
    assert SECRET not in repr(endpoint) + endpoint.model_dump_json()
    with caplog.at_level(logging.DEBUG):
        async with hooks(server) as out:
            await out.send("sms", "key", PAYLOAD)
            await until(lambda: server.requests.total() == 1)
    assert SECRET not in caplog.text
    assert SECRET[6:] not in caplog.text


# Signatures, against others' code


@settings(max_examples=30)
@given(
    key=st.binary(min_size=24, max_size=64), padded=st.booleans(), text=st.text(st.characters(codec="utf-8"))
)
async def test_any_secret_and_text(key: bytes, padded: bool, text: str) -> None:
    """Verified by the specification's library."""
    secret = "whsec_" + base64.b64encode(key).decode()
    async with HookServer(secret=secret if padded else secret.rstrip("=")) as server, hooks(server) as out:
        await out.send("sms", text, {"text": text})
    assert (server.forged, server.received[0].payload) == (0, {"text": text})


def blocks(language: str) -> list[str]:
    """The code of docs/channels.md in a language."""
    page = Path(__file__).resolve().parents[2] / "docs" / "channels.md"
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"))
async def test_receivers_in_python_as_documented(code: str, server: HookServer) -> None:
    """Each block of the documentation takes a notice, and not one that was changed."""
    async with hooks(server) as out:
        await out.send("sms", "key", PAYLOAD)
    [got] = server.received
    receiver: dict[str, Any] = {}
    exec(code, receiver)
    assert receiver["verified"](SECRET, got.headers, got.body) == PAYLOAD
    other = base64.b64encode(b"x" * 32).decode()
    old = {**got.headers, "webhook-timestamp": "1700000000"}
    for secret, headers, body in (
        (other, got.headers, got.body),
        (SECRET, {**got.headers, "webhook-id": "msg_x"}, got.body),
        (SECRET, old, got.body),
        (SECRET, got.headers, got.body.replace(b"345", b"346")),
    ):
        with pytest.raises((ValueError, WebhookVerificationError)):
            receiver["verified"](secret, headers, body)


async def test_a_receiver_in_a_shell_as_documented(server: HookServer, tmp_path: Path) -> None:
    """openssl comes to the same signature, and so does the specification's library."""
    async with hooks(server) as out:
        await out.send("sms", "key", PAYLOAD)
    [got] = server.received
    (tmp_path / "body.json").write_bytes(got.body)
    at = got.headers["webhook-timestamp"]
    env = {**os.environ, "SECRET": SECRET, "WEBHOOK_ID": got.id, "WEBHOOK_TIMESTAMP": at}
    [code] = blocks("bash")
    bash = await asyncio.create_subprocess_exec("bash", "-c", code, env=env, cwd=tmp_path, stdout=PIPE)
    printed, _ = await bash.communicate()
    assert got.headers["webhook-signature"] == printed.decode().strip()
    signed_at = datetime.fromtimestamp(int(at), tz=UTC)
    assert got.headers["webhook-signature"] == Webhook(SECRET).sign(got.id, signed_at, got.body.decode())


def test_a_long_answer_takes_no_time() -> None:
    """Looking for addresses in one word of a megabyte would hold everybody up."""
    # If the work grew with the square of the length, the time limit of the test would end it.
    assert said("x" * 1_000_000) == "x" * 299 + "…"
    assert said("x " * 1_000_000) == "x " * 149 + "x…"
    assert "anh" not in said("x@y " * 498 + "anh.nguyen@example.org", ("anh.nguyen@example.org",))


@pytest.mark.parametrize(
    ("answer", "hidden", "told"),
    [
        ("550 no\r\n\x1b[1muser\u2028", (), "550 no [1muser"),
        ("a user at a@b.org", ("a",), "<hidden> user at <address>"),
        ("(<A.B@c.org>) or 'd@e.org', mailto:f@g.org", (), "(<address>) or '<address>', mailto:<address>"),
        ("NGUYEN and nguyen", ("nguyen", ""), "<hidden> and <hidden>"),
        ("\udc80\udcff", (), ""),
        ("x" * 999, (), "x" * 299 + "…"),
    ],
)
def test_what_another_system_said(answer: str, hidden: tuple[str, ...], told: str) -> None:
    """On one line, and without what must be erasable."""
    assert said(answer, hidden) == told
