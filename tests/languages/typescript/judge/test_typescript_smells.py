from __future__ import annotations

from dataclasses import replace

import pytest

from testsmith.languages.judge import added_smells
from testsmith.languages.source import CannotParse
from testsmith.languages.typescript.judge.judge import TypeScriptJudge
from testsmith.model import Change, Member, MemberKind

smells_of = TypeScriptJudge().smells
MEMBER = Member(
    path="src/cart.ts",
    name="total",
    language="typescript",
    change=Change.ADDED,
    line=1,
    end_line=1,
    kind=MemberKind.FUNCTION,
    source="export const total = (xs) => xs.length;",
    module="./src/cart",
)
VITEST = 'import { afterEach, describe, expect, it, vi } from "vitest";\n'
NODE = 'import assert from "node:assert/strict";\nimport { describe, it, mock, test } from "node:test";\n'
MOCHA = 'const { expect } = require("chai");\n'
IMPORT = 'import { total } from "../src/cart";\n'
CHECK = "expect(total([7])).toBe(1);"
NODE_CHECK = "assert.equal(total([7]), 1);"


def _smell(body: str, more: str = "", head: str = VITEST) -> str:
    code = f'{head}{IMPORT}{more}\nit("x", async (t) => {{\n{body}\n}});\n'
    return smells_of(code, MEMBER).get("x", "")


GOOD = {
    "plain": (CHECK, ""),
    "negated": ("expect(total([])).not.toBe(1);", ""),
    "awaited": ("await expect(total([])).resolves.toBe(0);", ""),
    "awaited, with a type": ("await expect<number>(total([])).resolves.toBe(0);", ""),
    "module with a type": (
        f"const cart = await vi.importActual<typeof import('../src/cart')>('../src/cart');\n{CHECK}",
        "",
    ),
    "returned": ("return total([]).then((n) => { expect(n).toBe(0); });", ""),
    "all": ("await Promise.all([1].map(async (x) => { expect(await total(x)).toBe(1); }));", ""),
    "error": ("expect(() => total(null)).toThrow(TypeError);", ""),
    "caught error": (
        "expect.assertions(1);\ntry { total(null); } catch (error) { expect(error.name).toBe('x'); }",
        "",
    ),
    "failed without error": (
        "try { total(null); throw new Error('none'); } catch (error) { expect(error.message).toBe('x'); }",
        "",
    ),
    "failed after what should throw": (
        "try { total(null); } catch (error) { expect(error).toBe('x'); return; }\nthrow new Error('none');",
        "",
    ),
    "failed by a call after what should throw": (
        "try { total(null); } catch (error) { expect(error).toBe('x'); return; }\nexpect.fail('none');",
        "",
    ),
    "failure given to a callback": ("await total([]).then((n) => expect(n).toBe(1)).catch(fail);", ""),
    "changed copy": (f"const cart = Object.assign({{}}, total);\nObject.keys(total);\n{CHECK}", ""),
    "frozen": (f"Object.freeze(total);\n{CHECK}", ""),
    "thrown again": ("try { expect(total([])).toBe(0); } catch (error) { throw error; }", ""),
    "helper": ("check(total([]), 0);", "function check(got, want) { expect(got).toBe(want); }"),
    "awaited helper": (
        "await check([]);\nconst kept = check([1]);\nawait kept;",
        "const check = async (n) => { expect(await total(n)).toBe(0); };",
    ),
    "helper of the project": ("expectTotal([], 0);", 'import { expectTotal } from "./helpers";'),
    "inline snapshot": ("expect(total([])).toMatchInlineSnapshot(`0`);", ""),
    "counted calls": ("let n = 0;\ntotal([() => { n++; }]);\nexpect(n).toBe(1);", ""),
    "mocked dependency": (CHECK, 'vi.mock("../src/prices");'),
    "fake time, put back": (f"vi.useFakeTimers();\n{CHECK}\nvi.useRealTimers();", ""),
    "spy, put back": (
        f"const spy = vi.spyOn(console, 'warn').mockImplementation(() => {{}});\n{CHECK}\nspy.mockRestore();",
        "",
    ),
    "stub, put back": (
        f"vi.stubGlobal('fetch', vi.fn());\n{CHECK}",
        "afterEach(() => vi.unstubAllGlobals());",
    ),
    "fixed date": ("expect(total([new Date(0)])).toBe(1);", ""),
    "temporary folder": (
        f"const folder = fs.mkdtempSync(join(tmpdir(), 'x-'));\nfs.writeFileSync(folder, '');\n{CHECK}",
        'import fs from "node:fs";\nimport { tmpdir } from "node:os";\nimport { join } from "node:path";',
    ),
    "supertest": (
        "await request(app).get('/').expect(200, '1');",
        'import request from "supertest";\nconst app = (_, answer) => answer.end(String(total([7])));',
    ),
    "own server": (
        """const server = http.createServer((_, answer) => answer.end(String(total([7])))).listen(0);
        const got = await fetch(`http://localhost:${server.address().port}`);
        expect(await got.text()).toBe('1');""",
        'import http from "node:http";',
    ),
    "own server of the function": (
        """const server = total([7]).listen(0);
        const got = await fetch(`http://localhost:${server.port}`);
        expect(got.status).toBe(200);""",
        "",
    ),
    "own property": (f"const cart = {{}};\ncart.items = [];\n{CHECK}", ""),
    "function as value": ("expect(total).toEqual(expect.any(Function));\nexpect(total([])).toBe(0);", ""),
}


