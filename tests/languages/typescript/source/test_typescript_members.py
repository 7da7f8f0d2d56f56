from __future__ import annotations

import pytest

from fakes.scopes import Files, scope
from fakes.trees import MemoryTree
from testsmith.languages.source import MemberFindings
from testsmith.languages.typescript.source.members import (
    all_members,
    changed_members,
    functions_in,
    source_digest,
)
from testsmith.model import Change, Member, MemberKind

CART = """import { round } from './money.js';

const LIMIT = 5;

/** A cart. */
export class Cart {
  items: number[] = [];

  constructor(private owner: string) {}

  /** Adds. */
  add(item: number) {
    if (this.isFull()) return false;
    this.items.push(item);
    return true;
  }

  private isFull() {
    return this.items.length >= LIMIT;
  }
}

export function total(cart: Cart): number {
  return round(sum(cart.items));
}

function sum(items: number[]) {
  return items.reduce((a, b) => a + b, 0);
}
"""
MONEY = """export const DIGITS = 2;
const factor = 10 ** DIGITS;
export const round = (x: number) => Math.round(x * factor) / factor;
export const floor = (x: number) => Math.floor(x);
"""
INDEX = "export * from './cart.js';\nexport { round as rounded } from './money.js';\n"
SHOP = {"src/cart.ts": CART, "src/money.ts": MONEY, "src/index.ts": INDEX, "package.json": "{}"}


def _found(base: Files, head: Files, steps: int = 3) -> MemberFindings:
    return changed_members(scope({**SHOP, **base}, {**SHOP, **head}, steps=steps))


def _changes(base: Files, head: Files, steps: int = 3) -> dict[str, Change]:
    return {one.id: one.change for one in _found(base, head, steps).members}


def _only(found: MemberFindings) -> Member:
    (member,) = found.members
    return member


def _edited(old: str, new: str, text: str = CART) -> str:
    assert old in text
    return text.replace(old, new)


def test_changed_members__a_changed_function() -> None:
    head = _edited("round(sum(cart.items))", "round(sum(cart.items)) + 1")
    member = _only(_found({}, {"src/cart.ts": head}))
    assert (member.id, member.change) == ("src/cart.ts::total", Change.CHANGED)
    assert member.kind is MemberKind.FUNCTION
    assert member.changed_lines == {24}
    assert "-  return round(sum(cart.items));" in member.shown_change.own


def test_changed_members__of_a_new_file() -> None:
    head = {"src/tax.ts": CART}
    assert _changes({}, head) == {
        "src/tax.ts::Cart.add": Change.ADDED,
        "src/tax.ts::total": Change.ADDED,
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/** Adds. */", "/** Adds an item. */"),
        ("add(item: number) {", "add(item: number | string): boolean {"),
        ("return true;", "return (\n      // yes\n      true\n    );".replace("(", "").replace(")", "")),
        ("'./money.js'", '"./money.js"'),
        ("(a, b) => a + b, 0)", "(a: number, b) => a + b, 0,)"),
        ("export function total", "export type Total = number;\nexport function total"),
    ],
)
def test_changed_members__comments_types_and_formatting_do_not_count(old: str, new: str) -> None:
    assert _changes({}, {"src/cart.ts": _edited(old, new)}) == {}


def test_changed_members__what_uses_a_changed_private_function() -> None:
    found = _found({}, {"src/cart.ts": _edited("a + b, 0", "a + b, 1")})
    member = _only(found)
    assert (member.id, member.change, member.because) == ("src/cart.ts::total", Change.AFFECTED, ("sum",))
    assert [(place.name, place.path) for place in member.because_places] == [("sum", "src/cart.ts")]
    assert "@@ sum in src/cart.ts @@" in member.shown_change.private[0]


def test_changed_members__a_private_method_and_a_constant() -> None:
    head = _edited("LIMIT = 5", "LIMIT = 6")
    member = _only(_found({}, {"src/cart.ts": head}))
    assert (member.name, member.because, member.steps) == ("Cart.add", ("LIMIT",), 2)
    assert member.shown_change.route == ("Cart.isFull",)
    assert "private isFull()" in member.shown_change.route_sources[0]
    assert _changes({}, {"src/cart.ts": head}, steps=1) == {"src/cart.ts::Cart.add": Change.AFFECTED}
    assert _changes({}, {"src/cart.ts": head}, steps=0) == {}


def test_changed_members__through_imports_of_other_files() -> None:
    head = {"src/money.ts": _edited("10 ** DIGITS", "100 ** DIGITS", MONEY)}
    assert _changes({}, head) == {
        "src/cart.ts::total": Change.AFFECTED,
        "src/money.ts::round": Change.AFFECTED,
    }
    assert _changes({}, head, steps=1) == {"src/money.ts::round": Change.AFFECTED}


