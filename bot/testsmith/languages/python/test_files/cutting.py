"""Remove tests from a test module, along with imports and definitions that become unused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from keyword import iskeyword

import libcst as cst

from testsmith.languages.python.source.parsing import parse_concrete, refusing_depth
from testsmith.languages.python.test_files.test_modules import (
    ACT_ON_THE_WHOLE_FILE,
    SETUPS,
    is_suite,
    is_test_name,
    suites_of_file,
)

_PLAIN_BASES = frozenset({"IsolatedAsyncioTestCase", "TestCase", "object"})
_READ_BY_RUNNERS = SETUPS | {"failureException", "longMessage", "maxDiff"}
_OF_RUNNERS = re.compile(r"__|pytest|(async)?[tT]ear_?[dD]own")
"""Starts of the names of what pytest and unittest read in a class, besides those."""

_MOST_LINES_OF_A_HOOK = 25

_IDENTIFIER = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """Names bound together by one statement or one imported name.

    Attributes:
        names: Bound names, including a fixture's explicit name (`name="cart"`).
        uses: Names it requires.
    """

    names: tuple[str, ...]
    uses: frozenset[str] = frozenset()


def bindings(statement: cst.CSTNode) -> Sequence[Binding] | None:
    """Return what a statement binds, or None if it does more than bind names.

    Star imports and `from __future__` count as doing more. A conditional statement is one binding.
    """
    if isinstance(statement, cst.FunctionDef | cst.ClassDef):
        return [_definition(statement)]
    if isinstance(statement, cst.SimpleStatementLine):
        return _of_all(statement.body)
    if isinstance(statement, cst.If | cst.Try | cst.TryStar):
        found = _of_all(list(branch_statements(statement)))
        return None if found is None else [_joined(found, used_names(statement))]
    return None


def branch_statements(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Yield the statements in all branches of a compound statement that is not a definition."""
    for child in node.children:
        if isinstance(child, cst.BaseSuite):
            yield from child.body
        elif isinstance(
            child,
            cst.If | cst.Else | cst.ExceptHandler | cst.ExceptStarHandler | cst.Finally | cst.MatchCase,
        ):
            yield from branch_statements(child)


def imported_name(alias: cst.ImportAlias, *, from_module: bool) -> str:
    """Return the name that an import alias binds: `a` for `import a.b`."""
    if alias.asname is not None:
        return dotted(alias.asname.name)
    name = dotted(alias.name)
    return name if from_module else name.partition(".")[0]


def dotted(node: cst.CSTNode | None) -> str:
    """Return the dotted name of a node or of the function it calls, or `""`."""
    if isinstance(node, cst.Call):
        return dotted(node.func)
    if isinstance(node, cst.Attribute):
        return f"{dotted(node.value)}.{node.attr.value}"
    return node.value if isinstance(node, cst.Name) else ""


def used_names(node: cst.CSTNode) -> frozenset[str]:
    """Return the names that a statement may require, erring on the side of too many.

    Includes local names and parameters, because pytest passes fixtures as parameters. Names in strings count
    in annotations and if they are the whole string (`usefixtures("cart")`).
    """
    visitor = _Uses()
    node.visit(visitor)
    return frozenset(visitor.names)


def _of_all(statements: Sequence[cst.CSTNode]) -> list[Binding] | None:
    found: list[Binding] = []
    for statement in statements:
        bound = _simple(statement) if isinstance(statement, cst.BaseSmallStatement) else bindings(statement)
        if bound is None:
            return None
        found.extend(bound)
    return found


def _simple(statement: cst.BaseSmallStatement) -> list[Binding] | None:
    if isinstance(statement, cst.Import):
        return [Binding(names=(imported_name(alias, from_module=False),)) for alias in statement.names]
    if isinstance(statement, cst.ImportFrom):
        if isinstance(statement.names, cst.ImportStar) or dotted(statement.module) == "__future__":
            return None
        return [Binding(names=(imported_name(alias, from_module=True),)) for alias in statement.names]
    if isinstance(statement, cst.Pass):
        return []
    names = _assigned(statement)
    return None if names is None else [Binding(names=names, uses=used_names(statement))]


def _assigned(statement: cst.BaseSmallStatement) -> tuple[str, ...] | None:
    """Return the names an assignment binds, or None for other statements, attributes and items."""
    if isinstance(statement, cst.Assign):
        targets = [_target(target.target) for target in statement.targets]
    elif isinstance(statement, cst.AnnAssign | cst.AugAssign):
        targets = [_target(statement.target)]
    elif isinstance(statement, cst.TypeAlias):
        targets = [_target(statement.name)]
    else:
        return None
    if any(target is None for target in targets):
        return None
    return tuple(name for target in targets for name in target or ())


