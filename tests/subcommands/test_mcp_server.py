"""`testsmith mcp`, driven by the client of the protocol's own SDK."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest

from fakes.agent import Agent, Answer, agent
from fakes.attack_site import PLANTED
from fakes.command_line import CommandLine
from fakes.endpoint import Endpoint
from fakes.git_repository import GitRepository
from fakes.hostile_project import hunting
from testsmith.execution.sandbox.linux.processes import descendants
from testsmith.subcommands.mcp_server import bounded

pytestmark = pytest.mark.xdist_group("mcp server")

CHANGED_TESTS = """

def test_express_is_dearer() -> None:
    assert shipping(100, True) == 990


def test_shipping_is_there() -> None:
    shipping
"""
SLUG = "src/shop/labels.py::slug"
GOOD = 'from shop.labels import slug\n\n\ndef test_slug():\n    assert slug("Green  Tea!") == "green-tea"\n'
BAD = 'from shop.labels import slug\n\n\ndef test_slug():\n    slug("Green Tea")\n'
LOUD = """def test_loud():
    found = _hunt()
    assert "-".join(["planted", "key"]) not in found, "a secret"
    assert slug("a") == "", found
"""
ENDLESS = "from shop.labels import slug\n\n\ndef test_slug():\n    while slug('a'):\n        pass\n"


@pytest.fixture(scope="module", name="folder")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example project, with a change of a test file in the working tree."""
    from make_repository import make_repository

    folder = tmp_path_factory.mktemp("project") / "shop"
    make_repository(folder)
    tests = folder / "tests/shop/test_prices.py"
    tests.write_text(f"from shop.prices import shipping\n{CHANGED_TESTS}")
    return folder


@pytest.fixture(scope="module", name="server")
def _server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """One server for all tests of this module, with a secret in its environment."""
    home = tmp_path_factory.mktemp("home")
    limits = ("--provider", "offline", "--runs", "2", "--test-seconds", "30", "--repairs", "0")
    with agent(folder, home, *limits, GITHUB_TOKEN=PLANTED, TESTSMITH_API_KEY=PLANTED) as connected:
        yield connected
        assert connected.strange == []  # standard output had nothing but the protocol


def validate(server: Agent, tool: str, answer: Answer) -> None:
    schema = server.tools()[tool].output_schema
    assert schema is not None
    jsonschema.validate(answer.document, schema)


@pytest.mark.slow
def test_mcp__lists_tools_that_only_read_with_the_schemas_of_their_answers(server: Agent) -> None:
    tools = server.tools()
    assert tools.keys() == {"prove", "audit", "surviving_mutants", "suggest"}
    for tool in tools.values():
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is True
        assert tool.output_schema is not None
        jsonschema.Draft202012Validator.check_schema(tool.output_schema)
        assert tool.description


@pytest.mark.slow
def test_prove__judges_named_tests_and_says_how_far_it_is(server: Agent) -> None:
    answer = server.call("prove", paths=["tests/shop/test_prices.py"])
    assert not answer.is_error, answer.text
    tests = {one["test"].partition("::")[2]: one for one in answer.document["audit"]["tests"]}
    assert tests["test_express_is_dearer"]["verdict"] == "fails-without-change"
    assert tests["test_shipping_is_there"]["verdict"] == "cannot-fail"
    assert json.loads(answer.text) == answer.document
    parts = [done for done, _, _ in answer.progress]
    assert parts == sorted(set(parts))
    assert {total for _, total, _ in answer.progress} == {1.0}
    assert "auditing tests (1 of 2)" in [words for _, _, words in answer.progress]


@pytest.mark.slow
def test_prove__keeps_code_that_protects_its_function_and_says_why_it_cuts_other_code(server: Agent) -> None:
    good = server.call("prove", code=GOOD, member=SLUG)
    assert not good.is_error, good.text
    (suggestion,) = good.document["suggestions"]
    assert (suggestion["member"], suggestion["tests"]) == (SLUG, ["test_slug"])
    assert suggestion["evidence"]["mutants_killed"] > 0
    bad = server.call("prove", code=BAD, member=SLUG)
    assert bad.document["suggestions"] == []
    (skipped,) = bad.document["skipped"]
    assert (skipped["member"], skipped["stage"]) == (SLUG, "gate")
    for answer in (good, bad):
        validate(server, "prove", answer)


