from __future__ import annotations

import json

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.typescript.source.members import all_members
from testsmith.languages.typescript.source.requests import requests
from testsmith.model import Request

CART = """import { round } from './money.js';
import type { Money, Rate } from './types';

export class Cart {
  items: Money[] = [];
  constructor(private owner: string) {}

  /** Adds an item. */
  add(item: Money): boolean {
    this.items.push(item);
    return true;
  }

  size() {
    return this.items.length;
  }
}

/**
 * The total.
 *
 * In cents.
 */
export function total(cart: Cart): number {
  return round(sum(cart.items));
}

export const half = (x: Rate) => round(x / 2);

export default function empty() {}

const sum = (items: Money[]) => items.reduce((a, b) => a + b.cents, 0);
"""
MONEY = "/** Rounds. */\nexport const round = (x: number): number => Math.round(x);\n"
TYPES = "export interface Money {\n  cents: number;\n}\n\nexport type Rate = number;\n"
TESTS = """import { describe, expect, it } from 'vitest';
import { Cart, total as sumOf } from '../src/cart';

const filled = () => {
  const cart = new Cart('ann');
  cart.add({ cents: 3 });
  return cart;
};

describe('cart', () => {
  beforeEach(() => {
    reset();
  });

  it('sums', () => {
    expect(sumOf(filled())).toBe(3);
  });

  it('is not about it', () => {
    expect(1).toBe(1);
  });
});

it.each([[1], [2]])('adds %s', (cents) => {
  expect(new Cart('bob').add({ cents })).toBe(true);
});
"""
MANIFEST = json.dumps({"name": "shop", "type": "module", "devDependencies": {"vitest": "3"}})
SHOP = {
    "package.json": MANIFEST,
    "src/cart.ts": CART,
    "src/money.ts": MONEY,
    "src/types.ts": TYPES,
    "test/cart.test.ts": TESTS,
}


def _requests(files: dict[str, str], path: str = "src/cart.ts") -> dict[str, Request]:
    tree = MemoryTree({name: text.encode() for name, text in files.items()})
    members = all_members(tree, [path], "").members
    return {one.member.name: one for one in requests(tree, members, "", "it sums")}


def _import_line(files: dict[str, str], path: str, name: str) -> str:
    return _requests(files, path)[name].import_line


def test_requests__tests_that_call_a_function_under_another_name() -> None:
    request = _requests(SHOP)["total"]
    (test,) = request.existing
    assert (test.path, test.name, test.calls) == ("test/cart.test.ts", "cart > sums", ("sumOf(filled())",))
    assert request.test_path == "test/cart.test.ts"
    assert request.place is not None
    assert request.place.after == "cart > sums"


def test_requests__tests_that_name_a_function_as_it_is_exported_only() -> None:
    tests = "import { tools } from '../src/tools';\nit('works', () => { expect(tools(1)).toBe(1) });\n"
    files = {
        "package.json": MANIFEST,
        "src/tools.ts": "const impl = (a: number) => a;\nexport const tools = impl as unknown as Tools;\n",
        "test/all.test.ts": tests,
    }
    request = _requests(files, "src/tools.ts")["impl"]
    assert [test.calls for test in request.existing] == [("tools(1)",)]
    assert request.test_path == "test/all.test.ts"
    assert request.import_line == 'import { tools } from "../src/tools";'


def test_requests__tests_of_types_are_not_run() -> None:
    files = {**SHOP, "test/cart.test-d.ts": TESTS}
    del files["test/cart.test.ts"]
    request = _requests(files)["total"]
    assert request.existing == ()
    assert request.test_path == "src/cart.test.ts"


def test_requests__tests_that_call_a_method_by_helpers_and_in_a_table() -> None:
    existing = _requests(SHOP)["Cart.add"].existing
    assert {test.name: test.has_cases for test in existing} == {"cart > sums": False, "adds %s": True}


