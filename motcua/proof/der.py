"""Time-stamping answers in the strict encoding that the verifying library reads.

RFC 3161 answers may be in BER, with certificates in any order, and grant a stamp with modifications; OpenSSL
takes them all, and so do we. Nothing that a signature covers is changed: the stamp, the signed attributes and
each certificate keep their bytes; the status of an answer and the order of its certificates are not signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

CONSTRUCTED = 0x20
OCTETS, CERTIFICATES = 0x04, 0xA0
GRANTED, WITH_MODIFICATIONS = b"\x02\x01\x00", b"\x02\x01\x01"
MAX_DEPTH = 24


class BadEncoding(ValueError):
    """Bytes that are no time-stamping answer."""


class Element(NamedTuple):
    """One value of BER: where its content lies."""

    tag: int
    begin: int
    end: int
    after: int
    """Where the next one begins; behind `end` where an indefinite length is closed."""
    raw: bool
    """Whether its length is given."""


def strict(answer: bytes) -> bytes:
    """An answer with the certificates in DER's order and every length given; BadEncoding if it is none."""
    answer = _definite(answer, 0)
    status, *token = children(answer) or [b""]
    if children(status)[:1] == [WITH_MODIFICATIONS]:
        status = encoded(status[0], GRANTED)
    if not token:
        return encoded(answer[0], status)
    kind, explicit = _exactly(2, token[0])
    (signed,) = _exactly(1, explicit)
    fields = [
        encoded(CERTIFICATES, b"".join(sorted(children(field)))) if field[0] == CERTIFICATES else field
        for field in children(signed)
    ]
    # Every tag stays what it was, and what stands where nothing should: the library judges them.
    signed = encoded(signed[0], b"".join(fields))
    token[0] = encoded(token[0][0], kind + encoded(explicit[0], signed))
    return encoded(answer[0], status + b"".join(token))


def _exactly(count: int, data: bytes) -> list[bytes]:
    found = children(data)
    if len(found) != count:
        raise BadEncoding("it is no time-stamping answer")
    return found


def content(data: bytes) -> bytes:
    """What is in one value, without its tag and length."""
    whole = _element(data, 0, 0)
    return data[whole.begin : whole.end]


def children(data: bytes) -> list[bytes]:
    """The values in a value, each with its tag and length."""
    whole = _element(data, 0, 0)
    return [data[at : each.after] for at, each in _inside(data, whole, 0)]


def _inside(data: bytes, outer: Element, depth: int) -> Iterator[tuple[int, Element]]:
    at = outer.begin
    while at < outer.end:
        each = _element(data, at, depth + 1)
        if each.after > outer.end:
            raise BadEncoding("a value ends behind the one that holds it")
        yield at, each
        at = each.after


def _definite(data: bytes, depth: int) -> bytes:
    """A value with every length given; one that has them keeps its bytes."""
    outer = _element(data, 0, depth)
    if outer.after != len(data):
        raise BadEncoding("something stands behind it")
    if not outer.tag & CONSTRUCTED:
        return data
    before = [data[at : each.after] for at, each in _inside(data, outer, depth)]
    after = [_definite(each, depth + 1) for each in before]
    if outer.tag == OCTETS | CONSTRUCTED:
        return encoded(OCTETS, b"".join(part[_element(part, 0, depth).begin :] for part in after))
    return data if outer.raw and before == after else encoded(outer.tag, b"".join(after))


def _element(data: bytes, at: int, depth: int) -> Element:
    if depth > MAX_DEPTH:
        raise BadEncoding("it is nested too deeply")
    if len(data) < at + 2 or data[at] & 0x1F == 0x1F:
        raise BadEncoding("it ends too early, or has a long tag")
    tag, length, begin = data[at], data[at + 1], at + 2
    if length == 0x80:
        if not tag & CONSTRUCTED:
            raise BadEncoding("a simple value has no length")
        end = begin
        while data[end : end + 2] != b"\0\0":
            end = _element(data, end, depth + 1).after
        return Element(tag, begin, end, end + 2, raw=False)
    if length > 0x80:
        begin += length - 0x80
        length = int.from_bytes(data[at + 2 : begin], "big")
    if begin + length > len(data):
        raise BadEncoding("it ends too early")
    return Element(tag, begin, begin + length, begin + length, raw=True)


def encoded(tag: int, inside: bytes) -> bytes:
    """One value with its tag and length."""
    length = len(inside)
    if length < 0x80:
        return bytes((tag, length)) + inside
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(size))) + size + inside
