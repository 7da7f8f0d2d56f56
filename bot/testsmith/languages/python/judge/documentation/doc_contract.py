"""Read what a member documents besides examples: its return type and the exceptions it raises.

The return type comes from the annotation. Exceptions come from the docstring: a Google or NumPy section,
`:raises X:` fields, or a sentence that begins with "Raises". Nothing is executed, and ambiguous text is
ignored.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from testsmith.languages.python.judge.documentation.annotation_types import fits, outline
from testsmith.languages.python.source.definitions import Function, last_name
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import CannotParse
from testsmith.model import Member

ANY_EXCEPTION = frozenset({"Exception", "BaseException"})
"""Exception names too general to carry information."""

_BASES = {
    "CalledProcessError": "Exception",
    "FrozenInstanceError": "AttributeError",
    "InvalidOperation": "ArithmeticError",
    "JSONDecodeError": "ValueError",
    "TOMLDecodeError": "ValueError",
    "ZoneInfoNotFoundError": "KeyError",
}


def ancestors(exception: str) -> frozenset[str]:
    """Return the names of an exception and all its bases, or an empty set for an unknown name.

    Args:
        exception: Name of a built-in or common standard library exception, optionally dotted.
    """
    name = exception.rpartition(".")[2]
    if name in _BASES:
        return ancestors(_BASES[name]) | {name}
    known = getattr(builtins, name, None)
    if not isinstance(known, type) or not issubclass(known, BaseException):
        return frozenset()
    return frozenset(base.__name__ for base in known.__mro__) - {"object"}


def are_related(left: str, right: str) -> bool:
    """Return whether one exception is known to be the same as, or a subclass of, the other."""
    if left.rpartition(".")[2] == right.rpartition(".")[2]:
        return True
    above_left, above_right = ancestors(left), ancestors(right)
    known = bool(above_left and above_right)
    return known and (above_left <= above_right or above_right <= above_left)


# Annotations and docstrings.

_TRANSPARENT = frozenset(
    {
        "abstractmethod",
        "cache",
        "cached_property",
        "classmethod",
        "deprecated",
        "final",
        "lru_cache",
        "override",
        "property",
        "staticmethod",
    }
)
"""Decorators that do not change what a function returns or raises."""

_MOST_TEXT = 10_000
"""Maximum number of docstring characters that are read."""

_FIELD = re.compile(r":(?:raises?|exceptions?|except)\s(?P<names>[^:]+):")
_NUMPY = re.compile(r"^Raises[ ]*\n-{3,}[ ]*\n", re.MULTILINE)
_GOOGLE = re.compile(r"^(?:Raises|Exceptions|Throws):[ ]*\n", re.MULTILINE)
_SENTENCE = re.compile(
    r"(?:^|(?<=[.!;]\s))Raises?\s+(?:an?\s+|the\s+)?(?P<names>[`:~\w][^\n]*(?:\n[ ]*\S[^\n]*)*)", re.MULTILINE
)
"""A sentence together with the rest of its paragraph."""

_WORD = re.compile(r"[\w.]+")
_MARKUP = re.compile(r":(?:class|exc|py:class|py:exc):|[`~()\[\]]")
_JOINS = re.compile(r"[,|/]|\bor\b|\band\b")


@dataclass(frozen=True, slots=True)
class RaisedExceptions:
    """Last parts of the names in `raise` statements; `others` is set if some could not be read."""

    names: frozenset[str]
    others: bool


def return_annotation(member: Member) -> ast.expr | None:
    """Return the annotation of a call's (awaited) result, or None if unknown.

    It is unknown behind an unknown decorator and for asynchronous generators.
    """
    function = _function(member)
    if function is None or function.returns is None or _is_async_generator(function):
        return None
    return function.returns


def returns_nothing(member: Member) -> bool:
    """Return whether calling a member always returns None."""
    function = _function(member)
    if function is None:
        return False
    return not any(
        isinstance(node, ast.Yield | ast.YieldFrom)
        or (isinstance(node, ast.Return) and not _is_none(node.value))
        for node in ast.walk(function)
    )


def _is_none(node: ast.expr | None) -> bool:
    return node is None or (isinstance(node, ast.Constant) and node.value is None)


def documented_exceptions(member: Member) -> tuple[str, ...]:
    """Return the names of the exceptions documented in a member's docstring, as written there.

    The result is empty if any listed entry cannot be read as a name.
    """
    definition = _definition(member)
    if definition is None:
        return ()
    if isinstance(definition, Function) and _function(member) is None:
        return ()
    found: list[str] = []
    for text in _docstrings(definition):
        listed = list(_listed(text))
        if "" in listed:
            return ()
        found += listed
    return tuple(dict.fromkeys(found))


def is_mentioned(member: Member, exception: str) -> bool:
    """Return whether a member's docstring mentions an exception."""
    definition = _definition(member)
    texts = [] if definition is None else _docstrings(definition)
    return any(re.search(rf"\b{re.escape(exception)}\b", text) for text in texts)


