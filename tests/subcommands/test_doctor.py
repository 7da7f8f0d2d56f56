from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fakes.command_line import CommandLine, Ran
from fakes.endpoint import Endpoint
from fakes.git_repository import GitRepository
from testsmith.settings import Settings, SettingsSources, parse
from testsmith.subcommands.doctor import Check, CheckStatus, check_token

PROJECT: dict[str, str | bytes | None] = {
    "pyproject.toml": "[project]\nname = 'shop'\nversion = '1'\n",
    "shop/cart.py": "def total(count: int) -> int:\n    return 2 * count\n",
    "tests/test_cart.py": "from shop.cart import total\n\n\ndef test_total():\n    assert total(2) == 4\n",
}


@pytest.fixture
def made(tmp_path: Path) -> GitRepository:
    repository = GitRepository.create(tmp_path / "project")
    repository.commit(PROJECT)
    return repository


@pytest.fixture
def wordy(tmp_path: Path) -> GitRepository:
    """A project without code, which is checked in no time."""
    repository = GitRepository.create(tmp_path / "project")
    repository.commit({"README.md": "Words.\n"})
    return repository


def lines(ran: Ran) -> dict[str, tuple[str, str]]:
    """Return the status and the text of each check, by its name."""
    found = (re.fullmatch(r"(ok|note|fix) +(\S+) +(.+)", line) for line in ran.stdout.splitlines())
    return {one[2]: (one[1], one[3]) for one in found if one}


def doctor(command_line: CommandLine, made: GitRepository, *more: str, key: str | None = None) -> Ran:
    return command_line.run("doctor", "--repo", str(made.folder), *more, key=key)


def test_doctor__everything_works(command_line: CommandLine, made: GitRepository) -> None:
    ran = doctor(command_line, made)
    assert ran.code == 0, ran
    assert ran.stdout.endswith("\n\nNothing to fix.\n")
    found = lines(ran)
    assert list(found) == ["repository", "base", "interpreter", "sandbox", "imports", "tests", "key", "cache"]
    assert found["base"] == ("ok", "main, unless --base names another revision")
    assert found["interpreter"][1].startswith("Python 3.")
    assert found["imports"] == ("ok", "1 module can be imported")
    assert found["tests"] == ("ok", "the project's own tests pass")
    assert found["key"][0] == "note"


def test_doctor__says_how_to_fix_what_does_not_work(command_line: CommandLine, made: GitRepository) -> None:
    made.git("branch", "-m", "topic")
    made.write(
        {"shop/cart.py": "import no_such_library\n\n\ndef total(count: int) -> int:\n    return count\n"}
    )
    ran = doctor(command_line, made)
    assert ran.code == 1
    assert ran.stdout.endswith("\n\n3 things to fix.\n")
    found = lines(ran)
    assert {name for name, (status, _) in found.items() if status == "fix"} == {"base", "imports", "tests"}
    assert "--base HEAD~1" in found["base"][1]
    assert found["imports"][1] == (
        "1 of 1 module: could not import shop.cart (no module named 'no_such_library'). Run again with"
        " --install."
    )
    assert "run again with --install" in found["tests"][1]


def test_doctor__no_tests_and_no_commits(command_line: CommandLine, tmp_path: Path) -> None:
    bare = GitRepository.create(tmp_path / "new")
    bare.write({"tool.py": "def slug(text: str) -> str:\n    return text.lower()\n"})
    found = lines(doctor(command_line, bare))
    assert found["base"] == ("fix", "there are no commits yet: commit first, or name files with --all PATH")
    assert found["tests"] == ("note", "the project has no tests")


def test_doctor__an_interpreter_without_pytest(command_line: CommandLine, made: GitRepository) -> None:
    ran = doctor(command_line, made, "--python", "/bin/false")
    assert ran.code == 1
    assert lines(ran)["interpreter"][0] == "fix"


