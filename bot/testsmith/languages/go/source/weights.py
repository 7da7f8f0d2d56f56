"""What tests of a Go file can reach, and how much a function decides."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from testsmith.languages.go.source.declarations import declarations_of
from testsmith.languages.go.source.packages import Packages
from testsmith.languages.go.source.references import PackageNames, has_body
from testsmith.languages.source import MemberWeight, Reachable, SourceTree
from testsmith.languages.syntax_tree import decode, end_line_of, field, line_of, text_of, walk
from testsmith.model import Member

if TYPE_CHECKING:
    from tree_sitter import Node

_DECIDING = frozenset({"if_statement", "for_statement", "expression_case", "type_case", "communication_case"})


def reachable(data: bytes) -> Reachable:
    """Return the statements of a file that tests can reach; Go counts blocks, so no branches.

    Raises:
        CannotParse: `data` cannot be decoded or parsed at all.
    """
    found = (one for one in declarations_of(decode(data)) if has_body(one))
    return Reachable(statements=tuple(lines for one in found for lines in _statements(one.node)))


def _statements(function: Node) -> Iterator[range]:
    for node in walk(function, {"comment"}):
        if node.type == "statement_list":
            for statement in node.named_children:
                if statement.type != "comment":
                    blocks = [
                        one for one in statement.named_children if one.type in {"block", "statement_list"}
                    ]
                    last = min(map(line_of, blocks)) if blocks else end_line_of(statement)
                    yield range(line_of(statement), last + 1)


def weights(tree: SourceTree, members: Sequence[Member], _project: str) -> Mapping[str, MemberWeight]:
    """Return the weights of members by id: decisions, and uses within their package."""
    packages = Packages(tree)
    folders = {posixpath.dirname(member.path) for member in members}
    names = {folder: PackageNames(packages.sources(folder)) for folder in folders}
    found = {}
    for member in members:
        package = names[posixpath.dirname(member.path)]
        known = package.declared.get(member.name)
        if known is not None:
            nodes = list(walk(known[1].node))
            signs = sum(text_of(field(one, "operator")) in {"&&", "||"} for one in nodes if _is_binary(one))
            decisions = sum(one.type in _DECIDING for one in nodes) + signs
            dependents = len(package.users.get(member.name, ()))
            found[member.id] = MemberWeight(decisions=decisions, dependents=dependents)
        else:
            found[member.id] = MemberWeight()
    return found


def _is_binary(node: Node) -> bool:
    return node.type == "binary_expression"