def test_requests__without_a_test_next_to_those_of_the_nearest_sibling() -> None:
    request = _requests(SHOP)["Cart.size"]
    assert request.existing == ()
    assert request.place is not None
    assert request.place.after == "adds %s"
    assert "describe('cart'" in request.context.style_sample


def test_requests__lines_of_a_test_with_imports_helpers_hooks_and_suites() -> None:
    request = _requests(SHOP)["total"]
    (shown,) = request.context.test_lines
    lines = TESTS.split("\n")
    text = "\n".join(lines[number - 1] for number in sorted(shown))
    assert "import { Cart, total as sumOf }" in text
    assert "const filled = () => {" in text
    assert "describe('cart', () => {\n  beforeEach(" in text
    assert "is not about it" not in text
    assert request.test_text == TESTS


def test_requests__signatures_of_what_a_function_uses() -> None:
    requests = _requests(SHOP)
    signatures = requests["total"].context.signatures
    assert "// src/money.ts\n/** Rounds. */\nexport const round = (x: number): number" in signatures
    assert "// src/cart.ts\nconst sum = (items: Money[])" in signatures
    assert "// src/cart.ts\nexport class Cart {\n  items: Money[] = []\n  constructor(" in signatures
    assert "add(item: Money): boolean" in signatures
    assert "push" not in signatures
    of_method = requests["Cart.add"].context.signatures
    assert of_method.startswith("// src/cart.ts\nexport class Cart {")
    assert "// src/types.ts\ninterface Money {\n  cents: number;\n}" in of_method
    assert "type Rate = number" in requests["half"].context.signatures


def test_requests__small_helpers_with_their_bodies_and_long_ones_without() -> None:
    long = "".join(f"  console.log({at});\n" for at in range(40))
    helpers = (
        "export function encode(x) {\n  return escape(x, 1);\n}\n\n"
        "function escape(x, n) {\n\n  return hex(x) + n;\n}\n\n"
        "function hex(x) {\n  return x;\n}\n\n"
        f"export function log(x) {{\n{long}}}\n"
    )
    files = {
        "src/url.js": "import { encode, log } from './coding';\nexport const url = (x) => log(encode(x));\n",
        "src/coding.js": helpers,
    }
    signatures = _requests(files, "src/url.js")["url"].context.signatures
    assert signatures.split("\n\n") == [
        "// src/coding.js\nexport function log(x)",
        "// src/coding.js\nexport function encode(x) {\n  return escape(x, 1);\n}",
        "// src/coding.js\nfunction escape(x, n) {\n  return hex(x) + n;\n}",
    ]


def test_requests__the_documentation_is_part_of_the_normalized_source() -> None:
    before = _requests(SHOP)["total"].normalized_source
    after = _requests({**SHOP, "src/cart.ts": CART.replace("In cents", "In euros")})[
        "total"
    ].normalized_source
    assert "In cents." in before
    assert before != after
    assert before == _requests({**SHOP, "src/cart.ts": f"// x\n{CART}"})["total"].normalized_source


@pytest.mark.parametrize(
    ("manifest", "framework", "rule"),
    [
        ({"devDependencies": {"vitest": "3"}}, "vitest", "passes with `vitest run`"),
        ({"scripts": {"test": "jest --coverage"}}, "jest", "passes with `jest`"),
        ({"devDependencies": {"mocha": "11"}}, "mocha", "passes with `mocha`"),
        ({"scripts": {"test": "node --test"}}, "node:test", "passes with `node --test`"),
        ({}, "node:test", "passes with `node --test`"),
    ],
)
def test_requests__rules_of_the_framework(manifest: dict[str, object], framework: str, rule: str) -> None:
    request = _requests({**SHOP, "package.json": json.dumps(manifest)})["total"]
    assert request.framework == framework
    assert rule in request.rules
    assert "No snapshot." in request.rules
    assert (request.language, request.comment) == ("TypeScript", "//")


def test_import_line__as_the_test_file_imports_it() -> None:
    requests = _requests(SHOP)
    known = "import { Cart, total as sumOf } from '../src/cart'; (the test file has it: `sumOf`)"
    assert requests["total"].import_line == known
    assert requests["half"].import_line == 'import { half } from "../src/cart";'
    assert requests["Cart.add"].import_line == 'import { Cart } from "../src/cart";'
    assert requests["empty"].import_line == 'import empty from "../src/cart";'


