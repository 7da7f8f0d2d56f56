from __future__ import annotations

from dataclasses import replace

from fakes.trees import MemoryTree
from testsmith.languages.typescript.source.members import all_members
from testsmith.languages.typescript.source.requests import requests
from testsmith.model import ShownChange

ROWS = "".join(f'    {{ input: "/p{at}", out: "p{at}" }},\n' for at in range(30))
TESTS = f"""import {{ f }} from "../src/f";

describe("f", () => {{
  const other = 1;

  const tests = [
{ROWS}  ];

  for (const t of tests) {{
    it(t.input, () => {{
      expect(f(t.input)).toBe(t.out);
    }});
  }}
}});
"""
DIFF = '@@ -1 +1 @@\n-  return path === "/p17";\n+  return path === "/p18";\n'


def _shown(files: dict[str, str], change: str = "") -> str:
    tree = MemoryTree({"src/f.ts": "export function f(path: string) { return path; }\n", **files})
    (member,) = all_members(tree, ["src/f.ts"], "").members
    (request,) = requests(tree, [replace(member, shown_change=ShownChange(own=change))], "", "")
    lines = request.test_text.split("\n")
    return "\n".join(lines[number - 1] for one in request.context.test_lines for number in sorted(one))


def test_lines_to_show__a_loop_with_the_ends_of_its_table_and_the_rows_nearest_to_the_change() -> None:
    shown = _shown({"test/f.test.ts": TESTS}, DIFF)
    assert 'describe("f", () => {\n  const tests = [\n' in shown
    assert "  for (const t of tests) {\n    it(t.input, () => {" in shown
    assert "    });\n  }\n});" in shown
    rows = [row for row in ROWS.splitlines() if row in shown]
    assert [row.split('"')[1] for row in rows] == ["/p0", "/p1", "/p17", "/p18", "/p27", "/p28", "/p29"]
    assert "other" not in shown


def test_lines_to_show__the_lists_of_a_long_test_are_shortened() -> None:
    rows = "".join(f'        "/p{at}",\n' for at in range(200))
    text = f"""import {{ f }} from "../src/f";

it("checks", () => {{
  check(f, {{
    valid: [
{rows}      ],
    invalid: [
      "x",
    ],
  }});
}});
"""
    helper = 'const { f } = require("../src/f");\n' + text.partition("\n")[2].replace("check(f", "f(")
    shown = _shown({"test/f.test.js": helper}, DIFF)
    assert shown.count('"/p') == len({0, 1, 17, 18, 197, 198, 199})
    assert '    invalid: [\n      "x",\n    ],\n  });\n});' in shown


def test_lines_to_show__of_tests_with_the_same_name() -> None:
    text = """import { f } from "../src/f";
it("errs", () => {
  expect(f("first")).toBe("first");
});
it("errs", () => {
  expect(1).toBe(1);
});
"""
    assert 'f("first")' in _shown({"test/f.test.ts": text})