@pytest.mark.slow
def test_audit__judges_the_tests_of_the_working_tree_and_lists_what_no_test_kills(server: Agent) -> None:
    answer = server.call("audit", base="main")
    assert not answer.is_error, answer.text
    audit = answer.document["audit"]
    verdicts = {one["test"].partition("::")[2]: one["verdict"] for one in audit["tests"]}
    assert verdicts == {
        "test_express_is_dearer": "fails-without-change",
        "test_shipping_is_there": "cannot-fail",
    }
    survived = {(one["path"], one["mutant"]) for one in audit["changed_lines_survived"]}
    assert ("src/shop/prices.py", "`>` to `>=` on line 17") in survived
    assert (answer.document["members"], answer.document["suggestions"]) == ([], [])


@pytest.mark.slow
def test_audit__without_tests_in_the_change_runs_nothing_and_says_so(server: Agent) -> None:
    answer = server.call("audit", head="main")
    assert not answer.is_error, answer.text
    assert answer.document["audit"] is None
    assert answer.document["notes"] == ["the change neither adds nor edits a test function"]
    validate(server, "audit", answer)


@pytest.mark.slow
def test_surviving_mutants__are_those_that_the_projects_own_tests_do_not_kill(server: Agent) -> None:
    answer = server.call("surviving_mutants", members=["src/shop/prices.py::shipping"])
    assert not answer.is_error, answer.text
    (member,) = answer.document["members"]
    assert (member["member"], member["unknown"]) == ("src/shop/prices.py::shipping", 0)
    assert member["mutants"] > len(member["survived"]) > 0
    survived = {one["mutant"]: one for one in member["survived"]}
    assert survived["`>` to `>=` on line 17"] == {
        "path": "src/shop/prices.py",
        "line": 17,
        "mutant": "`>` to `>=` on line 17",
        "reached": False,
    }
    assert "`express` to `not express` on line 15" not in survived  # the new test kills it
    validate(server, "surviving_mutants", answer)


@pytest.mark.slow
def test_suggest__returns_proven_tests_of_the_named_function_and_writes_none(
    server: Agent, folder: Path
) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    answer = server.call("suggest", targets=[SLUG])
    assert not answer.is_error, answer.text
    assert {one["member"] for one in answer.document["suggestions"]} == {SLUG}
    assert all(one["evidence"]["mutants_killed"] for one in answer.document["suggestions"])
    validate(server, "suggest", answer)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("prove", {}, "Give either `paths`, or `code` together with `member`."),
        ("prove", {"code": GOOD}, "Give either `paths`, or `code` together with `member`."),
        ("prove", {"paths": ["../elsewhere/test_a.py"]}, "no such file or folder in the opened folder"),
        ("prove", {"paths": ["/etc/passwd"]}, "no such file or folder in the opened folder"),
        ("prove", {"paths": ["tests"], "base": "--output=/tmp/x"}, "unknown revision"),
        ("suggest", {"targets": ["src/shop/../../../etc"]}, "no such file or folder in the opened folder"),
        ("surviving_mutants", {"members": []}, "at least 1 item"),
        ("prove", {"code": "a" * 100_001, "member": SLUG}, "at most 100000 characters"),
    ],
)
def test_mcp__refuses_what_is_outside_or_too_much(
    server: Agent, tool: str, arguments: dict[str, object], words: str
) -> None:
    answer = server.call(tool, **arguments)
    assert answer.is_error
    assert words in answer.text


