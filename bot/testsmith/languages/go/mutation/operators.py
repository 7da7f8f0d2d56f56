"""Mutation operators: ways to change one node of a Go syntax tree, by the table of `Operator`.

Changes that mostly do not compile, that are equivalent, or that do not matter to reviewers (the text of an
error) are left out. What does not compile after all is found by the compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from testsmith.languages.go.source.parsing import tokens
from testsmith.languages.mutants import Operator
from testsmith.languages.node_changes import NOTHING, NodeChange, changed_node, is_dull_arithmetic, snippet
from testsmith.languages.syntax_tree import field, text_of, walk

if TYPE_CHECKING:
    from tree_sitter import Node

_LARGEST_NUMBER = 10**15

_BOUNDARIES = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_OPPOSITES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_BOOLEANS = {"&&": "||", "||": "&&"}
_ARITHMETIC = {
    "+": "-",
    "-": "+",
    "*": "/",
    "/": "*",
    "%": "*",
    "<<": ">>",
    ">>": "<<",
    "&": "|",
    "|": "&",
    "^": "&",
    "&^": "&",
}
_TEXTS = frozenset({"interpreted_string_literal", "raw_string_literal"})
_MESSAGES = frozenset(
    {
        "Errorf",
        "New",
        "Sprintf",
        "Printf",
        "Println",
        "Print",
        "Fprintf",
        "panic",
        "Wrap",
        "Wrapf",
        "Fprintln",
    }
)
"""Functions whose texts are messages to people."""

_FUNCTIONS = frozenset({"function_declaration", "method_declaration", "func_literal"})
_NUMBERS = frozenset(
    {
        *("int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64"),
        *("byte", "rune", "uintptr", "float32", "float64"),
    }
)
_LOGS = frozenset({"log", "slog", "logger", "logrus", "klog", "glog", "zap"})


def changes_of(node: Node) -> Iterator[NodeChange]:
    """Yield the changes of one node, without those of what is inside it."""
    make = _OF_NODES.get(node.type)
    if make is not None:
        yield from make(node)


def is_left_out(node: Node) -> bool:
    """Return whether nothing in a node is changed: comments, logging, and types."""
    if node.type in {
        "comment",
        "parameter_list",
        "type_parameter_list",
        "type_declaration",
        "func_literal_type",
    }:
        return True
    if node.type == "expression_statement" and node.named_children:
        called = field(node.named_children[0], "function")
        first = text_of(field(called, "operand")).rpartition(".")[2].lower()
        return first in _LOGS
    return False


def _binary(node: Node) -> Iterator[NodeChange]:
    operator = field(node, "operator")
    sign = text_of(operator)
    left, right = field(node, "left"), field(node, "right")
    if operator is None or left is None or right is None:
        return
    tables = (
        (Operator.BOUNDARY, _BOUNDARIES),
        (Operator.COMPARISON, _OPPOSITES),
        (Operator.BOOLEAN, _BOOLEANS),
        (Operator.ARITHMETIC, _ARITHMETIC),
    )
    for kind, table in tables:
        is_dull = (kind is Operator.ARITHMETIC and is_dull_arithmetic(sign, left, right, _TEXTS)) or (
            kind is Operator.BOUNDARY and _is_mute_boundary(node)
        )
        if sign in table and not is_dull:
            yield changed_node(kind, operator, table[sign])


def _is_mute_boundary(node: Node) -> bool:
    """Return whether a condition chooses between the values that it compares: equal ones do not matter."""
    statement = node.parent
    if statement is None or statement.type != "if_statement":
        return False
    sides = {text_of(field(node, "left")), text_of(field(node, "right"))}
    block = field(statement, "consequence")
    body = (
        [one for one in walk(block) if one.type in {"return_statement", "assignment_statement"}]
        if block
        else []
    )
    if len(body) != 1:
        return False
    if body[0].type == "assignment_statement":
        return {text_of(field(body[0], "left")), text_of(field(body[0], "right"))} == sides
    following = statement.next_named_sibling
    returned = [
        text_of(one).removeprefix("return").strip() for one in (body[0], following) if one is not None
    ]
    return set(returned) == sides


def _number(node: Node) -> Iterator[NodeChange]:
    text = text_of(node)
    digits = text.replace("_", "")
    if digits.isdecimal() and (digits == "0" or not digits.startswith("0")) and int(digits) < _LARGEST_NUMBER:
        yield changed_node(Operator.CONSTANT, node, str(int(digits) + 1))


def _float(node: Node) -> Iterator[NodeChange]:
    try:
        value = float(text_of(node))
    except ValueError:
        return
    if abs(value) < _LARGEST_NUMBER:
        yield changed_node(Operator.CONSTANT, node, repr(value + 1))


def _string(node: Node) -> Iterator[NodeChange]:
    if not _is_message(node) and not _is_of_type(node):
        yield changed_node(Operator.CONSTANT, node, '"x"' if len(text_of(node)) == 2 else '""')  # noqa: PLR2004


def _is_message(node: Node) -> bool:
    """Return whether a text is given to a function that makes a message, or added to one."""
    around = node.parent
    while around is not None and around.type in {
        "binary_expression",
        "parenthesized_expression",
        "argument_list",
    }:
        around = around.parent
    if around is None or around.type != "call_expression":
        return False
    return text_of(field(around, "function")).rpartition(".")[2] in _MESSAGES


def _is_of_type(node: Node) -> bool:
    return node.parent is not None and node.parent.type in {"field_declaration", "import_spec"}


def _truth(node: Node) -> Iterator[NodeChange]:
    yield changed_node(Operator.CONSTANT, node, "false" if node.type == "true" else "true")


def _unary(node: Node) -> Iterator[NodeChange]:
    operand = field(node, "operand")
    sign = text_of(field(node, "operator"))
    if operand is not None and (sign == "!" or (sign == "-" and text_of(operand) != "0")):
        yield changed_node(Operator.SIGN, node, f"({text_of(operand)})", new=snippet(text_of(operand)))


def _slice(node: Node) -> Iterator[NodeChange]:
    for name in ("start", "end"):
        bound = field(node, name)
        length = f"len({text_of(field(node, 'operand'))})"
        if bound is not None and bound.type != "int_literal" and text_of(bound) != length:
            text = text_of(bound)
            yield changed_node(Operator.OFF_BY_ONE, bound, f"(({text}) + 1)", new=snippet(f"{text} + 1"))


def _condition(node: Node) -> Iterator[NodeChange]:
    """Yield the negation of a condition that is a call or a name; others change by their operators."""
    test = field(node, "condition")
    if test is not None and test.type in {"call_expression", "identifier", "selector_expression"}:
        text = text_of(test)
        yield changed_node(Operator.CONDITION, test, f"!({text})", new=snippet(f"!{text}"))


def _for(node: Node) -> Iterator[NodeChange]:
    test = next((one for one in node.named_children if one.type == "call_expression"), None)
    if test is not None:
        text = text_of(test)
        yield changed_node(Operator.CONDITION, test, f"!({text})", new=snippet(f"!{text}"))


def _return(node: Node) -> Iterator[NodeChange]:
    """Yield a zero value for a returned error, or else for the first value that is not one.

    The other results are ignored after an error.
    """
    given = [one for one in node.named_children if one.type == "expression_list"]
    values = given[0].named_children if given else []
    kinds = _results(node)
    if len(values) != len(kinds):
        return
    for value, kind in sorted(zip(values, kinds, strict=True), key=lambda one: one[1] != "error"):
        zero = zero_of(kind)
        if text_of(value) != zero and value.type not in {"nil", "true", "false", "int_literal", *_TEXTS}:
            yield changed_node(Operator.RETURN, value, zero)
            return


def _results(node: Node) -> list[str]:
    """Return the types of the results of the function around a node."""
    around = node.parent
    while around is not None and around.type not in {*_FUNCTIONS}:
        around = around.parent
    result = field(around, "result")
    if result is None:
        return []
    if result.type != "parameter_list":
        return [text_of(result)]
    found = []
    for one in result.named_children:
        if one.type == "parameter_declaration":
            found += [text_of(field(one, "type"))] * max(1, len(one.children_by_field_name("name")))
    return found


def zero_of(kind: str) -> str:
    """Return the zero value of a type."""
    if kind in _NUMBERS:
        return "0"
    if kind in {"error", "any"} or kind.startswith(
        ("*", "[]", "map[", "func(", "chan ", "<-chan", "interface{")
    ):
        return "nil"
    return {"string": '""', "bool": "false"}.get(kind, f"*new({kind})")


def _call_statement(node: Node) -> Iterator[NodeChange]:
    """Yield the removal of a call whose results are not used."""
    called = node.named_children[0] if node.named_children else None
    if called is not None and called.type == "call_expression" and _keeps_names(called):
        yield changed_node(Operator.STATEMENT, node, "_ = 0", new=NOTHING)


def _keeps_names(call: Node) -> bool:
    """Return whether a call is not the end of the process or of the function: without it, others run on."""
    return text_of(field(call, "function")) not in {"panic", "os.Exit", "log.Fatal", "log.Fatalf"}


def _assignment(node: Node) -> Iterator[NodeChange]:
    """Yield changes of an assignment: another operation, and none at all."""
    left, right = field(node, "left"), field(node, "right")
    sign = text_of(field(node, "operator"))
    if left is None or right is None:
        return
    operator = field(node, "operator")
    if sign != "=" and operator is not None:
        after = _ARITHMETIC.get(sign[:-1])
        if after is not None and not is_dull_arithmetic(sign[:-1], left, right, _TEXTS):
            yield changed_node(Operator.ARITHMETIC, operator, f"{after}=")
        yield changed_node(Operator.STATEMENT, operator, "=")
    elif len(left.named_children) == 1 and left.named_children[0].type in {
        "selector_expression",
        "index_expression",
        "unary_expression",
    }:
        used = f"_ = {text_of(right)}" if len(right.named_children) == 1 else ""
        if used and text_of(right) != "nil":
            yield changed_node(Operator.STATEMENT, node, used, new=NOTHING)
    elif len(right.named_children) == 1 and set(tokens(left)) <= set(tokens(right)):
        yield changed_node(Operator.STATEMENT, node, f"_ = {text_of(right)}", new=NOTHING)


def _step(node: Node) -> Iterator[NodeChange]:
    sign = node.children[-1] if node.children else None
    if sign is not None and not (node.parent is not None and node.parent.type == "for_clause"):
        yield changed_node(Operator.ARITHMETIC, sign, "--" if sign.type == "++" else "++")


def _jump(node: Node) -> Iterator[NodeChange]:
    """Yield the other jump, within a loop."""
    around = node.parent
    while around is not None and around.type not in {"for_statement", "func_literal", "function_declaration"}:
        if around.type.endswith(("switch_statement", "select_statement")) and node.type == "break_statement":
            return
        around = around.parent
    if around is not None and around.type == "for_statement" and len(node.named_children) == 0:
        yield changed_node(Operator.JUMP, node, "continue" if node.type == "break_statement" else "break")


def _defer(node: Node) -> Iterator[NodeChange]:
    called = node.named_children[0] if node.named_children else None
    if called is not None and called.type == "call_expression" and field(called, "function", "body") is None:
        yield changed_node(Operator.STATEMENT, node, "_ = 0", new=NOTHING)


_OF_NODES: Mapping[str, Callable[[Node], Iterator[NodeChange]]] = {
    "binary_expression": _binary,
    "int_literal": _number,
    "float_literal": _float,
    "interpreted_string_literal": _string,
    "raw_string_literal": _string,
    "true": _truth,
    "false": _truth,
    "unary_expression": _unary,
    "slice_expression": _slice,
    "if_statement": _condition,
    "for_statement": _for,
    "return_statement": _return,
    "expression_statement": _call_statement,
    "assignment_statement": _assignment,
    "inc_statement": _step,
    "dec_statement": _step,
    "break_statement": _jump,
    "continue_statement": _jump,
    "defer_statement": _defer,
}
