"""Parse untrusted Python source into syntax trees that are safe to walk."""

from __future__ import annotations

import ast
import io
import sys
import tokenize
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from testsmith.languages.source import CannotParse

if TYPE_CHECKING:
    import libcst as cst


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    r"""A parsed source file.

    Attributes:
        path: Path relative to the Git root.
        text: Decoded text with `\n` line ends.
        tree: Syntax tree.
    """

    path: str
    text: str
    tree: ast.Module


@dataclass(frozen=True, slots=True)
class LineSpan:
    """A range of lines, 1-based and inclusive."""

    first: int
    last: int

    def lines(self) -> range:
        """Return the line numbers."""
        return range(self.first, self.last + 1)


def read_source(path: str, data: bytes) -> SourceFile:
    """Return a file's text and syntax tree.

    Raises:
        CannotParse: The file is binary, is not in its declared encoding, or is not Python that this
            interpreter understands.
    """
    text = decode(data)
    return SourceFile(path=path, text=text, tree=parse(text))


def decode(data: bytes) -> str:
    """Return a source file's text, using its encoding declaration or byte order mark (default: UTF-8).

    Raises:
        CannotParse: The file is binary or not in its declared encoding.
    """
    if b"\0" in data:
        raise CannotParse("it is a binary file")
    encoding = "utf-8"
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (SyntaxError, LookupError) as error:
        raise CannotParse(f"its encoding is unknown: {error}") from None
    except UnicodeError:
        raise CannotParse(f"it cannot be decoded as {encoding}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse(text: str) -> ast.Module:
    """Return a text's syntax tree.

    Raises:
        CannotParse: The text is not Python that this interpreter understands; the message names the line.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        why = f"{error.msg} (line {error.lineno})"
    except (RecursionError, MemoryError):
        why = "nested too deeply"
    except ValueError as error:
        why = str(error)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    raise CannotParse(f"it cannot be parsed as Python {version}: {why}")


def span_of(node: ast.stmt) -> LineSpan:
    """Return the lines of a statement, including decorators."""
    decorators: Sequence[ast.expr] = getattr(node, "decorator_list", ())
    first = min((node.lineno, *(decorator.lineno for decorator in decorators)))
    return LineSpan(first, node.end_lineno or node.lineno)


def bodies(statement: ast.stmt) -> list[list[ast.stmt]]:
    """Return the nonempty statement lists directly inside a statement."""
    fields = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
    parts = [*getattr(statement, "handlers", []), *getattr(statement, "cases", [])]
    return [body for body in (*fields, *(part.body for part in parts)) if body]


def text_of(lines: Sequence[str], node: ast.stmt) -> str:
    """Return a statement's dedented text, including decorators.

    Lines inside string literals keep their indentation because it is part of the value. Only docstring lines
    are dedented.
    """
    span = span_of(node)
    own = lines[span.first - 1 : span.last]
    if not node.col_offset:
        return "\n".join(own)
    margin = own[0][: node.col_offset]
    kept = set(_lines_inside_strings(node)) if any(map(_may_go_on, own)) else set()
    return "\n".join(
        line if number in kept else _moved(line, margin) for number, line in enumerate(own, span.first)
    )


def _may_go_on(line: str) -> bool:
    """Return whether a string literal may continue on the next line."""
    return '"""' in line or "'''" in line or line.endswith("\\")


def _moved(line: str, margin: str) -> str:
    return line.removeprefix(margin) if line.startswith(margin) else line.lstrip(" \t")


def _lines_inside_strings(node: ast.stmt) -> Iterator[int]:
    docstrings = {id(docstring) for docstring in _docstrings(node)}
    for part in ast.walk(node):
        if _is_string(part) and id(part) not in docstrings:
            yield from range(part.lineno + 1, (part.end_lineno or part.lineno) + 1)


def _is_string(node: ast.AST) -> TypeGuard[ast.expr]:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str | bytes)
    return isinstance(node, ast.JoinedStr)


def _docstrings(node: ast.stmt) -> Iterator[ast.expr]:
    for part in ast.walk(node):
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = part.body[0]
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                yield first.value