def test_doctor__projects_in_folders(command_line: CommandLine, made: GitRepository) -> None:
    made.write(dict.fromkeys(PROJECT))
    made.write({f"packages/a/{name}": content for name, content in PROJECT.items()})
    found = lines(doctor(command_line, made))
    assert found["project"] == ("ok", "packages/a")  # the only one
    assert found["tests"] == ("ok", "the project's own tests pass")
    made.write({f"packages/b/{name}": content for name, content in PROJECT.items()})
    ran = doctor(command_line, made)
    text = "there are 2, each in a folder of its own; check one with --repo packages/a"
    assert lines(ran)["project"] == ("note", text)
    assert ran.code == 0


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    soon = (datetime.now(UTC) + timedelta(days=20)).date().isoformat()
    models = [
        {"id": "lasting"},
        {"id": "ending", "shutdown_date": soon},
        {"id": "gone", "shutdown_date": "2020-01-01"},
    ]
    with Endpoint(models=models, key="a-secret-key") as served:
        yield served


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("lasting", ("ok", "lasting, no shutdown date announced")),
        ("ending", ("note", "ending shuts down on ")),
        ("gone", ("fix", "gone was shut down on 2020-01-01. Name another one with --model.")),
        ("unknown", ("fix", "unknown is not offered at ")),
    ],
)
def test_doctor__the_model(
    command_line: CommandLine,
    wordy: GitRepository,
    endpoint: Endpoint,
    model: str,
    expected: tuple[str, str],
) -> None:
    more = ("--base-url", endpoint.url, "--model", model)
    ran = doctor(command_line, wordy, *more, key="a-secret-key")
    found = lines(ran)
    assert found["key"] == ("ok", f"accepted by {endpoint.url}")
    status, text = found["model"]
    assert (status, text[: len(expected[1])]) == expected
    assert ran.code == (status == "fix")
    assert "a-secret-key" not in ran.stdout + ran.stderr


def test_doctor__an_endpoint_that_needs_no_key(command_line: CommandLine, wordy: GitRepository) -> None:
    with Endpoint(models=[{"id": "own"}], key=None) as served:
        ran = doctor(command_line, wordy, "--base-url", served.url, "--model", "own")
    assert lines(ran)["key"] == ("ok", f"none; {served.url} answers without one")


def test_doctor__a_key_that_is_refused(
    command_line: CommandLine, wordy: GitRepository, endpoint: Endpoint
) -> None:
    more = ("--base-url", endpoint.url, "--model", "lasting")
    ran = doctor(command_line, wordy, *more, key="a-wrong-key")
    assert ran.code == 1
    assert lines(ran)["key"][0] == "fix"
    assert "a-wrong-key" not in ran.stdout + ran.stderr


@contextmanager
def github(answers: dict[str, dict[str, object]]) -> Iterator[str]:
    """Serve the REST API's answers by path to one token, and give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_known = self.headers.get("Authorization", "").endswith(" a-github-token")
            answer = answers.get(self.path) if is_known else None
            body = json.dumps(answer or {"message": "Not Found"}).encode()
            self.send_response(404 if answer is None else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("push", "expected"),
    [
        (True, Check(name="token", text="may write to octo/shop")),
        (
            False,
            Check(
                name="token",
                text="may read octo/shop. To post reviews it needs `pull-requests: write`; to commit,"
                " `contents: write`.",
                status=CheckStatus.NOTE,
            ),
        ),
        (None, None),
    ],
)
def test_check_token__what_it_may_do(made: GitRepository, push: bool | None, expected: Check | None) -> None:
    made.git("remote", "add", "origin", "git@github.com:octo/shop.git")
    answer: dict[str, object] = {"permissions": {"pull": True, "push": push}}
    with github({} if push is None else {"/repos/octo/shop": answer}) as url:
        variables = {"GH_TOKEN": "a-github-token", "GITHUB_API_URL": url}
        [found] = check_token(settings_of(made), variables)
    if expected is None:
        assert found.status is CheckStatus.FIX
        assert "a-github-token" not in found.text
    else:
        assert found == expected


def test_check_token__nothing_without_a_token_or_github(made: GitRepository) -> None:
    assert list(check_token(settings_of(made), {"GH_TOKEN": "a-github-token"})) == []
    made.git("remote", "add", "origin", "git@github.com:octo/shop.git")
    assert list(check_token(settings_of(made), {"PATH": ""})) == []


def settings_of(made: GitRepository) -> Settings:
    return parse(made.folder, SettingsSources(arguments={"all": ["."]}))
