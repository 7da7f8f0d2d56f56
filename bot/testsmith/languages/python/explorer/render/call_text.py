"""Source text of calls: pieces around the object and the arguments."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from testsmith.languages.python.explorer.render.expressions import Expression, Import


class Slot(Enum):
    """Placeholder in a call."""

    RECEIVER = auto()
    ALL = auto()
    FIRST = auto()
    SECOND = auto()


Piece = str | Slot | int
Pieces = tuple[Piece, ...]
"""A call as fixed text and placeholders for its object and arguments; a number refers to one argument."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of a call.

    Attributes:
        name: Name of the parameter.
        value: Value of the argument.
        by_keyword: Whether it is passed by keyword.
    """

    name: str
    value: Expression
    by_keyword: bool = False

    def text(self, value: str | None = None) -> str:
        """Return its source text in the call, with its own value or another text."""
        value = self.value.text if value is None else value
        return f"{self.name}={value}" if self.by_keyword else value


def call_text(pieces: Pieces, receiver: str, arguments: Sequence[str]) -> str:
    """Return the source text of a call."""
    filled = {
        Slot.RECEIVER: receiver,
        Slot.ALL: ", ".join(arguments),
        Slot.FIRST: arguments[0] if arguments else "",
        Slot.SECOND: arguments[1] if len(arguments) > 1 else "",
    }
    return "".join(_piece_text(piece, filled, arguments) for piece in pieces)


def _piece_text(piece: Piece, filled: Mapping[Slot, str], arguments: Sequence[str]) -> str:
    if isinstance(piece, str):
        return piece
    return filled[piece] if isinstance(piece, Slot) else arguments[piece]


_R, _A, _B = Slot.RECEIVER, Slot.FIRST, Slot.SECOND

_OPERATIONS: dict[str, Pieces] = {
    "__len__": ("len(", _R, ")"),
    "__str__": ("str(", _R, ")"),
    "__repr__": ("repr(", _R, ")"),
    "__bool__": ("bool(", _R, ")"),
    "__int__": ("int(", _R, ")"),
    "__float__": ("float(", _R, ")"),
    "__bytes__": ("bytes(", _R, ")"),
    "__abs__": ("abs(", _R, ")"),
    "__neg__": ("-", _R),
    "__pos__": ("+", _R),
    "__invert__": ("~", _R),
    "__iter__": ("list(", _R, ")"),
    "__reversed__": ("list(reversed(", _R, "))"),
    "__next__": ("next(", _R, ")"),
    "__contains__": (_A, " in ", _R),
    "__getitem__": (_R, "[", _A, "]"),
    "__setitem__": (_R, "[", _A, "] = ", _B),
    "__delitem__": ("del ", _R, "[", _A, "]"),
    "__call__": (_R, "(", Slot.ALL, ")"),
    "__format__": ("format(", _R, ", ", _A, ")"),
    "__round__": ("round(", _R, ")"),
    "__deepcopy__": ("deepcopy(", _R, ")"),
    **dict.fromkeys(
        ("__copy__", "__getstate__", "__reduce__", "__reduce_ex__", "__setstate__"), ("copy(", _R, ")")
    ),
}

_OPERATORS = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
    "add": "+",
    "sub": "-",
    "mul": "*",
    "truediv": "/",
    "floordiv": "//",
    "mod": "%",
    "pow": "**",
    "and": "&",
    "or": "|",
    "xor": "^",
    "lshift": "<<",
    "rshift": ">>",
    "matmul": "@",
}
"""Binary operators by the name of their special method."""

CONSTRUCTORS = frozenset({"__init__", "__new__", "__post_init__"})
"""Special methods that are exercised by creating an object."""

COMPARISONS = frozenset(f"__{name}__" for name in ("eq", "ne", "lt", "le", "gt", "ge"))
"""Special methods whose other operand should be an object of the same class."""

BINARY = frozenset(f"__{name}__" for name in _OPERATORS)
"""Special methods of binary operators."""


def method_pieces(name: str) -> Pieces:
    """Return how a method is called on an object; special methods use their syntax if they have one."""
    if name in _OPERATIONS:
        return _OPERATIONS[name]
    if name in BINARY:
        return (_R, f" {_OPERATORS[name.strip('_')]} ", _A)
    return (_R, f".{name}(", Slot.ALL, ")")


def imports_for(pieces: Pieces) -> frozenset[Import]:
    """Return what an operation on an object needs besides the object."""
    name = str(pieces[0]).removesuffix("(")
    return frozenset({Import("copy", name)} if name in {"copy", "deepcopy"} else ())


def variable_for(path: str, taken: Collection[str]) -> str:
    """Return a variable name for an object of a class that shadows nothing."""
    plain = path.rpartition(".")[2]
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+", plain) or ["thing"]
    name = "_".join(words[-2:]).lower()
    hidden = name in taken or keyword.iskeyword(name) or hasattr(builtins, name)
    return f"a_{name}" if hidden or not name.isidentifier() else name
