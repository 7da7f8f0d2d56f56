from __future__ import annotations

import time
from textwrap import dedent

import pytest

from testsmith.patches import CannotApply, apply_patch, with_new_lines

FILE = dedent(
    """\
    import pytest

    import shop


    class TestCart:
        def test_add(self):
            assert shop.add(1, 2) == 3

        def test_subtract(self):
            assert shop.subtract(1, 2) == -1


    @pytest.mark.parametrize(
        ("a", "b"),
        [
            (1, 2),
            (3, 4),
        ],
    )
    def test_next(a, b):
        assert shop.next(a) == b
    """
)
WITH_ROW = FILE.replace("        (3, 4),\n", "        (3, 4),\n        (5, 6),\n")
WITH_METHOD = FILE.replace(
    "== 3\n", "== 3\n\n    def test_add__nothing(self):\n        assert shop.add(0, 0) == 0\n"
)
WITH_FUNCTION = f"{FILE}\n\ndef test_last():\n    assert shop.last() == 9\n"

ROW = """\
         (1, 2),
         (3, 4),
+        (5, 6),
     ],
"""
METHOD = """\
     def test_add(self):
         assert shop.add(1, 2) == 3
<blank>
+    def test_add__nothing(self):
+        assert shop.add(0, 0) == 0
+
     def test_subtract(self):
""".replace("<blank>", " ")
FUNCTION = "+def test_last():\n+    assert shop.last() == 9\n"


def without_signs(patch: str) -> str:
    """The same diff, but with the sign of context lines lost."""
    return "\n".join(line.removeprefix(" ") for line in patch.split("\n"))


def unindented(patch: str) -> str:
    """The same diff, as if the class were not there."""
    lines = patch.split("\n")
    return "\n".join(line[:1] + line[5:] if line[1:5].isspace() else line for line in lines)


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        (f"--- a/test_shop.py\n+++ b/test_shop.py\n@@ -17,3 +17,4 @@\n{ROW}", WITH_ROW),
        (f"diff --git a/x b/y\nindex 1..2 100644\n--- a/x\n+++ b/y\n@@ -900,3 +1,70 @@ z\n{ROW}", WITH_ROW),
        (f"```diff\n@@\n{ROW}```\n", WITH_ROW),
        (ROW, WITH_ROW),
        (f"@@ @@\n{ROW}".replace("\n", "\r\n"), WITH_ROW),
        (f"@@\n{ROW.replace('2),', '2),   ')}", WITH_ROW),
        (f"@@\n         (0, 1),\n{ROW}", WITH_ROW),
        (f"@@\n{ROW} )\n def test_other(a, b):\n", WITH_ROW),
        (f"@@\n{ROW.replace('2),', '2),' + chr(10))}", WITH_ROW),
        (f"@@\n @pytest.mark.parametrize(\n{ROW}", WITH_ROW),
        (f"@@\n{METHOD}", WITH_METHOD),
        (f"@@\n{METHOD.replace(chr(10) + ' ' + chr(10), chr(10))}", WITH_METHOD),
        (f"@@\n{without_signs(METHOD)}", WITH_METHOD),
        (f"@@\n{unindented(METHOD)}", WITH_METHOD),
        (f"@@\n import pytest\n # [...]\n{METHOD}", WITH_METHOD),
        (f"@@\n import pytest\n // [...]\n{METHOD}", WITH_METHOD),
        (f"@@\n{FUNCTION}", WITH_FUNCTION),
        (f"@@\n     assert shop.next(a) == b\n+\n+\n{FUNCTION}", WITH_FUNCTION),
        (f"@@\n{FUNCTION}\\ No newline at end of file\n", WITH_FUNCTION),
    ],
)
def test_apply_patch__is_lenient_about_all_but_the_place(patch: str, expected: str) -> None:
    assert apply_patch(FILE, patch) == expected