@pytest.mark.slow
def test_mcp__a_canceled_call_ends_what_it_runs_and_the_next_one_is_answered(server: Agent) -> None:
    def running() -> list[str]:
        commands = (Path(f"/proc/{pid}/cmdline") for pid in descendants(os.getpid()))
        words = (path.read_bytes().decode().split("\0") for path in commands if path.exists())
        return [" ".join(each) for each in words if "start.py" in " ".join(each)]

    call = server.started("prove", code=ENDLESS, member=SLUG)
    wait_until(lambda: any("running tests" in str(words) for _, _, words in call.progress))
    wait_until(lambda: running() != [])
    call.cancel()
    wait_until(lambda: running() == [])
    assert not server.call("prove", paths=["tests/shop/test_cart.py"]).is_error


def wait_until(is_so: object, seconds: float = 60.0) -> None:
    assert callable(is_so)
    limit = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < limit
        time.sleep(0.05)


@pytest.mark.slow
def test_prove__a_hostile_test_leaks_nothing(server: Agent, folder: Path, tmp_path: Path) -> None:
    secret, outside = tmp_path / "secret", tmp_path / "outside"
    secret.write_text(PLANTED)
    git_config = folder / ".git/config"
    GitRepository(folder).git("config", "http.extraheader", f"AUTHORIZATION: basic {PLANTED}")
    with Endpoint(answer=lambda _: "{}") as endpoint:
        port = int(endpoint.url.rpartition(":")[2].partition("/")[0])
        written = [str(outside), str(folder / "owned"), str(folder / "src/shop/labels.py")]
        hunt = hunting("the test", [str(secret), str(git_config)], written, port, "range(1, 30)")
        code = f"{hunt}\nfrom shop.labels import slug\n\n\n{LOUD}"
        before = (folder / "src/shop/labels.py").read_bytes()
        as_code = server.call("prove", code=code, member=SLUG)
        loud = folder / "tests/shop/test_loud.py"
        loud.write_text(code)
        try:
            as_file = server.call("prove", paths=["tests/shop/test_loud.py"])
        finally:
            loud.unlink()
    assert [one["verdict"] for one in as_file.document["audit"]["tests"]] == ["fails"]
    assert as_code.document["suggestions"] == []
    assert [one["stage"] for one in as_code.document["skipped"]] == ["verification"]
    assert "owned" in as_file.text  # what the test found is in the answer, and it found no secret
    assert "a secret" not in as_code.text + as_file.text
    for answer in (as_code, as_file):
        assert PLANTED not in answer.text
        assert PLANTED not in json.dumps(answer.document)
    assert endpoint.requests == []
    assert (outside.exists(), (folder / "owned").exists()) == (False, False)
    assert (folder / "src/shop/labels.py").read_bytes() == before
    assert server.strange == []


@pytest.mark.slow
def test_mcp__ends_by_itself_at_a_signal_while_its_client_is_silent(
    command_line: CommandLine, folder: Path
) -> None:
    greeting = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "a", "version": "1"},
        },
    }
    with subprocess.Popen(
        (sys.executable, "-m", "testsmith", "mcp", "--repo", str(folder)),
        env=command_line.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(f"{json.dumps(greeting)}\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["result"]["serverInfo"]["name"] == "testsmith"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
        assert process.stderr.read() == ""
        assert process.stdout.read() == ""


def test_mcp__without_the_extra_says_what_to_do(command_line: CommandLine, tmp_path: Path) -> None:
    blocked = "import sys\nsys.modules['mcp'] = None\nfrom testsmith.__main__ import main\nmain()\n"
    script = tmp_path / "without.py"
    script.write_text(blocked)
    ran = subprocess.run(
        (sys.executable, str(script), "mcp", "--repo", str(tmp_path)),
        env=command_line.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "pip install 'testsmith-bot[mcp]'" in ran.stderr


def test_bounded__cuts_the_longest_list_and_says_so() -> None:
    document = {"skipped": [{"reason": "a" * 90}] * 16, "notes": [], "audit": {"tests": ["b"] * 3}}
    found = bounded(document, 500)
    assert len(found["skipped"]) == 4
    assert found["audit"] == {"tests": ["b"] * 3}
    assert found["notes"] == ["12 entries of `skipped` are left out: there are too many for one answer"]
    assert bounded(document) == document
