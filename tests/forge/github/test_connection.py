"""How a request is repeated, waited for and understood, at the HTTP edge."""

from __future__ import annotations

import subprocess
import sys
import traceback
from typing import Any

import pytest
import requests
from forge.github.http import API, COMMENTS, GRAPHQL, PULL, SHA, TOKEN, Http, Json, client, conversation

from testsmith.decode import MOST_BYTES
from testsmith.forge.comment_markers import SUMMARY_MARK
from testsmith.forge.github.connection import BETWEEN_WRITES, PATIENCE, WRITES
from testsmith.forge.interface import (
    Classifier,
    CreateSummary,
    Forbidden,
    ForgeFailure,
    ForgeRateLimited,
    HideComment,
    NotFound,
    OutcomeUnknown,
    Refused,
    UpdateSummary,
)

SUMMARY = CreateSummary(body=f"text\n\nno call\n\n{SUMMARY_MARK}")
PATCH = f"{API}/repos/octo/shop/issues/comments/7"
LIMIT = {"message": "You have exceeded a secondary rate limit."}
RATE_LIMIT = {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}
FAILED = ("", 500), ("", 502), ("", 503), ("", 408), (requests.ConnectionError("lost"), 0)


@pytest.mark.parametrize(("body", "status"), FAILED)
def test_read__what_failed_is_tried_again(http: Http, body: Any, status: int) -> None:
    http.on("GET", PULL, body, status, times=3)
    http.on("GET", PULL, http.pull(number=1))
    assert http.forge.pull_request(1).number == 1
    assert http.naps == [1, 2, 4]


def test_read__graphql_is_tried_again(http: Http) -> None:
    http.on("POST", GRAPHQL, "", 502)
    http.on("POST", GRAPHQL, {"errors": [{"message": "Something went wrong."}]})
    http.on("POST", GRAPHQL, conversation())
    assert http.forge.existing(1).comments == ()
    assert http.naps == [1, 2]


def test_read__not_for_ever(http: Http) -> None:
    http.on("GET", PULL, "", 502)
    with pytest.raises(ForgeFailure, match=r"Cannot read pull request 1: .* 4 requests \(status 502\)"):
        http.forge.head(1)
    assert len(http.sent("GET")) == 4


NO_ANSWERS = (
    "",
    "<html>Unicorn!</html>",
    "{",
    "[1, 2]",
    "null",
    '"text"',
    "[" * 100_000,
    b"\xff\xfe\x00",
    '{"number": ' + "9" * 5_000 + "}",
)


@pytest.mark.parametrize("status", [200, 302, 403, 404, 422, 500])
@pytest.mark.parametrize("text", NO_ANSWERS, ids=range(len(NO_ANSWERS)))
def test_read__no_answer(http: Http, status: int, text: str | bytes) -> None:
    http.on("GET", PULL, text, status)
    with pytest.raises(ForgeFailure, match="Cannot read pull request 1: "):
        http.forge.head(1)


@pytest.mark.parametrize("text", [*NO_ANSWERS, "{}", '{"data": null}', '{"errors": 7}', '{"errors": [7]}'])
def test_read__no_answer_of_graphql(http: Http, text: str | bytes) -> None:
    http.on("POST", GRAPHQL, text)
    with pytest.raises(ForgeFailure, match="Cannot read the comments of pull request 1"):
        http.forge.existing(1)
    assert len(http.sent("POST")) == 4


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"head": None}, "`head.ref` is missing"),
        ({"changed_files": True}, "`changed_files` is malformed"),
        ({"state": 7}, "`state` is malformed"),
        ({"base": []}, "`base.repo.full_name` is missing"),
    ],
)
def test_read__an_answer_that_is_not_as_described(http: Http, wrong: Json, words: str) -> None:
    http.on("GET", PULL, http.pull() | wrong)
    with pytest.raises(ForgeFailure, match=words):
        http.forge.head(1)


def test_read__an_answer_that_is_too_large(http: Http) -> None:
    http.on("GET", PULL, b" " * (MOST_BYTES + 1))
    with pytest.raises(ForgeFailure, match=r"no usable answer to 4 requests \(ContentDecodingError\)"):
        http.forge.head(1)


