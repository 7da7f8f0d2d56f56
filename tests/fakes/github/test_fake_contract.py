"""The fake holds every exchange against GitHub's own description, and so do the tests that use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fakes.github.contract import FOLDER, Contract
from fakes.github.github import ContractBroken
from fakes.github.scene import Scene, scene


def test_contract__broken_at_the_end_fails_the_test(tmp_path: Path) -> None:
    with pytest.raises(ContractBroken, match="coments"), scene(tmp_path / "github") as at:
        at.ask("POST", "pulls/1/reviews", {"event": "COMMENT", "coments": []})


@pytest.mark.parametrize(
    ("method", "path", "told", "word"),
    [
        ("POST", "pulls/1/reviews", {"event": "LGTM"}, "LGTM"),
        ("POST", "pulls/1/reviews", {"comments": [{"path": "cart.py", "body": "b", "lin": 3}]}, "lin"),
        ("POST", "pulls/1/reviews", {"comments": [{"path": "cart.py", "body": "b", "line": "3"}]}, "line"),
        ("POST", "pulls/1/reviews", {"comments": [{"path": "cart.py", "line": 3}]}, "body"),
        ("POST", "issues/1/comments", {}, "body"),
        ("POST", "issues/1/comments", None, "body is missing"),
        ("POST", "issues/comments/1/reactions", {"content": "party"}, "party"),
        ("GET", "pulls?state=ajar", None, "ajar"),
        ("GET", "pulls?perpage=5", None, "unknown query parameter perpage"),
        ("GET", "pulls/one", None, "no integer"),
    ],
)
def test_request__what_github_does_not_know(at: Scene, method: str, path: str, told: Any, word: str) -> None:
    answer = at.ask(method, path, told)
    assert answer.status_code == 422
    assert word in " ".join(at.github.violations)
    at.github.violations.clear()


def test_request__unknown_operation(at: Scene) -> None:
    assert at.ask("GET", "gists").status_code == 501
    assert at.github.violations.pop() == "no such operation: GET /repos/octo/shop/gists"


def test_answer__that_breaks_the_description_is_told() -> None:
    contract = Contract()
    called = contract.find("PATCH", "/repos/octo/shop/issues/comments/1")
    assert called is not None
    contract.check_answer(called, 200, {"id": "one"})
    assert contract.violations
    contract.violations.clear()
    contract.check_answer(called, 418, {})
    contract.check_answer(called, 206, {})
    assert contract.violations == ["answer issues/update-comment: 206 is not described"]


def test_operation__is_found_by_its_path() -> None:
    contract = Contract()
    found = [
        contract.find("GET", f"/repos/o/r/{path}")
        for path in ("branches/a%2Fb", "git/blobs/0a", "compare/a/b...c/d")
    ]
    assert [(one.operation.name, list(one.parameters.values())[2]) for one in found if one] == [
        ("repos/get-branch", "a/b"),
        ("git/get-blob", "0a"),
        ("repos/compare-commits-with-basehead", "a/b...c/d"),
    ]


def test_operation__each_is_made(at: Scene) -> None:
    names = (FOLDER / "kept" / "operations.txt").read_text().split()
    rooms = at.github.answering.rest.rooms
    methods = [name.replace("/", "__").replace("-", "_") for name in names]
    assert [name for name in methods if not any(hasattr(room, name) for room in rooms)] == []


def test_skeleton__knows_no_misspelt_property() -> None:
    with pytest.raises(AssertionError, match="nme"):
        Contract().make("label", nme="x")
