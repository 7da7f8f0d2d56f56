"""Find test smells in TypeScript: what makes a test worthless or harmful even if it passes.

Each smell is a function that yields the reasons why a test has it. What acts on the whole module is
a smell of all of its tests: hooks, and statements outside of tests, count for each of them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from testsmith.languages.judge import Finding, short
from testsmith.languages.syntax_tree import field, text_of, walk
from testsmith.languages.typescript.judge.forbidden_uses import (
    drives_the_framework,
    ends_the_process,
    prints,
    reads_the_environment,
    runs_programs,
    used_of,
    uses_the_network,
    waits,
    writes_outside,
)
from testsmith.languages.typescript.judge.lost_failures import awaits_nothing, swallows_failures
from testsmith.languages.typescript.judge.replacements import changes_global_state, replaces_the_member
from testsmith.languages.typescript.judge.tautologies import (
    no_assertion,
    unreachable_assertion,
    whole_output,
)
from testsmith.languages.typescript.judge.test_function import (
    GLOBAL_OBJECTS,
    TypeScriptTest,
    TypeScriptTestModule,
    is_whole,
)
from testsmith.languages.typescript.source.parsing import parse, string_value
from testsmith.languages.typescript.test_files.test_blocks import CONDITION, arguments_of
from testsmith.model import Member

if TYPE_CHECKING:
    from tree_sitter import Node

Smell = Callable[[TypeScriptTest], Iterator[str]]

_BLOCKS = frozenset(
    {"after", "afterAll", "afterEach", "before", "beforeAll", "beforeEach", "describe", "it", "suite", "test"}
)
_PROTECTED = frozenset(
    {"assert", "console", "expect", "global", "globalThis", "jest", "process", "require", "sinon", "vi"}
)
"""Names that a module may only have from a framework, or from the runtime."""

_SKIPS = re.compile(r"(?:this|context)\.(?:skip|todo)\(\).*|pending\(\).*|(?:.*\.)?(?:skip|todo)\(\)")
_MOST_DEPTH = 500
_HANDED_ON = frozenset(
    {"arguments", "array", "assignment_expression", "spread_element", "variable_declarator"}
)
_FAILING = frozenset({"expectFailure", "failing", "fails"})


def findings_of(code: str, member: Member) -> dict[str, list[Finding]]:
    """Return the smells of each test that has any, by name.

    Raises:
        CannotParse: `code` is not valid TypeScript.
    """
    module = TypeScriptTestModule(parse(code), member)
    of_all = [Finding(reason, is_shared=True) for reason in _reasons_of_all(module)]
    found: dict[str, list[Finding]] = {}
    for block in module.tests:
        test = TypeScriptTest(block, module)
        findings = [Finding(reason, is_lack=smell in _LACKS) for smell in SMELLS for reason in smell(test)]
        findings = list(_with_shared(findings, test)) if findings else []
        if of_all or findings:
            found.setdefault(block.name, []).extend([*of_all, *findings])
    return found


def _with_shared(findings: Sequence[Finding], test: TypeScriptTest) -> Iterator[Finding]:
    """Yield the findings of a test; those are shared that hooks, helpers and the module have without it."""
    beside = replace(test, has_own_code=False)
    left = Counter(reason for smell in SMELLS if smell not in _OF_BLOCKS for reason in smell(beside))
    for one in findings:
        left[one.reason] -= 1
        yield one._replace(is_shared=left[one.reason] >= 0)


def _reasons_of_all(module: TypeScriptTestModule) -> Iterator[str]:
    """Yield reasons why no test of a module can be trusted."""
    if _is_deeper(module.file.root, _MOST_DEPTH):
        yield "is in a module that is nested too deeply"
    makers = {text_of(block.root) for block in module.blocks}
    for name in sorted((module.declared & _PROTECTED) | (module.declared_outside & _BLOCKS & makers)):
        yield f"declares its own `{name}`"
    for block in module.blocks:
        if block.skipping in {"only", "fit", "fdescribe"}:
            yield f"is in a module with `{block.skipping}`, which hides other tests"
    for node in walk(module.file.root, {"comment"}):
        reason = _HIDDEN_MEANINGS[node.type](node) if node.type in _HIDDEN_MEANINGS else None
        if reason is not None:
            yield reason


def _is_deeper(root: Node, most: int) -> bool:
    """Return whether a tree has more levels; finding what is around a node takes time for each of them."""
    level = [root]
    for _ in range(most):
        level = [child for node in level for child in node.children]
    return bool(level)


def _hidden_by_call(node: Node) -> str | None:
    """Return why it is unknown what a module uses: names that are made when it is run."""
    called, given = text_of(field(node, "function")), arguments_of(node)
    source = string_value(given[0]) if given else None
    if called in {"import", "require"} and source is None:
        return f"loads a module by a name that is not written down: `{short(text_of(node))}`"
    is_kept = node.parent is not None and node.parent.type in {"arguments", "await_expression"}
    if called == "import" and not is_kept and not (source or "").startswith("."):
        return f"hides what it uses of a module: `{short(text_of(node))}`"
    is_code = called == "Function" or called.endswith(".constructor")
    return f"runs code from a text by `{short(called)}`" if is_code else None


def _hidden_by_new(node: Node) -> str | None:
    is_code = text_of(field(node, "constructor")) == "Function"
    return "runs code from a text by `Function`" if is_code else None


def _hidden_by_key(node: Node) -> str | None:
    root = text_of(field(node, "object"))
    is_written = string_value(field(node, "index")) is not None
    is_hidden = root in {*GLOBAL_OBJECTS, "process"} and not is_written
    return f"uses `{root}` by a name that is not written down" if is_hidden else None


def _hidden_by_name(node: Node) -> str | None:
    name = text_of(node)
    if name == "eval":
        return "runs code from a text by `eval`"
    is_handed_on = is_whole(node) and node.parent is not None and node.parent.type in _HANDED_ON
    return f"hands on `{name}`" if is_handed_on and name in {"global", "globalThis", "process"} else None


_HIDDEN_MEANINGS: dict[str, Callable[[Node], str | None]] = {
    "call_expression": _hidden_by_call,
    "identifier": _hidden_by_name,
    "new_expression": _hidden_by_new,
    "subscript_expression": _hidden_by_key,
    "with_statement": lambda _: "has a `with` statement",
}


def skipped(test: TypeScriptTest) -> Iterator[str]:
    """Yield reasons if it is skipped, in any case or some, or may fail."""
    around = test.block.with_suites
    how = next((one.skipping for one in around if one.skipping), "")
    if how in _FAILING:
        yield "passes only if it fails"
    elif how == CONDITION:
        yield "is skipped under a condition"
    elif how:
        yield f"is skipped by `{how}`"
    if any(name in {"retry", "retries"} for one in around for name in _option_names(one.call)):
        yield "is run again if it fails"
    yield from ("is skipped" for _ in used_of(test, _SKIPS))


def _option_names(call: Node) -> Iterator[str]:
    for argument in arguments_of(call):
        if argument.type == "object":
            yield from (text_of(field(pair, "key") or pair) for pair in argument.named_children)


SMELLS: Sequence[Smell] = (
    skipped,
    drives_the_framework,
    ends_the_process,
    prints,
    no_assertion,
    unreachable_assertion,
    awaits_nothing,
    swallows_failures,
    replaces_the_member,
    waits,
    uses_the_network,
    runs_programs,
    reads_the_environment,
    changes_global_state,
    writes_outside,
    whole_output,
)
"""All smells, in the order in which they are looked for."""

_OF_BLOCKS = frozenset({skipped})
"""Smells of how a test is declared, which is its own."""

_LACKS = frozenset({no_assertion, unreachable_assertion})
"""Smells of tests that lack something."""