def test_read__the_same_again_costs_nothing(http: Http) -> None:
    http.on("GET", PULL, http.pull(head={"sha": SHA}), headers={"ETag": '"1"', "Vary": "Authorization"})
    http.on("GET", PULL, "", 304, headers={"ETag": '"1"'})
    assert [http.forge.head(1), http.forge.head(1)] == [SHA, SHA]
    assert [call.request.headers.get("If-None-Match") for call in http.mock.calls] == [None, '"1"']


def test_write__one_a_second(http: Http) -> None:
    http.on("PATCH", PATCH, {})
    for number in range(4):
        http.forge.apply(1, UpdateSummary(comment=7, body=f"{number}"))
    assert http.naps == [BETWEEN_WRITES] * 3
    http.now += 5
    http.forge.apply(1, UpdateSummary(comment=7, body="5"))
    assert http.naps == [BETWEEN_WRITES] * 3


@pytest.mark.parametrize(("body", "status"), [*FAILED, ("<html>", 200)])
def test_write__never_again_before_it_was_looked_for(http: Http, body: Any, status: int) -> None:
    http.on("POST", COMMENTS, body, status)
    http.on("POST", GRAPHQL, conversation())
    with pytest.raises(OutcomeUnknown, match=r"Cannot comment on pull request 1: .* no usable"):
        http.forge.apply(1, SUMMARY)
    kinds = [call.request.path_url.rpartition("/")[2] for call in http.mock.calls]
    assert kinds == ["comments", "graphql"] * WRITES


def test_write__what_cannot_be_looked_for_is_not_sent_again(http: Http) -> None:
    http.lose("POST", COMMENTS)
    http.on("POST", GRAPHQL, "<html>")
    with pytest.raises(ForgeFailure, match="Cannot read the comments of pull request 1"):
        http.forge.apply(1, SUMMARY)
    assert len(http.sent("POST", "comments")) == 1


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(("retry_after", "waited"), [("7", 7), ("0", 1), (None, 60)])
def test_limit__a_secondary_one_is_waited_for(
    http: Http, status: int, retry_after: str | None, waited: int
) -> None:
    headers = {"Retry-After": retry_after} if retry_after else {}
    http.on("POST", COMMENTS, LIMIT, status, headers=headers)
    http.on("POST", COMMENTS, {}, 201)
    http.forge.apply(1, SUMMARY)
    assert waited in http.naps
    assert len(http.sent("POST")) == 2


def test_limit__a_429_without_a_word(http: Http) -> None:
    http.on("POST", COMMENTS, "", 429)
    http.on("POST", COMMENTS, {}, 201)
    http.forge.apply(1, SUMMARY)
    assert http.naps == [60]


def test_limit__without_a_time_the_waits_grow_until_patience_ends(http: Http) -> None:
    http.on("POST", COMMENTS, LIMIT, 403)
    with pytest.raises(ForgeRateLimited, match="GitHub asks to wait 240 s"):
        http.forge.apply(1, SUMMARY)
    assert http.naps == [60, 120]


@pytest.mark.parametrize("retry_after", [int(PATIENCE) + 1, 10**10])
def test_limit__one_beyond_all_patience_is_not_waited_for(http: Http, retry_after: int) -> None:
    http.on("POST", COMMENTS, LIMIT, 403, headers={"Retry-After": f"{retry_after}"})
    with pytest.raises(ForgeRateLimited, match=f"asks to wait {retry_after} s .* Run the job again later"):
        http.forge.apply(1, SUMMARY)
    assert http.naps == []


def test_limit__patience_is_one_for_the_whole_run(http: Http) -> None:
    http.on("GET", PULL, LIMIT, 429, headers={"Retry-After": "150"})
    http.on("GET", PULL, http.pull())
    http.on("GET", PULL, LIMIT, 429, headers={"Retry-After": "150"})
    http.forge.head(1)
    with pytest.raises(ForgeRateLimited):
        http.forge.head(1)
    assert http.naps == [150]


def test_limit__the_primary_one(http: Http) -> None:
    told = {"x-ratelimit-remaining": "0", "x-ratelimit-limit": "1000", "x-ratelimit-reset": "1100"}
    http.on("GET", PULL, {"message": "API rate limit exceeded"}, 403, headers=told)
    http.on("GET", PULL, http.pull())
    http.forge.head(1)
    assert http.naps == [101]