def raised_exceptions(member: Member) -> RaisedExceptions:
    """Return the exceptions that a member's own `raise` statements name or re-raise."""
    definition = _definition(member)
    if definition is None:
        return RaisedExceptions(frozenset(), others=True)
    handlers = [node for node in ast.walk(definition) if isinstance(node, ast.ExceptHandler)]
    found = {
        name
        for node in ast.walk(definition)
        if isinstance(node, ast.Raise)
        for name in _raised(node.exc, handlers)
    }
    return RaisedExceptions(frozenset(found - {""}), others="" in found)


def _raised(raised: ast.expr | None, handlers: Sequence[ast.ExceptHandler]) -> Iterator[str]:
    """Yield the exceptions that a `raise` may raise, with `""` for unknown ones."""
    if raised is not None and not isinstance(raised, ast.Name):
        yield _class_name(raised)
    elif raised is not None and raised.id[:1].isupper():
        yield raised.id
    else:
        caught = [node.type for node in handlers if raised is None or node.name == raised.id]
        for node in caught or [None]:
            yield from map(_class_name, node.elts) if isinstance(node, ast.Tuple) else [_class_name(node)]


def suits_parameters(call: ast.Call, member: Member) -> bool | None:
    """Return whether a call's arguments can match the annotated parameters of a member.

    Returns None if unknown, and False if the call does not fit the signature at all.
    """
    function = _function(member)
    if function is None or any(isinstance(argument, ast.Starred) for argument in call.args):
        return None
    given = _bound(call, function.args, is_method=_is_bound(function, member))
    if given is None:
        return False
    answers = [
        None if annotation is None else fits(outline(value), annotation) for value, annotation in given
    ]
    return False if False in answers else (None if None in answers else True)


def _definition(member: Member) -> Function | ast.ClassDef | None:
    try:
        body = parse_untrusted(member.source).body
    except CannotParse:
        return None
    found = [node for node in body if isinstance(node, Function | ast.ClassDef) and not _is_accessor(node)]
    return found[0] if len(found) == 1 else None


def _is_accessor(node: Function | ast.ClassDef) -> bool:
    """Return whether a definition is a property setter or deleter."""
    return any(last_name(decorator) in {"setter", "deleter"} for decorator in node.decorator_list)


def _function(member: Member) -> Function | None:
    """Return the member's function if calling the member runs exactly that function."""
    definition = _definition(member)
    if not isinstance(definition, Function):
        return None
    known = all(last_name(decorator) in _TRANSPARENT for decorator in definition.decorator_list)
    return definition if known else None


def _is_async_generator(function: Function) -> bool:
    return isinstance(function, ast.AsyncFunctionDef) and any(
        isinstance(node, ast.Yield) for node in ast.walk(function)
    )


def _docstrings(definition: Function | ast.ClassDef) -> Iterator[str]:
    yield _read_docstring(definition)
    if isinstance(definition, ast.ClassDef):
        for node in definition.body:
            if isinstance(node, Function) and node.name == "__init__":
                yield _read_docstring(node)


def _read_docstring(definition: Function | ast.ClassDef) -> str:
    text = ast.get_docstring(definition) or ""
    return text if len(text) <= _MOST_TEXT else "".join(text[:_MOST_TEXT].rsplit(maxsplit=1)[:1])