def _target(target: cst.BaseExpression) -> tuple[str, ...] | None:
    if isinstance(target, cst.Name):
        return (target.value,)
    if not isinstance(target, cst.Tuple | cst.List):
        return None
    inner = [_target(element.value) for element in target.elements]
    return None if None in inner else tuple(name for names in inner for name in names or ())


def _definition(node: cst.FunctionDef | cst.ClassDef) -> Binding:
    names = [node.name.value]
    for decorator in node.decorators:
        if isinstance(decorator.decorator, cst.Call):
            names.extend(_fixture_names(decorator.decorator))
    return Binding(names=tuple(names), uses=used_names(node))


def _fixture_names(call: cst.Call) -> Iterator[str]:
    for argument in call.args:
        is_name = argument.keyword is not None and argument.keyword.value == "name"
        if is_name and isinstance(argument.value, cst.SimpleString):
            yield str(argument.value.evaluated_value)


def _joined(found: Sequence[Binding], uses: frozenset[str]) -> Binding:
    return Binding(names=tuple(name for binding in found for name in binding.names), uses=uses)


class _Uses(cst.CSTVisitor):
    """Collects names that are read, skipping attributes, keywords and imports."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self._annotations = 0

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Attribute | cst.Arg):
            node.value.visit(self)
            return False
        if isinstance(node, cst.Name):
            self.names.add(node.value)
        elif isinstance(node, cst.SimpleString):
            self._read_text(node.evaluated_value)
        self._annotations += isinstance(node, cst.Annotation)
        return not isinstance(node, cst.Import | cst.ImportFrom)

    def on_leave(self, original_node: cst.CSTNode) -> None:
        self._annotations -= isinstance(original_node, cst.Annotation)

    def _read_text(self, text: str | bytes) -> None:
        if isinstance(text, bytes):
            return
        if self._annotations:
            self.names.update(_IDENTIFIER.findall(text))
        elif text.isidentifier() and not iskeyword(text):
            self.names.add(text)


_Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement


def without_other_tests(module: cst.Module, names: frozenset[str]) -> cst.Module:
    """Return the module without test functions whose names (`Class::name`) are not in `names`."""
    classes = [each for each in module.body if isinstance(each, cst.ClassDef)]
    suites = suites_of_file({each.name.value: _last_names_of_bases(each) for each in classes})
    return cst.ensure_type(module.visit(_TestRemover(names, suites)), cst.Module)


def without_unused(module: cst.Module, needed: Collection[str] = ()) -> cst.Module:
    """Return the module without unused definitions and imports, at the top level and in test classes.

    Args:
        module: The module.
        needed: Names of classes and functions to keep in any case.
    """
    if any(map(_may_lose_parts, module.body)):
        said = Counter(word for one in module.body for word in _words(one))
        module = module.with_changes(body=[_without_unused_parts(one, said) for one in module.body])
    pieces = [piece for statement in module.body for piece in _pieces(statement)]
    pieces += _registrations(module.body)
    reached = _reached([_Piece(bound=frozenset(), uses=frozenset(needed), must_stay=True), *pieces])
    body = _kept_body(module.body, reached)
    return module.with_changes(body=_without_leading_blanks(module, body))


def _may_lose_parts(statement: _Statement) -> bool:
    """Return whether a statement is a test class with parts that its bases do not use."""
    if not isinstance(statement, cst.ClassDef) or not has_tests(statement):
        return False
    return _has_plain_bases(statement) or any(map(_is_long_function, statement.body.body))


def _has_plain_bases(suite: cst.ClassDef) -> bool:
    """Return whether the bases of a test class use nothing of it but what runners read."""
    return {dotted(base.value).rpartition(".")[2] for base in suite.bases} <= _PLAIN_BASES


def _is_long_function(statement: cst.CSTNode) -> bool:
    """Return whether a method is too long to be a hook that a base class calls."""
    if not isinstance(statement, cst.FunctionDef):
        return False
    return cst.Module([]).code_for_node(statement).strip().count("\n") >= _MOST_LINES_OF_A_HOOK


def _without_unused_parts(statement: _Statement, said: Counter[str]) -> _Statement:
    """Return a test class without attributes and methods that nothing in the module names; others unchanged.

    What bases use is unknown, but for those of `TestCase`: of a class with others, only long methods go.

    Args:
        statement: A statement of the module's top level.
        said: In how many of these statements each word is.
    """
    if not isinstance(statement, cst.ClassDef) or not _may_lose_parts(statement):
        return statement
    own = _words(statement)
    elsewhere = frozenset(word for word, number in said.items() if number > (word in own))
    around = _Piece(bound=frozenset(), uses=elsewhere, must_stay=True)
    body = [one for one in statement.body.body if isinstance(one, _Statement)]
    is_plain = _has_plain_bases(statement)
    pieces = [
        piece for one in body for piece in _parts(one, must_stay=not (is_plain or _is_long_function(one)))
    ]
    kept = _kept_body(body, _reached([around, *pieces]))
    return statement.with_changes(body=statement.body.with_changes(body=kept)) if kept else statement


def _parts(statement: cst.CSTNode, *, must_stay: bool) -> Iterator[_Piece]:
    """Yield the pieces of a statement in a test class, with all words in it as what it uses."""
    for piece in _pieces(statement):
        is_read = any(name in _READ_BY_RUNNERS or _OF_RUNNERS.match(name) for name in piece.bound)
        uses = _words(statement) - piece.bound
        stays = must_stay or is_read
        yield replace(piece, uses=uses | piece.bound if stays else uses, must_stay=piece.must_stay or stays)


def _words(statement: cst.CSTNode) -> frozenset[str]:
    """Return all words in the code of a statement."""
    return frozenset(_IDENTIFIER.findall(cst.Module([]).code_for_node(statement)))


class _TestRemover(cst.CSTTransformer):
    """Removes test functions at the top level and in test classes, including conditional ones."""

    def __init__(self, names: frozenset[str], suites: Collection[str]) -> None:
        super().__init__()
        self._names = names
        self._suites_of_file = suites
        self._suites: list[str] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.ClassDef):
            is_of_file = not self._suites and node.name.value in self._suites_of_file
            self._suites.append(node.name.value)
            return is_of_file or is_suite_class(node)
        return not isinstance(node, cst.FunctionDef | cst.BaseExpression | cst.SimpleStatementLine)

    def on_leave(
        self,
        original_node: cst.CSTNodeT,
        updated_node: cst.CSTNodeT,
    ) -> cst.CSTNodeT | cst.RemovalSentinel:
        if isinstance(original_node, cst.ClassDef):
            self._suites.pop()
            emptied = self._suites and is_suite_class(original_node) and not has_tests(updated_node)
            return cst.RemoveFromParent() if emptied else updated_node
        if isinstance(original_node, cst.FunctionDef) and is_test(original_node):
            kept = "::".join([*self._suites, original_node.name.value]) in self._names
            return updated_node if kept else cst.RemoveFromParent()
        return updated_node


def is_test(definition: cst.FunctionDef) -> bool:
    """Return whether pytest collects a function when it is at the top level or in a test class."""
    return is_test_name(definition.name.value) and not is_fixture(definition)


def is_suite_class(definition: cst.ClassDef) -> bool:
    """Return whether pytest looks for tests in a class."""
    return is_suite(definition.name.value, _last_names_of_bases(definition))


def _last_names_of_bases(definition: cst.ClassDef) -> list[str]:
    return [dotted(base.value).rpartition(".")[2] for base in definition.bases]


def has_tests(node: cst.CSTNode) -> bool:
    """Return whether a statement is a test function or directly contains one."""
    if isinstance(node, cst.FunctionDef):
        return is_test(node)
    if isinstance(node, cst.ClassDef):
        return is_suite_class(node) and any(has_tests(inner) for inner in node.body.body)
    return any(has_tests(inner) for inner in branch_statements(node))


def is_fixture(definition: cst.FunctionDef) -> bool:
    """Return whether a function is a pytest fixture."""
    return any(dotted(each.decorator).rpartition(".")[2] == "fixture" for each in definition.decorators)


def _is_autouse(definition: cst.FunctionDef) -> bool:
    calls = (decorator.decorator for decorator in definition.decorators)
    arguments = (argument for call in calls if isinstance(call, cst.Call) for argument in call.args)
    return any(argument.keyword is not None and argument.keyword.value == "autouse" for argument in arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A unit that is kept or removed: a statement, or one name of an import."""

    bound: frozenset[str]
    uses: frozenset[str]
    must_stay: bool