@pytest.mark.parametrize(
    "user",
    [
        "import { rounded } from './index.js';\nexport const f = (x) => rounded(x);\n",
        "import * as money from './money';\nexport const f = (x) => money.round(x);\n",
        "const money = require('./money');\nexports.f = (x) => money.round(x);\n",
        "const { round: r } = require('./money.js');\nexports.f = (x) => r(x);\n",
    ],
)
def test_changed_members__kinds_of_imports(user: str) -> None:
    files = {"src/user.js": user}
    head = {"src/money.ts": _edited("10 ** DIGITS", "100 ** DIGITS", MONEY)}
    assert _changes(files, {**files, **head})["src/user.js::f"] is Change.AFFECTED


def test_changed_members__a_local_name_hides_that_of_the_module() -> None:
    user = "const limit = 1;\nexport function f(limit) { return limit }\nexport const g = () => limit;\n"
    head = {"a.js": user.replace("limit = 1", "limit = 2")}
    assert _changes({"a.js": user}, head) == {"a.js::g": Change.AFFECTED}


def test_changed_members__a_field_of_a_class_affects_its_methods() -> None:
    found = _found({}, {"src/cart.ts": _edited("number[] = []", "number[] = [1]")})
    member = _only(found)
    assert (member.name, member.because) == ("Cart.add", ("Cart",))


def test_changed_members__a_constructor_of_a_class_that_was_there() -> None:
    head = _edited("(private owner: string) {}", "(private owner: string) { this.owner = owner.trim() }")
    assert _changes({}, {"src/cart.ts": head}) == {"src/cart.ts::Cart.constructor": Change.CHANGED}


def test_changed_members__moved_and_renamed() -> None:
    helper = "export function half(x) { return x / 2 }\n"
    assert _changes({"a.ts": helper, "b.ts": ""}, {"a.ts": "", "b.ts": helper}) == {}
    assert _changes({"a.ts": helper}, {"a.ts": helper.replace("half", "halved")}) == {}