def _listed(text: str) -> Iterator[str]:
    """Yield the exceptions a docstring lists, with `""` for unreadable entries."""
    for field in _FIELD.finditer(text):
        yield from _names(field["names"])
    for heading in _headings(text):
        for entry in heading:
            yield from _names(entry)
    for sentence in _SENTENCE.finditer(text):
        yield from _told_names(sentence["names"])


def _headings(text: str) -> Iterator[Sequence[str]]:
    """Yield the entry headings of each section that lists exceptions."""
    if found := _NUMPY.search(text):
        yield [_before_colon(line) for line in _block(text[found.end() :], indented=False)]
    elif found := _GOOGLE.search(text):
        yield [_before_colon(line) for line in _block(text[found.end() :], indented=True)]


def _block(text: str, *, indented: bool) -> Iterator[str]:
    """Yield the least indented lines of a section."""
    lines = text.splitlines()
    margin: int | None = None
    for number, line in enumerate(lines):
        if not line.strip():
            if not indented:
                return
            continue
        own = len(line) - len(line.lstrip())
        margin = own if margin is None else margin
        underlined = number + 1 < len(lines) and lines[number + 1].strip().startswith("---")
        if own < margin or underlined or (indented and not own):
            return
        if own == margin:
            yield line.strip()


def _before_colon(line: str) -> str:
    """Return the text before an entry's colon; a role such as `:exc:` contains colons of its own."""
    return _MARKUP.sub("", line).partition(":")[0]


def _names(text: str) -> Iterator[str]:
    for part in _JOINS.split(_MARKUP.sub("", text).strip()):
        name = part.strip().removeprefix("!")
        if name not in {"None", "Nothing"}:
            yield name if _names_class(name) else ""


def _told_names(text: str) -> Sequence[str]:
    """Return the exceptions at the beginning of a paragraph."""
    plain = _MARKUP.sub(" ", text).lstrip()
    words = [word.rstrip(".") for word in _WORD.findall(plain)]
    if not words or not plain.startswith(words[0]) or not _is_exception_name(words[0]):
        return []
    return [word for word in words if _is_exception_name(word)]


def _names_class(name: str) -> bool:
    """Return whether a text is a name, possibly dotted, whose last part starts with a capital letter."""
    *packages, last = name.split(".")
    return all(map(str.isidentifier, (*packages, last))) and "A" <= last[:1] <= "Z"


def _is_exception_name(name: str) -> bool:
    if not _names_class(name):
        return False
    known = getattr(builtins, name, None)
    is_known = isinstance(known, type) and issubclass(known, BaseException)
    return is_known or name.endswith(("Error", "Exception", "Warning"))


def _class_name(node: ast.expr | None) -> str:
    name = "" if node is None else last_name(node)
    return name if name[:1].isupper() else ""


def _is_bound(function: Function, member: Member) -> bool:
    is_static = any(last_name(decorator) == "staticmethod" for decorator in function.decorator_list)
    return "." in member.name and not is_static


def _bound(
    call: ast.Call, parameters: ast.arguments, *, is_method: bool
) -> list[tuple[ast.expr, ast.expr | None]] | None:
    """Return each argument with its parameter's annotation, or None if the call does not fit."""
    positional = [*parameters.posonlyargs, *parameters.args][is_method:]
    named = {one.arg: one for one in (*parameters.args, *parameters.kwonlyargs)}
    if len(call.args) > len(positional) and parameters.vararg is None:
        return None
    found = [(value, one.annotation) for value, one in zip(call.args, positional, strict=False)]
    given = {one.arg for one in positional[: len(call.args)]}
    for keyword in call.keywords:
        if keyword.arg is None:
            continue
        known = named.get(keyword.arg)
        if (known is None and parameters.kwarg is None) or keyword.arg in given:
            return None
        given.add(keyword.arg)
        found.append((keyword.value, None if known is None else known.annotation))
    needed = _needed(parameters, positional)
    spread = any(keyword.arg is None for keyword in call.keywords)
    return found if spread or needed <= given else None


def _needed(parameters: ast.arguments, positional: Sequence[ast.arg]) -> set[str]:
    without_default = positional[: len(positional) - len(parameters.defaults)]
    only_named = zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)
    return {one.arg for one in without_default} | {one.arg for one, default in only_named if default is None}
