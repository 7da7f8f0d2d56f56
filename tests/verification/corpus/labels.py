"""Reads the labeled candidates: complete test modules, each with its label.

In a file of `candidates`, `# member: PATH::NAME` says whom the candidates below it are for, and
`# candidate: TITLE` begins one. The line after it holds its label, and all that follows is the test module:

    # good
    # good, but test_b: hangs, test_c: wrong-value
    # bad: flaky-order
    # bad: flaky-order, but test_b: global-state

`{YEAR}` in a test module stands for the present year: a test that breaks by the clock has to hold today.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

GOOD = "good"

_MEMBER = re.compile(r"# member: (\S+)\n")
_CANDIDATE = re.compile(r"(?m)^# candidate: (.+)\n# (.+)\n")
_LABEL = re.compile(r"(?:bad: )?([a-z-]+)(?:, but (.+))?")
_EXCEPTION = re.compile(r"(test\w+|Test\w+::test\w+): ([a-z-]+)(?:, |$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeled:
    """One candidate.

    Attributes:
        member: The id of the member it is for.
        title: What it is called here.
        code: The test module.
        functions: The label of each test function that stands in it, by its name; of a module that does not
            parse, one nameless function.
    """

    member: str
    title: str
    code: str
    functions: Mapping[str, str]

    @property
    def name(self) -> str:
        """The member and the title."""
        return f"{self.member.rpartition('::')[2]}: {self.title}"

    def of(self, label: str) -> frozenset[str]:
        """Return the functions with a label."""
        return frozenset(name for name, given in self.functions.items() if given == label)


def labeled_candidates(folder: Path) -> tuple[Labeled, ...]:
    """Return all candidates of a folder, in the order of its files.

    Raises:
        ValueError: A label cannot be read, or names a function that is not there.
    """
    return tuple(
        one
        for file in sorted(folder.glob("*.py"))
        for one in _candidates(file.read_text(encoding="utf-8"), file.name)
    )


def _candidates(text: str, file: str) -> Iterator[Labeled]:
    text = text.replace("{YEAR}", str(datetime.now(tz=UTC).year))
    before, *parts = _MEMBER.split(text)
    if before.strip():
        raise ValueError(f"{file}: something stands before the first member")
    for member, of_member in zip(parts[::2], parts[1::2], strict=True):
        between, *found = _CANDIDATE.split(of_member)
        if between.strip():
            raise ValueError(f"{file}: {member}: something stands before the first candidate")
        for title, label, code in zip(found[::3], found[1::3], found[2::3], strict=True):
            module = code.strip("\n") + "\n"
            functions = _labels(f"{file}: {title}", label, _functions(module))
            yield Labeled(member=member, title=title, code=module, functions=functions)


def _functions(code: str) -> list[str]:
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return [""]
    return [name for node in tree.body for name in _named(node)]


def _named(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name.startswith("test"):
            yield name
        case ast.ClassDef(name=name, body=body) if name.startswith("Test"):
            yield from (f"{name}::{inner}" for method in body for inner in _named(method))


def _labels(place: str, label: str, functions: list[str]) -> dict[str, str]:
    found = _LABEL.fullmatch(label)
    exceptions = dict(_EXCEPTION.findall(found[2] or "")) if found else {}
    if found is None or not functions or not exceptions.keys() <= set(functions):
        raise ValueError(f"{place}: the label {label!r} does not fit its functions {functions}")
    return dict.fromkeys(functions, found[1]) | exceptions
