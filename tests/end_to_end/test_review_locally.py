"""`testsmith review` in a local checkout: printed first, then posted just so."""

from __future__ import annotations

from pathlib import Path

from fakes.command_line import CommandLine
from fakes.github.checkouts import Checkout, check_out
from fakes.github.clock import WallClock
from fakes.github.events import Events
from fakes.github.github import fake_github

BASE = {"shop.py": "def total(prices):\n    return sum(prices)\n"}
HEAD = {"shop.py": "def total(prices):\n    return sum(prices) + 1\n"}
SETTINGS = {"testsmith.toml": "runs = 1\nsuite-seconds = 0\nmode = 'commit'\n"}


def test_review__is_printed_as_it_is_posted(tmp_path: Path) -> None:
    with fake_github(tmp_path / "github", clock=WallClock()) as github:
        shop = github.repository("octo/shop")
        github.commit(shop, "main", {**BASE, **SETTINGS})
        github.commit(shop, "change", dict(HEAD), start="main")
        pull = github.pull_request(shop, head="change")
        token = github.token(shop, {"contents": "write", "pull_requests": "write"})
        check_out(
            tmp_path / "checkout",
            github.url,
            Events(github).pull_request(shop, pull, "opened"),
            token,
            Checkout(),
        )
        variables = {
            "GH_TOKEN": token.value,
            "GITHUB_SERVER_URL": github.url,
            "GITHUB_API_URL": github.url,
            "GITHUB_GRAPHQL_URL": github.graphql_url,
        }
        command_line, head = CommandLine(tmp_path), pull.head

        def review(*flags: str) -> str:
            checkout = str(tmp_path / "checkout")
            ran = command_line.run("review", "1", "--repo", checkout, *flags, variables=variables)
            assert ran.code == 0, ran.stderr
            return ran.stdout

        printed = review()
        assert not pull.comments
        assert not pull.review_comments

        posted = review("--post")
        (comment,) = pull.review_comments.values()
        assert f"\n---\n\n`shop.py`, lines 1 to 2\n\n{comment.body}\n" in printed
        (summary,) = pull.comments.values()
        assert summary.body.splitlines()[0] in printed
        assert "`total([" in comment.body
        assert posted.endswith(f"Posted 1 comment and the summary: {github.url}/octo/shop/pull/1\n")
        assert pull.head == head  # nothing is committed, whatever the mode says
