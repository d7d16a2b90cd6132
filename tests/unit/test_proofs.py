"""Keys, seals and proofs: what holds, and each way in which one does not."""

from __future__ import annotations

import base64
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509 import load_pem_x509_certificate

from models.chain import GENESIS
from models.facts import Fact
from models.merkle import inclusion, root_of
from models.seals import Head, KeyAdded, KeyRevoked, Keys, Proof, Seal, Statement, broken_seals
from motcua.proof.check import check
from motcua.proof.keys import (
    KeyMissing,
    KeyRevokedBefore,
    KeyRing,
    KeyStillSigns,
    SealFolderUnusable,
    UnknownKey,
    broken_keys,
)
from tests.authority import TimeStamps
from tests.unit.office import Case

AT = datetime(2026, 3, 2, 17, 10, tzinfo=UTC)
CODE = "H53-260302-0001"


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    """Keys of an office, the first of them made."""
    ring = KeyRing(tmp_path / "seals", "demo")
    ring.add(since=1)
    return ring


def life() -> tuple[Fact, ...]:
    """The facts of a dossier."""
    return tuple(Case().run("receiver1 file", "receiver1 accept", "receiver1 complete").facts)


def sealed(ring: KeyRing, number: int = 1, *, at: datetime = AT, key: str = "") -> Proof:
    """A proof under a seal that is signed by the ring."""
    facts = life()
    heads = [Head(code=f"{n}", seq=1, hash=f"{n:064x}") for n in range(6)]
    heads.insert(4, Head(code=CODE, seq=len(facts), hash=facts[-1].hash))
    leaves = [head.leaf for head in heads]
    signer = ring.keys.signer(number)
    assert signer is not None
    statement = Statement(
        office="demo",
        number=number,
        at=at,
        size=7,
        root=root_of(leaves),
        previous=GENESIS,
        key=key or signer.id,
    )
    seal = ring.sign(statement)
    return Proof(code=CODE, facts=facts, index=4, path=inclusion(leaves, 4, 7), seal=seal, keys=ring.keys)


def test_a_proof_holds(ring: KeyRing) -> None:
    """Also after it has been a file."""
    proof = Proof.model_validate_json(sealed(ring).model_dump_json())
    checked = check(proof, ring.keys, ())
    assert (checked.faults, checked.facts, checked.seal, checked.at) == ((), len(life()), 1, AT)
    assert checked.stamped_at is None


def spoil(proof: Proof, **changes: object) -> Proof:
    """A proof with something else in it."""
    return proof.model_copy(update=changes)


def said(proof: Proof, **changes: object) -> Proof:
    """A proof whose seal says something else, under the old signature."""
    statement = proof.seal.statement.model_copy(update=changes)
    return spoil(proof, seal=proof.seal.model_copy(update={"statement": statement}))


@pytest.mark.parametrize(
    ("how", "fault"),
    [
        (lambda p: spoil(p, code="H53-260302-0002"), "content does not match its hash"),
        (lambda p: spoil(p, facts=p.facts[:-1]), "its path does not lead"),
        (lambda p: spoil(p, facts=p.facts[1:]), "fact 1 is missing"),
        (lambda p: spoil(p, facts=()), "it has no facts"),
        (
            lambda p: spoil(p, facts=(p.facts[0].model_copy(update={"actor": "x"}), *p.facts[1:])),
            "fact 1: content does not match its hash",
        ),
        (lambda p: spoil(p, index=3), "its path does not lead"),
        (lambda p: spoil(p, path=p.path[:-1]), "its path does not lead"),
        (lambda p: said(p, root="0" * 64), "does not bear the signature"),
        (lambda p: said(p, at=AT - timedelta(days=1)), "does not bear the signature"),
        (lambda p: said(p, number=2), "does not bear the signature"),
        (lambda p: said(p, office="other"), "seal 1 is of other, its key of demo"),
        (
            lambda p: spoil(p, seal=p.seal.model_copy(update={"signature": "0" * 128})),
            "does not bear the signature",
        ),
    ],
)
def test_a_proof_that_was_changed(ring: KeyRing, how: object, fault: str) -> None:
    """What is wrong is named."""
    assert callable(how)
    faults = check(how(sealed(ring)), ring.keys, ()).faults
    assert any(fault in found for found in faults), faults


