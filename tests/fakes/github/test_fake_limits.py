"""Pages, limits, failures on demand, and answers that a client knows already."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from fakes.github.faults import Fault, secondary_limit
from fakes.github.scene import WORKFLOW, Scene, client, scene
from fakes.github.world import Limits

COMMENTS = "issues/1/comments"


def test_pages__thirty_unless_asked_and_a_hundred_at_most(at: Scene) -> None:
    for number in range(120):
        at.github.say(at.pull, "bob", f"comment {number}")
    first = at.ask("GET", COMMENTS)
    assert [len(at.ask("GET", f"{COMMENTS}?per_page={size}").json()) for size in (30, 100, 500)] == [
        30,
        100,
        100,
    ]
    assert (len(first.json()), sorted(first.links)) == (30, ["last", "next"])
    last = at.ask("GET", first.links["last"]["url"])
    assert (len(last.json()), sorted(last.links)) == (30, ["first", "prev"])
    assert at.ask("GET", f"{COMMENTS}?page=9").json() == []
    pull = client(at.github, at.token).get_repo("octo/shop").get_pull(1)
    assert [one.body for one in pull.get_issue_comments()] == [f"comment {number}" for number in range(120)]


def test_known_answer__costs_nothing(at: Scene) -> None:
    first = at.ask("GET", "pulls/1")
    again = at.ask("GET", "pulls/1", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["X-RateLimit-Remaining"] == first.headers["X-RateLimit-Remaining"]
    at.github.label(at.pull, "new")
    assert at.ask("GET", "pulls/1", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_known_answer__is_one_tokens_alone(at: Scene) -> None:
    first = at.ask("GET", "pulls/1")
    other = at.ask(
        "GET", "pulls/1", token=at.grant(WORKFLOW), headers={"If-None-Match": first.headers["ETag"]}
    )
    assert other.status_code == 200


def test_requests__are_limited_within_the_hour(tmp_path: Path) -> None:
    with scene(tmp_path / "github", limits=Limits(requests=2)) as at:
        left = [at.ask("GET", "pulls/1").headers["X-RateLimit-Remaining"] for _ in range(2)]
        refused = at.ask("GET", "pulls/1")
        assert left == ["1", "0"]
        assert (refused.status_code, refused.headers["X-RateLimit-Remaining"]) == (403, "0")
        assert "rate limit exceeded" in refused.json()["message"]
        assert at.ask("GET", "/rate_limit").json()["rate"]["remaining"] == 0
        at.clock.time = float(refused.headers["X-RateLimit-Reset"])
        assert at.ask("GET", "pulls/1").status_code == 200


@pytest.mark.parametrize(
    ("limits", "seconds"), [(Limits(content_a_minute=2), 60), (Limits(content_an_hour=2), 3600)]
)
def test_content__is_limited_in_a_minute_and_an_hour(tmp_path: Path, limits: Limits, seconds: int) -> None:
    with scene(tmp_path / "github", limits=limits) as at:
        statuses = [at.ask("POST", COMMENTS, {"body": "b"}).status_code for _ in range(3)]
        assert statuses == [201, 201, 403]
        refused = at.ask("POST", COMMENTS, {"body": "b"})
        assert refused.headers["Retry-After"] == "60"
        assert "secondary rate limit" in refused.json()["message"]
        at.clock.advance(seconds)
        assert at.ask("POST", COMMENTS, {"body": "b"}).status_code == 201


def test_failure__before_the_work(at: Scene) -> None:
    at.github.fail(Fault(request="POST .*/comments", status=502))
    assert [at.ask("POST", COMMENTS, {"body": "b"}).status_code for _ in range(2)] == [502, 201]
    assert len(at.pull.comments) == 1


def test_failure__after_the_work(at: Scene) -> None:
    at.github.fail(Fault(request="POST .*/comments", status=502, when="after", times=2, skip=1))
    assert [at.ask("POST", COMMENTS, {"body": "b"}).status_code for _ in range(4)] == [201, 502, 502, 201]
    assert len(at.pull.comments) == 4


def test_failure__connection_closed_after_the_work(at: Scene) -> None:
    at.github.fail(Fault(request="POST .*/comments", status=0, when="after"))
    with pytest.raises(requests.ConnectionError):
        at.ask("POST", COMMENTS, {"body": "b"})
    assert len(at.pull.comments) == 1


@pytest.mark.parametrize("status", [403, 429])
def test_failure__secondary_limit(at: Scene, status: int) -> None:
    at.github.fail(secondary_limit("POST", retry_after=7, status=status))
    at.github.fail(secondary_limit("POST", retry_after=None))
    told, untold = (at.ask("POST", COMMENTS, {"body": "b"}) for _ in range(2))
    assert (told.status_code, told.headers["Retry-After"]) == (status, "7")
    assert (untold.status_code, "Retry-After" in untold.headers) == (403, False)


def test_before__a_test_may_push_while_the_client_works(at: Scene) -> None:
    old = at.pull.head
    at.github.before("POST /repos/octo/shop/pulls/1/reviews", lambda: _push(at))
    at.ask("GET", "pulls/1")
    assert at.pull.head == old
    at.ask("POST", "pulls/1/reviews", {"event": "COMMENT", "body": "b"})
    assert at.pull.head != old


def _push(at: Scene) -> None:
    at.github.commit(at.shop, "change", {"late.py": "late = True\n"})


def test_log__counts_reads_and_writes(at: Scene) -> None:
    at.ask("GET", "pulls/1")
    at.ask("POST", COMMENTS, {"body": "b"})
    at.query("query { viewer { login } }")
    at.query("mutation($i: MinimizeCommentInput!) { minimizeComment(input: $i) { clientMutationId } }", i={})
    at.github.violations.clear()
    assert [one.operation for one in at.github.counted(writes=False)] == ["pulls/get", "graphql"]
    assert [one.operation for one in at.github.counted(writes=True)] == ["issues/create-comment", "graphql"]


def test_clock__moves_at_writes_alone(at: Scene) -> None:
    first = at.ask("POST", COMMENTS, {"body": "b"}).json()["created_at"]
    at.ask("GET", "pulls/1")
    second = at.ask("POST", COMMENTS, {"body": "b"}).json()["created_at"]
    assert (first[-3:], second[-3:]) == ("03Z", "04Z")
