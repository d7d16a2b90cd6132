"""Notices to other systems: SMS and chat gateways, by HTTP as the Standard Webhooks specification has it.

A notice leaves at least once. Its id is the same whenever it is sent again, so that a receiver can tell.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from socket import SOCK_STREAM
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import Field, SecretStr

from models.base import Value
from models.refusals import BadInput
from motcua.notices.addresses import outside
from motcua.notices.letter import ChannelAway, Undeliverable
from motcua.notices.said import said

SECRET = "whsec_"  # noqa: S105 - how each secret begins
PASSING = (408, 425, 429)
"""Answers of the 400s that say: later."""
READ = 2048
"""Bytes that are read of an answer."""
READING = 1.0
"""Seconds for them, once the answer is known."""
AT_ONCE = 10
"""Connections to one channel."""

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class BadEndpoint(BadInput):
    """A channel whose address or secret cannot be used."""

    sentence = "The channel {channel} cannot be used: {reason}."


class PrivateAddress(Undeliverable):
    """The channel's host has an address inside, where a notice could reach what nobody else can."""

    sentence = "{to}: {host} has the address {address}, which is none of the public internet"


class Endpoint(Value):
    """Where a channel takes notices, and the secret that proves who sends them."""

    url: str = Field(repr=False)
    """Some gateways put a token into it, so it is not shown."""
    secret: SecretStr
    """`whsec_` and 24 to 64 bytes in base64."""


