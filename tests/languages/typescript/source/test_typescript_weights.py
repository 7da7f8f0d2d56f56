from __future__ import annotations

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.source import CannotParse, MemberWeight
from testsmith.languages.syntax_tree import MOST_BYTES
from testsmith.languages.typescript.source.members import all_members
from testsmith.languages.typescript.source.weights import reachable, weights

CODE = """export function f(a) {
  // Nothing.
  if (a && a > 1) {
    return a
      + 1;
  } else {
    g();
  }
  for (const b of a) h(b);
  switch (a) {
    case 1:
      return 2;
    default:
      throw a ?? 3;
  }
}

export const g = (x) => x ? 1 : 2;

const LIMIT = 5;
"""


def test_reachable__statements_in_functions() -> None:
    lines = [(one.start, one.stop - 1) for one in reachable(CODE.encode()).statements]
    assert sorted(lines) == [
        (3, 3),
        (4, 5),
        (7, 7),
        (9, 9),
        (10, 10),
        (12, 12),
        (14, 14),
        (18, 18),
    ]


def test_reachable__what_cannot_be_read() -> None:
    with pytest.raises(CannotParse):
        reachable(b" " * (MOST_BYTES + 1))


def test_weights__decisions_and_dependents() -> None:
    user = (
        "import { f, g } from './a.js';\nexport const both = () => f(g(1));\nexport const one = () => g(2);\n"
    )
    tree = MemoryTree({"a.js": CODE.encode(), "b.js": user.encode()})
    members = all_members(tree, ["a.js"], "").members
    assert weights(tree, members, "") == {
        "a.js::f": MemberWeight(decisions=5, dependents=1),
        "a.js::g": MemberWeight(decisions=1, dependents=3),
    }