def _pieces(statement: cst.CSTNode) -> Iterator[_Piece]:
    """Yield the pieces of a top-level statement."""
    found = bindings(statement)
    if found is None or _must_stay(statement, found):
        yield _Piece(bound=frozenset(), uses=used_names(statement), must_stay=True)
        return
    for binding in found:
        yield _Piece(bound=frozenset(binding.names), uses=binding.uses, must_stay=False)


def _registrations(body: Iterable[_Statement]) -> Iterator[_Piece]:
    """Yield what an object of the file uses because a decorator of it is there: `@app.get("/")` of `app`."""
    own: set[str] = set()
    for statement in body:
        found = () if _is_import(statement) else bindings(statement) or ()
        own.update(name for binding in found for name in binding.names)
        if isinstance(statement, cst.FunctionDef | cst.ClassDef):
            decorators = (dotted(one.decorator).partition(".") for one in statement.decorators)
            roots = frozenset(root for root, dot, _ in decorators if dot) & own
            yield _Piece(bound=roots, uses=frozenset({statement.name.value}), must_stay=False)


def _must_stay(statement: cst.CSTNode, found: Sequence[Binding]) -> bool:
    if has_tests(statement) or any(ACT_ON_THE_WHOLE_FILE.intersection(binding.names) for binding in found):
        return True
    return isinstance(statement, cst.FunctionDef) and _is_autouse(statement)