def test_apply_patch__hunks_in_a_row() -> None:
    patch = f"@@ -1 +1,2 @@\n import pytest\n+import math\n@@ -9\n{METHOD}@@ -17\n{ROW}"
    expected = FILE.replace("import pytest\n", "import pytest\nimport math\n")
    expected = expected.replace("        (3, 4),\n", "        (3, 4),\n        (5, 6),\n")
    assert apply_patch(FILE, patch) == expected.replace(
        "== 3\n", "== 3\n\n    def test_add__nothing(self):\n        assert shop.add(0, 0) == 0\n"
    )


def test_apply_patch__removed_lines_go() -> None:
    lines = [
        "     def test_add(self):",
        "-        assert shop.add(1, 2) == 3",
        "+        assert shop.add(1, 2) == 4",
    ]
    patch = "\n".join(["@@", *lines, ""])
    assert apply_patch(FILE, patch) == FILE.replace("== 3", "== 4")


def test_apply_patch__line_ends_stay() -> None:
    assert apply_patch(FILE.replace("\n", "\r\n"), f"@@\n{ROW}") == WITH_ROW.replace("\n", "\r\n")


TWICE = "def test_a():\n    x = 1\n\n\ndef test_b():\n    x = 1\n"


def test_apply_patch__of_two_places_the_one_that_its_line_number_names() -> None:
    patch = "@@ -6 +6,2 @@\n     x = 1\n+    y = 2\n"
    assert apply_patch(TWICE, patch) == f"{TWICE}    y = 2\n"


def test_apply_patch__of_two_places_the_one_that_was_shown() -> None:
    row = "@@\n     x = 1\n+    y = 2\n"
    assert apply_patch(TWICE, row, {5, 6}) == f"{TWICE}    y = 2\n"
    assert apply_patch(TWICE, f"@@\n+import os\n def test_a():\n{row}", {1, 5, 6}) == (
        f"import os\n{TWICE}    y = 2\n"
    )
    with pytest.raises(CannotApply, match="several places"):
        apply_patch(TWICE, row, {2, 6})


@pytest.mark.parametrize(
    ("text", "patch", "why"),
    [
        (TWICE, "@@ -60 +60,2 @@\n     x = 1\n+    y = 2\n", "several places: at each `x = 1`$"),
        (
            FILE,
            "@@\n     def test_multiply(self):\n+        pass\n",
            "file: it has no line `def test_multiply",
        ),
        (FILE, f"@@\n{ROW}@@\n-    nothing\n", "hunk 2 does not fit the file: it has no line `nothing`$"),
        (FILE, "@@\n+    assert shop\n", "no context lines"),
        (FILE, "def test_it():\n    assert True\n", r"no lines that begin with \+ or -"),
        (FILE, "", r"no lines that begin with \+ or -"),
        (FILE, f"--- a/x\n+++ b/x\n@@\n{ROW}--- a/y\n+++ b/y\n@@\n{ROW}", "several files"),
        (FILE, "@@\n+x\n import pytest\n" * 51, "more than 50 hunks"),
        ("x\n" * 1024**2, f"@@\n{ROW}", "the file is too long"),
        ("x\n" * 2_000, "@@\n" + " x\n" * 2_000 + " y\n+z\n", "takes too long"),
    ],
    ids=range(10),
)
def test_apply_patch__refuses_what_does_not_fit_or_fits_twice(text: str, patch: str, why: str) -> None:
    started = time.monotonic()
    with pytest.raises(CannotApply, match=why):
        apply_patch(text, patch)
    assert time.monotonic() - started < 30


def test_apply_patch__at_the_end_of_a_class_the_blank_lines_of_both_sides_count() -> None:
    patch = (
        "@@\n         assert shop.subtract(1, 2) == -1\n \n"
        "+    def test_add__nothing(self):\n+        assert shop.add(0, 0) == 0\n+\n"
        " \n @pytest.mark.parametrize(\n"
    )

    assert apply_patch(FILE, patch) == FILE.replace(
        "== -1\n", "== -1\n\n    def test_add__nothing(self):\n        assert shop.add(0, 0) == 0\n"
    )


