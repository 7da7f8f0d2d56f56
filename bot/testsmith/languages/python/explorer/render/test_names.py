"""Name tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from itertools import groupby

from testsmith.languages.python.explorer.cases import Case
from testsmith.languages.python.explorer.inputs.static_hints import texts_of_change
from testsmith.languages.python.explorer.literal_sites import places, read_literal
from testsmith.languages.python.explorer.module_source import Function, parameter_names
from testsmith.languages.python.explorer.render.call_text import Argument
from testsmith.languages.python.explorer.render.expressions import Expression, quoted
from testsmith.languages.python.explorer.render.summaries import Test
from testsmith.languages.python.explorer.render.value_words import (
    condition_words,
    difference_words,
    negated,
    refusal_words,
    snake,
    value_words,
)
from testsmith.languages.python.explorer.subjects import Subject
from testsmith.model import Member, MemberKind

_LONGEST_NAME = 70
_MOST_OPTIONS = 3
_EDGES = ("empty_", "blank_", "zero", "none")
"""Beginnings of words for values that say more than the plain name."""

_EMPTY = ("[]", "{}", "()", '""')
_LONGEST_OPTIONS = 42

_SPECIAL = {
    "__eq__": "equality",
    "__ne__": "inequality",
    "__lt__": "order",
    "__le__": "order",
    "__gt__": "order",
    "__ge__": "order",
    "__contains__": "membership",
    "__getitem__": "getting_an_item",
    "__setitem__": "setting_an_item",
    "__delitem__": "deleting_an_item",
    "__iter__": "iteration",
    "__bool__": "truth",
    "__call__": "calling",
    "__len__": "length",
    "__str__": "text",
    "__repr__": "repr",
    "__hash__": "hash",
    "__copy__": "copy",
    "__deepcopy__": "deep_copy",
    "__reduce__": "copy",
    "__reduce_ex__": "copy",
}


class TestNames:
    """Names the tests of one member without duplicates.

    Args:
        subject: The member; conditions in its source help describe a case.
        cases: All cases of its tests; what they have in common is left out of names.
        existing: Names of the project's tests, which are avoided.
        title: What the authors say about the change in one line. If it names the member, or if a call of the
            project's tests is varied, it names the first test that shows a difference. One about a refusal
            names the first that shows one. Otherwise it is used if all other names exist.
    """

    def __init__(
        self,
        subject: Subject,
        cases: Sequence[Case],
        existing: AbstractSet[str] = frozenset(),
        title: str = "",
    ) -> None:
        member = subject.member
        self._subject = subject_words(member)
        self._source = subject.source
        self._definition = subject.source.definitions.get(member.name)
        self._owner = member.name.rpartition(".")[0]
        self._optional = {each.name for each in subject.parameters if not each.required} - {
            each.name for each in subject.parameters if each.mode == "rest"
        }
        self._texts_of_change = texts_of_change(member, subject.source)
        self._cases = cases
        self._existing = existing
        words = title_words(title, member.plain_name)
        self._title = f"test_{words}" if words else ""
        self._is_about_member = member.plain_name in re.findall(r"\w+", title)
        self._taken: set[str] = set()

    def of(self, test: Test) -> str | None:
        """Return a unique name for a test; None if nothing distinguishes it from the tests before it."""
        plain = f"test_{snake(test.first.trial.through) or self._subject}"
        names = ["_".join(filter(None, (plain, *words))) for words in self._proposals(test)]
        titled = [self._title] if self._title and test.first.is_witness else []
        is_about = self._is_about_member or bool(test.first.trial.through)
        if _refuses(test.first) if _REFUSAL.match(self._title) else is_about and not _raises(test.first):
            names = [*titled, *names]
        free = [name for name in names if len(name) <= _LONGEST_NAME and name not in self._taken]
        taken = self._existing | self._taken
        new = [name for name in (*free, *titled) if name not in taken]
        found = next(iter((*new, *free)), None)
        if found is not None:
            self._taken.add(found)
        return found

    def _proposals(self, test: Test) -> Iterator[tuple[str, ...]]:
        """Yield possible names: what is special, the plain name, what is given, and what it returns."""
        case = test.first
        after = self._after(case)
        if _is_about(case):
            yield (case.trial.about, *after)
            yield (case.trial.about, self._values(case), *after)
        elif case.outcome.kind == "raised":
            yield from self._raised(case, after)
        else:
            yield from self._returned(test, after)

    def _raised(self, case: Case, after: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """Yield names about the exception."""
        home = case.outcome.home
        guard, values = self._guard(case), self._values(case)
        refused = refusal_words(case.outcome.message or "", self._owner.split("."))
        if guard or refused:
            yield ("rejects", guard or refused)
        yield (f"raises_{snake(home.path) if home else 'an_error'}", *after)
        if values:
            yield ("rejects", values)

    def _returned(self, test: Test, after: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        case = test.first
        options = self._options(case)
        changed = self._changed(case) if case.gives_none or case.with_state else ()
        values = "" if test.is_table else self._values(case)
        branch = "" if test.is_table else self._branch(case)
        if branch:
            yield (branch, *after)
        if case.is_witness and not test.is_table:
            yield from ((words, *after) for words in self._shown(case, values) if words)
        if changed or options or after:
            yield (*after, *options, *changed)
        if values.startswith(_EDGES):
            yield (values, *after, *options)
        yield ()
        if values:
            yield (values, *after, *options)
        result = case.outcome.value.text if case.outcome.value and not test.is_table else ""
        if result in {"True", "False"} or result.isdecimal() or result.startswith(_EMPTY):
            yield ("is", value_words(result, "text"), *after, *options)

    def _shown(self, case: Case, values: str) -> Iterator[str]:
        """Yield what a case shows about a change: how the result differs, and what the input has."""
        texts = [leaf.value for place in places(case.trial) for leaf in place.leaves]
        given = "".join(text for text in texts if isinstance(text, str))
        outcomes = [each.outcome for each in (case.base, case.seen) if each]
        results = [read_literal(each.value.text) for each in outcomes if each.value]
        match results:
            case [str(before), str(now)]:
                yield difference_words(before, now, given)
        special = [text for text in self._texts_of_change if text in given]
        yield from (f"with_{words}" for text in special if (words := value_words(quoted(text), "text")))
        if not any(values.startswith(f"{snake(each.name)}_") for each in case.trial.arguments):
            yield values  # what the input is, not only its text or number
        kinds = (re.match(r"[A-Z]\w*(?=\()", each.value.text) for each in _set_up(case))
        yield from (f"with_{snake(kind[0])}" for kind in kinds if kind)

    def _after(self, case: Case) -> tuple[str, ...]:
        own = self._subject
        if case.trial.file_content == "":
            return ("of_an_empty_file",)
        words = tuple(f"after_{snake(name)}" if snake(name) != own else "twice" for name in case.trial.priors)
        return words[:1]

    def _changed(self, case: Case) -> tuple[str, ...]:
        first = next(iter(case.changes), None)
        attribute = (
            snake(first.of.rpartition(".")[2]) if first and "." in first.of and "(" not in first.of else ""
        )
        return (f"changes_{attribute}",) if attribute else ()

    def _options(self, case: Case) -> tuple[str, ...]:
        """Return the keyword arguments, unless all cases have them."""
        found = []
        for argument in case.trial.arguments:
            if self._is_option(argument):
                without = argument.value.text in {"False", "None"}
                plain = snake(argument.name).removeprefix("with_")
                found.append(("without_" if without else "with_") + plain)
        return _joined_options(found)

    def _is_option(self, argument: Argument) -> bool:
        """Return whether a parameter is optional and missing in other cases."""
        names = [{each.name for each in case.trial.arguments} for case in self._cases]
        is_optional = argument.by_keyword or argument.name in self._optional
        return is_optional and any(argument.name not in given for given in names)

    def _values(self, case: Case) -> str:
        """Return the first argument that differs between cases, in words."""
        for argument in _set_up(case):
            if self._is_option(argument) or self._is_common(argument):
                continue
            words = _words(argument)
            if words:
                return words
        return ""

    def _is_common(self, argument: Argument) -> bool:
        return len(self._cases) > 1 and all(argument in _set_up(other) for other in self._cases)

    def _guard(self, case: Case) -> str:
        """Return the condition that guards the raised exception, in words."""
        line = case.outcome.line
        empty = {f"empty_{snake(each.name)}" for each in case.trial.arguments if _is_no_container(each)}
        for name, definition in self._source.definitions.items():
            if line is None or not isinstance(definition, Function):
                continue
            if definition.lineno <= line <= (definition.end_lineno or 0):
                words = _guard_words(definition, line)
                if words and words not in empty:
                    return words
                if name == self._subject:
                    break
        return ""

    def _branch(self, case: Case) -> str:
        """Return the condition of the innermost branch that the case returns from, in words."""
        if not isinstance(self._definition, Function):
            return ""
        parameters = parameter_names(self._definition)
        empty = {f"empty_{snake(each.name)}" for each in case.trial.arguments if _is_no_container(each)}
        found = ""
        for node in ast.walk(self._definition):
            if isinstance(node, ast.If) and _returns_from(node.body, case.seen.lines):
                words = condition_words(node.test, parameters)
                found = found if words in empty else words or found
        return found


_REFUSAL = re.compile("test_(reject|refuse|forbid|disallow)(s|ed|d)?_")
"""Beginning of a title that is about a call that is refused."""


def _raises(case: Case) -> bool:
    return case.outcome.kind == "raised"


def _refuses(case: Case) -> bool:
    value = case.outcome.value
    return _raises(case) or (value is not None and value.text in {"False", "None"})


def _is_about(case: Case) -> bool:
    """Return whether a case shows what its trial is about; if it raises, the exception says more."""
    is_refusal = case.outcome.kind == "raised" and bool(case.trial.arguments) and not case.trial.allowed
    return bool(case.trial.about) and not is_refusal


def _joined_options(options: Sequence[str]) -> tuple[str, ...]:
    """Return as many options as fit, as one part of a name."""
    if not options:
        return ()
    joined, last = options[0], options[0].partition("_")[0]
    for each in options[1:_MOST_OPTIONS]:
        word = each.partition("_")[0]
        longer = f"{joined}_and_{each.removeprefix(f'{last}_')}"
        if len(longer) > _LONGEST_OPTIONS:
            break
        joined, last = longer, word
    return (joined,)


def subject_words(member: Member) -> str:
    """Return a member's name in the names of its tests."""
    if member.kind is MemberKind.CLASS:
        return snake(member.plain_name)
    if member.plain_name in {"__init__", "__new__", "__post_init__"}:
        return f"new_{snake(member.name.split('.')[-2])}"
    return _SPECIAL.get(member.plain_name) or snake(member.plain_name)