def _reached(pieces: Iterable[_Piece]) -> frozenset[str]:
    """Return the names used, directly or indirectly, by pieces that must stay."""
    binding: dict[str, list[_Piece]] = {}
    waiting: list[str] = []
    for piece in pieces:
        for name in piece.bound:
            binding.setdefault(name, []).append(piece)
        if piece.must_stay:
            waiting.extend(piece.uses)
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(use for piece in binding.get(name, ()) for use in piece.uses)
    return frozenset(reached)


def _kept_body(body: Sequence[_Statement], reached: frozenset[str]) -> list[_Statement]:
    """Return the remaining statements; a blank line above a removed statement moves to the next one."""
    kept_body: list[_Statement] = []
    gap: list[cst.EmptyLine] = []
    for statement in body:
        kept = _kept(statement, reached)
        if kept is None:
            gap = gap or _blank_lines(statement)
            continue
        if gap and not _blank_lines(kept):
            kept = kept.with_changes(leading_lines=[*gap, *kept.leading_lines])
        kept_body.append(kept)
        gap = []
    return kept_body


def _blank_lines(statement: _Statement) -> list[cst.EmptyLine]:
    return [line for line in statement.leading_lines if line.comment is None]


def _kept(statement: _Statement, reached: frozenset[str]) -> _Statement | None:
    """Return what remains of a top-level statement, or None."""
    found = bindings(statement)
    if found is None or _must_stay(statement, found):
        return statement
    if isinstance(statement, cst.SimpleStatementLine):
        return _kept_line(statement, reached)
    return statement if any(reached.intersection(binding.names) for binding in found) else None


def _kept_line(line: cst.SimpleStatementLine, reached: frozenset[str]) -> cst.SimpleStatementLine | None:
    parts = [kept for part in line.body if (kept := _kept_part(part, reached)) is not None]
    if not parts:
        return None
    parts[-1] = parts[-1].with_changes(semicolon=line.body[-1].semicolon)
    return line.with_changes(body=parts)


def _kept_part(part: cst.BaseSmallStatement, reached: frozenset[str]) -> cst.BaseSmallStatement | None:
    if isinstance(part, cst.Import | cst.ImportFrom):
        return _kept_import(part, reached)
    found = bindings(cst.SimpleStatementLine(body=[part]))
    return part if found is None or any(reached.intersection(binding.names) for binding in found) else None


def _kept_import(part: cst.Import | cst.ImportFrom, reached: frozenset[str]) -> cst.BaseSmallStatement | None:
    if isinstance(part.names, cst.ImportStar):
        return part
    from_module = isinstance(part, cst.ImportFrom)
    names = [alias for alias in part.names if imported_name(alias, from_module=from_module) in reached]
    if not names:
        return None
    names[-1] = names[-1].with_changes(comma=part.names[-1].comma)
    return part.with_changes(names=names)


