"""An S3-compatible store as the archive's shelf. Who may use it says AWS_*, as everywhere else."""

from __future__ import annotations

import os
from datetime import timedelta

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from models.refusals import Unreachable

RETRIES, PATIENCE = 3, timedelta(seconds=30)
"""Whoever sweeps comes again; they need not wait for minutes."""


class ShelfUnreachable(Unreachable):
    """The store of the archive's bytes does not answer, or not as it should."""

    sentence = "The archive's store {url} cannot be used: {reason}"


class S3Shelf:
    """Objects under one address, `s3://bucket/prefix`. A name is put again with the same bytes only."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._store = _store(self._url)

    async def put(self, name: str, content: bytes) -> str:
        """Keep an object; returns its place, which stays what it is when the address is configured anew."""
        try:
            await obstore.put_async(self._store, name, content)
        except BaseError as error:
            raise ShelfUnreachable(url=self._url, reason=_reason(error)) from error
        return f"{self._url}/{name}"

    async def get(self, place: str) -> bytes | None:
        """The bytes of an object; None where there is none."""
        folder, _, name = place.rpartition("/")
        store = self._store if folder == self._url else _store(folder)
        try:
            found = await obstore.get_async(store, name)
            return bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError):
            return None
        except BaseError as error:
            raise ShelfUnreachable(url=folder, reason=_reason(error)) from error


def _store(url: str) -> S3Store:
    plain = os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true"
    try:
        return S3Store.from_url(
            url,
            client_options={"allow_http": plain},
            retry_config={"max_retries": RETRIES, "retry_timeout": PATIENCE},
        )
    except (BaseError, ValueError) as error:
        raise ShelfUnreachable(url=url, reason=_reason(error)) from error


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