@pytest.mark.parametrize("name", GOOD)
def test_smells__of_good_tests(name: str) -> None:
    assert _smell(*GOOD[name]) == ""


def test_smells__of_good_tests_of_other_frameworks() -> None:
    assert smells_of(f'{NODE}{IMPORT}test("x", (t) => {{ {NODE_CHECK} }});', MEMBER) == {}
    assert smells_of(f'{NODE}{IMPORT}it("x", (t) => {{ t.assert.equal(total([]), 0); }});', MEMBER) == {}
    assert (
        smells_of(f'{NODE}{IMPORT}it("x", async () => {{ await assert.rejects(total()); }});', MEMBER) == {}
    )
    chai = 'describe("a", function () { it("x", function () { expect(total([])).to.be.empty; }); });'
    assert smells_of(f"{MOCHA}{IMPORT}{chai}", MEMBER) == {}
    should = 'const should = chai.should();\nit("x", () => { total([]).should.equal(0); });'
    assert smells_of(f"{MOCHA}{IMPORT}{should}", MEMBER) == {}
    request = 'const request = require("supertest");\n'
    sent = 'it("x", (done) => { request(total([])).get("/").expect("A", "b").expect(200, "1", done); });'
    assert smells_of(f"{request}{IMPORT}{sent}", MEMBER) == {}
    unsent = 'it("x", () => { request(total([])).get("/").expect(200, "1"); });'
    assert smells_of(f"{request}{IMPORT}{unsent}", MEMBER) == {
        "x": "does not wait for an assertion about a promise"
    }
    done = (
        'it("x", (done) => { total([], (n) => { setImmediate(() => { expect(n).toBe(0); done(); }); }); });'
    )
    assert smells_of(f"{IMPORT}{done}", MEMBER) == {}
    caught = 'it("x", (done) => { total([]).then((n) => { expect(n).toBe(0); done(); }).catch(done); });'
    assert smells_of(f"{IMPORT}{caught}", MEMBER) == {}


def test_smells_of__a_helper_of_the_project_checks_the_function_that_it_is_given() -> None:
    helper = 'import check from "./check";\n'
    test = 'it("x", () => { check({ name: "total", valid: [[1]] }); });'
    assert smells_of(f"{helper}{test}", MEMBER) == {}
    assert smells_of(test, MEMBER) == {"x": "asserts nothing"}
    for other in (helper.replace("./check", "lodash"), "const check = (options) => options;\n"):
        assert smells_of(f"{other}{test}", MEMBER) == {"x": "asserts nothing"}
    other = test.replace('"total"', '"half"')
    assert smells_of(f"{helper}{other}", MEMBER) == {"x": "asserts nothing"}


