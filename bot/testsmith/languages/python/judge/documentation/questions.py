"""Questions for the maintainer about differences between documentation and code."""

from __future__ import annotations

import ast
import builtins
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass

from testsmith.languages.judge import Question, short
from testsmith.languages.python.judge.documentation.contradictions import Promise, expression
from testsmith.languages.python.judge.documentation.docstring_examples import docstring_of
from testsmith.languages.python.source.parsing import parse_untrusted
from testsmith.languages.source import DocumentedExample
from testsmith.model import Member

_NAME = re.compile(r"[\w.]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentationQuestion(Question):
    """Question about what a docstring or an annotation promises.

    Attributes:
        documented: The documented call and its result.
        observed: The value that the code returned or the exception that it raised, as source; empty if only a
            run can show it.
    """

    documented: DocumentedExample | Promise
    observed: str = ""

    @property
    def subject(self) -> str:
        """The documented call, as source."""
        return self.documented.call

    def text(self, message: str) -> str:
        """Return what differs, given pytest's message for the failure of the documented claim."""
        says = (
            _says_promise(self, self.documented, message)
            if isinstance(self.documented, Promise)
            else _says_example(self, self.documented, message)
        )
        return f"{says}."


def documented_test(member: Member, example: DocumentedExample, name: str) -> str:
    """Return a test module that claims what an example shows.

    Names in a docstring belong to its module, so everything that is not built in is imported from there.
    """
    statements = [*map(_on_few_lines, example.setup), _claim(example)]
    needed = sorted(_free_names(map(parse_untrusted, statements)) - {"pytest"})
    lines = [each for each in dict.fromkeys(statements) if _is_import(each) and "__future__" not in each]
    lines += ["import pytest\n"] if example.expected is None else []
    lines += [f"from {member.module} import {', '.join(needed)}"] if needed else []
    body = "\n".join(each for each in statements if not _is_import(each))
    return "\n".join([*lines, "", "", f"def {name}():", textwrap.indent(body, "    "), ""])


_CHECK = """\
import doctest
import importlib
import sys

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL


class Runner(doctest.DocTestRunner):
    contradicted = None

    def report_failure(self, out, test, example, got):
        self.contradicted = example

    def report_unexpected_exception(self, out, test, example, exc_info):
        self.contradicted = example
        if example is not test.examples[-1]:
            raise exc_info[1]


def {name}():
    text = {text}
    module = importlib.import_module({module!r})
    loaded = [one for one in sys.modules.values() if str(getattr(one, "__file__", None)).endswith({path!r})]
    examples = doctest.DocTestParser().get_examples(text)
    examples = [one for one in examples if one.lineno <= {line}]
    test = doctest.DocTest(examples, vars([*loaded, module][0]), {name!r}, None, 0, text)
    runner = Runner(verbose=False, optionflags=FLAGS)
    try:
        runner.run(test, out=lambda text: None)
    except Exception:
        return
    assert runner.contradicted is not examples[-1]
"""


def doctest_check(member: Member, example: DocumentedExample, name: str) -> str | None:
    """Return a test module that fails if doctest, run on all previous lines too, rejects an example."""
    docstring = docstring_of(member)
    if docstring is None:
        return None
    text, first = docstring
    return _CHECK.format(
        name=name, text=repr(text), module=member.module, path=f"/{member.path}", line=example.line - first
    )


def _is_import(statement: str) -> bool:
    return all(isinstance(node, ast.Import | ast.ImportFrom) for node in parse_untrusted(statement).body)


def _claim(example: DocumentedExample) -> str:
    call = _on_few_lines(example.call)
    if not isinstance(expression(call), ast.Call | ast.Attribute | ast.Subscript | ast.Name):
        call = f"({call})"  # otherwise a comparison would be chained with the claim's
    if example.expected is None:
        return f"with pytest.raises({example.exception}):\n    {call}"
    compares = "is" if example.expected in {"True", "False", "None"} else "=="
    return f"assert {call} {compares} {_on_few_lines(example.expected)}"


def _on_few_lines(statement: str) -> str:
    """Return a statement without multi-line strings, so that it can be indented."""
    return ast.unparse(parse_untrusted(statement)) if "\n" in statement else statement


def _free_names(trees: Iterable[ast.AST]) -> set[str]:
    read: set[str] = set()
    bound: set[str] = set()
    for node in (node for tree in trees for node in ast.walk(tree)):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                read.add(name)
            case ast.Name(id=name):
                bound.add(name)
            case ast.arg(arg=name):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                bound |= {alias.asname or alias.name.partition(".")[0] for alias in aliases}
    return {name for name in read - bound if not hasattr(builtins, name)}


def _says_example(question: DocumentationQuestion, example: DocumentedExample, message: str) -> str:
    says = f"raises `{example.exception}`" if example.expected is None else f"is `{short(example.expected)}`"
    does = f"it returns `{short(question.observed)}`" if question.observed else _observed(example, message)
    return f"The docstring says `{short(example.call)}` {says}; {does}"


def _says_promise(question: DocumentationQuestion, promise: Promise, message: str) -> str:
    call = short(promise.call)
    if promise.exceptions:
        listed = " and ".join(f"`{short(name)}`" for name in promise.exceptions)
        return f"The docstring documents {listed}; `{call}` raises `{short(question.observed)}`"
    seen = question.observed or _instance(message)
    does = f"returns `{short(seen)}`" if seen else "returns something else"
    return f"The annotation says `{short(promise.annotation)}`; `{call}` {does}"


def _instance(message: str) -> str:
    """Return the value that was not an instance of a class, from the message of the failed claim."""
    for line in message.splitlines():
        arguments = line.rstrip().partition("where False = isinstance(")[2]
        if arguments.endswith(")"):
            value, _, last = arguments[:-1].rpartition(", ")
            ends = [arguments.find(", <class "), arguments.find(", (<class ")]
            ends += [len(value)] if _NAME.fullmatch(last) else []
            found = arguments[: min((end for end in ends if end > 0), default=0)]
            if found:
                return found
    return ""


def _observed(example: DocumentedExample, message: str) -> str:
    """Return what the code did, from the message of the failed claim."""
    first = first_words(message)
    compared = " is " if example.expected in {"True", "False", "None"} else " == "
    left, compares, _ = first.removeprefix("assert ").rpartition(compared)
    if example.expected is None:
        raised = "DID NOT RAISE" not in first
        return f"it raises `{short(first)}`" if raised else "it raises nothing"
    if compares and first.startswith("assert "):
        return f"it returns `{short(left)}`"
    return f"it raises `{short(first)}`"


def first_words(message: str) -> str:
    """Return the most informative line of a failure message, truncated."""
    line = next((line for line in message.splitlines() if line.strip()), "")
    plain = line.removeprefix("AssertionError: ") if line.startswith("AssertionError: assert ") else line
    return short(plain)
