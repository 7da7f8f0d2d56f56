from __future__ import annotations

import ast
import textwrap

import pytest
from languages.python.judge.smells.test_smells import MEMBER

from fakes.trees import MemoryTree
from testsmith.languages.python.judge.judge import PythonJudge
from testsmith.languages.python.judge.smells.calls_not_run import calls_not_run

HEAD = """\
import pytest
import shop
from shop import total

def helper(ready):
    return shop.deploy() if ready else 1

"""


def dormant(body: str, idle: str, *, columns: bool = True) -> str | None:
    """Return the reason for a test in which one call, or one import, was not reached."""
    code = f"{HEAD}\ndef test_x(tmp_path):\n" + textwrap.indent(textwrap.dedent(body), "    ")
    kinds = ast.Call | ast.Import | ast.Attribute | ast.ClassDef
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, kinds)]
    (node,) = [one for one in nodes if ast.unparse(one) == idle]
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    whole = (node.lineno, node.col_offset, node.end_lineno, node.end_col_offset)
    place = whole if columns else (node.lineno, -1, -1, -1)
    return calls_not_run(code, MEMBER, [place]).get("test_x")


@pytest.mark.parametrize("columns", [True, False])
@pytest.mark.parametrize(
    ("body", "idle"),
    [
        ("if total(1, 1) == 2:\n    shop.deploy(1)\nassert total(1, 1) == 1", "shop.deploy(1)"),
        ("assert helper(False) == total(1, 1)", "shop.deploy()"),
        ("try:\n    total(1, 1)\nexcept ValueError:\n    import shop.deploying", "import shop.deploying"),
        ("for _ in []:\n    shop.deploy(2)\nassert total(1, 1) == 1", "shop.deploy(2)"),
        ("run = lambda: shop.deploy(3)\nassert total(1, 1) == 1", "shop.deploy(3)"),
        ("if not tmp_path:\n    tmp_path.joinpath('x').unlink()", "tmp_path.joinpath('x').unlink()"),
        ("with pytest.raises(ValueError):\n    if total(1, -1):\n        shop.deploy(4)", "shop.deploy(4)"),
    ],
)
def test_calls_not_run__a_call_or_import_that_nobody_has_seen(body: str, idle: str, *, columns: bool) -> None:
    what = "an import" if idle.startswith("import") else "a call"
    assert dormant(body, idle, columns=columns) == f"has {what} that was not executed: `{idle}`"


@pytest.mark.parametrize(
    ("body", "idle"),
    [
        (
            "try:\n    total(1, -1)\nexcept ValueError:\n    pass\nelse:\n    pytest.fail('no')",
            "pytest.fail('no')",
        ),
        ("if total(1, 1) != 1:\n    raise AssertionError('no')", "AssertionError('no')"),
        ("def never():\n    raise shop.Called(1)\nassert shop.skip(never)", "shop.Called(1)"),
        ("with pytest.raises(ValueError):\n    total(1, -1)\n    total(2, -1)", "total(2, -1)"),
        ("assert shop.sort([], key=lambda item: item.lower()) == []", "item.lower()"),
        ("assert total(1, 1) == 1, repr(tmp_path)", "repr(tmp_path)"),
        ("assert total(1, 1) == 1, f'{1}'.join('ab')", "f'{1}'.join('ab')"),
        (
            "class Fake:\n    def close(self):\n        self.done.append(1)\nassert shop.use(Fake())",
            "self.done.append(1)",
        ),
        ("seen = []\nshop.hook(lambda it: seen.append(it))\nassert seen == []", "seen.append(it)"),
        ("if shop.is_old():\n    pytest.skip(reason='old')\nassert total(1, 1)", "pytest.skip(reason='old')"),
        ("seen: set = {1}\nif shop.ready():\n    seen.add(2)\nassert seen == {1}", "seen.add(2)"),
    ],
)
def test_calls_not_run__what_an_honest_test_need_not_reach(body: str, idle: str) -> None:
    assert dormant(body, idle) is None