def _words(argument: Argument) -> str:
    """Return an argument in words, with the parameter's name if the value alone is not informative."""
    text, name = argument.value.text, snake(argument.name)
    words = value_words(text, argument.name)
    says_little = text.removeprefix("b")[:1] in {'"', "'"} and not words.endswith(name)
    if words and (says_little or words[:1].isdigit() or words in {"true", "false", "none"}):
        return f"{name}_{words}"
    return words


def _is_no_container(argument: Argument) -> bool:
    """Return whether a value may be falsy without being an empty container."""
    return argument.value.text in {"False", "None", "0", "0.0"}


def _set_up(case: Case) -> list[Argument]:
    return [_as_set_up(argument, case) for argument in case.trial.arguments]


def _as_set_up(argument: Argument, case: Case) -> Argument:
    """Return an argument with the value assigned in the test's setup, if it is a variable."""
    start = f"{argument.value.text} = "
    for statement in case.trial.setup:
        if statement.startswith(start):
            return replace(argument, value=Expression(statement.removeprefix(start)))
    return argument


def _guard_words(definition: Function, line: int) -> str:
    """Return the condition directly around a line, in words."""
    parameters = parameter_names(definition)
    nodes = [node for node in ast.walk(definition) if isinstance(node, ast.If)]
    chained = [node.orelse[0] for node in nodes if len(node.orelse) == 1]
    found = ""
    for node in nodes:
        if _holds(node.body, line):
            found = condition_words(node.test, parameters)
        elif _holds(node.orelse, line):
            opposite = None if node in chained else negated(node.test)  # one of a chain says too little
            found = condition_words(opposite, parameters) if opposite else ""
    return found


