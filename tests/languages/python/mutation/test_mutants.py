from __future__ import annotations

import ast
import asyncio
import textwrap
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import replace
from typing import Any
from unittest.mock import ANY

import pytest

from fakes.workspaces import function_member
from testsmith.languages.mutants import Mutant, Operator, Scope
from testsmith.languages.python.mutation.mutants import mutants_of, plain_text, returning_at_once, taken_away
from testsmith.languages.python.mutation.operators import snippet
from testsmith.languages.source import CannotParse
from testsmith.model import Change, Member, MemberKind

MOST = 30


def mutants(source: str, name: str = "f") -> tuple[Mutant, ...]:
    return mutants_of(source, function_member(source, name), MOST)


def changes(body: str, head: str = "def f(a, b):") -> set[str]:
    """Return what becomes of a function's body, line by line, as unparsed text."""
    source = f"{head}\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n"
    return {_changed_part(source, mutant) for mutant in mutants(source)}


def _changed_part(source: str, mutant: Mutant) -> str:
    before = ast.unparse(ast.parse(source)).split("\n")
    after = ast.unparse(ast.parse(mutant.edit.applied(source))).split("\n")
    assert len(before) == len(after)
    (changed,) = [new.strip() for old, new in zip(before, after, strict=True) if old != new]
    return changed


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return a < b", {"return a <= b", "return a >= b"}),
        ("return a >= b", {"return a > b", "return a < b"}),
        ("return a == b", {"return a != b", "return None"}),
        ("return a is b", {"return a is not b", "return None"}),
        ("return a not in b", {"return a in b", "return None"}),
        ("return a and b", {"return a or b", "return None"}),
        ("return a - b", {"return a + b", "return None"}),
        ("return a * b", {"return a / b", "return None"}),
        ("return a // b", {"return a * b", "return None"}),
        ("return a | b", {"return a & b", "return None"}),
        ("return 7", {"return 8", "return None"}),
        ("return True", {"return False"}),
        ("return 'yes'", {"return ''", "return None"}),
        ("return None", set()),
        ("return not a", {"return a", "return None"}),
        ("return -a", {"return a", "return None"}),
        ("return a[:b]", {"return a[:b + 1]", "return None"}),
        ("return a[1:]", {"return a[2:]", "return None"}),
        ("return range(a, b)", {"return range(a, b + 1)", "return None"}),
        ("return range(a)", {"return range(a + 1)", "return None"}),
        ("return (a + b) * 3", {"return (a + b) / 3", "return (a + b) * 4"}),
        ("a.append(b)", {"pass"}),
        ("a.b = b", {"pass"}),
        ("a += b", {"a -= b", "a = b"}),
        ("a.b @= b", {"a.b = b"}),
        ("a = int(a)", {"pass"}),
        ("del a[b]", {"pass"}),
        ("yield a", {"yield None"}),
        ("return a[:len(a)]", {"return None"}),
        ("return a[:len(b)]", {"return a[:len(b) + 1]", "return None"}),
        ("return a if a < b else b", {"return a if a >= b else b", "return None"}),
        ("return a if a < 3 else b", {"return a if a <= 3 else b", "return a if a >= 3 else b"}),
        ("raise ValueError(a)", {"raise TypeError(a)", "pass"}),
        ("raise TypeError", {"raise ValueError", "pass"}),
        ("return a if b else 1", {"return a if not b else 1", "return a if b else 2"}),
        ("return [x for x in a if x]", {"return [x for x in a if not x]", "return None"}),
    ],
)
def test_mutants_of__one_changed_node(body: str, expected: Collection[str]) -> None:
    assert changes(body) == expected


def test_mutants_of__conditions_and_jumps() -> None:
    body = """
        for x in a:
            if x:
                continue
            while b(x):
                break
    """
    assert changes(body) == {"if not x:", "break", "while not b(x):", "continue"}


