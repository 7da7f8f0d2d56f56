"""What tests of a module can reach, and how much a function decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from testsmith.languages.source import MemberWeight, Reachable, SourceTree
from testsmith.languages.syntax_tree import decode, end_line_of, field, line_of, text_of, walk
from testsmith.languages.typescript.source.declarations import FUNCTIONS
from testsmith.languages.typescript.source.packages import DeclarationKey, Modules
from testsmith.languages.typescript.source.parsing import parse_tolerant
from testsmith.languages.typescript.source.references import References
from testsmith.model import Member

if TYPE_CHECKING:
    from tree_sitter import Node

_DECIDING = frozenset(
    {
        *("if_statement", "for_statement", "for_in_statement", "while_statement", "do_statement"),
        *("switch_case", "catch_clause", "ternary_expression"),
    }
)
_DECIDING_SIGNS = frozenset({"&&", "||", "??"})
_LISTS = frozenset({"statement_block", "switch_case", "switch_default"})
_BODIES = frozenset({"statement_block", "switch_body", "else_clause", "catch_clause", "finally_clause"})
_WITHOUT_CODE = frozenset({"comment", "type_alias_declaration", "interface_declaration", "empty_statement"})


def reachable(data: bytes) -> Reachable:
    """Return the statements in the functions of a module, which tests can reach; no branches.

    Raises:
        CannotParse: `data` cannot be decoded or parsed at all.
    """
    root = parse_tolerant(decode(data)).root
    return Reachable(statements=tuple(lines for node in _in_functions(root) for lines in _statements(node)))


def _in_functions(root: Node) -> Iterator[Node]:
    """Yield the functions of a module and all that is in them, parents first, in order of the text."""
    waiting = [(root, False)]
    while waiting:
        node, is_inside = waiting.pop()
        is_inside = is_inside or node.type in FUNCTIONS
        if is_inside:
            yield node
        waiting += [(one, is_inside) for one in reversed(node.children)]


def _statements(node: Node) -> Iterator[range]:
    """Yield the lines of each statement directly in a function or a block, without inner blocks."""
    body = field(node, "body") if node.type == "arrow_function" else None
    if body is not None and body.type != "statement_block":
        yield range(line_of(body), end_line_of(body) + 1)
    if node.type in _LISTS:
        value = field(node, "value")
        for one in node.named_children:
            if one.type not in _WITHOUT_CODE and one != value:
                inner = [line_of(each) for each in one.named_children if each.type in _BODIES]
                yield range(line_of(one), (min(inner) if inner else end_line_of(one)) + 1)


def weights(tree: SourceTree, members: Sequence[Member], _project: str) -> Mapping[str, MemberWeight]:
    """Return the weights of members by id: decisions, and uses in the modules that import them."""
    references = References(Modules(tree))
    found = {}
    for member in members:
        key = DeclarationKey(member.path, member.name)
        known = references.declaration(key)
        if known is None:
            found[member.id] = MemberWeight()
            continue
        nodes = [one for node in known.nodes for one in walk(node)]
        signs = sum(text_of(field(one, "operator")) in _DECIDING_SIGNS for one in nodes if _is_binary(one))
        decisions = sum(one.type in _DECIDING for one in nodes) + signs
        found[member.id] = MemberWeight(decisions=decisions, dependents=sum(1 for _ in references.users(key)))
    return found


def _is_binary(node: Node) -> bool:
    return node.type == "binary_expression"