def test_any_bit_of_a_proof(ring: KeyRing) -> None:
    """Flipped, it is no proof any more, be it in its facts, its path, its seal or its keys."""
    ring.add(since=2)
    text = sealed(ring).model_dump_json().encode()
    for place in range(len(text)):
        flipped = bytearray(text)
        flipped[place] ^= 1 << place % 8
        try:
            proof = Proof.read(bytes(flipped))
        except ValueError:
            continue
        assert check(proof, ring.keys, ()).faults, bytes(flipped[max(0, place - 40) : place + 40])


def test_a_key_of_nobody(ring: KeyRing, tmp_path: Path) -> None:
    """A forger may make keys and seals; nobody who is trusted vouches for them."""
    forger = KeyRing(tmp_path / "forger", "demo")
    forger.add(since=1)
    proof = sealed(forger)
    assert check(proof, forger.keys, ()).faults == ()
    (fault,) = check(proof, ring.keys, ()).faults
    assert "which no trusted key vouches for" in fault
    # Nor does it help to name the real key, or to say that it has vouched.
    faults = check(said(proof, key=ring.keys.words[0].id), ring.keys, ()).faults
    assert any("does not bear the signature" in fault for fault in faults)
    word = forger.keys.words[0].model_copy(
        update={"by": ring.keys.words[0].id, "signature": "0" * 128, "since": 2}
    )
    told = Keys(words=(*ring.keys.words, word))
    faults = check(spoil(proof, keys=told), ring.keys, ()).faults
    assert any("which no trusted key vouches for" in fault for fault in faults)


def test_keys_follow_each_other(ring: KeyRing) -> None:
    """Somebody who knows the first key believes the third, by the words of those between."""
    first = ring.keys
    old = sealed(ring)
    ring.add(since=2)
    ring.add(since=5)
    assert broken_keys(ring.keys) == []
    assert check(sealed(ring, 7), first, ()).faults == ()
    assert check(old, ring.keys, ()).faults == ()
    second, third = ring.keys.words[1], ring.keys.words[2]
    assert isinstance(third, KeyAdded)
    late = sealed(ring, 7, key=second.id)
    assert check(late, first, ()).faults == (f"key {second.id} does not sign seal 7",)
    early = sealed(ring, 3, key=third.id)
    assert check(early, first, ()).faults == (f"key {third.id} does not sign seal 3",)


def test_a_revoked_key(ring: KeyRing, tmp_path: Path) -> None:
    """What it signed counts only where a stamp that is believed is older than the revocation."""
    proof = sealed(ring)
    key = ring.keys.words[0].id
    with pytest.raises(KeyStillSigns):
        ring.revoke(key, AT, "it was stolen", 2)
    ring.add(since=2)
    with pytest.raises(UnknownKey):
        ring.revoke("0" * 16, AT, "it was stolen", 2)
    word = ring.revoke(key, AT, "it was stolen", 2)
    with pytest.raises(KeyRevokedBefore):
        ring.revoke(key, AT, "it was stolen", 2)
    assert broken_keys(ring.keys) == []
    (fault,) = check(proof, ring.keys, ()).faults
    assert "revoked as of 2026-03-02 17:10:00Z (it was stolen), and no stamp shows that it is older" in fault
    authority = TimeStamps(tmp_path / "authority")
    root = load_pem_x509_certificate(authority.root.read_bytes())
    stamped = spoil(proof, stamp=base64.b64encode(authority.stamp(proof.seal.stamped)).decode())
    (fault,) = check(stamped, ring.keys, [root]).faults
    assert "and its stamp does not show that it is older" in fault
    later = word.model_copy(update={"at": datetime.now(UTC) + timedelta(minutes=1)})
    keys = Keys(words=(*ring.keys.words[:2], later))
    assert check(stamped, keys, [root]).faults == ()
    assert check(stamped, keys, ()).faults  # nobody believes the authority: then its stamp says nothing
    # The word may come with the proof; it counts if an office's other key has signed it.
    before = Keys(words=ring.keys.words[:1])
    assert check(spoil(proof, keys=ring.keys), before, ()).faults
    forged = word.model_copy(update={"signature": "0" * 128})
    (fault,) = check(spoil(proof, keys=Keys(words=(*ring.keys.words[:2], forged))), before, ()).faults
    assert "is not signed by a key of the office" in fault  # it revokes nothing, but it is no proof of ours