@pytest.mark.parametrize(
    ("body", "idle"),
    [
        ("if tmp_path:\n    list(map(shop.deploy, [1]))", "map(shop.deploy, [1])"),
        ("if tmp_path:\n    max([1], key=shop.deploy)", "max([1], key=shop.deploy)"),
        ("if tmp_path:\n    sorted([1], **{'key': shop.deploy})", "sorted([1], **{'key': shop.deploy})"),
        ("from shop import deploy as bool\nif tmp_path:\n    bool(1)", "bool(1)"),
        ("from shop import deploy as CleanError\nif tmp_path:\n    CleanError(1)", "CleanError(1)"),
        ("if tmp_path:\n    raise shop.deploy(1)", "shop.deploy(1)"),
        ("import shutil\nif tmp_path:\n    raise AssertionError(shutil.rmtree('a'))", "shutil.rmtree('a')"),
        ("if tmp_path:\n    shop.fail(1)", "shop.fail(1)"),
        ("if tmp_path:\n    shop.skip(1)", "shop.skip(1)"),
        ("pytest.skip = shop.deploy\nif tmp_path:\n    pytest.skip(1)", "pytest.skip(1)"),
        ("if tmp_path:\n    pytest.skip(shop.deploy(6))", "shop.deploy(6)"),
        ("TYPE_CHECKING = shop.on()\nif TYPE_CHECKING:\n    shop.deploy(1)", "shop.deploy(1)"),
        ("if __name__ == '__main__':\n    pass\nelif tmp_path:\n    shop.deploy(1)", "shop.deploy(1)"),
        ("def use(it):\n    if tmp_path:\n        it.deploy(1)\nuse(shop)", "it.deploy(1)"),
        ("def use(it):\n    if tmp_path:\n        it.get(1)\nuse(shop)", "it.get(1)"),
        (
            "class Fake:\n    append = shop.deploy\n    def go(self):\n        self.append(1)\nFake()",
            "self.append(1)",
        ),
        (
            "import shutil\nwith pytest.raises(ValueError):\n    total(1, -1)\n    shutil.rmtree('a')",
            "shutil.rmtree('a')",
        ),
        ("if tmp_path:\n    @shop.launch\n    def run(): ...", "shop.launch"),
        ("seen = shop.queue()\nif tmp_path:\n    seen.append(1)", "seen.append(1)"),
        ("seen = []\nseen = shop.queue()\nif tmp_path:\n    seen.append(1)", "seen.append(1)"),
        ("seen = []\nif tmp_path:\n    seen[0].append(1)", "seen[0].append(1)"),
        ("seen = []\nif tmp_path:\n    seen.append(shop.deploy(5))", "shop.deploy(5)"),
    ],
)
def test_calls_not_run__what_only_looks_harmless(body: str, idle: str) -> None:
    assert dormant(body, idle) == f"has a call that was not executed: `{idle}`"


def test_calls_not_run__a_helper_that_would_skip_the_test() -> None:
    code = f"{HEAD}\ndef use(ready):\n    if ready:\n        pytest.skip('no')\n"
    line = code.count("\n")
    code += "\n\ndef test_x():\n    use(False)\n    assert total(1, 1) == 2\n"
    reason = "has a call that was not executed: `pytest.skip('no')`"
    assert calls_not_run(code, MEMBER, [(line, 8, line, 25)]) == {"test_x": reason}


def test_calls_not_run__what_makes_a_class() -> None:
    idle = "class Made(metaclass=shop.deploy):\n    pass"
    assert dormant(f"if tmp_path:\n{textwrap.indent(idle, '    ')}", idle) is not None


@pytest.mark.parametrize(
    "piece", ["def unnamed(a=shop.on() and 1):\n    pass", "class Unnamed:\n    a = shop.on()"]
)
def test_calls_not_run__what_runs_where_something_is_defined(piece: str) -> None:
    code = f"{HEAD}\n{piece}\n\ndef test_x():\n    assert total(1, 1) == 1\n"
    (call,) = [node for node in ast.walk(ast.parse(code)) if ast.unparse(node) == "shop.on()"][-1:]
    assert isinstance(call, ast.Call)
    assert calls_not_run(code, MEMBER, [(call.lineno, -1, -1, -1)]).keys() == {"test_x"}


def test_calls_not_run__another_tests_call_is_not_this_ones() -> None:
    code = f"{HEAD}\ndef test_a():\n    assert helper(0) == 1\n\ndef test_b():\n    assert total(1, 1) == 1\n"
    line = HEAD.splitlines().index("    return shop.deploy() if ready else 1") + 1
    assert calls_not_run(code, MEMBER, [(line, -1, -1, -1)]).keys() == {"test_a"}


TEST = "\n\ndef test_x():\n    assert helper(False) == total(1, 1)\n"


def idle_in_helper(code: str, test_text: str) -> str | None:
    """Return the reason for a test whose helper has a call that was not reached."""
    (node,) = [
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and ast.unparse(node) == "shop.deploy()"
    ]
    place = (node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)
    return calls_not_run(code, MEMBER, [place], [test_text]).get("test_x")