@pytest.mark.parametrize(
    ("statement", "is_module"),
    [
        ("import * as cart from '../src/cart';", True),
        ("const cart = require('../src/cart');", True),
        ("import cart from '../src/cart';", False),
    ],
)
def test_import_line__of_a_module_that_the_test_file_has(statement: str, *, is_module: bool) -> None:
    tests = f"import {{ it }} from 'vitest';\n{statement}\nit('sums', () => {{ cart.total(); }});\n"
    line = _requests({**SHOP, "test/cart.test.ts": tests})["total"].import_line
    known = f"{statement} (the test file has it: `cart.total`)"
    assert line == (known if is_module else 'import { total } from "../src/cart";')


INDEX = "export * from './cart';\nexport { round } from './money';\n"


def test_import_line__from_the_module_that_exports_again_if_tests_do() -> None:
    tests = {"test/cart.test.ts": TESTS.replace("../src/cart", "../src"), "src/index.ts": INDEX}
    assert _requests({**SHOP, **tests})["half"].import_line == 'import { half } from "../src";'
    money = _requests({**SHOP, **tests}, "src/money.ts")
    assert money["round"].import_line == 'import { round } from "../src";'
    assert _requests({**SHOP, "src/index.ts": INDEX})["half"].import_line.endswith('"../src/cart";')


NODE = {"package.json": '{"type": "module"}'}


@pytest.mark.parametrize(
    ("files", "path", "name", "expected"),
    [
        (
            {**NODE, "src/a.ts": "export const f = () => 1;"},
            "src/a.ts",
            "f",
            'import { f } from "./a.ts";',
        ),
        (
            {**NODE, "src/a.ts": "import { b } from './b.js';\nexport const f = () => b;"},
            "src/a.ts",
            "f",
            'import { f } from "./a.js";',
        ),
        (
            {"package.json": MANIFEST, "src/a.tsx": "export const f = () => 1;"},
            "src/a.tsx",
            "f",
            'import { f } from "./a";',
        ),
        (
            {**NODE, "lib/to-text.mjs": "export default (x) => x;"},
            "lib/to-text.mjs",
            "default",
            'import toText from "./to-text.mjs";',
        ),
        (
            {"package.json": "{}", "lib/a.js": "module.exports = { f() {} };"},
            "lib/a.js",
            "f",
            'const { f } = require("./a");',
        ),
        (
            {"package.json": "{}", "lib/a.js": "module.exports = function make() {};"},
            "lib/a.js",
            "make",
            'const make = require("./a");',
        ),
        (
            {
                "package.json": "{}",
                "lib/a.js": "exports.f = () => 1;",
                "test/b.js": "import b from '../lib/b.js';\ntest('b', () => { b(); });",
            },
            "lib/a.js",
            "f",
            'import { f } from "../lib/a.js";',
        ),
        (
            {**NODE, "a.js": "function f() {}\nexport { f as g };"},
            "a.js",
            "f",
            'import { g } from "./a.js";',
        ),
    ],
)
def test_import_line__by_the_habits_of_the_project(
    files: dict[str, str], path: str, name: str, expected: str
) -> None:
    assert _import_line(files, path, name) == expected


def test_requests__a_name_of_the_package_itself() -> None:
    tests = "import { it } from 'vitest';\nimport { total } from 'shop';\nit('sums', () => { total(); });\n"
    existing = _requests({**SHOP, "test/cart.test.ts": tests})["total"].existing
    assert [test.calls for test in existing] == [("total()",)]


