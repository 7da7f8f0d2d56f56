"""Mutation operators: ways to change one node of a TypeScript syntax tree, by the table of `Operator`.

Changes that are equivalent, or that do not matter to reviewers (the text of an error), are left out. Types,
decorators, imports and directives are never changed: they have no effect when tests run, or on everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from testsmith.languages.mutants import Operator
from testsmith.languages.node_changes import NOTHING, NodeChange, changed_node, is_dull_arithmetic, snippet
from testsmith.languages.syntax_tree import field, text_of, walk
from testsmith.languages.typescript.source.declarations import FUNCTIONS

if TYPE_CHECKING:
    from tree_sitter import Node

_LARGEST_NUMBER = 10**15
_BOUNDARIES = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_OPPOSITES = {
    "<": ">=",
    "<=": ">",
    ">": "<=",
    ">=": "<",
    "==": "!=",
    "!=": "==",
    "===": "!==",
    "!==": "===",
}
_BOOLEANS = {"&&": "||", "||": "&&"}
_ARITHMETIC = {
    "+": "-",
    "-": "+",
    "*": "/",
    "/": "*",
    "%": "*",
    "**": "*",
    "<<": ">>",
    ">>": "<<",
    ">>>": "<<",
    "&": "|",
    "|": "&",
    "^": "&",
}
_OTHER_CALLS = {
    "some": (Operator.BOOLEAN, "every"),
    "every": (Operator.BOOLEAN, "some"),
    "Math.min": (Operator.COMPARISON, "max"),
    "Math.max": (Operator.COMPARISON, "min"),
    "Math.floor": (Operator.OFF_BY_ONE, "ceil"),
    "Math.ceil": (Operator.OFF_BY_ONE, "floor"),
}
_BY_POSITION = frozenset({"slice", "substring", "substr", "charAt", "charCodeAt", "at", "codePointAt"})
"""Methods whose arguments are positions."""

_TEXTS = frozenset({"string", "template_string"})
_DULL_VALUES = frozenset({*_TEXTS, "true", "false", "null", "undefined", "number"})
_LEFT_OUT = frozenset(
    {
        *(
            "comment",
            "decorator",
            "hash_bang_line",
            "import_statement",
            "import_alias",
            "ambient_declaration",
        ),
        *("type_arguments", "type_parameters", "type_alias_declaration", "interface_declaration"),
        *("implements_clause", "extends_type_clause", "asserts", "type_query", "index_type_query"),
        *("accessibility_modifier", "override_modifier", "regex", "jsx_text"),
    }
)
_TYPES = ("_type", "_annotation", "_signature")
_LOGS = frozenset({"console", "debug", "log", "logger"})
_MESSAGES = re.compile(
    r"(?:\w+\.)*(?:\w*(?:Error|Exception|Warning)|assert\w*|invariant|warn\w*|fail|deprecate\w*|debug)"
)
"""Names of what is given texts for people."""

_LOOPS = frozenset({"for_statement", "for_in_statement", "while_statement", "do_statement"})
_SIMILAR_ERRORS = {"TypeError": "RangeError"}


def changes_of(node: Node) -> Iterator[NodeChange]:
    """Yield the changes of one node, without those of what is inside it."""
    make = _OF_NODES.get(node.type)
    if make is not None:
        yield from make(node)


def is_left_out(node: Node) -> bool:
    """Return whether nothing in a node is changed: types, logging, and what is not run with the code."""
    if node.type in _LEFT_OUT or (node.type.endswith(_TYPES) and node.is_named):
        return True
    if node.type != "expression_statement" or not node.named_children:
        return False
    inner = node.named_children[0]
    root = field(inner, "function") if inner.type == "call_expression" else None
    while root is not None and root.type == "member_expression":
        root = field(root, "object")
    return inner.type == "string" or text_of(root).lower() in _LOGS


def _binary(node: Node) -> Iterator[NodeChange]:
    operator = field(node, "operator")
    left, right = field(node, "left"), field(node, "right")
    if operator is None or left is None or right is None:
        return
    sign = text_of(operator)
    if sign == "??":
        if not _begins_statement(node):
            yield changed_node(Operator.BOOLEAN, node, f"({text_of(left)})", new=snippet(text_of(left)))
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
            yield changed_node(kind, operator, _apart(table[sign], operator, right), new=table[sign])


def _apart(sign: str, operator: Node, right: Node) -> str:
    """Return an operator with a space if it would be another one together with what follows."""
    is_near = operator.end_byte == right.start_byte and text_of(right)[:1] in {"+", "-", "/", "="}
    return f"{sign} " if is_near else sign


def _begins_statement(node: Node) -> bool:
    """Return whether a node begins a statement, where a parenthesis may belong to the line above."""
    around = node.parent
    while around is not None and around.start_byte == node.start_byte:
        if around.type == "expression_statement":
            return True
        around = around.parent
    return False


def _is_mute_boundary(node: Node) -> bool:
    """Return whether a condition chooses between the values that it compares: equal ones do not matter."""
    sides = {text_of(field(node, "left")), text_of(field(node, "right"))}
    around = node.parent
    while around is not None and around.type == "parenthesized_expression":
        around = around.parent
    if around is None:
        return False
    if around.type == "ternary_expression":
        return {text_of(field(around, "consequence")), text_of(field(around, "alternative"))} == sides
    if around.type != "if_statement":
        return False
    block = field(around, "consequence")
    kinds = {"return_statement", "assignment_expression"}
    body = [one for one in walk(block) if one.type in kinds] if block is not None else []
    if len(body) != 1:
        return False
    if body[0].type == "assignment_expression":
        return {text_of(field(body[0], "left")), text_of(field(body[0], "right"))} == sides
    returned = (_returned_text(one) for one in (body[0], around.next_named_sibling) if one is not None)
    return set(returned) == sides


def _returned_text(node: Node) -> str:
    return text_of(node).removeprefix("return").rstrip("; \n").strip()


def _number(node: Node) -> Iterator[NodeChange]:
    around = node.parent
    if around is None or around.type == "member_expression" or _is_key(node):
        return
    digits = text_of(node).replace("_", "")
    whole, suffix = digits.removesuffix("n"), "n" if digits.endswith("n") else ""
    try:
        value = int(whole) if whole.isdecimal() else float(whole)
    except ValueError:  # another base
        return
    if abs(value) < _LARGEST_NUMBER and (whole == "0" or not re.match(r"0\d", whole)):
        yield changed_node(Operator.CONSTANT, node, f"{value + 1!r}{suffix}")


def _is_key(node: Node) -> bool:
    """Return whether a node is the name of a property, or of a module."""
    around = node.parent
    if around is None:
        return False
    named = field(around, "key") or field(around, "name") or field(around, "source")
    return named is not None and named.id == node.id


def _string(node: Node) -> Iterator[NodeChange]:
    around = node.parent
    if around is None or _is_key(node) or _is_message(node) or around.type == "jsx_attribute":
        return
    if node.type == "template_string":
        if around.type != "call_expression":  # its tag gives it a meaning
            yield changed_node(Operator.CONSTANT, node, "``" if len(text_of(node)) > 2 else '"x"')  # noqa: PLR2004
        return
    call = around.parent if around.type == "arguments" else None
    if text_of(field(call, "function")) not in {"require", "require.resolve", "import"}:
        yield changed_node(Operator.CONSTANT, node, '""' if len(text_of(node)) > 2 else '"x"')  # noqa: PLR2004


def _is_message(node: Node) -> bool:
    """Return whether a text is given to what makes a message, or is added to one."""
    around = node.parent
    texts = {"binary_expression", "parenthesized_expression", "arguments", "ternary_expression", *_TEXTS}
    while around is not None and (around.type in texts or around.type == "template_substitution"):
        around = around.parent
    called = field(around, "function") or field(around, "constructor")
    is_thrown = around is not None and around.type == "throw_statement"
    return is_thrown or _MESSAGES.fullmatch(text_of(called)) is not None


def _truth(node: Node) -> Iterator[NodeChange]:
    yield changed_node(Operator.CONSTANT, node, "false" if node.type == "true" else "true")


def _unary(node: Node) -> Iterator[NodeChange]:
    operand = field(node, "argument")
    sign = text_of(field(node, "operator"))
    is_changed = sign in {"!", "~"} or (sign == "-" and text_of(operand) != "0")
    if operand is not None and is_changed and not _begins_statement(node):
        yield changed_node(Operator.SIGN, node, f"({text_of(operand)})", new=snippet(text_of(operand)))


def _optional_chain(node: Node) -> Iterator[NodeChange]:
    """Yield the chain that does not end at what is missing."""
    around = node.parent
    if around is None or around.type == "optional_chain":
        return
    new = "." if around.type == "member_expression" else ""
    yield changed_node(Operator.SIGN, node, new, new=new or NOTHING)


def _condition(node: Node) -> Iterator[NodeChange]:
    """Yield the negation of a condition without an operator of its own; others change by theirs."""
    test = field(node, "condition")
    while test is not None and test.type == "parenthesized_expression" and test.named_children:
        test = test.named_children[0]
    if test is None:
        return
    is_simple = test.type in {
        *("call_expression", "identifier", "member_expression", "subscript_expression", "await_expression"),
    }
    is_check = test.type == "binary_expression" and text_of(field(test, "operator")) in {"in", "instanceof"}
    if is_simple or is_check:
        text = text_of(test)
        yield changed_node(Operator.CONDITION, test, f"!({text})", new=snippet(f"!{text}"))


def _return(node: Node) -> Iterator[NodeChange]:
    """Yield an empty value of the returned type, as far as it is written down."""
    value = node.named_children[0] if node.named_children else None
    if value is not None and value.type != "comment":
        yield from _returned(value)


def _arrow(node: Node) -> Iterator[NodeChange]:
    value = field(node, "body")
    if value is not None and value.type != "statement_block":
        yield from _returned(value)


def _returned(value: Node) -> Iterator[NodeChange]:
    empty = empty_of(_result_of(value))
    inner = value
    while inner.type == "parenthesized_expression" and inner.named_children:
        inner = inner.named_children[0]
    if inner.type not in _DULL_VALUES and text_of(inner) not in {empty, "this"}:
        yield changed_node(Operator.RETURN, value, empty)


def _result_of(node: Node) -> str:
    """Return the result type of the function around a node; empty if it is not written down."""
    around = node.parent
    while around is not None and around.type not in FUNCTIONS:
        around = around.parent
    written = "".join(text_of(field(around, "return_type")).split()).removeprefix(":")
    promised = re.fullmatch(r"(?:Promise|PromiseLike|Awaited)<(.+)>", written)
    return written if promised is None else promised[1]


def empty_of(kind: str) -> str:
    """Return an empty value of a type; `undefined` for one that has none."""
    if kind.endswith("[]") or re.match(r"(?:Readonly)?Array<|\[", kind):
        return "[]"
    return {"number": "0", "string": '""', "boolean": "false", "bigint": "0n"}.get(kind, "undefined")


def _statement(node: Node) -> Iterator[NodeChange]:
    """Yield the removal of a statement that calls, assigns or deletes something."""
    inner = node.named_children[0] if node.named_children else None
    if inner is None or _is_needed(node):
        return
    if inner.type == "assignment_expression":
        right = field(inner, "right")
        if right is not None and text_of(right) not in {"undefined", "null"}:
            yield changed_node(Operator.STATEMENT, node, f"void ({text_of(right)});", new=NOTHING)
        return
    called = inner.named_children[0] if inner.type == "await_expression" and inner.named_children else inner
    is_call = called.type == "call_expression" and text_of(field(called, "function")) != "super"
    is_deletion = called.type == "unary_expression" and text_of(field(called, "operator")) == "delete"
    if is_call or is_deletion:
        yield changed_node(Operator.STATEMENT, node, ";", new=NOTHING)


def _is_needed(statement: Node) -> bool:
    """Return whether others run on without a statement that ends the process."""
    return text_of(statement).startswith(("process.exit(", "process.abort("))


def _throw(node: Node) -> Iterator[NodeChange]:
    """Yield another kind of error, and none at all."""
    made = node.named_children[0] if node.named_children else None
    kind = field(made, "constructor") if made is not None and made.type == "new_expression" else None
    name = text_of(kind)
    if kind is not None and name.endswith(("Error", "Exception")) and name != "Error":
        yield changed_node(Operator.EXCEPTION, kind, _SIMILAR_ERRORS.get(name, "Error"))
    yield changed_node(Operator.STATEMENT, node, ";", new=NOTHING)


def _augmented(node: Node) -> Iterator[NodeChange]:
    """Yield changes of an assignment such as `+=`: another operation, and none at all."""
    left, right, operator = field(node, "left"), field(node, "right"), field(node, "operator")
    if left is None or right is None or operator is None:
        return
    sign = text_of(operator)[:-1]
    if sign in _BOOLEANS:
        yield changed_node(Operator.BOOLEAN, operator, f"{_BOOLEANS[sign]}=")
    elif sign in _ARITHMETIC and not is_dull_arithmetic(sign, left, right, _TEXTS):
        yield changed_node(Operator.ARITHMETIC, operator, f"{_ARITHMETIC[sign]}=")
    yield changed_node(Operator.STATEMENT, operator, "=")


def _step(node: Node) -> Iterator[NodeChange]:
    sign, around = field(node, "operator"), node.parent
    is_of_loop = around is not None and around.type in {"for_statement", "sequence_expression"}
    if sign is not None and not is_of_loop:
        yield changed_node(Operator.ARITHMETIC, sign, "--" if text_of(sign) == "++" else "++")


def _jump(node: Node) -> Iterator[NodeChange]:
    """Yield the other jump, within a loop."""
    around = node.parent
    while around is not None and around.type not in {*_LOOPS, *FUNCTIONS}:
        if around.type == "switch_statement" and node.type == "break_statement":
            return
        around = around.parent
    if around is not None and around.type in _LOOPS and not node.named_children:
        yield changed_node(Operator.JUMP, node, "continue;" if node.type == "break_statement" else "break;")


def _call(node: Node) -> Iterator[NodeChange]:
    """Yield the opposite of a call of the library, and positions moved by one."""
    called = field(node, "function")
    method = field(called, "property")
    if called is None or method is None:
        return
    name = text_of(method)
    other = _OTHER_CALLS.get(text_of(called)) or _OTHER_CALLS.get(name)
    if other is not None:
        yield changed_node(other[0], method, other[1])
    given = field(node, "arguments")
    if name not in _BY_POSITION or given is None or given.type != "arguments":
        return
    length = f"{text_of(field(called, 'object'))}.length"
    for bound in given.named_children:
        text = text_of(bound)
        if bound.type not in {"number", "spread_element", "comment"} and text != length:
            yield changed_node(Operator.OFF_BY_ONE, bound, f"({text}) + 1", new=snippet(f"{text} + 1"))


_OF_NODES: Mapping[str, Callable[[Node], Iterator[NodeChange]]] = {
    "binary_expression": _binary,
    "number": _number,
    "string": _string,
    "template_string": _string,
    "true": _truth,
    "false": _truth,
    "unary_expression": _unary,
    "optional_chain": _optional_chain,
    "?.": _optional_chain,
    "if_statement": _condition,
    "ternary_expression": _condition,
    "while_statement": _condition,
    "do_statement": _condition,
    "for_statement": _condition,
    "return_statement": _return,
    "arrow_function": _arrow,
    "call_expression": _call,
    "expression_statement": _statement,
    "throw_statement": _throw,
    "augmented_assignment_expression": _augmented,
    "update_expression": _step,
    "break_statement": _jump,
    "continue_statement": _jump,
}