def test_calls_not_run__a_helper_that_the_test_file_has_is_known() -> None:
    assert idle_in_helper(HEAD + TEST, HEAD) is None
    assert idle_in_helper(HEAD + TEST, f"# a comment\n{HEAD}\ndef test_other():\n    pass\n") is None
    cases = "CASES = [ready for ready in range(3)]\n"
    assert idle_in_helper(HEAD + TEST, f"{HEAD}\n{cases}") is None
    assert (
        idle_in_helper(HEAD + TEST.replace("    assert", "    total('deploy', 1)\n    assert"), HEAD) is None
    )
    patched = "    setattr(shop, 'open', open)\n    total('deploy', 1)\n    assert"
    assert idle_in_helper(HEAD + TEST.replace("    assert", patched), HEAD) is None
    made, patched = "it = shop.it()\n    return", "    setattr(total, 'on', 1)\n    assert"
    head = HEAD.replace("if ready", "if it.on").replace("return", made)
    assert idle_in_helper(head + TEST.replace("    assert", patched), head) is None
    checking = "if TYPE_CHECKING:\n    from a import A\n{}" + HEAD.replace("(ready)", "(ready: A)")
    assert idle_in_helper(checking.format("") + TEST, checking.format("    from b import B\n")) is None


@pytest.mark.parametrize(
    ("code", "test_text"),
    [
        (HEAD + TEST, ""),
        (HEAD + TEST, "def helper(ready):\n    return 1\n"),
        (HEAD + TEST, f"{HEAD}\ndef broken(:\n"),
        (HEAD + TEST.replace("    assert", "    shop.deploy = open\n    assert"), HEAD),
        (HEAD + TEST.replace("    assert", "    setattr(shop, 'deploy', open)\n    assert"), HEAD),
        (HEAD + TEST.replace("    assert", "    mock.patch('shop.deploy', open)\n    assert"), HEAD),
        (HEAD + TEST.replace("    assert", "    patch.object(shop, 'deploy', open)\n    assert"), HEAD),
        (HEAD + TEST.replace("    assert", "    n = 'deploy'\n    setattr(shop, n, open)\n    assert"), HEAD),
        (HEAD + TEST.replace("    assert", "    s = setattr\n    s(shop, 'deploy', open)\n    assert"), HEAD),
        (HEAD + TEST.replace("    assert", "    vars(shop)['deploy'] = open\n    assert"), HEAD),
        (HEAD + TEST, HEAD.replace("import shop\n", "import bakery as shop\n")),
        (HEAD + TEST, HEAD.replace("import shop\n", "from . import shop\n")),
        (HEAD.replace("import shop\n", "import shop\nshop = open\n") + TEST, HEAD),
        (HEAD + TEST.replace("    assert", "    global shop\n    assert"), HEAD),
        (HEAD + TEST.replace("    assert", "    globals()['shop'] = open\n    assert"), HEAD),
        (HEAD + TEST + "\nfor shop in [open]:\n    pass\n", HEAD),
    ],
)
def test_calls_not_run__a_helper_that_may_do_something_else_than_in_the_test_file(
    code: str, test_text: str
) -> None:
    assert idle_in_helper(code, test_text) == ("has a call that was not executed: `shop.deploy()`")


MOCKED = HEAD.replace(
    "import shop\n", "import shop\nfrom unittest import mock\nfrom unittest.mock import Mock\n", 1
)


def with_double(*lines: str) -> str:
    """Return a module whose test sets an attribute that its helper uses, on something of its own."""
    body = "\n".join(f"    {line}" for line in (*lines, "double.deploy = open"))
    return MOCKED + TEST.replace("    assert", f"{body}\n    assert")


@pytest.mark.parametrize("made", ["Mock()", "mock.MagicMock(spec=shop)"])
def test_calls_not_run__an_attribute_of_a_mock_is_not_that_of_a_helper(made: str) -> None:
    assert idle_in_helper(with_double(f"double = {made}"), MOCKED) is None


@pytest.mark.parametrize(
    "lines",
    [
        ("double = shop",),
        ("double = Mock()", "double = shop"),
        ("double = total(Mock(), 1)",),
        ("Mock = shop.it", "double = Mock()"),
        ("double = Mock()", "import shop as double"),
        ("double = Mock()", "match shop:", "    case double:", "        pass"),
        ("double = Mock()", "try:", "    total(1, 1)", "except ValueError as double:", "    pass"),
        ("double = Mock(it=shop)", "double.it.deploy = open"),
    ],
)
def test_calls_not_run__what_only_looks_like_a_mock(lines: tuple[str, ...]) -> None:
    reason = idle_in_helper(with_double(*lines), MOCKED)
    assert reason == "has a call that was not executed: `shop.deploy()`"