def test_a_stolen_key_that_signs_no_more_vouches_for_nobody(ring: KeyRing, tmp_path: Path) -> None:
    """Neither once another key followed it, nor once it was revoked, whatever its thief signs with it."""
    stolen = ring.keys.words[0]
    assert isinstance(stolen, KeyAdded)
    thief = KeyRing(tmp_path / "thief", "demo")
    shutil.copytree(ring.folder, thief.folder)
    ring.add(since=10)
    own = thief.add(since=25)
    assert (own.by, broken_keys(thief.keys)) == (stolen.id, [])
    proof = sealed(thief, 25)
    (fault,) = check(proof, ring.keys, ()).faults
    assert "which no trusted key vouches for" in fault
    ring.revoke(stolen.id, AT, "it was stolen", 10)
    (fault,) = check(proof, ring.keys, ()).faults
    assert "which no trusted key vouches for" in fault
    (fault,) = check(sealed(thief, 99, key=stolen.id), ring.keys, ()).faults
    assert fault == f"key {stolen.id} does not sign seal 99"


def test_stamps(ring: KeyRing, tmp_path: Path) -> None:
    """Of an authority that is believed, for this seal, unaltered; else it is named."""
    proof = sealed(ring)
    authority = TimeStamps(tmp_path / "authority")
    other = TimeStamps(tmp_path / "other")
    root, unknown = (load_pem_x509_certificate(each.root.read_bytes()) for each in (authority, other))
    stamp = authority.stamp(proof.seal.stamped)
    good = spoil(proof, stamp=base64.b64encode(stamp).decode())
    checked = check(good, ring.keys, [unknown, root])
    assert checked.faults == ()
    assert checked.stamped_at is not None
    # Under faketime each process begins at the same moment; a wrong zone would be further off than an hour.
    assert abs(datetime.now(UTC) - checked.stamped_at) < timedelta(hours=1)
    flipped = bytearray(stamp)
    flipped[-20] ^= 1
    for spoilt in (
        spoil(good, stamp=base64.b64encode(authority.stamp(b"something else")).decode()),
        spoil(good, stamp=base64.b64encode(bytes(flipped)).decode()),
        spoil(good, stamp=base64.b64encode(stamp[:-30]).decode()),
        spoil(good, stamp="not base64!"),
    ):
        (fault,) = check(spoilt, ring.keys, [root]).faults
        assert "stamp of seal 1" in fault
    (fault,) = check(good, ring.keys, [unknown]).faults
    assert "The stamp of seal 1 does not hold" in fault


def test_a_list_of_keys_that_was_changed(ring: KeyRing) -> None:
    """Each key is added by the one before, each revocation signed by another."""
    ring.add(since=3)
    ring.revoke(ring.keys.words[0].id, AT, "old", 3)
    first, second, revoked = ring.keys.words
    assert isinstance(first, KeyAdded)
    assert isinstance(second, KeyAdded)
    assert isinstance(revoked, KeyRevoked)
    for words, fault in (
        ((first, second.model_copy(update={"since": 2}), revoked), "was not added by the key before"),
        ((first, second.model_copy(update={"by": None, "signature": None}), revoked), ""),
        ((second, first, revoked), "begins before"),
        ((first, first, second, revoked), "was added twice"),
        (
            (first.model_copy(update={"public": "0" * 64}), second, revoked),
            "is not the one whose id it bears",
        ),
        ((first, second, revoked.model_copy(update={"at": AT - timedelta(1)})), "is not signed by a key"),
        ((first, revoked), "is not signed by a key"),
    ):
        found = broken_keys(Keys(words=words))
        assert any(fault in each for each in found) if fault else not found, (fault, found)


