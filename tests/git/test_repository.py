from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from testsmith.git.command import GitPrintedTooMuch
from testsmith.git.repository import Repository
from testsmith.model import UsageFailure


@pytest.fixture
def made(tmp_path: Path) -> GitRepository:
    return GitRepository.create(tmp_path / "project")


def test_open__root_and_project_of_a_folder_inside(made: GitRepository) -> None:
    made.commit({"pkg/sub/a.py": "x = 1\n"})
    repository = Repository.open(made.folder / "pkg" / "sub")
    assert repository.root == made.folder.resolve()
    assert repository.project == "pkg/sub"
    assert Repository.open(made.folder).project == ""


def test_open__no_repository(tmp_path: Path) -> None:
    with pytest.raises(UsageFailure, match="is not in a git repository"):
        Repository.open(tmp_path)


def test_open__no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageFailure, match="is not a folder"):
        Repository.open(tmp_path / "absent")


def test_open__bare_repository_in_one_line(made: GitRepository, tmp_path: Path) -> None:
    made.commit({"a.py": "x = 1\n"})
    made.git("clone", "-q", "--bare", str(made.folder), str(tmp_path / "bare.git"))
    with pytest.raises(UsageFailure, match="work tree") as refused:
        Repository.open(tmp_path / "bare.git")
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_open__repository_of_somebody_else_names_the_remedy(made: GitRepository) -> None:
    os.chown(made.folder, 12345, 12345)
    with pytest.raises(UsageFailure, match=r"safe\.directory"):
        Repository.open(made.folder)


def test_resolve__full_object_ids(made: GitRepository) -> None:
    oid = made.commit({"a.py": "x = 1\n"})
    made.git("tag", "-a", "v1", "-m", "first")
    repository = Repository.open(made.folder)
    assert [repository.resolve(name) for name in ("HEAD", "main", "v1", oid[:10])] == [oid] * 4


@pytest.mark.parametrize("revision", ["nowhere", "", "--all", "-x", "HEAD:a.py", "a\0b", "main..main"])
def test_resolve__unknown_revision(made: GitRepository, revision: str) -> None:
    made.commit({"a.py": "x = 1\n"})
    with pytest.raises(UsageFailure, match="unknown revision"):
        Repository.open(made.folder).resolve(revision)


def test_merge_base__where_the_branches_parted(made: GitRepository) -> None:
    parted = made.commit({"a.py": "x = 1\n"})
    made.git("checkout", "-q", "-b", "topic")
    head = made.commit({"b.py": "y = 1\n"})
    made.git("checkout", "-q", "main")
    base = made.commit({"a.py": "x = 2\n"})
    assert Repository.open(made.folder).merge_base(base, head) == parted


def test_merge_base__unrelated_histories(made: GitRepository) -> None:
    base = made.commit({"a.py": "x = 1\n"})
    made.git("checkout", "-q", "--orphan", "other")
    head = made.commit({"b.py": "y = 1\n"})
    with pytest.raises(UsageFailure, match="unrelated"):
        Repository.open(made.folder).merge_base(base, head)


def test_merge_base__shallow_clone_says_how_to_fetch(made: GitRepository, tmp_path: Path) -> None:
    made.commit({"a.py": "x = 1\n"})
    made.git("checkout", "-q", "-b", "topic")
    made.commit({"b.py": "y = 1\n"})
    made.git("checkout", "-q", "main")
    made.commit({"a.py": "x = 2\n"})
    clone = tmp_path / "clone"
    made.git("clone", "-q", "--depth=1", "--no-single-branch", f"file://{made.folder}", str(clone))
    repository = Repository.open(clone)
    base, head = repository.resolve("origin/main"), repository.resolve("origin/topic")
    with pytest.raises(UsageFailure, match="fetch-depth: 0"):
        repository.merge_base(base, head)


def test_resolve__shallow_clone_says_how_to_fetch(made: GitRepository, tmp_path: Path) -> None:
    first = made.commit({"a.py": "x = 1\n"})
    made.commit({"a.py": "x = 2\n"})
    made.git("clone", "-q", "--depth=1", f"file://{made.folder}", str(tmp_path / "clone"))
    with pytest.raises(UsageFailure, match="fetch-depth: 0"):
        Repository.open(tmp_path / "clone").resolve(first)


def test_diff__between_commits_has_no_context(made: GitRepository) -> None:
    base = made.commit({"a.py": "x = 1\ny = 2\nz = 3\n"})
    head = made.commit({"a.py": "x = 1\ny = 5\nz = 3\n"})
    diff = Repository.open(made.folder).diff(base, head)
    assert diff.splitlines()[-3:] == ["@@ -2 +2 @@ x = 1", "-y = 2", "+y = 5"]


