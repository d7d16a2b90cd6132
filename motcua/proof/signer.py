"""The certificate that a time stamp says it was signed with (RFC 5035; in its first version, RFC 2634).

A signature does not tell certificates of the same key, name and number apart. So the signed attributes of a
stamp hold the hash of the signer's certificate, and may hold those of the authorities above it. They are
compared as `openssl ts -verify` compares them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import (
    Certificate,
    DirectoryName,
    ExtensionNotFound,
    GeneralName,
    SubjectAlternativeName,
    load_der_x509_certificate,
)

from motcua.proof.der import CERTIFICATES, children, content

SEQUENCE, DIRECTORY_NAME, SIGNED_ATTRIBUTES = 0x30, 0xA4, 0xA0
FIRST_VERSION = bytes.fromhex("060b2a864886f70d010910020c")
SECOND_VERSION = bytes.fromhex("060b2a864886f70d010910022f")
ALGORITHMS = {
    bytes.fromhex("06052b0e03021a"): "sha1",
    bytes.fromhex("0609608648016503040204"): "sha224",
    bytes.fromhex("0609608648016503040201"): "sha256",
    bytes.fromhex("0609608648016503040202"): "sha384",
    bytes.fromhex("0609608648016503040203"): "sha512",
}
STRINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}
"""The kinds of text in a name."""


class WrongSigner(ValueError):
    """The signed attributes of a stamp do not name the certificates that it comes with."""


class _Named(NamedTuple):
    """One certificate, as a stamp names it."""

    algorithm: str
    hash: bytes
    issuer: bytes | None
    number: bytes | None

    def names(self, certificate: Certificate) -> bool:
        """Whether it is this one: by its hash, and by issuer and serial number where they are given."""
        if hashlib.new(self.algorithm, certificate.public_bytes(Encoding.DER)).digest() != self.hash:
            return False
        if self.issuer is None or self.number is None:
            return True
        number = int.from_bytes(self.number, "big", signed=True)
        same = _comparable(self.issuer) == _comparable(certificate.issuer.public_bytes())
        return same and number == certificate.serial_number


def check_signer(answer: bytes, roots: Sequence[Certificate], authority: GeneralName | None) -> None:
    """Check that a stamp names its signer's certificate; WrongSigner, or another ValueError, if not.

    `answer` is in strict encoding, and its signature has been verified against `roots`. `authority` is the
    name that the stamp itself gives to who made it, if any.
    """
    _, token = children(answer)
    _, explicit = children(token)
    (signed,) = children(explicit)
    fields = children(signed)
    (info,) = children(fields[-1])
    issuer, number = children(children(info)[1])
    bag = [
        load_der_x509_certificate(each)
        for field in fields
        if field[0] == CERTIFICATES
        for each in children(field)
    ]
    signers = [
        each
        for each in bag
        if each.issuer.public_bytes() == issuer
        and each.serial_number == int.from_bytes(content(number), "big", signed=True)
    ]
    above = _above(signers, [*bag, *roots])
    named = _named(info)
    if not signers or not named:
        raise WrongSigner("it does not name its signer's certificate")
    for first, *others in named:
        # Two certificates may bear the signer's name and number: then neither is known to be the signer's.
        if not all(map(first.names, signers)):
            raise WrongSigner("it names another certificate than its signer's")
        for each in others:
            if not any(map(each.names, above)):
                raise WrongSigner("it names a certificate that does not stand above its signer's")
    if authority is not None and not any(_called(each, authority) for each in signers):
        raise WrongSigner("it was made under another name than its signer's")


def _above(signers: Iterable[Certificate], known: Sequence[Certificate]) -> list[Certificate]:
    """The certificates over those of the signer, up to the roots."""
    todo, found = list(signers), list[Certificate]()
    while todo:
        below = todo.pop()
        over = [each for each in known if each not in found and _issued(each, below)]
        found += over
        todo += over
    return found


def _issued(authority: Certificate, certificate: Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _named(info: bytes) -> list[list[_Named]]:
    """The certificates that the signed attributes name, for each version of the attribute that is there."""
    attributes = chain(*(children(field) for field in children(info) if field[0] == SIGNED_ATTRIBUTES))
    values = {children(each)[0]: children(children(each)[1])[0] for each in attributes}
    found = []
    for version in (FIRST_VERSION, SECOND_VERSION):
        if version in values:
            found.append([_one(each, version) for each in children(children(values[version])[0])])
            if not found[-1]:
                raise WrongSigner("it names no certificate")
    return found


def _one(data: bytes, version: bytes) -> _Named:
    parts = children(data)
    algorithm: str | None = "sha1" if version == FIRST_VERSION else "sha256"
    if version == SECOND_VERSION and parts[0][0] == SEQUENCE:
        algorithm = ALGORITHMS.get(children(parts.pop(0))[0])
    if algorithm is None:
        raise WrongSigner("it names certificates by hashes of an unknown kind")
    value, *rest = parts
    issuer = number = None
    if rest:
        names, serial = children(rest[0])
        (name,) = children(names)
        if name[0] != DIRECTORY_NAME:
            raise WrongSigner("it names an issuer otherwise than by its directory name")
        issuer, number = content(name), content(serial)
    return _Named(algorithm, content(value), issuer, number)


def _called(certificate: Certificate, name: GeneralName) -> bool:
    """Whether a certificate's subject, or one of its other names, is this one."""
    if isinstance(name, DirectoryName) and _comparable(name.value.public_bytes()) == _comparable(
        certificate.subject.public_bytes()
    ):
        return True
    try:
        others = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        return False
    return name in list(others)


def _comparable(name: bytes) -> list[list[tuple[bytes, str | bytes]]]:
    """A name as names are compared (RFC 5280, 7.1): without case, kind of text and repeated spaces."""
    return [sorted((_attribute(each) for each in children(part)), key=repr) for part in children(name)]


def _attribute(data: bytes) -> tuple[bytes, str | bytes]:
    kind, value = children(data)
    if value[0] not in STRINGS:
        return kind, value
    text = content(value).decode(STRINGS[value[0]])
    # Only ASCII letters lose their case: that is how far OpenSSL goes.
    return kind, "".join(each.lower() if each.isascii() else each for each in " ".join(text.split()))
