"""Parse untrusted TypeScript and JavaScript; see `testsmith.languages.syntax_tree`."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from testsmith.languages.source import CannotParse
from testsmith.languages.syntax_tree import TREES_KEPT, ParsedText, parsed, text_of, without_errors

if TYPE_CHECKING:
    from tree_sitter import Language, Node

MOST_BRACKETS = 30_000
"""Maximum number of opening brackets in a file.

The parser takes up to 90 bytes of the stack for each that is open; 8 MiB are too few for 90,000. Only the
parser knows which are in strings, comments and regular expressions, so all are counted.
"""

TYPED = (".ts", ".mts", ".cts")
"""Endings of files in which `<T>x` is a cast. In all others it is an element."""

_IMPORTED_TYPE = re.compile(
    r"""(?<=[\w$]<)(typeof\s+)?(import\((?:"[^"\n]*"|'[^'\n]*'|\s)*\))(?=[>.\[,])""", re.ASCII
)
"""A module as a type argument, as in `load<typeof import("x")>()`.

The grammar takes the `<` for a comparison. Instead of the import, it gets a name with the same length and
line ends.
"""

_OPENING = re.compile(r"[(\[{]")
_EXPORTED_TYPES = re.compile(r"^export type \*[^\n;]*;?", re.MULTILINE)
_TYPE_BODY = re.compile(
    r"^[ \t]*(?:export )?(?:declare )?(?:interface \w[^{};]{0,2000}|type \w+[^{};=]{0,2000}= *)\{",
    re.MULTILINE,
)
_BRACES = re.compile(r"[{}]")
_TAGGED = re.compile(r"(?<=[\w$])`(?:[^`\\]|\\.){0,5000}`", re.ASCII | re.DOTALL)
_ESCAPE = re.compile(r"\\.", re.DOTALL)

_WHOLE = frozenset({"template_string", "regex"})
"""Nodes that are one token although they have children."""

_CLOSING = frozenset({")", "}", "]"})

_TYPES_ONLY = frozenset(
    {
        *("type_annotation", "type_predicate_annotation", "asserts_annotation", "type_parameters"),
        *("type_arguments", "implements_clause", "function_signature", "method_signature"),
        *("abstract_method_signature", "index_signature", "interface_declaration"),
        *("type_alias_declaration", "ambient_declaration"),
    }
)
"""Nodes that are gone when the code runs."""

_CASTS = frozenset({"as_expression", "satisfies_expression", "non_null_expression"})
_MODIFIED = frozenset({"public_field_definition", "method_definition", "abstract_class_declaration"})
_MODIFIERS = frozenset({"accessibility_modifier", "override_modifier", "readonly", "abstract", "?", "!"})
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}
_PLAIN_STRING = re.compile(r"'[^'\"\\]*'")


def parse_tolerant(text: str, path: str = "") -> ParsedText:
    """Return a text's syntax tree, with error nodes for what is not valid.

    Args:
        text: The text.
        path: The file that it is from; its ending decides what `<T>x` means. Without one, the text decides.

    Raises:
        CannotParse: The text is too long, has too many brackets, or takes too long to parse.
    """
    if path:
        return _parse(text, path.endswith(TYPED))
    file = _parse(text, False)
    if not file.root.has_error:
        return file
    typed = _parse(text, True)
    return file if typed.root.has_error else typed


@lru_cache(maxsize=TREES_KEPT)
def _parse(text: str, is_typed: bool) -> ParsedText:
    if sum(1 for _ in _OPENING.finditer(text)) > MOST_BRACKETS:
        raise CannotParse(f"it has more than {MOST_BRACKETS:,} brackets")
    named = _IMPORTED_TYPE.sub(lambda match: f"{match[1] or ''}{_name_like(match[2])}", text)
    file = replace(parsed(named, _grammar(is_typed)), text=text, data=text.encode("utf-8", "replace"))
    if file.root.has_error and (plain := _without_odd_types(_without_odd_escapes(named))) != named:
        other = parsed(plain, _grammar(is_typed))
        return file if other.root.has_error else replace(file, root=other.root)
    return file


def _name_like(text: str) -> str:
    """Return a name as long as a text, followed by the text's line ends: what comes after keeps its line."""
    length, count = len(text.encode("utf-8", "replace")), text.count("\n")
    return "_" * (length - count) + "\n" * count


def _without_odd_escapes(text: str) -> str:
    """Return a text whose tagged templates have no escapes that only those may have, as in `String.raw`."""
    return _TAGGED.sub(lambda match: _ESCAPE.sub(lambda one: _plain_escape(one[0]), match[0]), text)