BY_NAME = {
    "package.json": MANIFEST,
    "src/index.js": (
        "import isMail from './lib/isMail';\nimport isWord from './lib/isWord';\n"
        "const validator = { version: 1, isMail, isWord: isWord };\nexport default validator;\n"
    ),
    "src/lib/isMail.js": "export default function isMail(text) { return text.includes('@'); }\n",
    "src/lib/isWord.js": "export default function isWord(text) { return !text.includes(' '); }\n",
    "test/check.js": (
        "import validator from '../src/index';\n"
        "export default function check(options) {\n"
        "  options.valid.forEach((one) => {\n"
        "    if (!validator[options.validator](one)) throw Error();\n  });\n"
        "}\n"
    ),
    "test/validators.test.js": (
        "import check from './check';\nimport validator from '../src';\n\ndescribe('all', () => {\n"
        "  it('checks mail', () => {\n    check({ validator: 'isMail', valid: ['a@b'] });\n  });\n"
        "  it('checks words', () => {\n    expect(validator.isWord('a')).toBe(true);\n  });\n"
        "});\n"
    ),
}


@pytest.mark.parametrize(
    ("path", "name", "test"),
    [("src/lib/isMail.js", "isMail", "mail"), ("src/lib/isWord.js", "isWord", "words")],
)
def test_requests__tests_that_name_a_function_in_a_string_or_as_a_member(
    path: str, name: str, test: str
) -> None:
    request = _requests(BY_NAME, path)[name]
    assert [one.name for one in request.existing if one.calls] == [f"all > checks {test}"]
    assert request.test_path == "test/validators.test.js"


def test_requests__a_string_is_not_a_use_if_nothing_selects_by_it() -> None:
    files = {**BY_NAME, "test/check.js": "export default function check(options) {}\n"}
    assert not any(one.calls for one in _requests(files, "src/lib/isMail.js")["isMail"].existing)


def test_requests__place_below_the_last_test_of_the_suite_with_most_of_them() -> None:
    tests = "".join(f"  it('sums {at}', () => {{ expect(total(cart)).toBe({at}); }});\n" for at in range(20))
    text = (
        "import { total } from '../src/cart';\n"
        f"describe('total', () => {{\n{tests}}});\n"
        "describe('total in cents', () => {\n  it('rounds', () => { expect(total(cart)).toBe(1); });\n});\n"
    )
    request = _requests({**SHOP, "test/cart.test.ts": text})["total"]
    assert request.place is not None
    assert request.place.after == "total > sums 19"
    assert len(request.existing) == 12


def test_requests__tests_of_what_a_module_exports_among_many_others() -> None:
    others = {f"src/part{at}.ts": f"export const part{at} = () => {at};\n" for at in range(20)}
    index = "".join(f"export * from './part{at}';\n" for at in range(20)) + "export * from './cart';\n"
    tests = TESTS.replace("../src/cart", "../src/index")
    files = {**SHOP, **others, "src/index.ts": index, "test/cart.test.ts": tests}
    assert [test.name for test in _requests(files)["total"].existing] == ["cart > sums"]


def test_requests__tests_in_a_file_that_is_named_after_a_function() -> None:
    test = """const app = require('../');

describe('.%s()', () => {
  it('sets a header', (done) => {
    app().use((req, res) => { res.%s('/').end(); });
  });
});
"""
    names = ("links", "location", "vary")
    files = {
        "package.json": json.dumps({"name": "web", "devDependencies": {"mocha": "11"}}),
        "index.js": "module.exports = require('./lib/web');\n",
        "lib/web.js": "exports = module.exports = () => {};\n",
        "lib/response.js": "var res = Object.create({});\nmodule.exports = res;\n"
        + "".join(f"res.{name} = function {name}(url) {{ return this; }};\n" for name in (*names, "new")),
        "test/app.js": "const app = require('../');\nit('starts', () => app());\n",
        **{f"test/res.{name}.js": test % (name, name) for name in names},
    }
    found = _requests(files, "lib/response.js")
    assert {name: one.test_path for name, one in found.items()} == {
        **{f"res.{name}": f"test/res.{name}.js" for name in names},
        "res.new": "test/res.vary.js",
    }
    [location] = found["res.location"].existing
    assert (location.name, location.calls) == (".location() > sets a header", ("res.location('/')",))
