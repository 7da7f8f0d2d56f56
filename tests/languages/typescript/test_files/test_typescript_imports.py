from __future__ import annotations

import pytest

from testsmith.languages.typescript.source.parsing import parse
from testsmith.languages.typescript.test_files.imports import (
    bindings_of,
    import_statements,
    without_bindings,
    without_unused_imports,
)


def _bindings(text: str) -> list[tuple[str, str, str]]:
    return [(one.local, one.imported, one.source) for one in bindings_of(parse(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('import a, { b, c as d } from "m";', [("a", "default"), ("b", "b"), ("d", "c")]),
        ("import * as a from 'm'", [("a", "*")]),
        ('import type { A } from "m";', [("A", "A")]),
        ('import { "x-y" as a } from "m";', [("a", "x-y")]),
        ('import "m";', []),
        ('import a = require("m");', [("a", "*")]),
        ('const a = require("m");', [("a", "*")]),
        ('const { a, b: c } = require("m"), d = 1;', [("a", "a"), ("c", "b")]),
        ('const a = require("m").b;', [("a", "b")]),
        ('const { a } = await import("m");', [("a", "a")]),
        ("const a = require(name);", []),
        ("const a = 1;", []),
    ],
)
def test_bindings__of_each_form(text: str, expected: list[tuple[str, str]]) -> None:
    assert _bindings(text) == [(local, imported, "m") for local, imported in expected]


def test_bindings__of_types_and_modules() -> None:
    text = (
        'import { type A, b } from "./m.js";\nimport { c } from "node:m";\nimport { d } from "./n/index";\n'
    )
    found = bindings_of(parse(text))
    assert [one.is_type for one in found] == [True, False, False, False]
    assert [one.module for one in found] == ["./m", "./m", "m", "./n"]


def test_import_statements__only_those_that_do_nothing_else() -> None:
    text = 'import "a";\nrequire("b");\nconst c = require("c"), d = 1;\nconst e = require("e");\nf();\n'
    assert [node.start_point.row for node in import_statements(parse(text))] == [0, 1, 3]


@pytest.mark.parametrize(
    ("text", "gone", "expected"),
    [
        ('import { a, b } from "m";\nx;\n', {"a"}, 'import { b } from "m";\nx;\n'),
        ('import { a, b } from "m";\nx;\n', {"a", "b"}, "x;\n"),
        ('import a, { b } from "m";\n', {"b"}, 'import a from "m";\n'),
        ('import a, { b } from "m";\n', {"a"}, 'import { b } from "m";\n'),
        ('import {\n  a,\n  b,\n  c,\n} from "m";\n', {"a", "c"}, 'import {\n  b,\n} from "m";\n'),
        ('const { a, b: c } = require("m");\n', {"c"}, 'const { a } = require("m");\n'),
        ('const a = require("a"), b = require("b");\n', {"a"}, 'const b = require("b");\n'),
        ('const { a } = require("a"), b = 1;\n', {"a"}, "const b = 1;\n"),
        ('import { b } from "b"; import { a } from "m";\nx;\n', {"a"}, 'import { b } from "b"; \nx;\n'),
    ],
)
def test_without_bindings__in_the_format_of_the_file(text: str, gone: set[str], expected: str) -> None:
    file = parse(text)
    assert without_bindings(file, [one for one in bindings_of(file) if one.local in gone]) == expected


def test_without_unused_imports__only_what_was_used_before() -> None:
    before = 'import { a } from "a";\nimport { b } from "b";\nimport { c } from "c";\nimport "d";\na(b);\n'
    after = before.replace("a(b)", "b()")
    assert without_unused_imports(before, after) == after.replace('import { a } from "a";\n', "")
    markup = 'import React from "react";\nReact.x;\nconst a = <b />;\n'
    after = markup.replace("React.x;\n", "")
    assert without_unused_imports(markup, after) == after
