from __future__ import annotations

import pytest

from testsmith.languages.typescript.source.declarations import (
    ModuleOutline,
    ReExport,
    TypeScriptDeclaration,
    declarations_of,
    outline,
)
from testsmith.languages.typescript.source.parsing import parse_tolerant
from testsmith.model import MemberKind

CLASS = """
// Not about the class.

/** A cart. */
@entity()
export class Cart<T> extends Base implements Sized {
  static #count = 0;
  limit = 5;

  constructor(private owner: string) { super(); }

  /** Adds an item. */
  add(item: T): boolean;
  @logged
  add(item: any, quiet = false) {
    return this.check(item);
  }

  /** How many. */
  get size(): number { return 1; }
  set size(value: number) { this.limit = value; }

  static of(...items: unknown[]) { return new Cart("a"); }
  remove = async (item: T) => { await this.#log(item); };
  private check(item: T) { return true; }
  protected bound() { return 1; }
  #log(item: T) {}
  _old() {}
  [Symbol.iterator]() {}
  abstract missing(): void;
}
"""


def _outline(text: str, path: str = "a.ts") -> ModuleOutline:
    return outline(parse_tolerant(text, path))


def _declared(text: str, path: str = "a.ts") -> dict[str, TypeScriptDeclaration]:
    return {one.name: one for one in _outline(text, path).declarations}


def _members(text: str, path: str = "a.ts") -> dict[str, MemberKind | None]:
    return {one.name: one.kind for one in _outline(text, path).declarations if one.is_member}


def test_outline__methods_of_a_class() -> None:
    assert _members(CLASS) == {
        "Cart.constructor": MemberKind.METHOD,
        "Cart.add": MemberKind.METHOD,
        "Cart.size": MemberKind.PROPERTY,
        "Cart.of": MemberKind.STATIC_METHOD,
        "Cart.remove": MemberKind.METHOD,
    }
    assert {"Cart", "Cart.check", "Cart.#log"} <= _declared(CLASS).keys()


def test_outline__a_class_without_public_methods_is_one_member() -> None:
    text = "export class Refused extends Error { constructor() { super('no') } #a() {} }"
    assert _members(text) == {"Refused": MemberKind.CLASS}


@pytest.mark.parametrize(
    "text",
    [
        "export function total() {}",
        "export async function* total() {}",
        "export const total = (a) => a;",
        "export const total = function () {};",
        "export const total: Sum = ((a) => a) as Sum;",
        "function total() {}\nexport { total };",
        "const total = () => 1;\nexport { total as sum };",
        "const total = () => 1;\nexport const sum = total as unknown as Sum;",
        "function total() {}\nconst sum: Sum = total;\nexport { sum };",
        "export default function total() {}",
        "function total() {}\nexport default total;",
        "function total() {}\nexport = total;",
        "function total() {}\nmodule.exports = { total };",
        "function total() {}\nmodule.exports.total = total;",
        "function total() {}\nexports = module.exports = total;",
        "exports.total = function () {};",
        "module.exports = { total: (a) => a };",
        "module.exports = { total() {} };",
        "module.exports = function total() {};",
        "exports.total = exports.old = void 0;\nexports.total = () => 1;",
        "export function total(a: string): string;\nexport function total(a: any) { return a }",
    ],
)
def test_outline__functions_by_each_kind_of_export(text: str) -> None:
    assert _members(text) == {"total": MemberKind.FUNCTION}


@pytest.mark.parametrize(
    "text",
    [
        "function total() {}",
        "export function _total() {}",
        "export declare function total(): void;",
        "export type { total };\nfunction total() {}",
        "export const total = 5;",
        "export const total = sum(() => 1);",
        "export { total } from './sum';",
        "export interface Total { sum(): void }",
        ["export abstract class Total { abstract sum(): void }", " export type T = typeof Total"][1],
        "exports.total = require('./total');",
        "export enum Total { A }",
    ],
)
def test_outline__what_is_no_member(text: str) -> None:
    assert _members(text) == {}


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("export default () => 1;", {"default": MemberKind.FUNCTION}),
        ("export default class { add() {} }", {"default.add": MemberKind.METHOD}),
        (
            "export const api = { get(a) {}, post: () => 1, limit: 5 };",
            {"api.get": MemberKind.STATIC_METHOD, "api.post": MemberKind.STATIC_METHOD},
        ),
        (
            "exports.Layer = Layer\nfunction Layer() {}\nLayer.prototype.match = () => 1\nLayer.of = () => 1",
            {
                "Layer": MemberKind.FUNCTION,
                "Layer.match": MemberKind.METHOD,
                "Layer.of": MemberKind.STATIC_METHOD,
            },
        ),
        (
            "var app = exports = module.exports = {};\napp.use = function use() {};",
            {"app.use": MemberKind.STATIC_METHOD},
        ),
        (
            "export namespace Tax { export function of() {} function own() {} }",
            {"Tax.of": MemberKind.FUNCTION},
        ),
    ],
)
def test_outline__methods_by_assignment_and_in_objects(text: str, members: dict[str, MemberKind]) -> None:
    assert _members(text) == members


def test_outline__re_exports() -> None:
    text = "export * from './a';\nexport * as b from './b';\nexport { c, d as e, type F } from './c';\n"
    assert _outline(text).re_exports == [
        ReExport("*", "*", "./a"),
        ReExport("b", "*", "./b"),
        ReExport("c", "c", "./c"),
        ReExport("e", "d", "./c"),
    ]


def test_source__with_documentation_decorators_and_overloads() -> None:
    declared = _declared(CLASS)
    assert declared["Cart.add"].source.startswith(
        "/** Adds an item. */\nadd(item: T): boolean;\n@logged\nadd("
    )
    assert declared["Cart.add"].source.endswith("\n  return this.check(item);\n}")
    assert declared["Cart.add"].doc == "/** Adds an item. */"
    assert declared["Cart"].source.startswith("/** A cart. */\n@entity()\nexport class Cart")
    assert CLASS.split("\n")[declared["Cart.add"].line - 1].startswith("  add(item: any")


def test_outline__getter_and_setter_are_one_property() -> None:
    size = _declared(CLASS)["Cart.size"]
    assert len(size.nodes) == 2
    assert size.end_line == size.line + 1
    assert "set size" in size.source


def test_source__one_of_several_in_a_list() -> None:
    assert _declared("export const a = () => 1, b = () => 2;")["b"].source == "const b = () => 2"


def test_meaning__of_a_class_is_without_its_methods() -> None:
    before = _declared(CLASS)
    after = _declared(CLASS.replace("limit = 5", "limit = 6"))
    assert {name for name in before if before[name].meaning != after[name].meaning} == {"Cart"}


@pytest.mark.parametrize(
    ("text", "is_async"),
    [
        ("async function f() {}", True),
        ("const f = async () => 1", True),
        ("function f(): Promise<void> {}", True),
        ("function f() { return async () => 1 }", False),
    ],
)
def test_is_async__as_far_as_it_says(text: str, *, is_async: bool) -> None:
    assert _declared(text)["f"].is_async is is_async


def test_declarations_of__the_source_of_a_method() -> None:
    (found,) = declarations_of(_declared(CLASS)["Cart.size"].source)
    assert found.plain_name == "size"
    assert [one.plain_name for one in declarations_of("static async of() { return 1 }")] == ["of"]