SMELLS = {
    "asserts nothing": [
        "total([]);",
        "expect(total([]));",
        "expect(total([])).toBe;",
        "expect.assertions(1);\ntotal([]);",
        "expectTypeOf(total).toBeFunction();",
        "store.getSnapshot();\ntotal([]);",
    ],
    "only compares with a snapshot": [
        "expect(total([])).toMatchSnapshot();",
        "expect(total([])).toMatchInlineSnapshot();",
        "expect(() => total()).toThrowErrorMatchingSnapshot();",
    ],
    "compares a value with itself": [
        "expect(total([])).toBe(total([]));",
        "const a = total([]);\nexpect(a).toBe(a);",
        "const a = total([]);\nexpect(total([])).toEqual(a);",
        "expect(1).toBe(1);",
    ],
    "asserts a constant": ["expect(true).toBeTruthy();", "total([]);\nconst n = 1;\nexpect(n).toBe(2);"],
    "is skipped": [f"t.skip();\n{CHECK}", f"this.skip();\n{CHECK}"],
    "does not wait for an assertion about a promise": [
        "expect(total([])).resolves.toBe(0);",
        "expect(total([])).rejects.toThrow();",
        "const kept = expect(total([])).resolves.toBe(0);",
    ],
    "does not wait for `check`, which asserts": [
        "const check = async (n) => { expect(await total(n)).toBe(0); };\ncheck([]);",
        "async function check(n) { expect(await total(n)).toBe(0); }\nvoid check([]);",
    ],
    "has an assertion in a callback that it does not wait for": [
        "total([]).then((n) => { expect(n).toBe(0); });",
        "[1].forEach(async (x) => { expect(await total(x)).toBe(1); });",
        f"void (async () => {{ {CHECK} }})();",
        f"setTimeout(() => {{ {CHECK} }}, 0);",
        f"queueMicrotask(() => {{ {CHECK} }});",
    ],
    "catches the failures of its assertions": [
        "try { expect(total([])).toBe(1); } catch {}",
        "await total([]).then((n) => expect(n).toBe(1)).catch(() => {});",
        "const ignore = () => {};\nawait total([]).then((n) => expect(n).toBe(1)).catch(ignore);",
        "await total([]).then((n) => expect(n).toBe(1)).catch(vi.fn());",
        "await total([]).then((n) => expect(n).toBe(1)).catch(noop);",
    ],
    "asserts only after an error, and passes without one": [
        "try { total(null); } catch (error) { expect(error).toBeDefined(); }",
        "try { total(null); } catch (error) { expect(error).toBeDefined(); }\nt();",
        "try { total(null); } catch (error) { expect(error).toBeDefined(); }\nif (n) { throw new Error(); }",
    ],
    "waits by `setTimeout`": [f"await new Promise((done) => setTimeout(done, 10));\n{CHECK}"],
    "uses the network by `fetch`": [f"await fetch('http://localhost');\n{CHECK}"],
    "uses the network by `dns.resolve4`": [
        f"require('node:http').createServer().listen(0);\nrequire('node:dns').resolve4('a');\n{CHECK}"
    ],
    "prints by `console.log`": [f"console.log('ok 1 - x');\n{CHECK}"],
    "prints by `process.stdout.write`": [f"process.stdout.write('ok');\n{CHECK}"],
    "uses the process's streams by `process.stdin`": [f"total(process.stdin);\n{CHECK}"],
    "uses the process's streams by `process.stdout.isTTY`": [f"total(process.stdout.isTTY);\n{CHECK}"],
    "may write where results are read by `process.send`": [f"process.send('ok');\n{CHECK}"],
    "opens `'/dev/stdout'`": [f"open('/dev/stdout');\n{CHECK}"],
    "may end the process, or hide how it ends, by `process.exit`": [
        f"process.exit(0);\n{CHECK}",
        f"globalThis.process.exit(0);\n{CHECK}",
        f"globalThis['process']['exit'](0);\n{CHECK}",
        f"require('node:process').exit(0);\n{CHECK}",
        f"(await import('process')).exit(0);\n{CHECK}",
        f"const {{ exit }} = await import('node:process');\nexit(0);\n{CHECK}",
    ],
    "may end the process, or hide how it ends, by `process.exitCode`": [f"process.exitCode = 0;\n{CHECK}"],
    "may end the process, or hide how it ends, by `process.on`": [
        f"process.on('exit', () => {{}});\n{CHECK}"
    ],
    "hands on `process`": [
        f"const {{ exit }} = process;\nexit(0);\n{CHECK}",
        f"vi.spyOn(process, 'kill').mockReturnValue(true);\n{CHECK}",
    ],
    "hands on `globalThis`": [f"Object.defineProperty(globalThis, 'x', {{}});\n{CHECK}"],
    "uses `process` by a name that is not written down": [f"process['ex' + 'it'](0);\n{CHECK}"],
    "runs code from a text by `eval`": [f"eval('1');\n{CHECK}", f"(0, eval)('1');\n{CHECK}"],
    "runs code from a text by `Function`": [f"new Function('x')();\n{CHECK}", f"Function('x')();\n{CHECK}"],
    "runs code from a text by `total.constructor`": [f"total.constructor('x')();\n{CHECK}"],
    "hides what it uses of a module: `import('node:process')`": [
        f"import('node:process').then((p) => p.exit(0));\n{CHECK}"
    ],
    "loads a module by a name that is not written down: `require('child_' + 'process')`": [
        f"require('child_' + 'process').exec('x');\n{CHECK}"
    ],
    "runs programs by `child_process.execSync`": [f"require('child_process').execSync('ls');\n{CHECK}"],
    "depends on the machine by `process.env.HOME`": ["expect(process.env.HOME).toBe(total([]));"],
    "depends on the machine by `process.platform`": [f"if (process.platform === 'linux') {{ {CHECK} }}"],
    "depends on the time by `Date.now`": ["expect(total(Date.now())).toBe(1);"],
    "depends on the time by `new Date()`": ["expect(total(new Date())).toBe(1);"],
    "depends on chance by `Math.random`": ["expect(total(Math.random())).toBe(1);"],
    "may replace the function that it tests": [
        f"vi.spyOn(cart, name).mockReturnValue(1);\n{CHECK}",
        f"vi.spyOn(cart, 'total').mockReturnValue(1);\n{CHECK}",
    ],
    "may change what other tests see by `Object.defineProperty`": [
        f"Object.defineProperty(total, 'x', {{}});\n{CHECK}",
        f"Object.assign({{}}, total);\nObject.defineProperty(total, 'x', {{}});\n{CHECK}",
        f"Object.freeze(total);\nObject.defineProperty(total, 'x', {{}});\n{CHECK}",
    ],
    "changes `globalThis.expect`, which other code sees": [f"globalThis.expect = () => ({{}});\n{CHECK}"],
    "changes `Array.prototype.map`, which other code sees": [f"Array.prototype.map = total;\n{CHECK}"],
    "changes `Math.max`, which other code sees": [f"Math.max = () => 1;\n{CHECK}"],
    "changes `total.cache`, which other code sees": [f"total.cache = 1;\n{CHECK}"],
    "changes what other tests see by `vitest.vi.useFakeTimers`, and does not put it back": [
        f"vi.useFakeTimers();\n{CHECK}"
    ],
    "changes what other tests see by `vitest.vi.stubGlobal`, and does not put it back": [
        f"vi.stubGlobal('fetch', vi.fn());\n{CHECK}"
    ],
    "may change files by `fs.writeFileSync` outside of a temporary folder": [
        f"require('fs').writeFileSync('x', '');\n{CHECK}"
    ],
    "may change files by `fs.openSync` outside of a temporary folder": [
        f"require('fs').openSync('x');\n{CHECK}"
    ],
    "declares its own `expect`": [f"const expect = () => ({{ toBe() {{}} }});\n{CHECK}"],
    "drives the test framework by `vitest.expect.extend`": [f"expect.extend({{ toBe: total }});\n{CHECK}"],
    "compares a whole output of more than 600 characters": [f"expect(total([])).toBe('{'x' * 601}');"],
}