OPTIONAL = """\
import shop

try:
    import numpy
except ImportError:
    shop.deploy()

def helper(ready):
    return 1
"""


def test_calls_not_run__a_branch_that_the_test_file_has_is_known() -> None:
    reason = "has a call that was not executed: `shop.deploy()`"
    assert idle_in_helper(OPTIONAL + TEST, OPTIONAL) is None
    assert idle_in_helper(OPTIONAL + TEST, "import shop\n") == reason
    rebound = OPTIONAL.replace("import shop\n", "import bakery as shop\n")
    assert idle_in_helper(rebound + TEST, OPTIONAL) == reason
    assert (
        idle_in_helper(OPTIONAL + TEST.replace("    assert", "    shop.deploy = 1\n    assert"), OPTIONAL)
        == reason
    )


FIXTURE = """\
import pytest
from .shops import shop

@pytest.fixture
def ready(request):
    return shop.deploy() if request.cls else 0
"""
USING = (
    FIXTURE.replace("from .shops", "from tests.shops")
    + "\ndef test_x(ready):\n    assert total(1, 1) == ready\n"
)


@pytest.mark.parametrize(
    ("path", "is_known"),
    [("tests/conftest.py", True), ("tests/shop/conftest.py", False), ("tests/test_shop.py", True)],
)
def test_calls_not_run__what_the_test_file_and_its_conftest_files_have_is_known(
    path: str, is_known: bool
) -> None:
    call = next(one for one in ast.walk(ast.parse(USING)) if isinstance(one, ast.Call) and not one.args)
    place = (call.lineno, call.col_offset, call.end_lineno or 0, call.end_col_offset or 0)
    judge = PythonJudge().of_project(MemoryTree({path: FIXTURE, "tests/__init__.py": ""}))
    found = judge.calls_not_run(USING, MEMBER, [place], "tests/test_shop.py")
    assert found == ({} if is_known else {"test_x": "has a call that was not executed: `shop.deploy()`"})
    assert judge.calls_not_run(USING, MEMBER, [place]) != {}


@pytest.mark.parametrize(
    ("mark", "is_run"),
    [
        ("pytest.mark.parametrize('ready', [1])", False),
        ("pytest.mark.parametrize(argnames=('ready',), argvalues=[(1,)], indirect=False)", False),
        ("pytest.mark.parametrize('ready, request', [(1, 1)], indirect=['request'])", False),
        ("pytest.mark.parametrize('ready', [1], indirect=True)", True),
        ("pytest.mark.parametrize('ready', [1], True)", True),
        ("pytest.mark.parametrize('ready, request', [(1, 1)], indirect=['ready'])", True),
        ("pytest.mark.parametrize('ready', [1], indirect=shop.how())", True),
        ("shop.parametrize('ready', [1])", True),
        ("pytest.mark.parametrize('request', [1])", True),
    ],
)
@pytest.mark.parametrize(
    "definition",
    [
        "@pytest.fixture\ndef ready",
        "@pytest.fixture(name=None)\ndef ready",
        '@pytest.fixture(name="ready")\ndef _ready',
        '@pytest.fixture(name="ready")\ndef test_ready',
    ],
)
def test_calls_not_run__a_fixture_with_the_name_of_a_parametrized_argument_does_not_run(
    definition: str, mark: str, is_run: bool
) -> None:
    code = USING.replace("@pytest.fixture\ndef ready", definition)
    code = code.replace("def test_x", f"@{mark}\ndef test_x")
    call = next(one for one in ast.walk(ast.parse(code)) if ast.unparse(one) == "shop.deploy()")
    assert isinstance(call, ast.Call)
    assert bool(calls_not_run(code, MEMBER, [(call.lineno, -1, -1, -1)])) is is_run


@pytest.mark.parametrize("name", ['"rea" + "dy"', "NAME", '*{"name": NAME}'])
def test_calls_not_run__a_fixture_whose_name_is_not_a_literal_runs_for_every_test(name: str) -> None:
    arguments = f"*{name}" if name.startswith("*") else f"name={name}"
    code = USING.replace("@pytest.fixture\ndef ready", f"@pytest.fixture({arguments})\ndef _ready")
    call = next(one for one in ast.walk(ast.parse(code)) if ast.unparse(one) == "shop.deploy()")
    assert isinstance(call, ast.Call)
    assert calls_not_run(code, MEMBER, [(call.lineno, -1, -1, -1)]).keys() == {"test_x"}