@pytest.mark.parametrize(
    ("body", "is_boundary_moved"),
    [
        ("if a < b:\n    return a\nreturn b", False),
        ("if a < b:\n    return b\nelse:\n    return a", False),
        ("if a < b:\n    a = b\nreturn a()", False),
        ("if a < b:\n    return a\nreturn c", True),
        ("if a < b:\n    return a\nx()\nreturn b", True),
        ("if a < b:\n    a = b\nelse:\n    a = 1\nreturn a()", True),
        ("if a < b:\n    return c\nreturn b", True),
        ("while a < b:\n    a = b\nreturn a()", True),
    ],
)
def test_mutants_of__a_boundary_stays_where_both_sides_are_the_same(
    body: str, *, is_boundary_moved: bool
) -> None:
    assert any("a <= b" in changed for changed in changes(body)) is is_boundary_moved


def test_mutants_of__what_is_caught() -> None:
    body = """
        try:
            a()
        except (KeyError, shop.Missing):
            return None
        except OSError:
            return None
        except error:
            return None
        except:
            return None
    """
    assert changes(body) == {"pass", "except KeyError:", "except TypeError:"}


def test_mutants_of__what_is_caught_is_reached_where_something_is_raised() -> None:
    source = "def f(a):\n    try:\n        return a()\n    except OSError:\n        return 2\n"
    (caught,) = [mutant for mutant in mutants(source) if mutant.operator is Operator.EXCEPTION]
    assert caught.words == "`OSError` to `TypeError` on line 4"
    assert [caught.is_reached_by(frozenset({line})) for line in (2, 3, 4, 5)] == [False, False, True, False]


@pytest.mark.parametrize(
    "body",
    [
        '"""Text."""',
        "assert a < 3",
        "log.info('a %s', a + b)",
        "self.logger.warning('x')",
        "import os",
        "if TYPE_CHECKING:\n    a = 3 < b",
        "if __name__ == '__main__':\n    a()",
        "x: Annotated[int, 3 < 4]",
        "x = a",
        "x = f'{a + 3}'",
        "x = open(a, encoding='utf-8')",
        "x = logging.getLogger('name')",
        "x = Option(a, help='Print the result')",
    ],
)
def test_mutants_of__nothing_of_what_no_test_should_notice(body: str) -> None:
    assert changes(body) == set()


def test_mutants_of__a_keyword_that_may_be_help_if_it_is_no_sentence() -> None:
    assert changes("x = Item(description='red')") == {"x = Item(description='')"}


def test_mutants_of__no_longer_sleep_where_one_only_lets_others_run() -> None:
    assert {change for change in changes("time.sleep(0)") if "sleep" in change} == set()
    assert "time.sleep(4)" in changes("time.sleep(3)")


def test_mutants_of__no_other_operator_where_none_makes_a_difference() -> None:
    assert changes("x = a + 0") == {"x = a + 1"}
    assert changes("x = a * 1") == {"x = a * 2"}


def test_mutants_of__the_text_of_an_error_stays_and_so_does_what_decorates_and_annotates() -> None:
    source = textwrap.dedent("""\
        @cache(maxsize=3)
        def f(a: Literal[1] = 2) -> Literal[3]:
            raise ValueError("text", 4)
    """)
    member = replace(function_member(source, "f"), line=1)
    assert [mutant.words for mutant in mutants_of(source, member, MOST)] == [
        "`2` to `3` on line 2",
        "`ValueError` to `TypeError` on line 3",
        "`raise ValueError('text', 4)` to `pass` on line 3",
    ]


def test_mutants_of__default_values_run_when_the_module_is_loaded() -> None:
    default, *others = mutants("def f(a=1):\n    return a + 2\n")
    assert default.function is None
    assert {mutant.function for mutant in others} == {Scope(name="f", line=1)}


def test_mutants_of__overloads_are_no_code() -> None:
    source = textwrap.dedent("""\
        @overload
        def f(a: int) -> int: return 1
        def f(a):
            return a
    """)
    member = replace(function_member(source, "f"), line=3, end_line=4)
    assert [mutant.words for mutant in mutants_of(source, member, MOST)] == [
        "`return a` to `return None` on line 4"
    ]


def test_mutants_of__words_are_short_and_name_the_line() -> None:
    source = "def f(a):\n    if a < 3:\n        return 'x' * 80 + 'a long text that goes on and on' + a\n"
    words = [mutant.words for mutant in mutants(source)]
    assert words[0] == "`<` to `<=` on line 2"
    assert all(len(told) < 130 for told in words)


