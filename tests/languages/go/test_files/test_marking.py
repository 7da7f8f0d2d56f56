from __future__ import annotations

from testsmith.languages.go.test_files.marking import beside_marked, marked, marked_tests, sealed
from testsmith.languages.tests import MarkedTest, TestMark

MARK = TestMark(version="1.2.3", source="0123abcd", member="cart.go::Cart.Add")
CODE = """package cart

import "testing"

// TestA is the first.
func TestA(t *testing.T) {
	if Add("ä") != 1 {
		t.Fail()
	}
}

func TestB(t *testing.T) {
	t.Fail()
}
"""


def test_marking__from_a_mark_to_an_edit() -> None:
    text = sealed(marked(CODE, MARK))
    assert "// TestA is the first.\n// testsmith 1.2.3 0123abcd " in text
    assert marked_tests(text) == tuple(
        MarkedTest(name=name, mark=MARK, is_edited=False) for name in ("TestA", "TestB")
    )
    assert sealed(text) == text
    reformatted = text.replace("\tif", "\n\n\tif").replace("t.Fail()\n}\n\n", "t.Fail()\n\n}\n\n")
    assert not any(one.is_edited for one in marked_tests(reformatted))
    edited = text.replace("!= 1", "!= 2")
    assert [one.is_edited for one in marked_tests(edited)] == [True, False]
    commented = text.replace("\tt.Fail()\n}\n", "\tt.Fail() // why\n}\n")
    assert [one.is_edited for one in marked_tests(commented)] == [False, True]


def test_marked__only_named_tests_and_new_marks_instead_of_old_ones() -> None:
    named = marked(CODE, MARK, ["TestB"])
    assert [one.name for one in marked_tests(sealed(named))] == ["TestB"]
    assert marked(named, MARK).count("// testsmith ") == 2


def test_beside_marked__what_the_project_has_itself() -> None:
    assert beside_marked(sealed(marked(CODE, MARK))) == ""
    assert beside_marked(sealed(marked(CODE, MARK, ["TestA"]))) == beside_marked(
        "package x\n\nfunc TestB(t *testing.T) { t.Fail() } // more\n"
    )
    assert beside_marked("func {") == "func {"
