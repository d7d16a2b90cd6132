"""Stamps of an outside time-stamping authority (RFC 3161): that a seal was there by a moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
from cryptography.x509 import Certificate, load_pem_x509_certificates
from rfc3161_client import (
    HashAlgorithm,
    PKIStatus,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from models.refusals import BadInput, CheckFailed, Unreachable
from models.seals import Seal
from motcua.proof.der import strict
from motcua.proof.signer import check_signer

PATIENCE = 20.0
"""Seconds that an authority may take to answer."""
MOST = 65536
"""Bytes of an answer, at most: stamps with their certificates take a few thousand."""


class AuthorityUnreachable(Unreachable):
    """The time-stamping authority does not answer, or not with a stamp."""

    sentence = "The time-stamping authority at {url} gave no stamp: {reason}"


class BadAuthorities(BadInput):
    """A file that should hold authorities' root certificates and does not."""

    sentence = "{path} holds no certificates of authorities: {reason}"


class BadStamp(CheckFailed):
    """A stamp that does not prove what it should."""

    sentence = "The stamp of seal {number} does not hold: {reason}"


def authorities(path: Path) -> tuple[Certificate, ...]:
    """The root certificates, in PEM, of the authorities that are believed."""
    try:
        return tuple(load_pem_x509_certificates(path.read_bytes()))
    except OSError as error:
        raise BadAuthorities(path=path, reason=error.strerror or str(error)) from error
    except ValueError as error:
        raise BadAuthorities(path=path, reason="it is not PEM") from error


def stamped_at(seal: Seal, stamp: bytes, roots: Sequence[Certificate], nonce: int | None) -> datetime:
    """When the seal was there at the latest, in UTC; BadStamp where no such root stands behind it.

    `nonce` is that of the request where the answer is fresh; None for a stamp that was kept.
    """
    try:
        read = strict(stamp)
        answer = decode_timestamp_response(read)
    except ValueError as error:
        raise BadStamp(number=seal.number, reason="it cannot be read") from error
    try:
        VerifierBuilder(roots=list(roots), nonce=nonce).build().verify_message(answer, seal.stamped)
        check_signer(read, roots, answer.tst_info.name)
    except (VerificationError, ValueError) as error:
        raise BadStamp(number=seal.number, reason=str(error) or "it is not believed") from error
    return answer.tst_info.gen_time.astimezone(UTC)


class Authority:
    """A time-stamping authority over HTTP."""

    def __init__(self, url: str, roots: Sequence[Certificate]) -> None:
        self._url, self._roots = url, roots

    async def stamp(self, seal: Seal) -> bytes:
        """Its answer for a seal, checked before it is kept."""
        request = TimestampRequestBuilder().data(seal.stamped).hash_algorithm(HashAlgorithm.SHA256).build()
        try:
            async with httpx.AsyncClient(timeout=PATIENCE) as client:
                answer = await client.post(
                    self._url,
                    content=request.as_bytes(),
                    headers={"Content-Type": "application/timestamp-query"},
                )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise AuthorityUnreachable(url=self._url, reason=str(error) or type(error).__name__) from error
        stamp = answer.content
        if answer.status_code != httpx.codes.OK or len(stamp) > MOST:
            raise AuthorityUnreachable(
                url=self._url, reason=f"status {answer.status_code}, {len(stamp)} bytes"
            )
        try:
            status = decode_timestamp_response(strict(stamp)).status
        except ValueError as error:
            raise AuthorityUnreachable(url=self._url, reason="it answered something else") from error
        if status != PKIStatus.GRANTED:
            raise AuthorityUnreachable(url=self._url, reason=f"it refused (status {status})")
        stamped_at(seal, stamp, self._roots, request.nonce)
        return stamp
