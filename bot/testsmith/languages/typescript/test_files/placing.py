"""Add the tests of a module to a TypeScript test file; everything that is there stays as it is."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from testsmith.languages.source import CannotParse
from testsmith.languages.syntax_tree import ParsedText, field, text_of, walk
from testsmith.languages.tests import CannotPlace
from testsmith.languages.typescript.source.parsing import parse, string_value, tokens
from testsmith.languages.typescript.test_files.import_merging import free_name, needed_imports, with_imports
from testsmith.languages.typescript.test_files.imports import (
    NAMES,
    bindings_in,
    bindings_of,
    import_statements,
    is_import,
    names_outside_imports,
    source_of,
)
from testsmith.languages.typescript.test_files.style import (
    at_indentation,
    edited,
    in_style_of,
    indentation_unit,
)
from testsmith.languages.typescript.test_files.test_blocks import (
    JOINT,
    BlockKind,
    TestBlock,
    blocks_in,
    tests_in,
)
from testsmith.languages.typescript.test_files.test_modules import (
    declared_by,
    keep_tests,
    span_of,
    test_functions,
    unit_of,
    without_tests,
)
from testsmith.model import TestPlace

if TYPE_CHECKING:
    from tree_sitter import Node

_ROOTS = frozenset({"it", "test"})
_RENAMED = frozenset({*NAMES, "shorthand_property_identifier_pattern"})
_DECORATION = re.compile(r"^[#.]|\(\)$|\s")
"""What titles of suites for the same function differ in."""

_OWNER = re.compile(r"^(?:[\w$]+(?:::|[.#]))+")
"""What the title of a suite may name before its function: `Cart.add`, `Cart#add`, `cart::add`."""


def place(
    existing: str | None, code: str, instead_of: Collection[str] = (), at: TestPlace | None = None
) -> str:
    """Return a test file's text with the tests of a module added; see `TestFiles.place`.

    The tests of a suite go to the suite of the same title. Others go below the test that `at` names, or below
    the last one. They are written in the style of the file.

    Raises:
        CannotParse: One of the texts is not valid TypeScript.
        CannotPlace: The module would act on the tests of the file, or cannot be converted to its style.
    """
    if existing is None or not existing.strip():
        return code
    after, suite = ("", "") if at is None else (at.after, at.suite)
    if {*instead_of} & {*test_functions(existing)}:
        after, suite = _place_of_first(existing, instead_of)
    text = without_tests(existing, instead_of) if instead_of else existing
    code = _without_known(parse(text), code)
    if not test_functions(code):
        return text
    try:
        placed = _placed(text, code, after, suite)
        lost = {*test_functions(text)} - {*test_functions(placed)}
    except CannotParse as error:
        raise CannotPlace("its test file would not be valid") from error
    if lost:
        raise CannotPlace("its test file would lose tests")
    return placed


def _placed(text: str, code: str, after: str, suite: str) -> str:
    file = parse(text)
    module = parse(in_style_of(file, code))
    _refuse_effects(file, module)
    module = parse(_with_roots_of(file, module))
    module = parse(_without_suites(file, module, after))
    added, names = needed_imports(file, module)
    module = parse(_renamed(module, {**names, **_free_names(file, module, names)}))
    plan = _Plan(file, after, suite)
    module = parse(_with_free_titles(module, plan))
    bare = [source_of(one) for one in import_statements(module) if next(bindings_in(one), None) is None]
    for statement in module.root.named_children:
        if not is_import(statement) and statement.type != "comment":
            text = _with_unit(text, module, statement, plan)
    used = names_outside_imports(parse(text))
    return with_imports(text, [one for one in added if one.local in used], bare)


def _place_of_first(text: str, names: Collection[str]) -> tuple[str, str]:
    """Return the test above the first of some tests, if that is in its suite, and the suite."""
    tests = tests_in(parse(text))
    at = next(at for at, one in enumerate(tests) if one.name in names)
    suite = tests[at].titles[:-1]
    above = next((one.name for one in reversed(tests[:at]) if one.titles[:-1] == suite), "")
    return above, JOINT.join(suite)


def _without_known(file: ParsedText, code: str) -> str:
    """Return a module without tests that a file has already, under any title."""
    known = {_meaning(one) for one in tests_in(file)}
    tests = tests_in(parse(code))
    return keep_tests(code, [one.name for one in tests if _meaning(one) not in known])


def _meaning(block: TestBlock) -> tuple[str, ...]:
    """Return the tokens of a test without its title, and the title of its suite, whose hooks matter."""
    suite = _DECORATION.sub("", "".join(block.titles[-2:-1])).lower()
    own = [one for one in block.arguments if block.title_node is None or one.id != block.title_node.id]
    table = [] if block.table is None else tokens(block.table)
    return (suite, *table, *(word for one in own for word in tokens(one)))


def _refuse_effects(file: ParsedText, module: ParsedText) -> None:
    """Raise `CannotPlace` if a module has statements that would act on the tests of a file."""
    known = {tuple(tokens(one)) for one in file.root.named_children}
    units = {unit_of(one).id: one for one in blocks_in(module) if one.parent is None}
    for statement in module.root.named_children:
        if is_import(statement) or statement.type == "comment" or tuple(tokens(statement)) in known:
            continue
        block = units.get(statement.id)
        if block is not None and block.kind is BlockKind.HOOK:
            raise CannotPlace(f"it has a hook `{text_of(block.root)}` that acts on all tests of its file")
        if block is None and not declared_by(statement):
            raise CannotPlace("it has code that acts on all tests of its file")
        if block is not None and declared_by(statement):
            raise CannotPlace("its tests are made by a function of its own")


def _with_roots_of(file: ParsedText, module: ParsedText) -> str:
    """Return a module whose tests are made by what makes the file's tests, `it` or `test`."""
    there = {text_of(one.root) for one in tests_in(file)}
    if len(there) != 1 or not there <= _ROOTS:
        return module.text
    (root,) = there
    other = next(iter(_ROOTS - there))
    edits = [
        (one.root.start_byte, one.root.end_byte, root)
        for one in tests_in(module)
        if text_of(one.root) == other
    ]
    edits += [
        (one.specifier.start_byte, one.specifier.end_byte, root)
        for one in bindings_of(module)
        if edits and one.local == one.imported == other
    ]
    return edited(module, edits)