def test_keys_are_for_their_owner_alone(ring: KeyRing) -> None:
    """And what is damaged or gone is told."""
    key = ring.keys.words[0].id
    assert (ring.folder / f"{key}.pem").stat().st_mode & 0o077 == 0
    (ring.folder / f"{key}.pem").rename(ring.folder / "away")
    with pytest.raises(KeyMissing, match=key):
        sealed(ring)
    (ring.folder / f"{key}.pem").write_text("no key")
    with pytest.raises(SealFolderUnusable, match="is no key"):
        sealed(ring)
    (ring.folder / "keys.json").write_text('{"words": [{"what": "motcua-key"}]}')
    with pytest.raises(SealFolderUnusable, match=r"keys\.json is damaged: words\.0"):
        _ = ring.keys
    blocked = KeyRing(ring.folder / "away", "demo")
    with pytest.raises(SealFolderUnusable):
        blocked.add(since=1)


def test_after_a_lost_key_another_stands_by_itself(ring: KeyRing) -> None:
    """Nobody vouches for it, so it has to be published anew."""
    lost = ring.keys.words[0]
    (ring.folder / f"{lost.id}.pem").unlink()
    word = ring.add(since=2)
    assert (word.by, word.signature) == (None, None)
    assert broken_keys(ring.keys) == []
    assert check(sealed(ring, 2), Keys(words=(lost,)), ()).faults
    assert check(sealed(ring, 2), ring.keys, ()).faults == ()


def row_of_seals(ring: KeyRing, count: int) -> list[Seal]:
    """Seals that follow each other."""
    seals: list[Seal] = []
    for number in range(1, count + 1):
        statement = Statement(
            office="demo",
            number=number,
            at=AT + timedelta(days=number),
            size=number,
            root=f"{number:064x}",
            previous=seals[-1].hash if seals else GENESIS,
            key=ring.keys.words[0].id,
        )
        seals.append(ring.sign(statement))
    return seals


def test_seals_follow_each_other(ring: KeyRing) -> None:
    """One that is missing, moved, or signed anew is named; so is a clock that went back."""
    seals = row_of_seals(ring, 5)
    assert broken_seals(seals) == []
    assert broken_seals(seals[1:])[0] == (1, "seal 1 is missing")
    assert (3, "seal 3 is missing") in broken_seals([*seals[:2], *seals[3:]])
    again = ring.sign(seals[2].statement.model_copy(update={"root": "0" * 64}))
    assert broken_seals([*seals[:2], again, *seals[3:]]) == [(4, "does not follow the seal before it")]
    back = ring.sign(seals[4].statement.model_copy(update={"at": AT}))
    assert broken_seals([*seals[:4], back]) == [(5, "is dated before the seal before it")]
    fewer = ring.sign(seals[4].statement.model_copy(update={"size": 1}))
    assert broken_seals([*seals[:4], fewer]) == [(5, "stands over fewer heads than the seal before it")]


def test_copies_of_seals(ring: KeyRing) -> None:
    """Kept outside the database; a line that a crash cut off is not there."""
    assert ring.copies() is None
    seals = row_of_seals(ring, 3)
    ring.copy(seals)
    assert ring.copies() == seals
    file = ring.folder / "seals.jsonl"
    file.write_bytes(file.read_bytes()[:-10])
    assert ring.copies() == seals[:2]
    file.write_bytes(b'{"statement": {}}\n')
    with pytest.raises(SealFolderUnusable, match=r"seals\.jsonl is damaged"):
        ring.copies()