def comments(text: str) -> dict[int, str]:
    """Return the comments of a text by line, up to the first place that cannot be tokenized."""
    found: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found[token.start[0]] = token.string
    except (tokenize.TokenError, SyntaxError):
        pass
    return found


_LAYOUT = frozenset({tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT})
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")

MAX_DEPTH = 100
"""Maximum nesting of syntax nodes. Handwritten code stays under 40. Several thousand levels overflow the
process's stack in `libcst`'s parser, which no `except` can catch."""

MAX_PATTERN_COST = 300_000
"""Maximum total cost of the patterns in a text's `case` clauses. Each bracket around a token makes `libcst`
read it up to four times as often while holding the GIL: `{1: {1: ...}}` nested 12 deep takes a minute. This
limit takes about a second; a clause of handwritten code costs a few hundred."""


def parse_untrusted(code: str) -> ast.Module:
    """Return the syntax tree of a text, which may begin with a byte order mark.

    Raises:
        CannotParse: The text is not valid Python or is nested too deeply.
    """
    tree = parse(code.removeprefix("\ufeff"))
    _refuse_depth(tree)
    return tree


def parse_concrete(code: str) -> cst.Module:
    """Return the concrete syntax tree of a text, including comments and formatting.

    Raises:
        CannotParse: The text is not valid Python or is nested too deeply.
    """
    import libcst as cst

    refuse_costly_patterns(code)
    try:
        return cst.parse_module(code)
    except (cst.ParserSyntaxError, ValueError, RecursionError) as error:
        raise CannotParse(f"its formatting cannot be read ({type(error).__name__})") from error


def refuse_costly_patterns(code: str) -> None:
    """Reject text that would keep `parse_concrete` busy for minutes or longer.

    Raises:
        CannotParse: The patterns are too many or nested too deeply, or the text is not valid Python.
    """
    tree = parse_untrusted(code)
    if not any(isinstance(node, ast.Match) for node in ast.walk(tree)):
        return
    cost = 0
    for weight, line in _tokens_of_patterns(code.removeprefix("\ufeff")):
        cost += weight
        if cost > MAX_PATTERN_COST:
            raise CannotParse(f"the patterns up to line {line} are too many or nested too deeply")


def _tokens_of_patterns(code: str) -> Iterator[tuple[int, int]]:
    """Yield the weight and line of each token of potential `case` clause heads."""
    begins, reads, depth = True, False, 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type in _LAYOUT:
                begins = begins or token.type == tokenize.NEWLINE
                continue
            if begins:
                begins, reads, depth = False, token.string == "case", 0
            if not reads:
                continue
            depth += (token.string in _OPENING) - (token.string in _CLOSING)
            reads = depth > 0 or token.string != ":"
            yield 4 ** max(0, depth), token.start[0]
    except (tokenize.TokenError, SyntaxError) as error:
        raise CannotParse(f"its tokens cannot be read ({type(error).__name__})") from error


@contextmanager
def refusing_depth() -> Iterator[None]:
    """Convert recursion errors inside the block to `CannotParse`.

    Raises:
        CannotParse: The block recursed too deeply.
    """
    try:
        yield
    except RecursionError as error:
        raise CannotParse("it is nested too deeply, or its chain of calls is too long") from error


def lines_of(text: str) -> list[str]:
    """Return a text's lines as Python counts them, with their line ends."""
    return io.StringIO(text, newline="").readlines()


def _refuse_depth(tree: ast.Module) -> None:
    level: list[ast.AST] = [tree]
    for _ in range(MAX_DEPTH):
        level = _children(level)
        if not level:
            return
    line = next((node.lineno for node in level if isinstance(node, ast.stmt | ast.expr)), 1)
    raise CannotParse(f"line {line} is nested more than {MAX_DEPTH} levels deep")


def _children(nodes: Sequence[ast.AST]) -> list[ast.AST]:
    """Return what `ast.iter_child_nodes` yields for each node, in half the time: every text is checked."""
    found: list[ast.AST] = []
    for node in nodes:
        for value in vars(node).values():
            if isinstance(value, ast.AST):
                found.append(value)
            elif isinstance(value, list):
                found += [each for each in value if isinstance(each, ast.AST)]
    return found
