"""The declarations that a member uses, as a reader of the code would look them up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from testsmith.languages.syntax_tree import field, text_of, walk
from testsmith.languages.typescript.source.declarations import CLASSES, TypeScriptDeclaration
from testsmith.languages.typescript.source.packages import DeclarationKey, TypeScriptFile
from testsmith.languages.typescript.source.references import References
from testsmith.languages.typescript.test_files.imports import bindings_of
from testsmith.model import Member

if TYPE_CHECKING:
    from tree_sitter import Node

_MOST_LINES = 40
_MOST_CHARACTERS = 300
_MOST_BODY_LINES = 24
_MOST_BODY_CHARACTERS = 900
_TYPES = frozenset({"interface_declaration", "type_alias_declaration", "enum_declaration"})
_BLANK = re.compile(r"\n\s*\n")


def signatures(references: References, member: Member) -> Iterator[str]:
    """Yield blocks without blank lines, each below the path of its file: the member's class first.

    Small functions are shown whole, because they decide what the member returns, and below them the small
    ones that these use.
    """
    key = DeclarationKey(member.path, member.name)
    own = references.declaration(key)
    file = references.modules.file(member.path)
    if own is None or file is None:
        return
    around = [DeclarationKey(member.path, own.around)] if own.around else []
    shown = {key, DeclarationKey(member.path, f"{own.around}.constructor")}
    small: dict[DeclarationKey, None] = {}
    for used in dict.fromkeys((*around, *references.used_by(key))):
        declaration = references.declaration(used)
        if used in shown or declaration is None or (own.around and declaration.around == own.around):
            continue
        shown.add(used)
        small.update(dict.fromkeys(references.used_by(used) if _is_small(declaration) else ()))
        yield _block(used.path, signature(declaration))
    yield from _types(references, own, file)
    for used in small:
        declaration = references.declaration(used)
        if used not in shown and declaration is not None and _is_small(declaration):
            yield _block(used.path, signature(declaration))


def _types(references: References, own: TypeScriptDeclaration, file: TypeScriptFile) -> Iterator[str]:
    """Yield the types and classes that a member names as types, of its file and of those that it imports."""
    nodes = (one for node in own.nodes for one in walk(node))
    names = dict.fromkeys(text_of(one) for one in nodes if one.type == "type_identifier")
    bindings = {one.local: one for one in bindings_of(file.file)}
    for name in names:
        where, wanted = file, name
        if name in bindings:
            path = references.modules.resolved(bindings[name].source, file.path)
            other = None if path is None else references.modules.file(path)
            if other is None:
                continue
            where, wanted = other, bindings[name].imported
        node = _type(where, wanted)
        declared = where.declared.get(where.outline.exports.get(wanted, wanted))
        if node is not None:
            yield _block(where.path, _cut(text_of(node)))
        elif declared is not None and declared.name != own.around:
            yield _block(where.path, signature(declared))


def _type(file: TypeScriptFile, name: str) -> Node | None:
    for statement in file.file.root.named_children:
        node = field(statement, "declaration") or statement
        if node.type in _TYPES and text_of(field(node, "name")) == name:
            return node
    return None


def _block(path: str, text: str) -> str:
    return _BLANK.sub("\n", f"// {path}\n{text}")


def signature(declaration: TypeScriptDeclaration) -> str:
    """Return a declaration below the first line of its documentation; without bodies if it is long."""
    summary = next((line.strip("/* ") for line in declaration.doc.split("\n") if line.strip("/* ")), "")
    node = declaration.node
    if node.type in CLASSES:
        text = _class_head(declaration)
    elif _is_small(declaration):
        text = declaration.file.between(declaration.whole.start_byte, declaration.whole.end_byte)
    elif declaration.has_function:
        text = " ".join(_without_body(declaration, declaration.whole, node).split())[:_MOST_CHARACTERS]
    else:
        text = _cut(text_of(declaration.whole))
    return f"/** {summary} */\n{text}" if summary else text


def _is_small(declaration: TypeScriptDeclaration) -> bool:
    """Return whether a declaration is a function that is shown with its body."""
    text = text_of(declaration.whole)
    is_short = len(text) <= _MOST_BODY_CHARACTERS and text.count("\n") < _MOST_BODY_LINES
    return is_short and declaration.has_function and declaration.node.type not in CLASSES


def _without_body(declaration: TypeScriptDeclaration, whole: Node, function: Node) -> str:
    body = field(function, "body")
    end = whole.end_byte if body is None else body.start_byte
    return declaration.file.between(whole.start_byte, end).strip().removesuffix("=>").strip()


def _class_head(declaration: TypeScriptDeclaration) -> str:
    """Return a class with its fields, and its methods without bodies."""
    body = field(declaration.node, "body")
    if body is None:
        return _cut(text_of(declaration.whole))
    lines = [declaration.file.between(declaration.whole.start_byte, body.start_byte + 1)]
    for one in body.named_children:
        if one.type not in {"comment", "decorator"}:
            inner = one if one.type == "method_definition" else field(one, "value") or one
            lines.append(f"  {' '.join(_without_body(declaration, one, inner).split())[:_MOST_CHARACTERS]}")
    return _cut("\n".join([*lines, "}"]))


def _cut(text: str) -> str:
    lines = text.split("\n")
    shown = [*lines[:_MOST_LINES], *(["  // ..."] if len(lines) > _MOST_LINES else [])]
    return "\n".join(line[:_MOST_CHARACTERS] for line in shown)