def test_limit__by_graphql(http: Http) -> None:
    http.on("POST", GRAPHQL, RATE_LIMIT)
    http.on("POST", GRAPHQL, {"data": {}})
    http.forge.apply(1, HideComment(node_id="C_7", reason=Classifier.OUTDATED))
    assert http.naps == [60]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect__to_another_host_is_not_followed(http: Http, status: int) -> None:
    away = "https://elsewhere.example/repos/octo/shop/issues/1/comments"
    http.on("POST", COMMENTS, "", status, headers={"Location": away})
    http.on("POST", GRAPHQL, conversation())
    with pytest.raises(ForgeFailure, match="Cannot comment on pull request 1"):
        http.forge.apply(1, SUMMARY)
    assert {str(call.request.url).split("/")[2] for call in http.mock.calls} == {"api.github.com:443"}


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, {"message": "Bad credentials"}, ForgeFailure, "Give the step a new one"),
        (403, {"message": "Resource not accessible by integration"}, Forbidden, "`pull-requests: write`"),
        (403, {"message": "Resource not accessible by personal access token"}, Forbidden, "write"),
        (403, {"message": "Unable to create comment because issue is locked."}, ForgeFailure, "is locked"),
        (404, {"message": "Not Found"}, NotFound, "the token has no access to it"),
        (410, {"message": "Gone\n::error::x"}, ForgeFailure, "'Gone ::error::x'"),
        (422, {"message": "Validation Failed", "errors": [{"message": "too long"}, 7]}, Refused, "too long"),
        (422, {"message": "Unprocessable", "errors": ["Line could not"]}, Refused, "Line could not"),
        (422, {"message": "Unprocessable", "errors": "No line"}, Refused, "No line"),
        (422, {"message": "Unprocessable", "errors": 7}, Refused, "Unprocessable"),
        (422, {"message": "x" * 9_999}, Refused, "…"),
    ],
)
def test_rejection__what_it_means(
    http: Http, status: int, body: Json, kind: type[ForgeFailure], words: str
) -> None:
    http.on("POST", COMMENTS, body, status)
    with pytest.raises(ForgeFailure) as failed:
        http.forge.apply(1, SUMMARY)
    assert type(failed.value) is kind
    assert str(failed.value).startswith("Cannot comment on pull request 1: ")
    assert words in str(failed.value)
    assert len(str(failed.value).splitlines()) == 1
    assert len(str(failed.value)) < 400


def test_request__names_the_bot_the_version_and_the_token_in_its_headers_alone(http: Http) -> None:
    http.on("GET", PULL, http.pull())
    http.forge.head(1)
    (call,) = http.mock.calls
    assert call.request.headers["User-Agent"] == "testsmith-bot"
    assert call.request.headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert call.request.headers["Authorization"] == f"token {TOKEN}"
    assert TOKEN not in str(call.request.url)


def test_token__stands_in_no_error_and_no_log(http: Http, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    http.lose("GET", PULL, times=4)
    with pytest.raises(ForgeFailure) as failed:
        http.forge.head(1)
    assert TOKEN not in "".join(traceback.format_exception(failed.value))
    http.on("GET", PULL, http.pull())
    http.forge.head(1)
    assert TOKEN not in caplog.text


def test_repository__a_name_that_is_none_stays_within_its_place(http: Http) -> None:
    forge = client("octo/shop/../../../users/ada?x=1#", http.clock, http.sleep)
    place = f"{API}/repos/octo/shop%2F..%2F..%2F..%2Fusers%2Fada%3Fx%3D1%23/pulls/1"
    http.on("GET", place, {"message": "Not Found"}, 404)
    with pytest.raises(NotFound):
        forge.head(1)
    forge.close()


def test_import__without_pygithub() -> None:
    script = (
        "import sys, testsmith.forge.github\n"
        "assert not {'github', 'requests', 'requests_cache', 'pydantic'} & set(sys.modules)\n"
    )
    subprocess.run((sys.executable, "-c", script), check=True)
