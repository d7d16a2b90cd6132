"""What a text may consist of, checked before it is rendered: in every branch, also those no sample takes."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, NoReturn

from jinja2 import nodes
from pydantic import AwareDatetime

from models.base import Value
from motcua.texts.formats import FILTERS
from motcua.texts.sandbox import BLOCKS
from motcua.texts.topic import Topic

Refuse = Callable[[int, str], NoReturn]
"""Says in which line what is wrong."""

_TAKES: dict[str, Any] = {**FILTERS, **BLOCKS}
_PASSED = (nodes.Template, nodes.Output, nodes.If, nodes.CondExpr, nodes.And, nodes.Or, nodes.Not)
_CALLED = {
    nodes.Call: "a call",
    nodes.Getitem: "[ ]",
    nodes.Assign: "{% set %}",
    nodes.Include: "{% include %}",
    nodes.Import: "{% import %}",
    nodes.FromImport: "{% import %}",
    nodes.Macro: "{% macro %}",
    nodes.Test: "a test with `is`",
}
_KINDS: Mapping[Any, str] = {
    datetime: "a moment",
    timedelta: "a length of time",
    int: "a number",
    tuple: "a list",
    str: "text",
    bool: "yes or no",
}


class Grammar:
    """Checks the nodes of one text; `withheld` are variables that this text must not use."""

    def __init__(self, refuse: Refuse, withheld: Iterable[str] = ()) -> None:
        self._refuse, self._withheld = refuse, tuple(withheld)

    def check(self, template: nodes.Template) -> None:
        """Refuse the first thing that does not belong into a text."""
        self._check(template, dict(_fields(Topic)))

    def _check(self, node: nodes.Node, known: dict[str, Any]) -> None:
        match node:
            case nodes.TemplateData() | nodes.Const():
                return
            case nodes.For(target=nodes.Name(name=name), test=None):
                each = self._each(node, known)
                inside = {**known, name: each}
                for child in (*node.body, *node.else_):
                    self._check(child, inside)
            case nodes.Output():
                for child in node.nodes:
                    self._printed(child, known)
            case nodes.Compare():
                for child in (node.expr, *(operand.expr for operand in node.ops)):
                    self._type(child, known)
            case _ if isinstance(node, _PASSED):
                for child in node.iter_child_nodes():
                    self._check(child, known)
            case _:
                self._type(node, known)

    def _each(self, node: nodes.For, known: dict[str, Any]) -> Any:
        found = self._type(node.iter, known)
        if typing.get_origin(found) is not tuple:
            self._refuse(node.lineno, "{% for %} needs a list")
        return typing.get_args(found)[0]

    def _printed(self, node: nodes.Node, known: dict[str, Any]) -> None:
        match node:
            case nodes.TemplateData():
                return
            case nodes.CondExpr():
                self._check(node.test, known)
                for branch in (node.expr1, node.expr2):
                    if branch is not None:
                        self._printed(branch, known)
            case _:
                found = self._type(node, known)
                if found not in (str, int):
                    self._refuse(node.lineno, f"{_kind(found)} is no text: it needs a filter")

    def _type(self, node: nodes.Node, known: dict[str, Any]) -> Any:
        """The type of an expression, as its field declares it."""
        match node:
            case nodes.Const(value=value):
                return type(value)
            case nodes.Name(name=name):
                if name in self._withheld:
                    self._refuse(node.lineno, f"{name} is not for staff: it may tell of the applicant")
                if name not in known:
                    self._refuse(node.lineno, f"there is no variable {name}{_near(name, known)}")
                return known[name]
            case nodes.Getattr(node=base, attr=attr):
                fields = _fields(self._type(base, known))
                if attr not in fields:
                    self._refuse(node.lineno, f"there is no variable {_path(node)}{_near(attr, fields)}")
                return fields[attr]
            case nodes.Filter(name=name, node=base) if base is not None:
                return self._filtered(node, name, base, known)
            case nodes.And() | nodes.Or() | nodes.Not() | nodes.Compare():
                self._check(node, known)
                return bool
            case _:
                what = _CALLED.get(type(node), type(node).__name__)
                self._refuse(node.lineno, f"{what} does not belong into a text")

    def _filtered(self, node: nodes.Filter, name: str, base: nodes.Node, known: dict[str, Any]) -> Any:
        if name not in _TAKES:
            self._refuse(node.lineno, f"there is no filter {name}{_near(name, _TAKES)}")
        if node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
            self._refuse(node.lineno, f"the filter {name} takes nothing in brackets")
        found = self._type(base, known)
        plain = typing.get_origin(found) or found
        if plain is bool or not issubclass(plain, _TAKES[name]):
            self._refuse(node.lineno, f"the filter {name} cannot write {_kind(found)}")
        return str


def _fields(model: Any) -> dict[str, Any]:
    if not (isinstance(model, type) and issubclass(model, Value)):
        return {}
    return {name: _present(field.annotation) for name, field in model.model_fields.items()}


def _present(annotation: Any) -> Any:
    """The type of a field that is there; a code is text."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        (annotation,) = (arg for arg in typing.get_args(annotation) if arg is not type(None))
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    if annotation is AwareDatetime:
        return datetime
    return str if typing.get_origin(annotation) is typing.Literal else annotation


def _kind(found: Any) -> str:
    plain = typing.get_origin(found) or found
    return _KINDS.get(plain, f"a whole {getattr(plain, '__name__', plain)}".lower())


def _path(node: nodes.Node) -> str:
    match node:
        case nodes.Getattr(node=base, attr=attr):
            return f"{_path(base)}.{attr}"
        case nodes.Name(name=name):
            return name
    return "…"


def _near(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, sorted(known))
    return f" (did you mean {' or '.join(near)}?)" if near else ""