@pytest.mark.parametrize(
    ("reason", "body"), [(reason, one) for reason, all_ in SMELLS.items() for one in all_]
)
def test_smells__of_bad_tests(reason: str, body: str) -> None:
    assert _smell(body) == reason


@pytest.mark.parametrize(
    ("reason", "more"),
    [
        ("replaces the module of what it tests", 'vi.mock("../src/cart");'),
        ("may replace the module of what it tests", 'vi.mock(import("../src/cart.js"), () => ({}));'),
        ("may replace the module of what it tests", "vi.mock(path);"),
        ("may replace the module of what it tests", 'vi.mock("../other/cart");'),
        (
            "may end the process, or hide how it ends, by `process.exit`",
            'import { exit } from "process";\nexit(0);',
        ),
        (
            "may end the process, or hide how it ends, by `process.on`",
            'process.on("uncaughtException", () => {});',
        ),
        (
            "drives the test framework by `context.task.result.state`",
            'afterEach((context) => { context.task.result.state = "pass"; });',
        ),
        ("declares its own `it`", "const it = (name, run) => {};"),
        ("has a `with` statement", "with (globals) { exit(0); }"),
        (
            "changes or makes code by `vm.runInThisContext`",
            'import vm from "node:vm";\nvm.runInThisContext("1");',
        ),
    ],
)
def test_smells__of_what_acts_on_all_tests(reason: str, more: str) -> None:
    assert _smell(CHECK, more) == reason


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("is skipped by `skip`", f'it.skip("x", () => {{ {CHECK} }});'),
        ("is skipped by `skip`", f'it("x", {{ skip: true }}, () => {{ {CHECK} }});'),
        ("is skipped by `todo`", 'it.todo("x");'),
        ("is skipped by `xit`", f'xit("x", () => {{ {CHECK} }});'),
        ("is skipped by `runIf`", f'it.runIf(isFast)("x", () => {{ {CHECK} }});'),
        (
            "is skipped under a condition",
            f'const run = isFast ? it : it.skip;\nrun("x", () => {{ {CHECK} }});',
        ),
        ("is run again if it fails", f'it("x", {{ retry: 3 }}, () => {{ {CHECK} }});'),
        ("passes only if it fails", f'it.fails("x", () => {{ {CHECK} }});'),
        ("is in a module with `only`, which hides other tests", f'it.only("x", () => {{ {CHECK} }});'),
        ("is in a module with `fit`, which hides other tests", f'fit("x", () => {{ {CHECK} }});'),
        ("asserts nothing", 'it("x");'),
        ("asserts a constant", f'{NODE}it("x", () => {{ assert(true); assert.ok(1); }});'),
        (
            "may replace the module of what it tests",
            f'{NODE}mock.module("../src/cart.js", {{}});\nit("x", () => {{ {NODE_CHECK} }});',
        ),
        (
            "does not wait for an assertion about a promise",
            f'{NODE}it("x", () => {{ assert.rejects(total()); }});',
        ),
    ],
)
def test_smells__of_how_a_test_is_made(reason: str, code: str) -> None:
    assert smells_of(f"{IMPORT}{code}", MEMBER) == {"x": reason}


