from __future__ import annotations

from testsmith.execution.jobs import ChangedModule
from testsmith.languages.go.running.mutant_switch import mutants_in, switched

SOURCE = """package calc

var limit = 3

func Über(a int) (n int, err error) {
	return a + limit, nil
}

func Reset() {
	limit = 0
}

func Caught() any {
	return recover()
}
"""


def change(number: int, old: str, new: str) -> ChangedModule:
    start = SOURCE.index(old)
    return ChangedModule(number=number, edit=(start, start + len(old), new), function=None, tests=frozenset())


def test_switched__each_mutant_is_a_copy_of_its_functions_body() -> None:
    changes = [change(1, "a + limit", "a - limit"), change(2, "limit = 0", "limit--")]
    found = switched(SOURCE, "calc.go", changes, None, frozenset())
    assert found.numbers == {1, 2}
    assert found.left == set()
    assert (
        found.text
        == """package calc

var limit = 3

func Über(a int) (n int, err error) {
switch testsmithMutant {
case 1:
//line testsmith_mutant_1.go:5
return func() (n int, err error) {
	return a - limit, nil
}()
}
//line calc.go:5

	return a + limit, nil
}

func Reset() {
switch testsmithMutant {
case 2:
//line testsmith_mutant_2.go:9
func()  {
	limit--
}()
return
}
//line calc.go:9

	limit = 0
}

func Caught() any {
	return recover()
}
"""
    )
    assert found.support.startswith("package calc\n")


def test_switched__what_takes_the_member_away_ends_the_process() -> None:
    whole = change(7, SOURCE[SOURCE.index("func Caught") : SOURCE.rindex("}") + 1], "func Caught() any { x }")
    found = switched(SOURCE, "calc.go", [whole], 7, frozenset())
    assert found.numbers == {7}
    assert "func Caught() any {\nswitch testsmithMutant {\ncase 7:\ntestsmithGone()\n}" in found.text
    assert "Exit(97)" in found.support


def test_switched__what_is_in_no_function_or_recovers_itself_is_left() -> None:
    changes = [change(1, "limit = 3", "limit = 4"), change(2, "return recover()", "return nil")]
    found = switched(SOURCE, "calc.go", changes, None, frozenset())
    assert found.left == {1, 2}
    assert found.text == SOURCE


def test_switched__without_those_that_do_not_compile() -> None:
    changes = [change(1, "a + limit", "a +"), change(2, "a + limit", "a")]
    found = switched(SOURCE, "calc.go", changes, None, frozenset({1}))
    assert found.numbers == {2}


def test_mutants_in__what_the_compiler_names() -> None:
    assert mutants_in("calc/testsmith_mutant_12.go:5:9: not enough return values\n./calc.go:1:1: x") == {12}
