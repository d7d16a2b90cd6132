"""Where texts are rendered: fields and filters are all there is, and what is absent cannot be written.

Offices edit these templates. They get no attributes beyond the fields of a topic, no calls, no globals and no
arithmetic; a value that is absent, or that only a filter can put into words, is refused instead of printed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from jinja2 import BaseLoader, StrictUndefined, TemplateRuntimeError, pass_context, pass_eval_context
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, LoopContext, Macro, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from models.base import Value
from motcua.texts.formats import FILTERS
from motcua.texts.plain import lines, one_line, unlinked
from motcua.texts.topic import Digest, Subject

PARTICULARS, TASKS = "\x01particulars\x01", "\x01tasks\x01"
"""Stand for a table. A value cannot hold them: control characters are taken out of values."""
LINK, CODE, END = "\x02", "\x04", "\x03"
"""Stand before an address that becomes a link, before a code that is not broken in two, and after either."""
BLOCKS: dict[str, type[Value]] = {"particulars": Subject, "tasks": Digest}
"""Filters that put a whole table there, and what they take."""

_MANY_LINES = ("reason",)
_PEOPLE = ("recipient", "in_place_of", "assignee", "stands_in_for", "name")
"""Fields with names that people have or were given: no mail program makes a link of them."""
_LOOP = ("first", "last", "index", "length")


class Unwritable(TemplateRuntimeError):
    """A value cannot be written as it is."""


class Absent(StrictUndefined):
    """What a notice does not have: `{% if %}` may ask for it, and nothing else can be done with it."""

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise Unwritable(f"{self._undefined_name} is absent here: write {{% if {self._undefined_name} %}}")

    __slots__ = ()
    __str__ = __iter__ = __len__ = __contains__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse

    def __bool__(self) -> bool:  # type: ignore[override]
        return False

    def __eq__(self, other: object) -> bool:  # type: ignore[override]
        return False

    def __ne__(self, other: object) -> bool:  # type: ignore[override]
        return True

    __hash__ = None  # type: ignore[assignment]


class Fields:
    """A value of the topic as templates see it: its fields and nothing else."""

    __slots__ = ("model", "path")

    def __init__(self, model: Value, path: str) -> None:
        self.model, self.path = model, path

    def get(self, name: str) -> Any:
        """A field as plain text."""
        return shown(getattr(self.model, name), f"{self.path}.{name}")


class Address(str):
    """An address that becomes a link."""

    __slots__ = ()


class Code(str):
    """A code that is to stay in one piece."""

    __slots__ = ()


_SPECIAL = {"dossier.track": Address, "dossier.code": Code}


class Table(dict[str, Any]):
    """Words by name, for the layout."""


def shown(value: Any, path: str) -> Any:
    """A value of the topic as templates see it."""
    match value:
        case str():
            text = lines(value) if path in _MANY_LINES else one_line(value)
            if path.rpartition(".")[2] in _PEOPLE:
                text = unlinked(text)
            if not text:
                return Absent(name=path)
            return _SPECIAL.get(path, str)(text)
        case None:
            return Absent(name=path)
        case tuple():
            return tuple(shown(each, path) for each in value)
        case Value():
            return Fields(value, path)
        case _:
            return value


@pass_eval_context
def _written(context: EvalContext, value: Any) -> Any:
    """What `{{ }}` prints."""
    if isinstance(value, Address | Code) and not context.autoescape:
        return f"{LINK if isinstance(value, Address) else CODE}{value}{END}"
    if isinstance(value, str):
        return value
    if isinstance(value, Undefined):
        return str(value)  # which says what is missing
    if type(value) is int:
        return str(value)
    what = type(value.model if isinstance(value, Fields) else value).__name__
    raise Unwritable(f"a value of type {what} is no text: it needs a filter")


def _filter(name: str) -> Callable[[Context, Any], str]:
    takes = FILTERS[name]

    @pass_context
    def apply(context: Context, value: Any) -> str:
        if isinstance(value, Undefined):
            str(value)
        given = value.model if isinstance(value, Fields) else value
        if not isinstance(given, takes) or isinstance(given, bool):
            raise Unwritable(f"the filter {name} cannot write a value of type {type(given).__name__}")
        try:
            return str(getattr(context["_formats"], name)(given))
        except KeyError as error:
            raise Unwritable(f"the filter {name} has no word for {given}") from error

    return apply


def _block(name: str, marker: str) -> Callable[[Any], str]:
    def apply(value: Any) -> str:
        if isinstance(value, Undefined):
            str(value)
        if not isinstance(value, Fields) or not isinstance(value.model, BLOCKS[name]):
            raise Unwritable(f"the filter {name} needs a {BLOCKS[name].__name__.lower()}")
        return marker

    return apply


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of all texts; those that end with .html escape what they print."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def __init__(self, loader: BaseLoader | None = None) -> None:
        super().__init__(
            loader=loader,
            autoescape=lambda name: name is not None and name.endswith(".html"),
            undefined=StrictUndefined,
            finalize=_written,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.globals.clear()
        self.tests.clear()
        self.filters = {name: _filter(name) for name in FILTERS}
        self.filters["particulars"] = _block("particulars", PARTICULARS)
        self.filters["tasks"] = _block("tasks", TASKS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A field, a word of the layout, or how far a loop is."""
        if isinstance(obj, Fields) and attribute in type(obj.model).model_fields:
            return obj.get(attribute)
        if isinstance(obj, Table) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return getattr(obj, attribute)
        if isinstance(obj, Undefined):
            str(obj)
        return self.undefined(f"there is no {attribute} here", name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Nothing is found by number or by a name that is computed."""
        return self.undefined("a text has no [ ]", name=str(argument))

    def is_safe_callable(self, obj: Any) -> bool:
        """Texts call nothing; a layout calls its own macros."""
        return isinstance(obj, Macro)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Nor do they calculate."""
        raise Unwritable(f"a text does not calculate ({operator})")