OWN = "".join(f"line {number}\n" for number in range(20))


def test_with_new_lines__only_what_was_added() -> None:
    after = OWN.replace("line 9\n", "line 9\nadd(1,2)\nadd( 3 , 4 )\n")
    formatted = after.replace("line 3", "LINE 3").replace("add(1,2)", "add(1, 2)")
    formatted = formatted.replace("add( 3 , 4 )", "add(\n  3,\n  4,\n)")
    expected = OWN.replace("line 9\n", "line 9\nadd(1, 2)\nadd(\n  3,\n  4,\n)\n")
    assert with_new_lines(OWN, after, formatted) == expected


def test_with_new_lines__a_new_file_as_a_whole() -> None:
    assert with_new_lines("", "add(1,2)\n", "add(1, 2)\n") == "add(1, 2)\n"


def test_with_new_lines__lines_next_to_them_stay() -> None:
    after = OWN.replace("line 9\n", "line 9\nadd(1,2)\n")
    assert with_new_lines(OWN, after, after.replace("line 9\nadd(1,2)", "LINE 9, add(1, 2)")) == after


def test_with_new_lines__a_file_in_another_form() -> None:
    after = OWN.replace("line 9\n", "line 9\nadd(1,2)\n")
    formatted = after.replace("add(1,2)", "add(1, 2)").replace("line 1", "LINE 1")
    assert with_new_lines(OWN, after, formatted) == after


@pytest.mark.parametrize(
    ("text", "patch", "expected"),
    [
        (
            "def a():\n    1\n\n\ndef b():\n    2\n",
            "@@\n     1\n \n+\n+def n():\n+    3\n+\n def b():\n",
            "def n():\n    3",
        ),
        (
            "def a():\n    1\n\n\ndef b():\n    2\n",
            "@@\n     1\n+\n+def n():\n+    3\n+\n def b():\n",
            "def n():\n    3",
        ),
    ],
    ids=["one of two blank lines is context", "none of them is"],
)
def test_apply_patch__added_functions_have_the_blank_lines_of_the_file(
    text: str, patch: str, expected: str
) -> None:
    assert apply_patch(text, patch) == text.replace("def b", f"{expected}\n\n\ndef b")


def test_apply_patch__a_method_at_the_end_of_a_class_has_the_blank_lines_of_the_diff() -> None:
    text = "class A:\n    def a(self):\n        1\n\n\nclass B:\n    pass\n"
    patch = "@@\n         1\n+\n+    def n(self):\n+        2\n+\n class B:\n"
    assert apply_patch(text, patch) == text.replace("1\n", "1\n\n    def n(self):\n        2\n")


ALIKE = "class TestImage:\n    def test_a(self):\n        x = 1\n        y = 2\n        x = 1\n\n"
ENDS_ALIKE = f"{ALIKE}    def test_b(self):\n        x = 1\n"
ADDED = "@@\n         x = 1\n+\n+    def test_c(self):\n+        y = 3\n"


def test_apply_patch__without_context_below_a_test_is_added_at_the_end_of_the_file() -> None:
    assert apply_patch(ENDS_ALIKE, ADDED) == f"{ENDS_ALIKE}\n    def test_c(self):\n        y = 3\n"


def test_apply_patch__without_context_below_a_test_is_not_added_in_the_middle_of_another() -> None:
    text = f"{ALIKE}    def test_b(self):\n        y = 5\n"
    added = "    def test_c(self):\n        y = 3\n\n"
    assert apply_patch(text, ADDED) == text.replace("    def test_b", f"{added}    def test_b")


def test_apply_patch__without_context_below_lines_of_a_test_fit_in_several_places() -> None:
    with pytest.raises(CannotApply, match="several places"):
        apply_patch(ENDS_ALIKE, "@@\n         x = 1\n+        y = 3\n")