def _holds(body: Sequence[ast.stmt], line: int) -> bool:
    return bool(body) and body[0].lineno <= line <= (body[-1].end_lineno or 0)


def _returns_from(body: Sequence[ast.stmt], lines: Collection[int]) -> bool:
    last = body[-1]
    return isinstance(last, ast.Return) and last.lineno in lines


_OPENING = re.compile(r"(commit: )?(\w+(\([^)]*\))?!?: )?(fix(es|ed)? )?", re.IGNORECASE)
_CLOSING = re.compile(r"\s*\([^()]*\d+\)\.?$")
_FAULT = re.compile(
    r"\bfix(es|ed)?\b.*\b(returning|raising|emitting|giving|producing|printing|ignoring|losing|failing|breaking"
    r"|crashe?s?|crashing|bugs?|regressions?|typos?|wrong(ly)?|incorrect(ly)?|broken|unexpected(ly)?)\b",
    re.IGNORECASE,
)
"""In a title that says what was wrong: a test of that name would seem to say the opposite."""

_FILLERS = frozenset({"a", "an", "the"})
_FEWEST_WORDS = 3


def title_words(title: str, subject: str = "") -> str:
    """Return a title as a name, without what convention puts around it; empty if it does not fit.

    A title with several commas lists changes, and no test is about all of them; one of a fix may say only
    what was wrong.

    Args:
        title: The title.
        subject: What stays even if convention puts it around a title.
    """
    if title.count(",") > 1 or _FAULT.search(title):
        return ""
    opening = _OPENING.match(title)
    around = opening[0] if opening else ""
    kept = f"{subject} " if subject and subject in re.findall(r"\w+", around) else ""
    text = (kept + _CLOSING.sub("", title.removeprefix(around))).lower().replace("'", "")
    for part in (text, re.split("[,;:] ", text)[0]):
        every = [word for word in re.findall(r"[a-z0-9]+", part) if word not in _FILLERS]
        words = [word for word, _ in groupby(every)]
        name = "_".join(words)
        if len(words) >= _FEWEST_WORDS and len(name) <= _LONGEST_NAME - len("test_"):
            return name
    return ""