def _without_suites(file: ParsedText, module: ParsedText, after: str) -> str:
    """Return a module whose tests are in no suites if those of a file are not.

    The title of a suite becomes part of those of its tests if the test above them has it, too.
    """
    if not tests_in(file) or any(one.kind is BlockKind.SUITE for one in blocks_in(file)):
        return module.text
    tests = tests_in(module)
    units = {unit_of(one).id for one in tests}
    suites = [one for one in blocks_in(module) if one.kind is BlockKind.SUITE and one.parent is None]
    edits = []
    for suite in suites:
        inner = _statements(suite)
        if not inner or suite.table is not None or any(one.id not in units for one in inner):
            continue
        start, end = span_of(module, inner[0])[0], span_of(module, inner[-1])[1]
        text = at_indentation(module, start, end, "").strip("\n")
        if after.startswith(f"{suite.name} "):
            text = _with_titles(parse(text), f"{suite.name} ")
        edits.append((suite.statement.start_byte, suite.statement.end_byte, text))
    return edited(module, edits)


def _with_titles(module: ParsedText, prefix: str) -> str:
    titles = (one.title_node for one in tests_in(module))
    starts = [one.start_byte + 1 for one in titles if one is not None and string_value(one) is not None]
    return edited(module, [(start, start, prefix) for start in starts])


def _renamed(module: ParsedText, names: Mapping[str, str]) -> str:
    """Return a module's text with identifiers renamed, but not those of properties."""
    edits = []
    for node in walk(module.root, {"comment"}):
        new = names.get(text_of(node)) if node.type in _RENAMED else None
        if new is not None and not _is_imported_name(node):
            is_short = node.type.startswith("shorthand")
            edits.append((node.start_byte, node.end_byte, f"{text_of(node)}: {new}" if is_short else new))
    return edited(module, edits)


def _is_imported_name(node: Node) -> bool:
    return node.parent is not None and node.parent.type == "import_specifier"


def _free_names(file: ParsedText, module: ParsedText, known: Collection[str]) -> dict[str, str]:
    """Return new names for declarations of a module that a file has with another meaning."""
    there = {name: tokens(one) for one in file.root.named_children for name in declared_by(one)}
    taken = names_outside_imports(file) | {one.local for one in bindings_of(file)}
    own = names_outside_imports(module)
    names: dict[str, str] = {}
    for statement in module.root.named_children:
        if is_import(statement):
            continue
        for name in declared_by(statement):
            if name in taken and name not in known and there.get(name) != tokens(statement):
                names[name] = free_name(name, taken | own | frozenset(names.values()))
    return names


