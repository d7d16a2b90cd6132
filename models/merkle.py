"""The Merkle tree of RFC 9162 §2.1 (the one of Certificate Transparency), read in one pass.

A leaf is hashed as SHA-256(00 ‖ leaf), an inner node as SHA-256(01 ‖ left ‖ right), so that no node passes
for a leaf. A tree only grows at its right end; each root stands for all leaves before it, in their order.
What is kept while leaves go by is one hash for each bit of their number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

EMPTY = hashlib.sha256(b"").hexdigest()
"""The root of a tree without leaves."""


def leaf_hash(leaf: bytes) -> bytes:
    """The hash under which a leaf enters the tree."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that leaves are added to; `root` may be asked at any size."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []
        """The roots of the full subtrees from the left, the largest first: one for each 1 bit of `size`."""

    def add(self, leaf: bytes) -> None:
        """One more leaf at the right end, by its hash."""
        size, node = self.size, leaf
        while size & 1:
            node = _node(self._peaks.pop(), node)
            size >>= 1
        self._peaks.append(node)
        self.size += 1

    @property
    def root(self) -> str:
        """The root over all leaves so far, in hex."""
        if not self._peaks:
            return EMPTY
        node = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            node = _node(peak, node)
        return node.hex()


def root_of(leaves: Iterable[bytes]) -> str:
    """The root over these leaves' hashes, in hex."""
    tree = Tree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root


class Inclusion:
    """What proves that leaf `index` is in the tree of the first `size` leaves, gathered while they go by."""

    def __init__(self, index: int, size: int) -> None:
        self._spans = list(_siblings(index, size))
        self._trees = [Tree() for _ in self._spans]
        self._size, self._seen = size, 0

    def add(self, leaf: bytes) -> None:
        """The next leaf, by its hash; those behind the tree are passed over."""
        place = self._seen
        self._seen += 1
        for (start, end), tree in zip(self._spans, self._trees, strict=True):
            if start <= place < end:
                tree.add(leaf)
                return

    @property
    def path(self) -> tuple[str, ...]:
        """The sibling hashes, lowest first; ValueError where leaves are missing."""
        if self._seen < self._size:
            raise ValueError(f"a tree of {self._size} leaves, but there are {self._seen}")
        return tuple(tree.root for tree in self._trees)


def inclusion(leaves: Iterable[bytes], index: int, size: int) -> tuple[str, ...]:
    """The same over leaves that are at hand."""
    proof = Inclusion(index, size)
    for leaf in leaves:
        proof.add(leaf)
    return proof.path


def _siblings(index: int, size: int) -> Iterator[tuple[int, int]]:
    """The stretches of leaves under each sibling on the way from a leaf to the root."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    start, end, path = 0, size, list[tuple[int, int]]()
    while end - start > 1:
        middle = start + (1 << (end - start - 1).bit_length() - 1)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    yield from reversed(path)


def root_by(leaf: bytes, index: int, size: int, path: Sequence[str]) -> str | None:
    """The root that a proof of inclusion leads to, in hex; None where it cannot be one of such a tree."""
    if not 0 <= index < size:
        return None
    # RFC 9162 §2.1.3.2: at each level, is the node a right child, or the last one without a right sibling?
    node, last, at = leaf, size - 1, index
    for sibling in path:
        if last == 0 or len(sibling) != 64:
            return None
        try:
            beside = bytes.fromhex(sibling)
        except ValueError:
            return None
        if at & 1 or at == last:
            node = _node(beside, node)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = _node(node, beside)
        at, last = at >> 1, last >> 1
    return node.hex() if last == 0 else None
