"""Stamps of authorities with a chain, held against the verdicts of OpenSSL's own `ts -verify`."""

from __future__ import annotations

import hashlib
import itertools
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from rfc3161_client import decode_timestamp_response

from models.chain import GENESIS
from models.seals import Seal, Statement
from motcua.proof.der import children, encoded, strict
from motcua.proof.stamps import BadStamp, authorities, stamped_at
from tests.authority import CONFIG
from tests.needs import needs
from tests.waiting import PATIENCE

STAMPED_ON = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
"""The moment of every stamp here, by a clock of OpenSSL's that is moved there."""
DAY = timedelta(days=1)
SEAL = Seal(
    statement=Statement(
        office="hoathanh", number=7, at=STAMPED_ON, size=2, root="0" * 64, previous=GENESIS, key="0" * 16
    ),
    signature="0" * 128,
)
CONTENT = SEAL.stamped


class Chain:
    """Root, intermediate and signer of one authority, in a folder of OpenSSL's."""

    def __init__(
        self,
        folder: Path,
        usage: tuple[x509.ObjectIdentifier, ...] | None = (Usage.TIME_STAMPING,),
        *,
        critical: bool = True,
        signer_until: datetime = STAMPED_ON + DAY,
        signer_from: datetime = STAMPED_ON - DAY,
    ) -> None:
        for program in ("openssl", "faketime"):
            if shutil.which(program) is None:
                needs(program, f"apt-get install {program}")
        folder.mkdir(parents=True)
        self.folder = folder
        (folder / "serial").write_text("01\n")
        (folder / "openssl.cnf").write_text(CONFIG.format(folder=folder, name=folder.name))
        root_key, middle_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        always = (STAMPED_ON - 900 * DAY, STAMPED_ON + 9000 * DAY)
        self.root = _certificate("root", root_key, "root", root_key, always, authority=True)
        self.middle = _certificate("middle", middle_key, "root", root_key, always, authority=True)
        self.signer, self.worthy = (
            _certificate(
                "signer", key, "middle", middle_key, valid, usage=uses, critical=must, authority=False
            )
            for valid, uses, must in (
                ((signer_from, signer_until), usage, critical),
                ((STAMPED_ON - DAY, STAMPED_ON + DAY), (Usage.TIME_STAMPING,), True),
            )
        )
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "signer.key").write_bytes(pem)
        for name, certificates in (
            ("root", [self.root]),
            ("signer", [self.signer]),
            ("worthy", [self.worthy]),
            ("chain", [self.middle, self.root]),
        ):
            (folder / f"{name}.pem").write_bytes(
                b"".join(each.public_bytes(Encoding.PEM) for each in certificates)
            )

    def set(self, **options: str) -> None:
        """Change what its configuration says of stamps."""
        file = self.folder / "openssl.cnf"
        kept = [line for line in file.read_text().splitlines() if line.split(" =")[0] not in options]
        file.write_text("\n".join([*kept, *(f"{name} = {value}" for name, value in options.items())]) + "\n")

    def resigned(self, stamp: bytes, change: Callable[[bytes], bytes]) -> bytes:
        """A stamp whose signed attributes were changed before its key signed them."""
        status, token = children(strict(stamp))
        kind, explicit = children(token)
        (signed,) = children(explicit)
        *fields, infos = children(signed)
        (info,) = children(infos)
        *before, attributes, algorithm, _ = children(info)
        changed = b"".join(sorted(filter(None, map(change, children(attributes)))))
        key = load_pem_private_key((self.folder / "signer.key").read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        signature = encoded(0x04, key.sign(encoded(0x31, changed), ec.ECDSA(hashes.SHA256())))
        info = encoded(0x30, b"".join(before) + encoded(0xA0, changed) + algorithm + signature)
        signed = encoded(0x30, b"".join(fields) + encoded(0x31, info))
        return encoded(0x30, status + encoded(0x30, kind + encoded(0xA0, signed)))

    def stamp(self, content: bytes = CONTENT, signer: str = "signer") -> bytes:
        """Its stamp for some bytes, with all three certificates in it."""
        (self.folder / "content").write_bytes(content)
        self.run("ts", "-query", "-data", "content", "-sha256", "-cert", "-out", "query.tsq")
        self.run(
            *("ts", "-reply", "-config", "openssl.cnf", "-section", "here", "-queryfile", "query.tsq"),
            *("-signer", f"{signer}.pem", "-inkey", "signer.key", "-chain", "chain.pem", "-out", "stamp.tsr"),
        )
        return (self.folder / "stamp.tsr").read_bytes()

    def openssl(self, stamp: bytes, content: bytes = CONTENT) -> bool:
        """What OpenSSL finds of a stamp, at the moment that the stamp gives."""
        (self.folder / "content").write_bytes(content)
        (self.folder / "seen.tsr").write_bytes(stamp)
        at = str(int(STAMPED_ON.timestamp()))
        arguments = ("ts", "-verify", "-data", "content", "-in", "seen.tsr", "-CAfile", "root.pem")
        return self._run(*arguments, "-attime", at).returncode == 0

    def ours(self, stamp: bytes, seal: Seal = SEAL, nonce: int | None = None) -> bool:
        """What we find."""
        try:
            at = stamped_at(seal, stamp, authorities(self.folder / "root.pem"), nonce)
        except BadStamp:
            return False
        assert abs(at - STAMPED_ON) < DAY
        return True

    def ordered(self, stamp: bytes) -> list[bytes]:
        """The stamp with its certificates in every order."""
        parts = [each.public_bytes(Encoding.DER) for each in (self.root, self.middle, self.signer)]
        begin, length = min(stamp.index(part) for part in parts), sum(map(len, parts))
        return [
            stamp[:begin] + b"".join(order) + stamp[begin + length :]
            for order in itertools.permutations(parts)
        ]

    def run(self, *arguments: str) -> None:
        """OpenSSL in the folder, at the moment of the stamps."""
        ran = self._run(*arguments)
        assert ran.returncode == 0, (arguments, ran.stderr)

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        clock = ("faketime", f"{STAMPED_ON:%Y-%m-%d %H:%M:%S}")
        environment = {"TZ": "UTC", "PATH": "/usr/local/bin:/usr/bin:/bin"}
        return subprocess.run(
            [*clock, "openssl", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    valid: tuple[datetime, datetime],
    *,
    authority: bool,
    usage: tuple[x509.ObjectIdentifier, ...] | None = None,
    critical: bool = True,
) -> x509.Certificate:
    called = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, issuer))
    constraints = x509.BasicConstraints(ca=authority, path_length=None)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(next(called))
        .issuer_name(next(called))
        .public_key(key.public_key())
        .serial_number({"root": 1, "middle": 2, "signer": 3}[name])
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(constraints, critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(above, critical=False)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """An authority as it should be."""
    return Chain(tmp_path_factory.mktemp("stamps") / "authority")


@pytest.fixture(scope="module")
def stamp(chain: Chain) -> bytes:
    """Its stamp."""
    return chain.stamp()


def test_certificates_in_any_order_are_believed(chain: Chain, stamp: bytes) -> None:
    """As OpenSSL believes them; the stamp itself stays as it came."""
    assert decode_timestamp_response(strict(stamp)).signed_data.certificates
    for each in chain.ordered(stamp):
        assert chain.openssl(each)
        assert chain.ours(each)


def test_lengths_that_are_open_are_believed(chain: Chain, stamp: bytes) -> None:
    """Answers in BER, as authorities on Java write them, with a stamp in pieces."""
    for each in chain.ordered(stamp):
        loose = _opened(each)
        assert loose != each
        assert chain.openssl(loose)
        assert chain.ours(loose)
        assert strict(loose) == strict(each)


def test_a_stamp_granted_with_modifications_is_believed(chain: Chain, stamp: bytes) -> None:
    """It is granted; any other status is none."""
    assert stamp[4:9] == b"\x30\x03\x02\x01\x00"
    for status, believed in ((0, True), (1, True), (2, False), (3, False), (4, False), (5, False)):
        other = stamp[:8] + bytes((status,)) + stamp[9:]
        assert (chain.openssl(other), chain.ours(other)) == (believed, believed)


def _opened(data: bytes) -> bytes:
    """The outer values of an answer with open lengths, and what is stamped in two pieces."""
    tag, content = data[0], _content(data)
    if tag == 0x04:
        half = len(content) // 2
        pieces = (b"\x04" + bytes((len(piece),)) + piece for piece in (content[:half], content[half:]))
        return b"\x24\x80" + b"".join(pieces) + b"\0\0"
    if tag not in (0x30, 0xA0) or (b"\x06\x03\x55" in content[:40] and tag == 0x30):
        return data
    parts, at = [], 0
    while at < len(content):
        size = len(content[at:]) - len(_rest(content[at:]))
        parts.append(content[at : at + size])
        at += size
    keep = tag == 0xA0 and len(parts) == 3  # the certificates themselves
    return bytes((tag, 0x80)) + b"".join(parts if keep else map(_opened, parts)) + b"\0\0"


def _head(data: bytes) -> tuple[int, int]:
    if data[1] < 0x80:
        return 2, data[1]
    count = data[1] - 0x80
    return 2 + count, int.from_bytes(data[2 : 2 + count], "big")


def _content(data: bytes) -> bytes:
    begin, length = _head(data)
    return data[begin : begin + length]


def _rest(data: bytes) -> bytes:
    begin, length = _head(data)
    return data[begin + length :]


def test_another_content_or_nonce_is_refused(chain: Chain, stamp: bytes) -> None:
    """In every order of the certificates."""
    nonce = decode_timestamp_response(strict(stamp)).tst_info.nonce
    assert nonce is not None
    later = SEAL.model_copy(update={"signature": "1" * 128})
    for each in chain.ordered(stamp):
        assert chain.ours(each, nonce=nonce)
        assert not chain.ours(each, nonce=nonce + 1)
        assert not chain.ours(each, later)
        assert not chain.openssl(each, later.stamped)


@pytest.mark.parametrize(
    ("what", "make", "believed"),
    [
        ("no use is said", lambda folder: Chain(folder, None), False),
        ("another use", lambda folder: Chain(folder, (Usage.CODE_SIGNING,)), False),
        ("a second use", lambda folder: Chain(folder, (Usage.TIME_STAMPING, Usage.CODE_SIGNING)), False),
        ("a use that may be ignored", lambda folder: Chain(folder, critical=False), False),
        ("over by the stamp", lambda folder: Chain(folder, signer_until=STAMPED_ON - DAY / 2), False),
        ("not yet by the stamp", lambda folder: Chain(folder, signer_from=STAMPED_ON + DAY / 2), False),
        ("over since the stamp", Chain, True),
    ],
)
def test_a_signer_that_must_not_stamp_is_refused(
    what: str, make: Callable[[Path], Chain], believed: bool, tmp_path: Path
) -> None:
    """Judged as of the moment of the stamp, as OpenSSL judges."""
    theirs = make(tmp_path / "theirs")
    try:
        made = theirs.stamp()
    except AssertionError:  # OpenSSL does not even sign with it
        orders = []
    else:
        orders = theirs.ordered(made)
    # The same key under the same name and number stamps as it may, and the other certificate is put in.
    loose = _opened(theirs.stamp(signer="worthy"))
    worthy, signer = (each.public_bytes(Encoding.DER) for each in (theirs.worthy, theirs.signer))
    assert worthy in loose
    orders.append(strict(loose.replace(worthy, signer)))
    *made_so, exchanged = orders
    for each in made_so:
        assert (theirs.openssl(each), theirs.ours(each)) == (believed, believed), what
    assert (theirs.openssl(exchanged), theirs.ours(exchanged)) == (False, False), what


OPTIONS = [
    {"ess_cert_id_alg": "sha1"},
    {"ess_cert_id_alg": "sha512"},
    {"ess_cert_id_chain": "yes"},
    {"ess_cert_id_chain": "yes", "ess_cert_id_alg": "sha1"},
    {"tsa_name": "yes"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_signer_may_be_named_in_every_way(options: dict[str, str], tmp_path: Path) -> None:
    """In both versions of the attribute, with the authorities above it, and by its name in the stamp."""
    authority = Chain(tmp_path / "authority")
    authority.set(**options)
    for each in authority.ordered(authority.stamp()):
        assert (authority.openssl(each), authority.ours(each)) == (True, True)


V1, V2 = bytes.fromhex("060b2a864886f70d010910020c"), bytes.fromhex("060b2a864886f70d010910022f")
OTHER_TYPE = bytes.fromhex("060b2a864886f70d0109100263")


def _ids(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[bytes], bytes]:
    """Change the list of certificates in the attribute that names the signer's."""

    def changed(attribute: bytes) -> bytes:
        kind, values = children(attribute)
        if kind not in (V1, V2):
            return attribute
        ((ids, *policies),) = [children(each) for each in children(values)]
        value = encoded(0x30, encoded(0x30, b"".join(change(children(ids)))) + b"".join(policies))
        return encoded(0x30, kind + encoded(0x31, value))

    return changed


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


FORGED: dict[str, tuple[bool, Callable[[bytes], bytes]]] = {
    "unchanged": (True, lambda attribute: attribute),
    "no attribute": (False, lambda attribute: b"" if V2 in attribute or V1 in attribute else attribute),
    "another type": (False, lambda attribute: attribute.replace(V2, OTHER_TYPE).replace(V1, OTHER_TYPE)),
    "no certificate": (False, _ids(lambda _: [])),
    "another hash": (False, _ids(lambda ids: [_flipped(ids[0], len(ids[0]) // 3), *ids[1:]])),
    "another number": (False, _ids(lambda ids: [_flipped(ids[0], len(ids[0]) - 1), *ids[1:]])),
    "another order": (False, _ids(lambda ids: ids[::-1])),
    "without the signer": (False, _ids(lambda ids: ids[1:])),
    "a stranger above": (False, _ids(lambda ids: [*ids, _flipped(ids[1], len(ids[1]) // 3)])),
    "the signer twice": (False, _ids(lambda ids: [ids[0], ids[0]])),
    "the signer alone": (True, _ids(lambda ids: ids[:1])),
}


@pytest.mark.parametrize("version", ["sha1", "sha256"])
@pytest.mark.parametrize("what", FORGED)
def test_a_stamp_that_names_another_signer_is_refused(what: str, version: str, tmp_path: Path) -> None:
    """The signature holds: the key of the signer has signed attributes that name another certificate."""
    authority = Chain(tmp_path / "authority")
    authority.set(ess_cert_id_chain="yes", ess_cert_id_alg=version)
    believed, change = FORGED[what]
    forged = authority.resigned(authority.stamp(), change)
    assert (authority.openssl(forged), authority.ours(forged)) == (believed, believed)


def test_a_stamp_in_the_name_of_another_authority_is_refused(tmp_path: Path) -> None:
    """What is stamped may say who stamps it; that must be the signer."""
    authority = Chain(tmp_path / "authority")
    authority.set(tsa_name="yes")
    stamp = authority.stamp()
    named = encoded(0x0C, b"signer")
    at = stamp.index(named)
    other = stamp[:at] + encoded(0x0C, b"singer") + stamp[at + len(named) :]
    content = hashlib.sha256(_stamped(other)).digest()
    before = hashlib.sha256(_stamped(stamp)).digest()
    forged = authority.resigned(other, lambda attribute: attribute.replace(before, content))
    assert (authority.openssl(stamp), authority.ours(stamp)) == (True, True)
    assert (authority.openssl(forged), authority.ours(forged)) == (False, False)


def _stamped(stamp: bytes) -> bytes:
    """What the authority has stamped: the content that its signature is over."""
    _, token = children(strict(stamp))
    (signed,) = children(children(token)[1])
    _, explicit = children(children(signed)[2])
    return _content(_content(explicit))


def test_a_stamp_of_another_authority_is_refused(chain: Chain, stamp: bytes, tmp_path: Path) -> None:
    """Also one with the same names, and one whose chain carries our root beside its own signer."""
    other = Chain(tmp_path / "other")
    theirs = other.stamp()
    smuggled = theirs.replace(other.root.public_bytes(Encoding.DER), chain.root.public_bytes(Encoding.DER))
    for each in (theirs, smuggled, *other.ordered(theirs)):
        assert not chain.openssl(each)
        assert not chain.ours(each)


def test_a_changed_byte_is_never_believed_by_us_alone(chain: Chain, stamp: bytes) -> None:
    """Wherever it is changed; every seventh byte is tried, in turn by one bit or by all."""
    for at in range(0, len(stamp), 7):
        changed = bytearray(stamp)
        changed[at] ^= 0x01 if at % 2 else 0xFF
        if chain.ours(bytes(changed)):
            assert chain.openssl(bytes(changed)), at


NESTED = st.builds(
    bytes.__mul__, st.sampled_from([b"\x30\x80", b"\x24\x80", b"\xa0\x82"]), st.integers(1, 99)
)


@given(data=st.binary(max_size=200) | NESTED)
def test_bytes_that_are_no_answer_are_refused(chain: Chain, data: bytes) -> None:
    """With one error, however they are nested."""
    with pytest.raises(BadStamp):
        stamped_at(SEAL, data, [chain.root], None)