def test_changed_members__an_inherited_method() -> None:
    base = "export class Base {\n  protected bound() { return 1 }\n  any() {}\n}\n"
    user = "import { Base } from './base';\nexport class Own extends Base {\n  get() { this.bound() }\n}"
    files = {"base.ts": base, "own.ts": user}
    head = {**files, "base.ts": base.replace("return 1", "return 2")}
    assert _changes(files, head)["own.ts::Own.get"] is Change.AFFECTED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("// @generated by protoc\nexport function f() { return 1 }\n", "it is generated"),
        ("export function f(){return 1}" + ";g()" * 1_000, "it is minified"),
        ("export const a = '" + "\ud800" + "';", "it is not UTF-8"),
        ("(" * 40_000, "it has more than 30,000 brackets"),
    ],
)
def test_changed_members__files_that_are_skipped(text: str, reason: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    found = all_members(MemoryTree({"a.js": data}), ["a.js"], "")
    assert [(one.path, one.reason) for one in found.skipped] == [("a.js", reason)]
    assert found.members == ()


def test_changed_members__functions_that_are_skipped() -> None:
    text = "// testsmith: skip\nexport function f() {}\n\nexport function g() { return = }\n"
    found = _found({}, {"a.ts": text})
    assert {one.member: one.reason for one in found.skipped} == {
        "a.ts::f": "it has a comment `testsmith: skip`",
        "a.ts::g": "it contains syntax that the bot cannot parse",
    }


def test_changed_members__a_part_of_a_file_that_cannot_be_read() -> None:
    base = {"a.ts": "export function f() { return 1 }\n\nclass { = ;\n"}
    head = {"a.ts": base["a.ts"].replace("return 1", "return 2")}
    assert _changes(base, head) == {"a.ts::f": Change.CHANGED}
    assert _found(base, head).skipped == ()
    head = {"a.ts": base["a.ts"].replace("= ;", "= = ;")}
    found = _found(base, head)
    assert found.members == ()
    (skipped,) = found.skipped
    assert "cannot parse (line 3); functions may be missing" in skipped.reason


def test_all_members__with_all_their_lines() -> None:
    members = all_members(MemoryTree({"src/cart.ts": CART.encode()}), ["src/cart.ts"], "").members
    assert [one.name for one in members] == ["Cart.add", "total"]
    assert members[1].changed_lines == {23, 24, 25}


def test_source_digest__name_documentation_and_types_do_not_count() -> None:
    one = "/** Adds. */\nexport function add(a: number) { return a + 1 }"
    assert source_digest(one) == source_digest("export function plus(a) { return a + 1; }")
    assert source_digest(one) != source_digest("export function add(a: number) { return a + 2 }")
    assert source_digest("add(a) { return a }") == source_digest("plus(a: string) {\n  return a;\n}")
    assert source_digest("get add() { return 1 }") != source_digest("get add() { return 2 }")


def test_functions_in__exported_or_not() -> None:
    found = functions_in(CART.encode(), "src/cart.ts")
    assert [one.name for one in found] == ["Cart.constructor", "Cart.add", "Cart.isFull", "total", "sum"]


USES = "module.exports = function fits(name) {{\n  return name.length <= {0};\n}};\n"

NAMESPACE = """export const fits = (name) => name <= most();
function most() {
  const { LIMITS } = c;
  return LIMITS.MOST;
}
"""


@pytest.mark.parametrize(
    ("constants", "module", "cause"),
    [
        (
            "module.exports = { MOST: 5, other: 1 };\n",
            "const c = require('./constants');\n" + USES.format("c.MOST"),
            "MOST",
        ),
        (
            "module.exports = { MOST: 5, other: 1 };\n",
            "const { MOST: most } = require('./constants');\n" + USES.format("most"),
            "MOST",
        ),
        (
            "const MOST = 5;\nmodule.exports = { MOST };\n",
            "const c = require('./constants');\nconst { MOST, other } = c;\n" + USES.format("MOST"),
            "MOST",
        ),
        (
            "const LIMITS = { MOST: 5 };\nmodule.exports = LIMITS;\n",
            "const c = require('./constants');\n" + USES.format("c.MOST"),
            "LIMITS",
        ),
        (
            "const LIMITS = { MOST: 5 };\nmodule.exports = LIMITS;\n",
            "const { MOST } = require('./constants');\n" + USES.format("MOST"),
            "LIMITS",
        ),
        (
            "module.exports.MOST = 5;\n",
            "const c = require('./constants');\nconst { MOST } = c;\nconst most = () => MOST;\n"
            + USES.format("most()"),
            "MOST",
        ),
        (
            "export default { MOST: 5 };\n",
            "import c from './constants';\nexport const fits = (name) => name <= c.MOST;\n",
            "default",
        ),
        (
            "export const LIMITS = { MOST: 5 } as const;\n",
            "import * as c from './constants';\n" + NAMESPACE,
            "LIMITS",
        ),
    ],
)
def test_changed_members__a_constant_of_another_module(constants: str, module: str, cause: str) -> None:
    is_typed = "export " in constants
    path = "src/constants.ts" if is_typed else "src/constants.js"
    others = {"src/fits.ts" if is_typed else "src/fits.js": module}
    found = _found({path: constants, **others}, {path: constants.replace("5", "6"), **others})
    assert {(one.change, one.because) for one in found.members} == {(Change.AFFECTED, (cause,))}
    assert "fits" in {one.name for one in found.members}


def test_changed_members__a_constant_that_is_not_selected() -> None:
    constants = "module.exports = { MOST: 5, OTHER: 7 };\n"
    module = "const c = require('./constants');\nconst { OTHER, MOST } = c;\n" + USES.format(
        "OTHER + c.OTHER"
    )
    base = {"src/constants.js": constants, "src/fits.js": module}
    assert _changes(base, {**base, "src/constants.js": constants.replace("5", "6")}) == {}


def test_changed_members__a_function_that_is_the_module() -> None:
    """A module that is required as a whole is what it exports as a whole."""
    module = "const c = require('./least');\n" + USES.format("twice(2)") + "const twice = (x) => c() * x;\n"
    base = {
        "src/least.js": "const _least = () => 1;\nmodule.exports = _least;\n",
        "src/fits.js": module,
    }
    head = {**base, "src/least.js": base["src/least.js"].replace("1", "2")}
    assert _changes(base, head) == {"src/fits.js::fits": Change.AFFECTED}


def test_changed_members__a_list_of_a_package_becomes_one_of_the_project() -> None:
    app = """var methods = require('methods');
var app = module.exports = {};

methods.forEach(function (method) {
  app[method] = function (path) { return method + path; };
});

app.all = function all(path) {
  return methods.map(function (one) { return app[one](path); });
};

app.use = function use() {};
"""
    base = {"lib/app.js": app, "lib/utils.js": "exports.etag = (a) => a;\n"}
    head = {
        "lib/app.js": app.replace("require('methods')", "require('./utils').methods"),
        "lib/utils.js": base["lib/utils.js"] + "exports.methods = METHODS.map((one) => one.toLowerCase());\n",
    }
    member = _only(_found(base, head))
    assert (member.id, member.change) == ("lib/app.js::app.all", Change.AFFECTED)
    assert member.because == ("methods",)


def test_changed_members__a_new_declaration_that_only_changed_code_uses() -> None:
    text = _edited("reduce((a, b) => a + b, 0)", "reduce(plus, START)")
    text += "\nconst START = 0;\nfunction plus(a: number, b: number) { return a + b; }\n"
    member = _only(_found({}, {"src/cart.ts": text}))
    assert (member.id, member.change) == ("src/cart.ts::total", Change.AFFECTED)
    assert "sum" in member.because
