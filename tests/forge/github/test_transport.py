from __future__ import annotations

import subprocess
import sys
import traceback
from typing import Any

import pytest
from forge.github.desk import COMMENTS, GRAPHQL, PULL, Desk

from fakes.github.dispatch import Request
from testsmith.decode import MOST_BYTES
from testsmith.forge.comment_markers import SUMMARY_MARK
from testsmith.forge.github import Connection, GitHub
from testsmith.forge.interface import CreateSummary, Forbidden, ForgeFailure, NotFound, Refused
from testsmith.settings import Secret

SUMMARY = CreateSummary(body=f"text\n\nno call\n\n{SUMMARY_MARK}")


def test_import__without_pygithub() -> None:
    script = (
        "import sys, testsmith.forge.github\n"
        "assert not {'github', 'requests', 'requests_cache', 'tenacity'} & set(sys.modules)\n"
    )
    subprocess.run((sys.executable, "-c", script), check=True)


NO_ANSWERS = (
    b"",
    b"<html>Unicorn!</html>",
    b"{",
    b"[1, 2]",
    b"null",
    b'"text"',
    b"[" * 100_000,
    b"\xff\xfe\x00",
    b'{"number": ' + b"9" * 5_000 + b"}",
)


@pytest.mark.parametrize("status", [200, 302, 403, 404, 422, 500])
def test_answers__that_are_none(desk: Desk, status: int) -> None:
    for text in NO_ANSWERS:
        desk.fail(PULL, status, times=4, text=text)
        with pytest.raises(ForgeFailure, match="Cannot read pull request 1: "):
            desk.forge().head(1)
        desk.at.github.answering.faults.waiting.clear()


def test_answers__of_graphql_that_are_none(desk: Desk) -> None:
    for text in (*NO_ANSWERS, b"{}", b'{"data": null}', b'{"errors": 7}', b'{"errors": [7]}'):
        desk.fail(GRAPHQL, 200, times=4, text=text)
        with pytest.raises(ForgeFailure, match="Cannot read the comments of pull request 1"):
            desk.forge().existing(1)
        assert desk.at.github.answering.faults.waiting.pop().times == 0


def test_answers__too_large_to_read(desk: Desk) -> None:
    desk.fail(PULL, 200, times=99, text=b" " * (MOST_BYTES + 1))
    with pytest.raises(ForgeFailure, match="no usable answer to 4 requests"):
        desk.forge().head(1)


def test_answers__that_are_not_as_described(desk: Desk) -> None:
    told = desk.at.ask("GET", "pulls/1").json()
    all_wrong: tuple[dict[str, Any], ...] = (
        {"head": None},
        {"changed_files": True},
        {"state": 7},
        {"base": []},
    )
    for wrong in all_wrong:
        desk.fail(PULL, 200, body=told | wrong, times=4)
        with pytest.raises(ForgeFailure, match="no usable answer to 4 requests"):
            desk.forge().head(1)


def test_answers__that_lead_away(desk: Desk) -> None:
    for status in (301, 302, 307, 308):
        location = {"Location": "https://elsewhere.example/repos/octo/shop/issues/1/comments"}
        desk.fail(COMMENTS, status, times=9, headers=location)
        with pytest.raises(ForgeFailure, match="Cannot comment on pull request 1"):
            desk.forge().apply(1, SUMMARY)
        desk.at.github.answering.faults.waiting.clear()
    assert desk.at.pull.comments == {}


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, {"message": "Bad credentials"}, ForgeFailure, "give the step a new one"),
        (403, {"message": "Resource not accessible by integration"}, Forbidden, "`pull-requests: write`"),
        (403, {"message": "Resource not accessible by personal access token"}, Forbidden, "write"),
        (403, {"message": "Unable to create comment because issue is locked."}, ForgeFailure, "is locked"),
        (404, {"message": "Not Found"}, NotFound, "the token may not see it"),
        (410, {"message": "Gone\n::error::x"}, ForgeFailure, "'Gone ::error::x'"),
        (422, {"message": "Validation Failed", "errors": [{"message": "too long"}, 7]}, Refused, "too long"),
        (422, {"message": "Unprocessable", "errors": ["Line could not"]}, Refused, "Line could not"),
        (422, {"message": "x" * 9_999}, Refused, "…"),
    ],
)
def test_rejections__what_they_mean(
    desk: Desk, status: int, body: dict[str, Any], kind: type[ForgeFailure], words: str
) -> None:
    desk.fail(COMMENTS, status, body=body)
    with pytest.raises(ForgeFailure) as failed:
        desk.forge().apply(1, SUMMARY)
    assert type(failed.value) is kind
    assert str(failed.value).startswith("Cannot comment on pull request 1: ")
    assert words in str(failed.value)
    assert len(str(failed.value).splitlines()) == 1
    assert len(str(failed.value)) < 400


def test_requests__name_the_bot_and_the_version(desk: Desk) -> None:
    seen: list[Request] = []
    desk.at.github.answering.before_each.append(seen.append)
    desk.forge().head(1)
    (headers,) = [one.headers for one in seen]
    assert headers["user-agent"] == "testsmith-bot"
    assert headers["x-github-api-version"] == "2022-11-28"


def test_token__stands_in_no_error(desk: Desk) -> None:
    desk.fail(PULL, 0, times=99)
    with pytest.raises(ForgeFailure) as failed:
        desk.forge().head(1)
    assert desk.at.token.value not in "".join(traceback.format_exception(failed.value))


def test_token__of_nobody(desk: Desk) -> None:
    nobody = desk.at.grant({})
    del desk.at.github.world.tokens[nobody.value]
    with pytest.raises(ForgeFailure, match="The token is not valid"):
        desk.forge(nobody).existing(1)


def test_build__nobody_listens(desk: Desk) -> None:
    forge = GitHub(
        Connection(
            url="http://127.0.0.1:9",
            graphql_url="http://127.0.0.1:9/graphql",
            token=Secret("t"),
            repository="octo/shop",
            clock=desk.at.clock.now,
            sleep=desk.at.clock.advance,
        )
    )
    with pytest.raises(ForgeFailure, match=r"Cannot read pull request 1: .*\(ConnectionError\)"):
        forge.head(1)
    forge.close()


def test_build__a_name_that_is_none_stays_within_its_place(desk: Desk) -> None:
    forge = GitHub(
        Connection(
            url=desk.at.github.url,
            graphql_url=desk.at.github.graphql_url,
            token=Secret(desk.at.token.value),
            repository="octo/shop/../../../users/ada?x=1#",
            clock=desk.at.clock.now,
            sleep=desk.at.clock.advance,
        )
    )
    with pytest.raises(NotFound):
        forge.head(1)
    (asked,) = desk.at.github.exchanges
    assert asked.path.startswith("/repos/octo/shop%2F..%2F")
    forge.close()
