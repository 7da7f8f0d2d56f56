from __future__ import annotations

import pytest

from testsmith.languages.python.source.comparison import Definitions, compare, whole_meaning
from testsmith.languages.python.source.parsing import SourceFile, read_source
from testsmith.model import Change


def _source(text: str | None) -> SourceFile | None:
    return read_source("a.py", text.encode()) if text is not None else None


def _changes(base: str | None, head: str | None) -> dict[str, Change]:
    differences = compare(_source(base), _source(head)).differences
    return {each.found.name: each.change for each in differences}


def test_compare__added_and_changed() -> None:
    base = "def same(): 1\ndef changed(): return 1\ndef gone(): 1\nX = 1\n"
    head = "def added(): 1\ndef changed(): return 2\ndef same():\n  1\nX = 2\n"
    assert _changes(base, head) == {
        "added": Change.ADDED,
        "changed": Change.CHANGED,
        "X": Change.CHANGED,
    }
    assert compare(_source(base), _source(head)).gone == {"gone": "def gone(): 1"}


def test_compare__file_that_is_new_or_gone() -> None:
    text = "class A:\n def f(self): 1\n"
    assert _changes(None, text) == {"A": Change.ADDED, "A.f": Change.ADDED}
    assert compare(_source(text), None).gone == {"A": text.rstrip(), "A.f": "def f(self): 1"}


def test_compare__condition_around_a_definition_that_reads_the_same() -> None:
    assert _changes("if A:\n def f(): 1\n", "if B:\n def f(): 1\n") == {"f": Change.CHANGED}
    assert _changes("if A:\n def f(): 1\n", "if A:\n\n def f(): 1\n") == {}


def test_compare__function_that_becomes_a_class() -> None:
    assert _changes("def A(): 1\n", "class A: 1\n") == {"A": Change.ADDED}


def test_compare__classes_with_methods() -> None:
    text = (
        "class Public:\n def f(self): 1\nclass Private:\n def _f(self): 1\n def __init__(self): 1\n"
        "class Outer:\n class Inner:\n  @property\n  def f(self): 1\n"
    )
    found = compare(None, _source(text))
    assert found.classes_with_methods == {"Public", "Outer.Inner"}
    assert found.added_classes == {"Public", "Private", "Outer", "Outer.Inner"}


PROPERTY = "class A:\n    @property\n    def f(self): 1\n"


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("# testsmith: skip\ndef f(): 1\ndef g(): 1\n", {"f"}),
        ("def f(): 1  # testsmith: skip\ndef g(): 1\n", {"f"}),
        ("def f():\n    # testsmith: skip (slow)\n    1\ndef g(): 1\n", {"f"}),
        ("def f():\n    1  # testsmith: skip\n    2\ndef g(): 1\n", {"f"}),
        ("def f():\n    1\n    2  # testsmith: skip\ndef g(): 1\n", set()),
        ("@a  # testsmith:skip\ndef f(): 1\n", {"f"}),
        ("def f(\n    x,  # testsmith: skip\n): 1\n", {"f"}),
        ("x = 1  # testsmith: skip\ndef f(): 1\n", {"x"}),
        ("class A:  # testsmith: skip\n    def f(self): 1\n    def g(self): 1\n", {"A", "A.f", "A.g"}),
        ("class A:\n    # testsmith: skip\n    def f(self): 1\n    def g(self): 1\n", {"A.f"}),
        ("class A:\n    # testsmith: skip\n    x = 1\n    def g(self): 1\n", {"A", "A.g"}),
        ("# testsmith: skip\n# It is slow.\n# noqa\n@a\ndef f(): 1\ndef g(): 1\n", {"f"}),
        ('x = """\n# testsmith: skip\n# """\ndef f(): 1\n', set()),
        ("@a\n# testsmith: skip\n@b\ndef f(): 1\n", {"f"}),
        ("@a(\n    1,  # testsmith: skip\n)\ndef f(): 1\n", {"f"}),
        ('def f():\n    """One.\n\n    Two.\n    """  # testsmith: skip\n    return 1\n', {"f"}),
        ('def f():\n    """One."""\n    # testsmith: skip\n    return 1\n', {"f"}),
        ('def f():\n    """One."""  # testsmith: skip\n', {"f"}),
        ("async def f(): 1  # pragma: no cover  # TestSmith: skip\n", {"f"}),
        ("def f(): 1  # see `# testsmith: skip` in the docs\n", set()),
        ("@a  # testsmith: skip\nclass A:\n    def f(self): 1\n", {"A", "A.f"}),
        ("# testsmith: skip\nclass A:\n    class B:\n        def f(self): 1\n", {"A", "A.B", "A.B.f"}),
        ('class A:\n    """One."""\n    # testsmith: skip\n    def f(self): 1\n', {"A.f"}),
        ('class A:\n    """One."""  # testsmith: skip\n    def f(self): 1\n', {"A", "A.f"}),
        ("class A:\n    def f(self): 1  # testsmith: skip\n    def g(self): 1\n", {"A.f"}),
        (f"{PROPERTY}    @f.setter  # testsmith: skip\n    def f(self, x): 1\n    def g(self): 1\n", {"A.f"}),
        (f"{PROPERTY}    # testsmith: skip\n    @f.setter\n    def f(self, x): 1\n", {"A.f"}),
        ("if a:\n    # testsmith: skip\n    def f(): 1\nelse:\n    def f(): 2\n", {"f"}),
        ('def f():\n    """# testsmith: skip"""\n', set()),
        ("# testsmith: skipping stones\ndef f(): 1\n", set()),
        ("# testsmith: skip\n\ndef f(): 1\n", set()),
    ],
)
def test_definitions__marked_to_be_skipped(text: str, marked: set[str]) -> None:
    found = Definitions(_source(text))
    assert {name for name in found.by_name if found.found(name).is_marked} == marked


def test_whole_meaning__holds_all_of_a_class() -> None:
    base, head = "class A:\n def f(self): return 1\n", "class A:\n def f(self): return 2\n"
    assert whole_meaning(base) == whole_meaning(base.replace(" return", "\n  return")) != whole_meaning(head)
    assert whole_meaning("def (") == "def ("
