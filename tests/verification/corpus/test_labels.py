from __future__ import annotations

from pathlib import Path

import pytest

from verification.corpus.labels import labeled_candidates

FILE = """\
# member: src/a.py::f

# candidate: right
# good, but test_b: hangs, TestC::test_d: wrong-value
import a


def test_a():
    assert a.f() == {YEAR}


def test_b():
    pass


class TestC:
    def test_d(self):
        pass

# candidate: does not parse
# bad: import-error
def test_x(:
    pass
# member: src/a.py::C.g

# candidate: wrong
# bad: flaky-order, but test_b: global-state
def test_a():
    pass


def test_b():
    pass
"""


def test_labeled_candidates__each_function_has_its_label(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(FILE, encoding="utf-8")
    first, broken, last = labeled_candidates(tmp_path)
    assert (first.member, first.name) == ("src/a.py::f", "f: right")
    assert first.functions == {"test_a": "good", "test_b": "hangs", "TestC::test_d": "wrong-value"}
    assert first.of("good") == {"test_a"}
    assert first.code.startswith("import a\n")
    assert "{YEAR}" not in first.code
    assert broken.functions == {"": "import-error"}
    assert broken.code == "def test_x(:\n    pass\n"
    assert (last.name, last.functions) == (
        "C.g: wrong",
        {"test_a": "flaky-order", "test_b": "global-state"},
    )


@pytest.mark.parametrize(
    "text",
    [
        "import a\n",
        "# member: a.py::f\nimport a\n",
        "# member: a.py::f\n# candidate: x\n# good\nx = 1\n",
        "# member: a.py::f\n# candidate: x\n# good, but test_c: hangs\ndef test_b(): pass\n",
        "# member: a.py::f\n# candidate: x\n# Good one\ndef test_b(): pass\n",
    ],
)
def test_labeled_candidates__refuses_what_it_cannot_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.py").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"a\.py"):
        labeled_candidates(tmp_path)
