from __future__ import annotations

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.go.mutation.mutants import mutants_of, taken_away
from testsmith.languages.go.source.members import all_members
from testsmith.languages.mutants import Mutant, Operator
from testsmith.model import Change, Member, MemberKind


def _member(text: str, name: str = "F") -> Member:
    tree = MemoryTree({"go.mod": "module a\n", "a.go": text})
    return next(one for one in all_members(tree, ["a.go"], "").members if one.name == name)


def _of(body: str, results: str = "int", given: str = "a, b int") -> list[Mutant]:
    text = f"package a\n\nfunc F({given}) {results} {{\n\t{body}\n}}\n"
    found = list(mutants_of(text, _member(text), 100, 100))
    for mutant in found:
        applied = mutant.edit.applied(text)
        assert applied.count("\n") == text.count("\n")
        assert applied != text
    return found


def _lines(body: str, results: str = "int", given: str = "a, b int") -> set[str]:
    text = f"package a\n\nfunc F({given}) {results} {{\n\t{body}\n}}\n"
    found = mutants_of(text, _member(text), 100, 100)
    return {mutant.edit.applied(text).split("\n")[mutant.line - 1].strip() for mutant in found}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return a + b", {"return a - b", "return 0"}),
        ("return a + 0", {"return a + 1", "return 0"}),
        ("return -a", {"return (a)", "return 0"}),
        ("a += b", {"a -= b", "a = b"}),
        ("a = a * b", {"a = a / b", "_ = a * b"}),
        ("b = a", set()),
        ("a++", {"a--"}),
        ('return len("x")', {'return len("")', "return 0"}),
        ("x.y = a", {"_ = a"}),
        ("x[a] = b", {"_ = b"}),
        ("use(a)", {"_ = 0"}),
        ("panic(a)", set()),
        ("log.Println(a)", set()),
        ("defer unlock()", {"_ = 0"}),
        ("return x[a:b]", {"return x[((a) + 1):b]", "return 0"}),
        ("return x[a:len(x)]", {"return x[((a) + 1):len(x)]", "return 0"}),
        ("if ok(a) { return 1 }", {"if !(ok(a)) { return 1 }", "if ok(a) { return 2 }"}),
        ("for next() { a++ }", {"for !(next()) { a++ }", "for next() { a-- }"}),
        ("for { break }", {"for { continue }"}),
        ("switch { case ok: break }", set()),
    ],
)
def test_mutants__by_operator(body: str, expected: set[str]) -> None:
    assert _lines(body) == expected


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("a < b", {"if a <= b {", "if a >= b {"}),
        ("a == b", {"if a != b {"}),
        ("a < b && ok", {"if a <= b && ok {", "if a >= b && ok {", "if a < b || ok {"}),
        ("!ok", {"if (ok) {"}),
    ],
)
def test_mutants__of_conditions(test: str, expected: set[str]) -> None:
    assert _lines(f"if {test} {{\n\t\tuse()\n\t}}") - {"_ = 0"} == expected


def test_mutants__errors_and_messages() -> None:
    body = 'if a < 0 {\n\t\treturn 0, fmt.Errorf("no: " + name)\n\t}\n\treturn a, nil'
    assert _lines(body, "(int, error)") == {
        "if a <= 0 {",
        "if a >= 0 {",
        "if a < 1 {",
        'return 1, fmt.Errorf("no: " + name)',
        "return 0, nil",
    }
    assert _lines("return name(), errNone", "(string, error)") == {"return name(), nil"}
    assert "return *new(T), nil" in _lines("return T{}, nil", "(T, error)")
    inner = _lines("use(func() (string, bool) { return name(), true })")
    assert 'use(func() (string, bool) { return "", true })' in inner


def test_mutants__another_error_of_the_file() -> None:
    text = (
        'package a\n\nvar (\n\tErrA = errors.New("a")\n\terrB = errors.New("b")\n)\n\n'
        "func F(a int) error {\n\tif a < 1 {\n\t\treturn ErrA\n\t}\n\treturn nil\n}\n"
    )
    found = {
        one.operator: one.edit.applied(text).split("\n")[9] for one in mutants_of(text, _member(text), 9)
    }
    assert found[Operator.EXCEPTION] == "\t\treturn errB"
    assert found[Operator.RETURN] == "\t\treturn nil"


def test_mutants__a_boundary_between_equal_values_is_mute() -> None:
    assert "if a <= b {" not in _lines("if a < b {\n\t\treturn a\n\t}\n\treturn b")
    assert "if a <= b {" in _lines("if a < b {\n\t\treturn b\n\t}\n\treturn 1")


def test_mutants__words_lines_and_scope() -> None:
    text = (
        "package a\n\n// ä\nfunc (c *C) F(a int) bool {\n\tif a < 1 ||\n\t\tc.ok {\n\t\treturn true\n\t}\n"
        "\tuse(c)\n\treturn false\n}\n"
    )
    found = {mutant.words: mutant for mutant in mutants_of(text, _member(text, "C.F"), 100)}
    boundary = found["`<` to `<=` on line 5"]
    assert boundary.operator is Operator.BOUNDARY
    assert boundary.statement == (5, 6)
    assert boundary.function is not None
    assert (boundary.function.name, boundary.function.line) == ("F", 4)
    assert "if a <= 1 ||" in boundary.edit.applied(text)
    assert "`use(c)` removed on line 9" in found


def test_mutants__few_a_line_changed_lines_first() -> None:
    text = "package a\n\nfunc F(a, b int) int {\n\ta = a + b*2 - 7\n\treturn a - b\n}\n"
    member = _member(text)
    assert [one.line for one in mutants_of(text, member, 100, 1)] == [4, 5]
    changed = Member(
        **{
            **{
                name: getattr(member, name)
                for name in ("path", "name", "language", "line", "end_line", "kind")
            },
            "change": Change.CHANGED,
            "source": member.source,
            "module": member.module,
            "changed_lines": frozenset({5}),
        }
    )
    assert [one.line for one in mutants_of(text, changed, 2)] == [5, 5]


def test_mutants__of_a_constant_that_changed() -> None:
    text = "package a\n\nconst limit = 3\n\nfunc F() int { return limit }\n"
    cause = Member(
        path="a.go",
        name="limit",
        language="go",
        change=Change.CHANGED,
        line=3,
        end_line=3,
        kind=MemberKind.FUNCTION,
        source="",
        module="a",
    )
    (mutant,) = mutants_of(text, cause, 10)
    assert mutant.function is None
    assert "const limit = 4" in mutant.edit.applied(text)
    assert taken_away(text, cause) is None


def test_taken_away__ends_the_process_whatever_is_imported() -> None:
    text = 'package a\n\nvar s = "ä"\n\nfunc F() (n int, err error) {\n\treturn 1, nil\n}\n'
    replacement = taken_away(text, _member(text))
    assert replacement is not None
    assert replacement.function is not None
    assert replacement.edit.applied(text).split("\n")[4] == (
        'func F() (n int, err error) { go func() { panic("taken away") }(); select {}; '
    )
