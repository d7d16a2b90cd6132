"""Webhooks: notices as signed JSON, in the way of the Standard Webhooks specification."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from models.base import Value
from models.refusals import BadInput
from motcua.notices.letter import ChannelAway, Undeliverable

READ = 2048
"""Bytes of an answer that are looked at."""
LISTEN = 1.0
"""Seconds for which it is listened to, once its status is known."""
LATER = frozenset({408, 425, 429})
"""Answers from 400 to 499 that may be others later."""
_TRANSLATING = ipaddress.ip_network("64:ff9b::/96")


class BadWebhook(BadInput):
    """A webhook that cannot be used as it is configured."""

    sentence = "The webhook {channel} cannot be used: {reason}"


class PrivateAddress(Undeliverable):
    """A webhook that leads into the office's own network, which was not allowed."""

    sentence = "{to}: {host} has the private address {address}; MOTCUA_WEBHOOK_PRIVATE=true would allow it"


class Endpoint(Value):
    """Where notices are posted to, and the secret they are signed with (`whsec_` and Base64)."""

    url: str
    secret: SecretStr

    def key(self, channel: str) -> bytes:
        """The secret as bytes; BadWebhook where it is none."""
        text = self.secret.get_secret_value()
        try:
            key = base64.b64decode(text.removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if not text.startswith("whsec_") or len(key) < 16:
            raise BadWebhook(
                channel=channel, reason="its secret must be whsec_ and Base64 of 16 bytes or more"
            )
        return key


class Webhooks:
    """Posts notices to the webhooks of an office. `allow_private` lets them lead into its own network."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        *,
        allow_private: bool = False,
        timeout: float = 10.0,
        ca_file: Path | None = None,
    ) -> None:
        self._endpoints, self._allow_private, self._timeout = endpoints, allow_private, timeout
        self._keys = {name: endpoint.key(name) for name, endpoint in endpoints.items()}
        for name, endpoint in endpoints.items():
            _check(name, endpoint.url, allow_private=allow_private)
        try:
            self._tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        except OSError as error:
            raise BadWebhook(channel="*", reason=f"the certificates in {ca_file}: {error}") from error
        self._stack = AsyncExitStack()
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def __aenter__(self) -> Self:
        for name in self._endpoints:
            # One client each: a connection belongs to an address, and must not serve another host there.
            client = httpx.AsyncClient(verify=self._tls, trust_env=False, timeout=self._timeout)
            self._clients[name] = await self._stack.enter_async_context(client)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def send(self, channel: str, key: str, payload: Mapping[str, Any]) -> str:
        """Post a notice; returns what was answered. The same key is the same id for ever.

        Raises Undeliverable where it is refused for good, ChannelAway where it may be taken later.
        """
        if channel not in self._clients:
            raise Undeliverable(to=channel, reason="the office has no such webhook")
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(channel, key, payload)
        except (httpx.TransportError, OSError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise ChannelAway(channel=channel, reason=reason.splitlines()[0]) from error

    async def _post(self, channel: str, key: str, payload: Mapping[str, Any]) -> str:
        client, url = self._clients[channel], httpx.URL(self._endpoints[channel].url)
        body = json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        headers = {"Host": url.netloc.decode(), **sign(self._keys[channel], key, body, int(time.time()))}
        # Asked once and connected to what was answered: a second answer might be another (DNS rebinding).
        address = await self._address(channel, url)
        request = client.build_request(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers=headers,
            extensions={"sni_hostname": url.host},
        )
        answer = await client.send(request, stream=True, follow_redirects=False)
        text = b""
        try:
            # The status says it all: what drips, or breaks off, after it has been accepted is accepted.
            with suppress(httpx.TransportError, TimeoutError):
                async with asyncio.timeout(LISTEN):
                    async for part in answer.aiter_raw():
                        text += part
                        if len(text) >= READ:
                            break
        finally:
            await answer.aclose()
        return _judged(channel, answer.status_code, text[:READ].decode(errors="replace"))

    async def _address(self, channel: str, url: httpx.URL) -> str:
        """The address to connect to; none of those that the name has may lead inside."""
        loop = asyncio.get_running_loop()
        port = url.port or (443 if url.scheme == "https" else 80)
        found = await loop.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        addresses = [str(entry[4][0]) for entry in found]
        for address in addresses:
            if not self._allow_private and not is_public(address):
                raise PrivateAddress(to=channel, host=url.host, address=address)
        return addresses[0]


def sign(key: bytes, notice: str, body: bytes, now: int) -> dict[str, str]:
    """The headers of a notice: its id, when it was sent, and the signature over both and the body."""
    name = f"msg_{hashlib.sha256(notice.encode()).hexdigest()[:32]}"
    digest = hmac.new(key, f"{name}.{now}.".encode() + body, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json; charset=utf-8",
        "webhook-id": name,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        "Idempotency-Key": name,
    }


def is_public(address: str) -> bool:
    """Whether an IP address lies outside every private, local and special network."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if ip in _TRANSLATING:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast


def _check(channel: str, url: str, *, allow_private: bool) -> None:
    """Refuse an address that is none, or that would carry notices in the clear through the world."""
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port != 0
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as error:
        raise BadWebhook(channel=channel, reason="its address is no URL") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        raise BadWebhook(channel=channel, reason="its address must begin with https:// and name a host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise BadWebhook(channel=channel, reason="its address must hold no password and no fragment")
    if parts.scheme == "http" and not allow_private:
        raise BadWebhook(channel=channel, reason="without TLS it may only be in the office's own network")


def _judged(channel: str, status: int, text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]
    said = f"{status} {line}".strip()
    if 200 <= status < 300:
        return said
    if status >= 500 or status in LATER:
        raise ChannelAway(channel=channel, reason=said)
    if 300 <= status < 400:
        said = f"{status}: it leads elsewhere, and notices do not follow"
    raise Undeliverable(to=channel, reason=said)
