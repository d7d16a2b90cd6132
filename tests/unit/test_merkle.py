"""The tree of RFC 9162, held against its definition as the standard writes it, and against spoilt proofs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.merkle import EMPTY, Tree, inclusion, leaf_hash, root_by, root_of

SIZES = st.integers(1, 200)


def by_the_book(leaves: Sequence[bytes]) -> bytes:
    """MTH of §2.1.1, as it stands there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while 2 * k < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + by_the_book(leaves[:k]) + by_the_book(leaves[k:])).digest()


def some(size: int) -> list[bytes]:
    """So many leaves, all different."""
    return [f"leaf {n}".encode() for n in range(size)]


def test_an_empty_tree_has_the_root_of_the_standard() -> None:
    """SHA-256 of nothing."""
    assert Tree().root == EMPTY == by_the_book([]).hex()


@given(SIZES)
def test_a_root_is_that_of_the_definition(size: int) -> None:
    """Also at each size on the way: a tree can be asked while it grows."""
    tree = Tree()
    leaves = some(size)
    for n, leaf in enumerate(leaves):
        tree.add(leaf_hash(leaf))
        assert tree.size == n + 1
    assert tree.root == root_of(map(leaf_hash, leaves)) == by_the_book(leaves).hex()


@given(SIZES.flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))))
def test_a_proof_leads_to_the_root(case: tuple[int, int]) -> None:
    """Of any leaf in any tree; it is as long as the tree is high, at most."""
    size, index = case
    hashes = [leaf_hash(leaf) for leaf in some(size)]
    path = inclusion(hashes, index, size)
    assert root_by(hashes[index], index, size, path) == root_of(hashes)
    assert len(path) <= (size - 1).bit_length()


@given(
    SIZES.flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1))),
    st.data(),
)
def test_a_spoilt_proof_leads_elsewhere(case: tuple[int, int], data: st.DataObject) -> None:
    """Another leaf, another place, a path cut, prolonged, or with one bit flipped."""
    size, index = case
    hashes = [leaf_hash(leaf) for leaf in some(size)]
    path, root = list(inclusion(hashes, index, size)), root_of(hashes)
    assert root_by(leaf_hash(b"another"), index, size, path) != root
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index)) if size > 1 else size
    assert root_by(hashes[index], other, size, path) != root
    assert root_by(hashes[index], index, size, [*path, "0" * 64]) != root
    if path:
        assert root_by(hashes[index], index, size, path[:-1]) != root
        place, bit = data.draw(st.integers(0, len(path) - 1)), data.draw(st.integers(0, 255))
        path[place] = f"{int(path[place], 16) ^ (1 << bit):064x}"
        assert root_by(hashes[index], index, size, path) != root


@pytest.mark.parametrize("sibling", ["", "zz" * 32, "0" * 62, "0" * 66, " " + "0" * 63])
def test_what_is_no_hash_is_no_proof(sibling: str) -> None:
    """It is said so, nothing breaks."""
    assert root_by(leaf_hash(b"a"), 0, 2, [sibling]) is None


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 2)])
def test_a_place_outside_the_tree(index: int, size: int) -> None:
    """Neither proved nor checked."""
    assert root_by(leaf_hash(b"a"), index, size, []) is None
    with pytest.raises(ValueError, match="no leaf"):
        inclusion([leaf_hash(b"a")] * 3, index, size)


def test_too_few_leaves() -> None:
    """A proof needs all that the tree stands over."""
    with pytest.raises(ValueError, match="a tree of 3 leaves, but there are 2"):
        inclusion(map(leaf_hash, some(2)), 0, 3)