def test_smells__of_a_mock_of_the_module_that_exports_the_member_again() -> None:
    code = f'{VITEST}import {{ total }} from "../src";\nvi.mock("../src");\nit("x", () => {{ {CHECK} }});'
    assert smells_of(code, MEMBER) == {"x": "replaces the module of what it tests"}
    assert smells_of(code.replace('vi.mock("../src")', 'vi.mock("../other")'), MEMBER) == {}


def test_smells__of_a_mock_of_a_module_that_exports_the_name_of_a_method() -> None:
    other = 'import { total } from "lodash";\nimport { Cart } from "../src/cart";\nvi.mock("lodash");\n'
    code = f'{VITEST}{other}it("x", () => {{ expect(new Cart().total()).toBe(1); }});'
    method = replace(MEMBER, name="Cart.total", kind=MemberKind.METHOD)
    assert smells_of(code, method) == {"x": "may replace the module of what it tests"}


def test_smells__of_a_suite_are_those_of_its_tests() -> None:
    other = f'it("y", () => {{ {CHECK} }});'
    code = f'{VITEST}{IMPORT}describe.skip("a", () => {{ it("x", () => {{ {CHECK} }}); }});\n{other}\n'
    assert smells_of(code, MEMBER) == {"a > x": "is skipped by `skip`"}
    hook = (
        f'describe("a", () => {{ afterEach(() => {{ process.exit(0); }}); it("x", () => {{ {CHECK} }}); }});'
    )
    reason = "may end the process, or hide how it ends, by `process.exit`"
    assert smells_of(f"{VITEST}{IMPORT}{hook}\n{other}\n", MEMBER) == {"a > x": reason}