def _without_leading_blanks(module: cst.Module, body: Sequence[_Statement]) -> Sequence[_Statement]:
    """Return the body without blank lines above a statement that is now first."""
    if not body or module.header or body[0] is module.body[0]:
        return body
    lines = list(body[0].leading_lines)
    while lines and lines[0].comment is None:
        del lines[0]
    return [body[0].with_changes(leading_lines=lines), *body[1:]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """A file after tests were removed.

    Attributes:
        text: Remaining text.
        after: Number of statements before the position of the first removed test.
    """

    text: str
    after: int


def without_tests(text: str, names: Collection[str], needed: Collection[str] = ()) -> Remainder:
    """Return a test file without the named functions or classes, their marks and imports only they used.

    Args:
        text: Text of the file.
        names: Names to remove, of the top level or as `Class::name`.
        needed: Names whose imports are kept in any case.

    Raises:
        CannotParse: `text` is not valid Python.
    """
    with refusing_depth():
        module = parse_concrete(text)
        found = [(each, *_without_methods(each, names)) for each in module.body]
        emptied = [
            each.name.value for each, left, _ in found if left is None and isinstance(each, cst.ClassDef)
        ]
        names = frozenset((*names, *emptied))
        module = module.with_changes(body=[each if left is None else left for each, left, _ in found])
        removed: list[_Statement] = [each for each in module.body if _is_named(each, names)]
        gone = [*removed, *(method for _, _, methods in found for method in methods)]
        if not gone:
            return Remainder(text=text, after=len(module.body))
        kept = [each for each in module.body if not _is_named(each, names)]
        used = _used(each for each in kept if not _is_import(each))
        orphaned = _used(gone) - used - frozenset(needed)
        before = module.body[: module.body.index(removed[0])] if removed else module.body
        body, footer = _remaining(module, names, orphaned)
        left = module.with_changes(body=body, footer=footer).code
        return Remainder(
            text=left if text[:1] in "\r\n" else left.lstrip("\r\n"),
            after=sum(_without_names(each, orphaned) is not None for each in before),
        )


def _without_methods(
    statement: _Statement, names: Collection[str]
) -> tuple[_Statement | None, list[cst.FunctionDef]]:
    """Return a class without its named methods, or None if it has no others; and these methods."""
    if not isinstance(statement, cst.ClassDef):
        return statement, []
    suite, body = statement.name.value, statement.body.body
    methods = [each for each in body if isinstance(each, cst.FunctionDef)]
    removed = [each for each in methods if f"{suite}::{each.name.value}" in names]
    kept = [each for each in body if each not in removed]
    if not removed or not kept:
        return statement if kept else None, removed
    if isinstance(kept[0], cst.FunctionDef) and kept[0] is not body[0]:
        comments = [line for line in kept[0].leading_lines if line.comment is not None]
        kept[0] = kept[0].with_changes(leading_lines=comments)
    return statement.with_changes(body=statement.body.with_changes(body=kept)), removed


def _remaining(
    module: cst.Module, names: Collection[str], orphaned: Collection[str]
) -> tuple[list[_Statement], tuple[cst.EmptyLine, ...]]:
    """Return the remaining statements and footer, keeping unrelated comments above removed tests."""
    body, carried = list[_Statement](), tuple[cst.EmptyLine, ...]()
    for each in module.body:
        if _is_named(each, names):
            carried = (*carried, *_before_mark(each))
            continue
        left = _without_names(each, orphaned)
        if left is not None:
            body.append(_led(left, carried))
            carried = ()
    return body, (*carried, *module.footer)


def _is_named(statement: _Statement, names: Collection[str]) -> bool:
    return isinstance(statement, cst.FunctionDef | cst.ClassDef) and statement.name.value in names


def _used(statements: Iterable[_Statement]) -> frozenset[str]:
    return frozenset(name for each in statements for name in used_names(each))


def _is_import(statement: _Statement) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and any(
        isinstance(part, cst.Import | cst.ImportFrom) for part in statement.body
    )


def _before_mark(statement: _Statement) -> tuple[cst.EmptyLine, ...]:
    """Return the lines above a test that do not belong to it: those above the blank line before its mark."""
    lines = tuple(statement.leading_lines)
    last = max((index for index, line in enumerate(lines) if line.comment is None), default=-1)
    own = lines[: last + 1]
    return own if any(line.comment is not None for line in own) else ()


def _led(statement: _Statement, carried: tuple[cst.EmptyLine, ...]) -> _Statement:
    if not carried:
        return statement
    return statement.with_changes(leading_lines=(*carried, *statement.leading_lines))


def _without_names(statement: _Statement, orphaned: Collection[str]) -> _Statement | None:
    """Return an import without names that became unused, or None if nothing remains."""
    if not isinstance(statement, cst.SimpleStatementLine) or len(statement.body) != 1:
        return statement
    part = statement.body[0]
    if not isinstance(part, cst.Import | cst.ImportFrom) or isinstance(part.names, cst.ImportStar):
        return statement
    if isinstance(part, cst.ImportFrom) and dotted(part.module) == "__future__":
        return statement
    from_module = isinstance(part, cst.ImportFrom)
    names = [each for each in part.names if imported_name(each, from_module=from_module) not in orphaned]
    if len(names) == len(part.names):
        return statement
    if not names:
        return None
    names[-1] = names[-1].with_changes(comma=part.names[-1].comma)
    return statement.with_changes(body=[part.with_changes(names=names)])
