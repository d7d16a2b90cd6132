"""What each paper says, ready to be shown: plain words and numbers, the same for the same facts."""

from __future__ import annotations

from models.base import Value


class Head(Value):
    """What stands over every paper."""

    form: str
    circular: str
    title: str
    number: str | None
    authority: str | None
    unit: str
    dated: str | None
    code: str | None
    simulated: bool


class Person(Value):
    """An applicant or owner; what was not said is None."""

    name: str
    id_number: str | None = None
    address: str | None = None
    phone: str | None = None
    email: str | None = None


class Listed(Value):
    """A line of a table of papers; a count that nobody gave is None."""

    name: str
    originals: int | None = None
    certified: int | None = None
    copies: int | None = None


class Signer(Value):
    """Who signs: what stands over the signature, and the name below it (None: by hand)."""

    title: str
    name: str | None


class Contact(Value):
    """Whom to ask."""

    name: str | None
    phone: str | None


class Receipt(Value):
    """The receipt with the day of the result."""

    head: Head
    qr: str
    """SVG."""
    track: str | None
    submitter: Person
    owner: Person | None
    request: str
    papers: tuple[Listed, ...]
    sets: int
    limit: str
    received: str
    due: str
    result_by: str | None
    where: str
    fees: tuple[str, ...]
    book: str | None
    receiver: Signer


class Supplement(Value):
    """What is missing, and by when it is to be brought."""

    head: Head
    person: Person
    request: str
    papers: tuple[Listed, ...]
    reason: str
    until: str
    contact: Contact
    signer: Signer


class Refusal(Value):
    """Why nothing is granted: turned away at intake, or decided."""

    head: Head
    person: Person
    request: str
    received: str | None
    """None where it was turned away at intake."""
    submitted: str
    reason: str
    contact: Contact
    signer: Signer


class Apology(Value):
    """An apology with the new date."""

    head: Head
    person: Person
    request: str
    received: str
    due: str
    fault: str
    """The unit that is late."""
    reason: str
    promised: str
    basis: str | None
    contact: Contact
    signer: Signer


class Stop(Value):
    """Why the work on a dossier has ended or rests."""

    head: Head
    person: Person
    request: str
    received: str | None
    submitted: str
    why: str
    """withdrawn, lapsed (a supplement that never came) or stopped"""
    at: str
    reason: str | None
    contact: Contact
    signer: Signer


class Hand(Value):
    """A line of the control slip; `source` and `target` are role and unit."""

    source: tuple[str, str]
    target: tuple[str, str]
    step: str | None
    at: str
    giver: str
    receiver: str | None
    due: str | None
    done: str | None
    result: str | None
    late: bool
    notes: tuple[str, ...]


class ControlSlip(Value):
    """Through whose hands the dossier went."""

    head: Head
    owner: str
    request: str
    received: str | None
    due: str | None
    original_due: str | None
    """Where it differs."""
    rows: tuple[Hand, ...]


class Entry(Value):
    """A line of the register."""

    code: str
    request: str
    sets: int
    owner: str
    address: str | None
    phone: str | None
    received: str
    due: str | None
    original_due: str | None
    """Where it differs."""
    returned: str | None
    receiver: str
    field: str


class Book(Value):
    """What one unit received in a period; each unit keeps a book of its own."""

    unit: str
    book: str | None
    """Its number."""
    rows: tuple[Entry, ...]


class Register(Value):
    """The dossiers received in a period."""

    head: Head
    first: str
    last: str
    books: tuple[Book, ...]


Said = Receipt | Supplement | Refusal | Apology | Stop | ControlSlip