def test_smells__of_what_is_nested_too_deeply() -> None:
    code = f"{IMPORT}it('x', () => {{ expect(total{'.a()' * 300}).toBe(1); }});"
    assert smells_of(code, MEMBER) == {"x": "is in a module that is nested too deeply"}


def test_smells__of_what_is_not_valid() -> None:
    with pytest.raises(CannotParse):
        smells_of("it('x', () => {", MEMBER)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("process.env.A;", "process.env.B;", "by `process.env.B`"),
        ("await fetch('a');", "await fetch('b');", "uses the network by `fetch`"),
        ("Math.max = 1;", "Math.min = 1;", "changes `Math.min`"),
        ("setTimeout(() => 1, 10);", "setInterval(() => 1, 10);", "waits by `setInterval`"),
    ],
)
def test_findings__of_a_test_that_was_extended_are_those_of_what_is_new(
    old: str, new: str, reason: str
) -> None:
    judge = TypeScriptJudge()
    bodies = (f"{old}\n{CHECK}", f"{old}\n{CHECK}\nexpect(total([])).toBe(0);", f"{old}\n{CHECK}\n{new}")
    texts = (f'{VITEST}{IMPORT}\nit("x", async () => {{\n{body}\n}});\n' for body in bodies)
    before, harmless, worse = (judge.findings(text, MEMBER) for text in texts)
    assert before["x"]
    assert added_smells(harmless, before) == {}
    assert reason in added_smells(worse, before)["x"]


HOOKED = """describe("a", () => {
  beforeEach(() => { process.env.A = "1"; });

  it("x", () => {
    expect(total([process.env.B])).toBe(1);
  });
"""


@pytest.mark.parametrize(
    ("added", "reason"),
    [
        (f'  it("y", () => {{ {CHECK} }});', None),
        (f'  it("y", () => {{ process.env.A; {CHECK} }});', "depends on the machine by `process.env.A`"),
        (f'  it("y", () => {{ process.env.B; {CHECK} }});', "depends on the machine by `process.env.B`"),
        (f'  it.skip("y", () => {{ {CHECK} }});', "is skipped by `skip`"),
    ],
)
def test_findings__of_a_new_test_are_not_those_of_the_hooks_of_its_suite(
    added: str, reason: str | None
) -> None:
    judge = TypeScriptJudge()
    before, after = (f"{VITEST}{IMPORT}{HOOKED}{more}\n}});\n" for more in ("", added))
    found = added_smells(judge.findings(after, MEMBER), judge.findings(before, MEMBER))
    assert found == ({} if reason is None else {"a > y": reason})
    assert "a > y" in judge.smells(after, MEMBER)