def test_snippet__cannot_end_its_quotation() -> None:
    assert snippet("a\n  `b` \x1b[31m") == "a 'b' \ufffd[31m"


def test_mutants_of__two_a_line_the_changed_lines_first_and_so_many_in_all() -> None:
    lines = [f"    x{number} = a < {number} and b + {number + 1}" for number in range(50)]
    source = "\n".join(["def f(a, b):", *lines, ""])
    member = replace(function_member(source, "f"), changed_lines=frozenset({40, 41}))
    found = mutants_of(source, member, MOST)
    assert len(found) == 30
    assert [mutant.line for mutant in found[:4]] == [40, 41, 40, 41]
    assert max(mutant.line for mutant in found) > 45
    assert found == mutants_of(source, member, MOST)
    assert all(sum(mutant.line == other.line for other in found) <= 2 for mutant in found)


def test_mutants_of__text_that_is_wider_than_its_bytes_and_stands_on_several_lines() -> None:
    source = "def f(a):\n    return ('äöü€', (a +\n        1), '𝄞', a < 3)\n"
    found = mutants(source)
    for mutant in found:
        ast.parse(mutant.edit.applied(source))
    assert {"`+` to `-` on line 2", "`<` to `<=` on line 3"} <= {mutant.words for mutant in found}


def test_is_reached_by__the_statement_or_its_head() -> None:
    boundary, *_ = mutants("def f(a, b):\n    if (a\n            < b):\n        return 1\n    return 2\n")
    assert boundary.line == 2
    assert [boundary.is_reached_by(frozenset({line})) for line in (2, 3, 4, 5)] == [True, True, False, False]


def test_mutants_of__a_method_is_found_by_its_line() -> None:
    source = textwrap.dedent("""\
        class C:
            @property
            def x(self):
                return 1

            @x.setter
            def x(self, value):
                self._x = value
    """)
    member = Member(
        path="shop.py",
        name="C.x",
        language="python",
        change=Change.CHANGED,
        line=6,
        end_line=8,
        kind=MemberKind.PROPERTY,
        source="",
        module="shop",
    )
    assert [mutant.line for mutant in mutants_of(source, member, MOST)] == [8]
    assert [mutant.line for mutant in mutants_of(source, replace(member, line=2, end_line=4), MOST)] == [4, 4]
    assert mutants_of(source, replace(member, name="C.y"), MOST) == ()
    assert taken_away(source, replace(member, name="D.x")) is None


PROPERTY = textwrap.dedent("""\
    class C:
        @property
        def x(self):
            return self._x + 1

        @x.setter
        def x(self, value):
            if value < 0:
                raise ValueError(value)
            self._x = value

        @x.deleter
        def x(self): del self._x

        @staticmethod
        def x(self, value):
            return value + 1
""")


def _property(end_line: int = 13) -> Member:
    member = function_member(PROPERTY, "C")
    return replace(member, name="C.x", line=2, end_line=end_line, kind=MemberKind.PROPERTY)


def test_mutants_of__all_accessors_of_a_property() -> None:
    found = mutants_of(PROPERTY, _property(), MOST)
    assert {mutant.line for mutant in found} == {4, 8, 9, 10, 13}
    assert {mutant.function for mutant in found} == {Scope(name="x", line=line) for line in (2, 6, 12)}


@pytest.mark.parametrize(
    "use", [lambda it: it.x, lambda it: setattr(it, "x", -1), lambda it: delattr(it, "x")]
)
def test_taken_away__all_accessors_of_a_property(use: Callable[[object], object]) -> None:
    gone = taken_away(PROPERTY, _property())
    assert gone is not None
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - that it is no Exception is the point
        use(_made(gone.edit.applied(PROPERTY)))
    assert type(raised.value).__name__ == "MemberTakenAway"
    assert gone.function is None


def test_returning_at_once__all_accessors_of_a_property() -> None:
    for replacement in returning_at_once(PROPERTY, _property()):
        made = _made(replacement.edit.applied(PROPERTY))
        made.x = -1
        assert "_x" not in vars(made)
        assert made.x == ANY


