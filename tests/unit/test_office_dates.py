"""No date reaches a person but through the office's time zone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from models.changes import Act, Acts, Change, Day, Ordered
from models.commands import Actor
from models.procedure import Role
from motcua.calendars import Calendars, ChangeDiffers, ChangeUndone
from motcua.cli import printing
from motcua.cli.deadlines import BadTime
from tests.unit.office import CALENDAR

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = [
    path
    for place in ("models", "workflows", "activities", "motcua", "worker.py", "starter.py")
    for path in ([ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py")))
]
DATES = {
    ("motcua/papers/words.py", "day"): "a date already",
    ("motcua/web/charts.py", "day"): "a date already",
    ("motcua/cli/calendars.py", "day.date"): "a date already",
    ("motcua/cli/calendars.py", "hours.opens"): "an office time of day already",
    ("motcua/cli/calendars.py", "hours.closes"): "an office time of day already",
}
"""Expressions written without the office's zone, each with its reason."""
LOCAL = ("local", "fromisoformat", "astimezone", "combine")
"""What gives office time, or a value that somebody typed as such."""

EARLY = datetime(2026, 3, 1, 20, 15, tzinfo=UTC)
"""03:15 on 2 March at the office."""


def _unzoned(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and expression of each instant that is written or cut to a date outside the office's zone."""
    for scope in ast.walk(tree):
        if not isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        local = set()
        for node in ast.walk(scope):
            if isinstance(node, ast.Assign | ast.NamedExpr) and _zoned(node.value, local):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                local |= {
                    name.id for each in targets for name in ast.walk(each) if isinstance(name, ast.Name)
                }
        for node in ast.walk(scope):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and (node.func.attr == "strftime" or (node.func.attr in ("date", "time") and not node.args))
                and not ast.unparse(node.func).endswith(("time.time", "loop.time", "loop().time", "min.time"))
                and not _zoned(node.func.value, local)
            ):
                yield node.lineno, ast.unparse(node.func.value)
            if isinstance(node, ast.JoinedStr):
                yield from _written(node, local)


def _written(text: ast.JoinedStr, local: set[str]) -> Iterator[tuple[int, str]]:
    for number, part in enumerate(text.values):
        if isinstance(part, ast.FormattedValue) and part.format_spec is not None:
            following = text.values[number + 1] if number + 1 < len(text.values) else None
            said = following.value if isinstance(following, ast.Constant) else ""
            # UTC that says so is evidence for readers in any zone: proofs, seals, differences in the record.
            spec = ast.unparse(part.format_spec).strip("'\"")
            marked = str(said).startswith(("Z", " UTC")) or spec.endswith("Z")
            dated = any(sign in spec for sign in ("%Y", "%m", "%d", "%H", "%a"))
            if dated and not marked and not _zoned(part.value, local):
                yield part.lineno, ast.unparse(part.value)


def _zoned(value: ast.expr, local: set[str]) -> bool:
    if isinstance(value, ast.Name):
        return value.id in local
    if isinstance(value, ast.BinOp):
        return _zoned(value.left, local)
    if isinstance(value, ast.Tuple):
        return all(_zoned(each, local) for each in value.elts)
    if isinstance(value, ast.Call):
        name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
        return name in LOCAL
    return isinstance(value, ast.GeneratorExp) and _zoned(value.elt, local)


def test_dates_are_cut_and_written_in_the_zone_of_the_office() -> None:
    """An instant's own date is UTC's: before 07:00 in Vietnam that is yesterday."""
    found = [
        (path.relative_to(ROOT).as_posix(), line, what)
        for path in PRODUCT
        for line, what in _unzoned(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert [each for each in found if (each[0], each[2]) not in DATES] == []
    assert {(file, what) for file, _, what in found} >= set(DATES), "exceptions that nothing needs any more"


@pytest.mark.parametrize(
    "code",
    ["def f(at): return at.date()", "def f(at): return f'{at:%Y-%m-%d}'", "def f(at): at.strftime('%d')"],
)
def test_the_check_finds_a_utc_date(code: str) -> None:
    """A check that finds nothing anywhere proves nothing."""
    assert list(_unzoned(ast.parse(code)))


def test_a_moment_in_a_sentence_or_a_table_must_be_written_by_the_caller() -> None:
    """The sentence does not know the office's zone."""
    with pytest.raises(AssertionError, match="office time"):
        BadTime(what="--from", text=EARLY)
    with pytest.raises(AssertionError, match="office_time"):
        printing.table("", ("at",), [(EARLY,)])


def _acts(*kinds: str) -> tuple[Calendars, Change, Acts]:
    change = Change(
        id="swap",
        calendar="vn",
        decree="12/QĐ",
        issued=date(2026, 2, 1),
        title="Hoán đổi",
        days=(Day(date=date(2026, 3, 9), special=None),),
    )
    actor = Actor(id="head1", roles=(Role.OFFICE_LEADER,), unit="demo")
    acts = tuple(
        Act(
            number=number,
            change="swap",
            act=kind,
            actor=actor,
            at=EARLY,
            ordered=Ordered(change=change, before=()) if kind == "apply" else None,
        )
        for number, kind in enumerate(kinds, 1)
    )
    desk = SimpleNamespace(rulebook=SimpleNamespace(calendar=CALENDAR))
    return Calendars(desk, SimpleNamespace()), change, Acts(acts=acts)  # type: ignore[arg-type]


def test_a_calendar_change_undone_at_0315_was_undone_that_day() -> None:
    """Applying or undoing it once more names 2 March, not 1 March."""
    calendars, change, acts = _acts("apply", "applied", "undo", "undone")
    with pytest.raises(ChangeUndone, match="on 2026-03-02"):
        calendars._may_undo(acts, "swap")
    with pytest.raises(ChangeUndone, match="on 2026-03-02"):
        calendars._may_apply(acts, change)
    with pytest.raises(ChangeDiffers, match="on 2026-03-02"):
        calendars._may_apply(_acts("apply", "applied")[2], change.model_copy(update={"title": "Khác"}))


def test_undo_is_offered_for_the_last_change_in_force_only() -> None:
    """Also to continue an undo that broke off; never for a change that is undone or half applied."""
    assert _acts("apply", "applied")[2].undoable == "swap"
    assert _acts("apply", "applied", "undo")[2].undoable == "swap"
    assert _acts("apply")[2].undoable is None
    assert _acts("apply", "applied", "undo", "undone")[2].undoable is None


def test_the_office_date_of_a_moment() -> None:
    """03:15 in Vietnam is the evening before in UTC."""
    assert printing.office_date(CALENDAR, EARLY) == "2026-03-02"