@dataclass(frozen=True, eq=False)
class _Plan:
    """Where the tests of a module go in a file, by titles.

    Attributes:
        file: The file.
        after: Name of the test below which they go; empty for the last one.
        suite: Name of the suite that they go to if there is no such test.
    """

    file: ParsedText
    after: str
    suite: str

    def around(self, block: TestBlock) -> tuple[str, ...]:
        """Return the titles of the suite that a block goes to that is not in a suite itself.

        A suite goes next to others, and not between the tests of one.
        """
        blocks = blocks_in(self.file)
        suites = [one for one in blocks if one.kind is BlockKind.SUITE]
        near = next((one.titles[:-1] for one in blocks if self.after and one.name == self.after), None)
        if near is None:
            near = next((one.titles for one in suites if self.suite and one.name == self.suite), ())
        outer = {one.titles[:-1] for one in suites}
        while near and block.kind is BlockKind.SUITE and near not in outer:
            near = near[:-1]
        return near

    def suite_for(self, block: TestBlock, text: ParsedText) -> TestBlock | None:
        """Return the suite of a file with the title of one in a module, and all that acts on its tests."""
        found = [
            one
            for one in blocks_in(text)
            if one.kind is BlockKind.SUITE and one.body is not None and _is_like(one, block)
        ]
        outer = None if block.parent is None else self.suite_for(block.parent, text)
        found = [one for one in found if outer is None or (one.parent or one).titles == outer.titles]
        titles = tuple(self.after.split(JOINT)[:-1])
        near = [one for one in found if titles[: len(one.titles)] == one.titles]
        fitting = near or found
        return fitting[0] if len(fitting) == 1 else None


def _is_like(one: TestBlock, other: TestBlock) -> bool:
    """Return whether two suites have the same title, and what acts on the tests of the second is in both."""
    if (
        one.table is not None
        or other.table is not None
        or one.skipping
        or other.skipping
        or other.body is None
    ):
        return False
    title, wanted = (_DECORATION.sub("", each.titles[-1]).lower() for each in (one, other))
    bare, bare_wanted = (_OWNER.sub("", each) for each in (title, wanted))
    if not bare or (wanted not in {title, bare} and title != bare_wanted):
        return False
    hooks = {_tokens_of(each) for each in _statements(other) if _acts(each)}
    return not hooks or hooks <= {_tokens_of(each) for each in _statements(one)}


def _tokens_of(node: Node) -> tuple[str, ...]:
    return tuple(tokens(node))


def _statements(block: TestBlock) -> Sequence[Node]:
    return () if block.body is None else [one for one in block.body.named_children if one.type != "comment"]


def _acts(statement: Node) -> bool:
    """Return whether a statement of a suite is anything else than a test, an inner suite, or a function."""
    if statement.type in {"function_declaration", "type_alias_declaration"}:
        return False
    return not any(_makes_tests(one) for one in walk(statement) if one.type == "call_expression")


def _makes_tests(node: Node) -> bool:
    root = field(node, "function")
    while root is not None and root.type in {"member_expression", "call_expression"}:
        root = field(root, "object") or field(root, "function")
    return text_of(root) in {"it", "test", "describe", "suite", "context", "specify"}


def _with_free_titles(module: ParsedText, plan: _Plan) -> str:
    """Return a module whose tests get titles that no test has where they go."""
    taken = set(test_functions(plan.file.text))
    edits = []
    for test in tests_in(module):
        name = JOINT.join((*_destination(test, plan), test.titles[-1]))
        title = test.title_node
        if name in taken and title is not None and string_value(title) is not None:
            number = 2
            while f"{name} ({number})" in taken:
                number += 1
            edits.append((title.end_byte - 1, title.end_byte - 1, f" ({number})"))
            name = f"{name} ({number})"
        taken.add(name)
    return edited(module, edits)


def _destination(block: TestBlock, plan: _Plan) -> tuple[str, ...]:
    """Return the titles of the suite that a block of a module goes to."""
    if block.parent is None:
        return plan.around(block)
    same = plan.suite_for(block.parent, plan.file)
    return (*_destination(block.parent, plan), block.parent.titles[-1]) if same is None else same.titles