def _made(source: str) -> Any:
    namespace: dict[str, Any] = {}
    exec(source[: source.index("    @staticmethod")], namespace)  # noqa: S102 - our own text
    return namespace["C"]()


def test_mutants_of__the_body_of_a_class_runs_when_it_is_loaded() -> None:
    source = "class C:\n    SIZE = 3\n\n    def _f(self):\n        return 4\n"
    found = {mutant.words: mutant.function for mutant in mutants(source, "C")}
    assert found["`3` to `4` on line 2"] is None
    assert found["`4` to `5` on line 5"] == Scope(name="_f", line=4)


@pytest.mark.parametrize(
    "source",
    [
        "def f(a):\n    return a\n",
        'def f(a):\n    """Text."""\n    return a\n',
        'def f(a):\n    """Text."""\n',
        "def f(a): return a\n",
        "def f(\n    a,\n): return a\n",
        "def f(a):\n    @print\n    def g(): ...\n    return g\n",
        "def f(type, tuple=1):\n    if type:\n        return 1\n",
        "if True:\n  def f(a):\n    global X\n    X = a\n",
        "class f:\n    def __init__(self, a): ...\n",
    ],
)
def test_taken_away__raises_what_nothing_catches_that_catches_exceptions(source: str) -> None:
    member = function_member(source, "f") if not source.startswith("if") else None
    member = member or replace(function_member("def f(a): ...\n", "f"), line=2, end_line=4)
    gone = taken_away(source, member)
    assert gone is not None
    namespace: dict[str, object] = {}
    exec(gone.edit.applied(source), namespace)  # noqa: S102 - our own text
    function = namespace["f"]
    assert callable(function)
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - that it is no Exception is the point
        function(1)
    assert type(raised.value).__name__ == "MemberTakenAway"
    assert not isinstance(raised.value, Exception)


@pytest.mark.parametrize(
    "source",
    [
        "def f(a):\n    raise ValueError(a)\n",
        'def f(a):\n    """Text."""\n    raise ValueError(a)\n',
        "def f(a): raise ValueError(a)\n",
    ],
)
def test_returning_at_once__gives_what_is_equal_to_its_like_alone(source: str) -> None:
    truths = []
    for replacement in returning_at_once(source, function_member(source, "f")):
        namespace: dict[str, object] = {}
        exec(replacement.edit.applied(source), namespace)  # noqa: S102 - our own text
        function = namespace["f"]
        assert callable(function)
        first, second = function(1), function(2)
        assert first is not second
        assert first == second
        assert first != 1
        assert first == ANY
        assert {first: 1} == {second: 1}
        truths.append(bool(first))
    assert truths == [True, False]


def test_returning_at_once__a_generator_yields_once() -> None:
    source = "async def f(a):\n    for one in a:\n        yield one\n"
    replacement, _ = returning_at_once(source, function_member(source, "f"))
    namespace: dict[str, Callable[[str], AsyncIterator[object]]] = {}
    exec(replacement.edit.applied(source), namespace)  # noqa: S102 - our own text

    async def items() -> list[object]:
        return [one async for one in namespace["f"]("ab")]

    assert [type(one).__name__ for one in asyncio.run(items())] == ["Returned"]


def test_returning_at_once__a_function_around_a_generator_is_not_one_and_a_class_has_no_replacement() -> None:
    source = "def f(a):\n    def g():\n        yield a\n    return list(g())\n"
    replacement, _ = returning_at_once(source, function_member(source, "f"))
    assert replacement.edit.text.startswith("return ")
    source = "class f:\n    x = 1\n"
    assert returning_at_once(source, function_member(source, "f")) == ()


def test_plain_text__lines_and_encodings() -> None:
    assert plain_text(b"\xef\xbb\xbfa = 1\r\nb = 2\rc\n") == "a = 1\nb = 2\nc\n"
    assert plain_text("# coding: latin-1\nx = 'ä'\n".encode("latin-1")).endswith("'ä'\n")
    with pytest.raises(CannotParse):
        plain_text(b"# coding: nonsense\n")
    with pytest.raises(CannotParse):
        plain_text(b"x = '\xff'\n")
