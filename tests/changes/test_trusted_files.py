from __future__ import annotations

from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from testsmith.changes.members import find_members
from testsmith.changes.trusted_files import TrustedTree, settings_values
from testsmith.git.repository import Repository
from testsmith.languages.registry import languages
from testsmith.languages.source import SourceTree
from testsmith.model import UsageFailure
from testsmith.settings import SelectionSettings

Files = dict[str, str | bytes | None]


@pytest.fixture
def made(tmp_path: Path) -> GitRepository:
    return GitRepository.create(tmp_path / "project")


def _trees(made: GitRepository, base: Files, head: Files) -> tuple[SourceTree, SourceTree]:
    commits = [made.commit(base), made.commit(head)]
    repository = Repository.open(made.folder)
    older, newer = (repository.commit_tree(commit) for commit in commits)
    return older, newer


def _values(made: GitRepository, files: Files) -> dict[str, object]:
    return settings_values(_trees(made, files, {})[0])


def test_settings_values__of_base_whatever_head_says(made: GitRepository) -> None:
    base, head = _trees(
        made, {"testsmith.toml": "max-members = 3\n"}, {"testsmith.toml": "max-members = 4\nmodel = 'dear'\n"}
    )
    assert settings_values(base) == {"max-members": 3}
    assert settings_values(head) == {"max-members": 4, "model": "dear"}


@pytest.mark.parametrize(
    ("files", "values"),
    [
        ({}, {}),
        ({"pyproject.toml": "[project]\nname = 'shop'\n"}, {}),
        ({"pyproject.toml": "[tool.testsmith]\nmax-members = 2\n"}, {"max-members": 2}),
        ({"testsmith.toml": "max-members = 1\r\n", "pyproject.toml": "broken"}, {"max-members": 1}),
        ({"a/testsmith.toml": "max-members = 5\n"}, {}),
    ],
)
def test_settings_values__first_file_that_holds_any(
    made: GitRepository, files: Files, values: dict[str, object]
) -> None:
    assert _values(made, files) == values


def test_settings_values__a_link_is_no_settings_file(made: GitRepository) -> None:
    (made.folder / "testsmith.toml").symlink_to("/etc/hostname")
    assert _values(made, {"a.py": ""}) == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff", "Could not read"),
        ("x = ", "not valid TOML"),
        ("sandbox = 'off'\n", "sandbox"),
        ("setup-command = 'curl'\n", "setup-command"),
    ],
)
def test_settings_values__unusable(made: GitRepository, content: str | bytes, reason: str) -> None:
    with pytest.raises(UsageFailure, match=reason):
        _values(made, {"testsmith.toml": content})


def test_trusted_tree__conventions_of_base_and_all_else_of_head(made: GitRepository) -> None:
    base, head = _trees(
        made,
        {"TESTSMITH.md": "As base says.\n", "a/TESTSMITH.md": "Base, too.\n", "a/x.py": "x = 1\n"},
        {
            "TESTSMITH.md": "As head says.\n",
            "a/TESTSMITH.md": None,
            "b/TESTSMITH.md": "Head alone.\n",
            "AGENTS.md": "Head alone.\n",
            "CLAUDE.md": "Head alone.\n",
            ".github/copilot-instructions.md": "Head alone.\n",
            "a/x.py": "x = 2\n",
            "b/y.py": "y = 1\n",
        },
    )
    tree = TrustedTree(head, base)
    assert tree.paths() == ("TESTSMITH.md", "a/TESTSMITH.md", "a/x.py", "b/y.py")
    assert {path: tree.read(path) for path in (*tree.paths(), "b/TESTSMITH.md")} == {
        "TESTSMITH.md": b"As base says.\n",
        "a/TESTSMITH.md": b"Base, too.\n",
        "a/x.py": b"x = 2\n",
        "b/y.py": b"y = 1\n",
        "b/TESTSMITH.md": None,
    }


def test_trusted_tree__is_what_a_driver_asks_conventions_of(made: GitRepository) -> None:
    made.commit({"TESTSMITH.md": "As base says.\n", "shop/x.py": "def f(): return 1\n"})
    made.git("checkout", "-q", "-b", "topic")
    made.commit({"TESTSMITH.md": "As head says.\n" * 5000, "shop/x.py": "def f(): return 2\n"})
    found = find_members(
        Repository.open(made.folder), SelectionSettings(base="main", head="topic"), languages()
    )
    assert found.base_tree is not None
    language = languages()[0]
    trees = (TrustedTree(found.head_tree, found.base_tree), found.head_tree)
    trusted, own = (next(iter(language.source.requests(tree, found.members, "", ""))) for tree in trees)
    assert trusted.conventions == "As base says."
    assert trusted.member.source == "def f(): return 2"
    assert len(own.conventions.encode()) == 16 * 1024