def _plain_escape(sequence: str) -> str:
    return f"_{sequence[1]}" if sequence[1] in "ux0123456789" else sequence


def _without_odd_types(text: str) -> str:
    """Return a text in which types that the grammar may not know are blanks: nothing else moves."""
    text = _EXPORTED_TYPES.sub(lambda match: _blanks(match[0]), text)
    parts, end = [], 0
    for match in _TYPE_BODY.finditer(text):
        if match.start() >= end:
            parts += [text[end : match.end()]]
            end = _closing(text, match.end())
            parts += [_blanks(text[match.end() : end])]
    return "".join((*parts, text[end:]))


def _closing(text: str, start: int) -> int:
    """Return where the bracket is that closes one which opened before `start`."""
    depth = 1
    for match in _BRACES.finditer(text, start):
        depth += 1 if match[0] == "{" else -1
        if not depth:
            return match.start()
    return len(text)


def _blanks(text: str) -> str:
    return re.sub(r"[^\n]", lambda match: " " * len(match[0].encode("utf-8", "replace")), text)


def parse(text: str, path: str = "") -> ParsedText:
    """Return the syntax tree of a text that has to be valid as a whole.

    Raises:
        CannotParse: The text is too long or not valid; the message names the line.
    """
    return without_errors(parse_tolerant(text, path), "TypeScript")


@cache
def _grammar(is_typed: bool) -> Language:
    import tree_sitter_typescript
    from tree_sitter import Language

    if is_typed:
        return Language(tree_sitter_typescript.language_typescript())
    return Language(tree_sitter_typescript.language_tsx())


def tokens(node: Node) -> list[str]:
    """Return the tokens of a node without comments and formatting, such as the kind of quotes."""
    return _tokens(node, lambda one: one.children)


def behavior(node: Node, without: Container[int] = ()) -> list[str]:
    """Return the tokens of a node without comments, formatting, and types, which are gone when it runs.

    Args:
        node: The node.
        without: Ids of nodes in it that are left out, too.
    """
    return [] if node.type in _TYPES_ONLY else _tokens(node, _without_types, without)


def _tokens(
    node: Node, children_of: Callable[[Node], Sequence[Node]], without: Container[int] = ()
) -> list[str]:
    found: list[str] = []
    waiting: list[Node | str] = [node]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, str):
            if one.type in {"comment", "html_comment"} or one.id in without:
                continue
            if one.type == "arrow_function" and (parameter := one.child_by_field_name("parameter")):
                rest = (each for each in children_of(one) if each != parameter)
                waiting += reversed(["(", parameter, ")", *rest])  # as formatters write it
                continue
            if one.type != "string" and one.type not in _WHOLE and one.children:
                waiting += reversed(children_of(one))
                continue
            one = _word(one)
        if not one or one == ";":
            continue
        if one in _CLOSING and found and found[-1] == ",":
            found.pop()
        found.append(one)
    return found


def _word(node: Node) -> str:
    word = text_of(node)
    if node.type == "string" and _PLAIN_STRING.fullmatch(word):
        return f'"{word[1:-1]}"'
    return " ".join(word.split()) if node.type == "jsx_text" else word.strip()


def _without_types(node: Node) -> Sequence[Node]:
    """Return what is left of a node's children when the code runs."""
    if node.type in _CASTS:
        return node.children[:1]
    if node.type == "type_assertion":
        return node.children[-1:]
    if node.type == "import_statement" and any(one.type == "type" for one in node.children):
        return ()
    left = [one for one in node.children if one.type not in _TYPES_ONLY]
    if node.type in _MODIFIED:
        return [one for one in left if one.type not in _MODIFIERS]
    return [one for one in left if one.type != "?"] if node.type == "optional_parameter" else left


def normalized(code: str) -> str:
    """Return a text as its tokens: without comments and formatting. Text that is too long stays as it is."""
    try:
        return " ".join(tokens(parse_tolerant(code).root))
    except CannotParse:
        return code


def string_value(node: Node | None) -> str | None:
    """Return the value of a string literal or of a template without expressions; None for anything else."""
    if node is None or node.type not in {"string", "template_string"}:
        return None
    parts = node.children[1:-1]
    if any(one.type == "template_substitution" for one in parts):
        return None
    return "".join(
        _unescaped(text_of(one)) if one.type == "escape_sequence" else text_of(one) for one in parts
    )


def _unescaped(sequence: str) -> str:
    """Return what an escape sequence means."""
    rest = sequence[1:]
    if rest[:1] in {"u", "x"}:
        code = int(rest[1:].strip("{}"), 16)
        return chr(code) if code < 0x110000 else "\ufffd"  # noqa: PLR2004 - the last code point
    return _ESCAPES.get(rest, rest)