class Webhooks:
    """Posts notices to channels. `ca_file` names the only authorities to trust, instead of the system's."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        *,
        allow_private: bool = False,
        timeout: float = 10.0,
        ca_file: Path | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._urls = {name: _url(name, each.url, allow_private) for name, each in endpoints.items()}
        self._keys = {name: _key(name, each.secret) for name, each in endpoints.items()}
        self._allow_private, self._timeout = allow_private, timeout
        self._context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self._resolve = resolve or addresses
        self._clients: dict[str, httpx.AsyncClient] = {}
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for name in self._urls:
            # One client for each: a pooled connection was verified for the name of one host only.
            client = httpx.AsyncClient(
                verify=self._context,
                # `send` sets the limit for everything. This one comes first where a handshake hangs, because
                # httpcore leaves the socket open of one that is cancelled.
                timeout=httpx.Timeout(None, connect=self._timeout * 0.45),
                trust_env=False,
                follow_redirects=False,
                limits=httpx.Limits(max_connections=AT_ONCE),
            )
            self._clients[name] = await self._open.enter_async_context(client)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def send(self, channel: str, key: str, payload: Mapping[str, Any]) -> str:
        """Post a notice; returns what the channel answered when it took it.

        A person has to mend what is Undeliverable; after ChannelAway the same notice is sent again later.
        """
        url = self._urls.get(channel)
        if url is None:
            raise Undeliverable(to=channel, reason="there is no such channel")
        body = json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        request = _signed(url, self._keys[channel], key, body.encode())
        try:
            async with asyncio.timeout(self._timeout):
                status, answer = await self._post(channel, request)
        except (TimeoutError, httpx.TimeoutException):
            raise _away(channel, f"no answer within {self._timeout:g} s") from None
        except (httpx.TransportError, httpx.InvalidURL, OSError) as error:  # ssl.SSLError comes as it is
            raise _away(channel, said(str(error) or type(error).__name__)) from None
        words = f"{status} {said(answer, _leaves(payload))}".strip()
        if 200 <= status < 300:
            return words
        if status >= 500 or status in PASSING:
            raise _away(channel, words)
        redirects = " (redirects are not followed)" if 300 <= status < 400 else ""
        raise Undeliverable(to=channel, reason=words + redirects)

    async def _post(self, channel: str, request: httpx.Request) -> tuple[int, str]:
        """Status and first line of the answer, from the first address that takes a connection."""
        host, client = request.url.raw_host.decode("ascii"), self._clients[channel]
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(f"{host} is not found ({error})") from None
        for address in found:
            if not (self._allow_private or outside(address)):
                raise PrivateAddress(to=channel, host=host, address=address)
        problem: httpx.TransportError = httpx.ConnectError(f"{host} has no address")
        for address in found:
            # To the very address that was checked: asked again, a name may lead elsewhere.
            request.url = request.url.copy_with(host=address)
            try:
                response = await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing was sent
                problem = error
                continue
            try:
                return response.status_code, await _first_line(response)
            finally:
                await response.aclose()
        raise problem


async def addresses(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system finds them; odd ways to write one are read by it, too."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def _first_line(response: httpx.Response) -> str:
    """What is there of it soon; the status alone decides, so that a slow or broken body changes nothing."""
    read = b""
    with suppress(TimeoutError, httpx.TransportError):
        async with asyncio.timeout(READING):
            async for part in response.aiter_raw():  # raw: what is compressed could be endless
                read += part
                if len(read) >= READ or b"\n" in read:
                    break
    return read[:READ].decode(errors="replace").strip().partition("\n")[0]


def _signed(url: httpx.URL, secret: bytes, key: str, body: bytes) -> httpx.Request:
    """The request for a notice; its id never changes, its time of signing does."""
    message = f"msg_{hashlib.sha256(key.encode()).hexdigest()[:32]}"
    at = str(int(time.time()))
    digest = hmac.digest(secret, b".".join((message.encode(), at.encode(), body)), "sha256")
    headers = {
        "Host": url.netloc.decode("ascii"),
        "Content-Type": "application/json",
        "User-Agent": "motcua",
        "webhook-id": message,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        "Idempotency-Key": message,
    }
    name = url.raw_host.decode("ascii")
    return httpx.Request("POST", url, content=body, headers=headers, extensions={"sni_hostname": name})


def _url(channel: str, text: str, allow_private: bool) -> httpx.URL:
    """Read a URL. What is said about a bad one quotes nothing of it."""
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError):
        raise BadEndpoint(channel=channel, reason="its address is no URL") from None
    if any(letter.isspace() or not letter.isprintable() for letter in text):
        raise BadEndpoint(channel=channel, reason="its address holds spaces or control characters")
    if url.scheme not in ("http", "https") or not url.host:
        raise BadEndpoint(channel=channel, reason="its address must begin with https:// and name a host")
    if url.scheme == "http" and not allow_private:
        reason = "its address must begin with https://; http is for private networks, where they are allowed"
        raise BadEndpoint(channel=channel, reason=reason)
    if url.userinfo:
        raise BadEndpoint(channel=channel, reason="its address must not hold a user or a password")
    if "#" in text:
        raise BadEndpoint(channel=channel, reason="its address must not have a fragment (#)")
    return url


def _key(channel: str, secret: SecretStr) -> bytes:
    text = secret.get_secret_value()
    with suppress(binascii.Error, ValueError):
        key = base64.b64decode(
            text.removeprefix(SECRET) + "=" * (-len(text.removeprefix(SECRET)) % 4), validate=True
        )
        if text.startswith(SECRET) and 24 <= len(key) <= 64:
            return key
    reason = f"its secret must be {SECRET} and 24 to 64 bytes in base64"
    raise BadEndpoint(channel=channel, reason=reason)


def _leaves(payload: object) -> Iterator[str]:
    """What a payload says: a gateway that quotes it would put a telephone number into the record for ever."""
    match payload:
        case Mapping():
            for each in payload.values():
                yield from _leaves(each)
        case list() | tuple():
            for each in payload:
                yield from _leaves(each)
        case str() | int() | float() if not isinstance(payload, bool) and len(str(payload)) > 3:
            text = str(payload)
            yield from (text, json.dumps(text)[1:-1])
            digits = "".join(letter for letter in text if letter.isdigit())
            if len(digits) >= 9 and len(digits) > len(text) / 2:
                yield digits[-9:]  # a telephone number, with another prefix


def _away(channel: str, reason: str) -> ChannelAway:
    return ChannelAway(channel=channel, reason=reason)