def test_diff__is_the_same_whatever_the_configuration_says(made: GitRepository) -> None:
    base = made.commit({"ä.py": "x = 1\n" * 9, "b.py": "x = 1\n"})
    head = made.commit({"ä.py": None, "pkg/ö.py": "x = 1\n" * 9, "b.py": "x = 2\n"})
    plain = Repository.open(made.folder).diff(base, head)
    settings = {
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "diff.renames": "false",
        "diff.external": "false",
        "diff.context": "9",
        "diff.interHunkContext": "9",
        "color.diff": "always",
        "color.ui": "always",
        "core.quotePath": "true",
        "diff.relative": "true",
        "core.pager": "false",
    }
    for name, value in settings.items():
        made.git("config", name, value)
    assert Repository.open(made.folder / "pkg").diff(base, head) == plain
    assert "rename from ä.py\nrename to pkg/ö.py" in plain


def test_diff__runs_no_program_that_the_repository_names(made: GitRepository, tmp_path: Path) -> None:
    traces = tmp_path / "traces"
    base = made.commit({"a.py": "x = 1\n", ".gitattributes": "*.py diff=own\n"})
    head = made.commit({"a.py": "x = 2\n"})
    command = f"touch {traces}"
    for name in ("diff.external", "diff.own.command", "diff.own.textconv", "core.fsmonitor", "core.pager"):
        made.git("config", name, command)
    repository = Repository.open(made.folder)
    repository.diff(base, head)
    repository.diff(base, None)
    repository.working_tree()
    assert not traces.exists()


def test_diff__working_tree_holds_untracked_files_and_their_renames(made: GitRepository) -> None:
    base = made.commit(
        {"old.py": "".join(f"x{n} = {n}\n" for n in range(20)), "a.py": "x = 1\n", ".gitignore": "*.log\n"}
    )
    made.write({"a.py": "x = 2\n", "new file.py": "y = 1\n", "noise.log": "no\n"})
    (made.folder / "old.py").rename(made.folder / "moved.py")
    diff = Repository.open(made.folder).diff(base, None)
    assert "rename from old.py\nrename to moved.py" in diff
    assert "diff --git a/new file.py b/new file.py\nnew file mode 100644" in diff
    assert "+y = 1" in diff
    assert "noise.log" not in diff


def test_diff__working_tree_leaves_index_and_objects_alone(made: GitRepository) -> None:
    base = made.commit({"a.py": "x = 1\n"})
    made.write({"b.py": "y = 1\n"})
    before = {path: path.read_bytes() for path in (made.folder / ".git").rglob("*") if path.is_file()}
    Repository.open(made.folder).diff(base, None)
    after = {path: path.read_bytes() for path in (made.folder / ".git").rglob("*") if path.is_file()}
    assert after == before


def test_diff__working_tree_with_a_nested_repository(made: GitRepository) -> None:
    base = made.commit({"a.py": "x = 1\n"})
    GitRepository.create(made.folder / "nested").commit({"b.py": "y = 1\n"})
    repository = Repository.open(made.folder)
    assert repository.diff(base, None) == ""
    assert repository.working_tree().paths() == ("a.py",)


def test_diff__working_tree_edited_within_the_second_of_its_index(made: GitRepository) -> None:
    """Git tells an edit of the same size, in the same second, by the index's own time."""
    base = made.commit({"a.py": "x = 1\n"})
    path, index = made.folder / "a.py", made.folder / ".git" / "index"
    second = 1_700_000_000
    os.utime(path, (second, second))
    made.git("update-index", "--refresh")
    path.write_text("x = 2\n", encoding="utf-8")
    for written in (path, index):
        os.utime(written, (second, second))

    diff = Repository.open(made.folder).diff(base, None)

    assert "+x = 2" in diff


def test_diff__large_files_are_not_compared_line_by_line(made: GitRepository) -> None:
    base = made.commit({"data.json": "1,\n" * 1_000_000, "a.py": "x = 1\n"})
    head = made.commit({"data.json": "2,\n" * 1_000_000, "a.py": "x = 2\n"})
    diff = Repository.open(made.folder).diff(base, head)
    assert "data.json" in diff
    assert len(diff) < 2000


def bomb(made: GitRepository, content: str, levels: int) -> str:
    """Return a commit that holds one file at 64 paths for each level, and little else."""
    (made.folder / "content").write_text(content)
    entry, name = f"100644 blob {made.git('hash-object', '-w', 'content').strip()}", "{}.py"
    for _ in range(levels):
        listing = "".join(f"{entry}\t{name.format(number)}\n" for number in range(64))
        done = subprocess.run(
            ["git", "mktree"], cwd=made.folder, input=listing, capture_output=True, text=True, check=True
        )
        entry, name = f"040000 tree {done.stdout.strip()}", "{}"
    tree = entry.rpartition(" ")[2]
    return made.git("commit-tree", "-m", "bomb", tree).strip()


