"""A real time-stamping authority: OpenSSL's `ts`, with a root and a certificate of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from tests.needs import needs
from tests.waiting import PATIENCE

CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[root]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[signer]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa]
default_tsa = here
[here]
dir = {folder}
serial = {folder}/serial
crypto_device = builtin
signer_cert = {folder}/signer.pem
signer_key = {folder}/signer.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256,sha384,sha512
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


def _same_clock() -> dict[str, str]:
    """The environment of a process whose clock goes on from this one's.

    Faketime begins each anew: a stamp was older than the certificate that was made a moment before it.
    """
    env = dict(os.environ)
    if "FAKETIME" in env:
        env["FAKETIME"] = f"@{datetime.now().astimezone():%Y-%m-%d %H:%M:%S}"
    return env


class TimeStamps:
    """An authority in a folder."""

    def __init__(self, folder: Path) -> None:
        if shutil.which("openssl") is None:
            needs("OpenSSL", "apt-get install openssl")
        folder.mkdir(parents=True)
        self._folder, self.root = folder, folder / "root.pem"
        (folder / "serial").write_text("01\n")
        (folder / "openssl.cnf").write_text(CONFIG.format(folder=folder, name=folder.name))
        for name in ("root", "signer"):
            self._openssl(
                "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", f"{name}.key"
            )
            self._openssl(
                *(
                    "req",
                    "-new",
                    "-key",
                    f"{name}.key",
                    "-subj",
                    f"/CN={folder.name} {name}",
                    "-out",
                    f"{name}.csr",
                )
            )
        self._openssl(
            *("x509", "-req", "-in", "root.csr", "-signkey", "root.key", "-days", "30"),
            *("-extfile", "openssl.cnf", "-extensions", "root", "-out", "root.pem"),
        )
        self._openssl(
            *(
                "x509",
                "-req",
                "-in",
                "signer.csr",
                "-CA",
                "root.pem",
                "-CAkey",
                "root.key",
                "-set_serial",
                "2",
            ),
            *("-days", "30", "-extfile", "openssl.cnf", "-extensions", "signer", "-out", "signer.pem"),
        )

    def stamp(self, content: bytes) -> bytes:
        """Its stamp for some bytes."""
        (self._folder / "content").write_bytes(content)
        self._openssl("ts", "-query", "-data", "content", "-sha256", "-cert", "-out", "query.tsq")
        return self.answer((self._folder / "query.tsq").read_bytes())

    def answer(self, query: bytes) -> bytes:
        """Its answer to a query."""
        (self._folder / "asked.tsq").write_bytes(query)
        self._openssl(
            "ts", "-reply", "-config", "openssl.cnf", "-queryfile", "asked.tsq", "-out", "answer.tsr"
        )
        return (self._folder / "answer.tsr").read_bytes()

    def believes(self, content: bytes, stamp: bytes) -> bool:
        """Whether OpenSSL itself finds that a stamp is its own, for these bytes."""
        (self._folder / "content").write_bytes(content)
        (self._folder / "stamp.tsr").write_bytes(stamp)
        arguments = ("ts", "-verify", "-data", "content", "-in", "stamp.tsr", "-CAfile", "root.pem")
        return self._run(*arguments).returncode == 0

    def _openssl(self, *arguments: str) -> None:
        ran = self._run(*arguments)
        assert ran.returncode == 0, (arguments, ran.stderr)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["openssl", *arguments],
            cwd=self._folder,
            env=_same_clock(),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Answer queries over HTTP on loopback; its address."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(head.partition("content-length:")[2].partition("\r\n")[0])
            answer = await asyncio.to_thread(self.answer, await reader.readexactly(length))
            kind = b"Content-Type: application/timestamp-reply\r\n"
            writer.write(b"HTTP/1.1 200 OK\r\n" + kind + f"Content-Length: {len(answer)}\r\n\r\n".encode())
            writer.write(answer)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