CLASS_HELPER = """\
import shop

class Till:
    def helper(self, ready):
        self.total = 1
        return shop.deploy() if ready else self.total


def helper(ready):
    return Till().helper(ready)
"""
TEST_CLASS = """\
import shop
from bakery import Base

class TestShop(Base):
    def helper(self, ready):
        self.total = 1
        return shop.deploy() if ready else self.total

    def cleanup(self):
        self.total = 0
"""
METHOD = "\n    def test_x(self):\n        assert self.helper(False) == total(1, 1)\n"


def test_calls_not_run__a_class_or_method_that_the_test_file_has_is_known() -> None:
    assert idle_in_helper(CLASS_HELPER + TEST, CLASS_HELPER) is None
    assert idle_in_helper(CLASS_HELPER + TEST, "import shop\n") is not None
    reason = "has a call that was not executed: `shop.deploy()`"
    for changed, is_known in (
        (METHOD, True),
        (METHOD.replace("assert", "self.extra = 1\n        assert"), True),
        (METHOD.replace("assert", "self.total = 1\n        assert"), False),
        (METHOD.replace("assert", "shop.deploy = open\n        assert"), False),
        (METHOD + "\n    def deploy(self):\n        pass\n", False),
    ):
        found = calls_not_run_in_class(TEST_CLASS + changed, TEST_CLASS)
        assert found == (None if is_known else reason), changed
    assert calls_not_run_in_class(TEST_CLASS + METHOD, TEST_CLASS.replace("TestShop", "TestTill")) == reason
    assert (
        calls_not_run_in_class(TEST_CLASS + METHOD, TEST_CLASS.replace("if ready", "if not ready")) == reason
    )


def calls_not_run_in_class(code: str, test_text: str) -> str | None:
    """Return the reason for the test of the class whose helper has a call that was not reached."""
    calls = (node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call))
    node = next(one for one in calls if ast.unparse(one) == "shop.deploy()")
    place = (node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)
    return calls_not_run(code, MEMBER, [place], [test_text]).get("TestShop::test_x")


@pytest.mark.parametrize(
    ("reached", "reason"),
    [
        ("", "is a coroutine that nothing awaits"),
        ("shop.load()", "has a call that was not executed: `self.assertEqual(total(1, 1), 1)`"),
    ],
)
def test_calls_not_run__a_coroutine_that_nothing_awaits(reached: str, reason: str) -> None:
    code = f"{HEAD}\nclass TestX(TestCase):\n    async def test_x(self):\n        {reached or '1'}\n"
    code += "        self.assertEqual(total(1, 1), 1)\n"
    idle = [
        (node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call) and ast.unparse(node) not in {"shop.deploy()", reached}
    ]
    assert calls_not_run(code, MEMBER, idle) == {"TestX::test_x": reason}


BRANCHING = "\n\ndef test_x(ready):\n    if ready:\n        shop.deploy()\n    assert total(1, 1) == 2\n"
MORE = "    assert total(2, 1) == 3\n"


@pytest.mark.parametrize(
    ("added", "more", "is_known"),
    [
        ("", MORE, True),
        ("", f"{MORE}    if not ready:\n        shop.undeploy()\n", True),
        ("", f"    shop = open\n{MORE}", False),
        ("", f"    shop.deploy = open\n{MORE}", False),
        ("", f"    import other as shop\n{MORE}", False),
        ("shop = open\n", MORE, False),
    ],
)
def test_calls_not_run__what_a_test_calls_that_was_extended(added: str, more: str, *, is_known: bool) -> None:
    before = HEAD.partition("def helper")[0]
    code = f"{before}{added}{BRANCHING}{more}"
    assert idle_in_helper(code, "import shop\n") is not None
    assert (idle_in_helper(code, before + BRANCHING) is None) is is_known


def test_calls_not_run__a_call_that_a_test_has_once_more() -> None:
    before = HEAD.partition("def helper")[0]
    code = f"{before}{BRANCHING}    if ready:\n        shop.deploy()\n"
    line = code.splitlines().index(
        "        shop.deploy()", code.splitlines().index("        shop.deploy()") + 1
    )
    found = calls_not_run(code, MEMBER, [(line + 1, -1, -1, -1)], [before + BRANCHING])
    assert found == {"test_x": "has a call that was not executed: `shop.deploy()`"}