def _with_unit(text: str, module: ParsedText, statement: Node, plan: _Plan) -> str:
    """Return a file with one statement of a module or of its suites."""
    file = parse(text)
    block = next((one for one in blocks_in(module) if unit_of(one).id == statement.id), None)
    same = plan.suite_for(block, file) if block is not None and block.kind is BlockKind.SUITE else None
    if block is not None and same is not None:
        known = [_tokens_of(one) for one in _statements(same)]
        for inner in _statements(block):
            if _tokens_of(inner) not in known:
                text = _with_unit(text, module, inner, plan)
        return text
    if block is None:
        around = _suite_around(module, statement)
        is_known = _tokens_of(statement) in {_tokens_of(one) for one in file.root.named_children}
        is_known = is_known or not (around or declared_by(statement))
        scope = None if around is None else plan.suite_for(around, file)
        return text if is_known else _with_declaration(file, module, statement, scope)
    if block.parent is not None:
        return _inserted(file, module, statement, plan.suite_for(block.parent, file), plan)
    titles = plan.around(block)
    suites = (one for one in blocks_in(file) if one.kind is BlockKind.SUITE and one.body is not None)
    scope = next((one for one in suites if one.titles == titles), None)
    return _inserted(file, module, statement, scope, plan)


def _suite_around(module: ParsedText, statement: Node) -> TestBlock | None:
    suites = (one for one in blocks_in(module) if one.kind is BlockKind.SUITE and one.body is not None)
    return next((one for one in suites if one.body == statement.parent), None)


def _with_declaration(file: ParsedText, module: ParsedText, statement: Node, scope: TestBlock | None) -> str:
    """Return a file with a declaration above the first block of the file or of a suite."""
    titles = () if scope is None else scope.titles
    tests = (one for one in blocks_in(file) if one.kind is not BlockKind.HOOK and one.titles[:-1] == titles)
    first = next((unit_of(one) for one in tests), None)
    if first is None:
        moved = at_indentation(module, *span_of(module, statement), "")
        return f"{file.text.rstrip()}\n\n{moved}\n"
    moved = at_indentation(module, *span_of(module, statement), _indentation(file, first))
    start = span_of(file, first)[0]
    return edited(file, [(start, start, f"{moved}\n\n")])


def _inserted(
    file: ParsedText, module: ParsedText, statement: Node, scope: TestBlock | None, plan: _Plan
) -> str:
    body = None if scope is None else scope.body
    inside = (file.root if body is None else body).named_children
    children = [one for one in inside if one.type != "comment"]
    start, end = span_of(module, statement)
    if scope is not None and body is not None and not children:
        outer = _indentation(file, scope.statement)
        moved = at_indentation(module, start, end, outer + indentation_unit(file))
        return edited(file, [(body.start_byte + 1, body.end_byte - 1, f"\n{moved}\n{outer}")])
    if not children:
        return f"{file.text.rstrip()}\n\n{module.between(start, end).rstrip()}\n"
    near = _unit_below(file, plan, children)
    moved = at_indentation(module, start, end, _indentation(file, near))
    at = file.line_end(near.end_byte)
    is_spaced = _is_spaced(file, near, children)
    blank = "" if is_spaced is False else "\n"
    newline = "" if file.data[:at].endswith(b"\n") else "\n"
    return edited(file, [(at, at, f"{newline}{blank}{moved}\n")])


def _unit_below(file: ParsedText, plan: _Plan, children: Sequence[Node]) -> Node:
    """Return the statement of a scope below which tests go: that of the named test, or of the last one.

    Tests that were just added below it come first.
    """
    ids = {one.id for one in children}
    tests = [one for one in blocks_in(file) if one.kind is not BlockKind.HOOK]
    around = [(one.name, unit) for one in tests for unit in map(unit_of, one.with_suites) if unit.id in ids]
    units = [unit for _, unit in around]
    named = [unit for name, unit in around if name == plan.after]
    if not named:
        return units[-1] if units else children[-1]
    known = {_tokens_of(unit_of(one)) for one in blocks_in(plan.file)}
    at = next(at for at, one in enumerate(children) if one.id == named[-1].id)
    while (
        at + 1 < len(children)
        and _tokens_of(children[at + 1]) not in known
        and children[at + 1].id in {unit.id for unit in units}
    ):
        at += 1
    return children[at]


def _indentation(file: ParsedText, node: Node) -> str:
    start = file.line_start(node.start_byte)
    before = file.between(start, node.start_byte)
    return before if not before.strip() else before[: len(before) - len(before.lstrip(" \t"))]


def _is_spaced(file: ParsedText, near: Node, children: Sequence[Node]) -> bool | None:
    """Return whether blank lines are between a test and those next to it; None if it has none there."""
    units = {unit_of(block).id for block in blocks_in(file)}
    pairs = pairwise(one for one in children if one.id in units)
    gaps = [
        span_of(file, below)[0] > file.line_end(above.end_byte)
        for above, below in pairs
        if near.id in {above.id, below.id}
    ]
    return any(gaps) if gaps else None