@pytest.mark.parametrize("levels", [3, 8])
def test_commit_tree__of_far_too_many_files_is_refused(made: GitRepository, levels: int) -> None:
    commit = bomb(made, "x = 1\n", levels)
    with pytest.raises(GitPrintedTooMuch, match="200,000 files"):
        Repository.open(made.folder).commit_tree(commit)


def test_commit_tree__of_many_files_is_read(made: GitRepository) -> None:
    assert len(Repository.open(made.folder).commit_tree(bomb(made, "x = 1\n", 2)).entries()) == 4_096


def test_diff__far_too_long_is_refused(made: GitRepository) -> None:
    base = made.commit({"a.py": "x = 1\n"})
    commit = bomb(made, "x = 1\n" * 150_000, 2)
    with pytest.raises(GitPrintedTooMuch, match="64 MiB"):
        Repository.open(made.folder).diff(base, commit)


def test_messages__of_commits_that_touch_the_files_oldest_first(made: GitRepository) -> None:
    base = made.commit({"a.py": "x = 1\n"})
    for number, (path, message) in enumerate(
        [("a.py", "first: a\n\nWhy."), ("b.py", "second: b"), ("[a].py", "third: brackets")]
    ):
        made.write({path: f"y = {number}\n"})
        made.git("add", "--all")
        made.git("commit", "-q", "-m", message)
    repository = Repository.open(made.folder)
    assert repository.messages(base, None, {"a.py", "b.py"}) == ["first: a\n\nWhy.", "second: b"]
    assert repository.messages(base, repository.resolve("HEAD~2"), {"a.py", "b.py"}) == ["first: a\n\nWhy."]
    assert repository.messages(base, None, {"[a].py"}) == ["third: brackets"]
    assert repository.messages(base, None, set()) == []
    too_many_to_name = {f"{'d' * 100}/{number}.py" for number in range(30_000)}
    assert repository.messages(base, None, {"a.py"} | too_many_to_name) == ["first: a\n\nWhy."]


@pytest.mark.parametrize("remote", ["origin", "upstream"])
@pytest.mark.parametrize("branch", ["trunk", "main", "master"])
def test_default_branch__of_a_clone(made: GitRepository, tmp_path: Path, branch: str, remote: str) -> None:
    made.commit({"a.py": "x = 1\n"})
    made.git("branch", "-m", branch)
    made.git("clone", "-q", "-o", remote, str(made.folder), str(tmp_path / "clone"))
    GitRepository(tmp_path / "clone").git("checkout", "-q", "-b", "topic")
    assert Repository.open(tmp_path / "clone").default_branch() == f"{remote}/{branch}"


def test_default_branch__of_a_remote_that_does_not_name_it(made: GitRepository, tmp_path: Path) -> None:
    made.commit({"a.py": "x = 1\n"})
    made.git("clone", "-q", str(made.folder), str(tmp_path / "clone"))
    clone = GitRepository(tmp_path / "clone")
    clone.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/gone")
    assert Repository.open(clone.folder).default_branch() == "origin/main"
    clone.git("remote", "set-head", "origin", "--delete")
    assert Repository.open(clone.folder).default_branch() == "origin/main"


def test_default_branch__local_without_a_remote(made: GitRepository) -> None:
    made.commit({"a.py": "x = 1\n"})
    made.git("checkout", "-q", "-b", "topic")
    assert Repository.open(made.folder).default_branch() == "main"


def test_default_branch__none(made: GitRepository) -> None:
    made.commit({"a.py": "x = 1\n"})
    made.git("branch", "-m", "topic")
    with pytest.raises(UsageFailure, match=r"no default branch found .* `--base HEAD~1`\.$"):
        Repository.open(made.folder).default_branch()


def test_default_branch__no_commits(made: GitRepository) -> None:
    with pytest.raises(UsageFailure, match=r"no commits yet: commit first"):
        Repository.open(made.folder).default_branch()


def test_default_branch__none_in_a_shallow_clone(made: GitRepository, tmp_path: Path) -> None:
    made.commit({"a.py": "x = 1\n"})
    made.commit({"a.py": "x = 2\n"})
    made.git("branch", "-m", "topic")
    made.git("clone", "-q", "--depth", "1", f"file://{made.folder}", str(tmp_path / "clone"))
    clone = GitRepository(tmp_path / "clone")
    clone.git("checkout", "-q", "--detach")
    clone.git("remote", "set-head", "origin", "--delete")
    with pytest.raises(UsageFailure, match="git fetch --unshallow origin"):
        Repository.open(clone.folder).default_branch()
