from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from testsmith.git.command import Git, GitFailed
from testsmith.git.repository import Repository
from testsmith.git.trees import BlobReader, RepositoryTree
from testsmith.model import UsageFailure

State = Callable[[Repository], RepositoryTree]


def _commit(repository: Repository) -> RepositoryTree:
    return repository.commit_tree(repository.resolve("HEAD"))


def _working(repository: Repository) -> RepositoryTree:
    return repository.working_tree()


both_states = pytest.mark.parametrize("state", [_commit, _working])


@pytest.fixture
def made(tmp_path: Path) -> GitRepository:
    return GitRepository.create(tmp_path / "project")


@both_states
def test_tree__reads_regular_files(made: GitRepository, state: State) -> None:
    content = {"a b/ü.py": b"x = 1\r\n", 'quo"te.py': b"\x00\xff", "empty.py": b"", "new\nline.py": b"z"}
    made.commit({**content})
    tree = state(Repository.open(made.folder))
    assert tree.paths() == tuple(sorted(content))
    assert {path: tree.read(path) for path in tree.paths()} == content
    assert {entry.path: entry.size for entry in tree.entries()} == {p: len(c) for p, c in content.items()}
    assert tree.read("absent.py") is None
    assert tree.entry("absent.py") is None


@both_states
def test_tree__symbolic_links_are_never_read(made: GitRepository, state: State) -> None:
    (made.folder / "outside.py").symlink_to("/etc/hostname")
    (made.folder / "run.py").write_text("x = 1\n")
    (made.folder / "run.py").chmod(0o755)
    made.commit()
    tree = state(Repository.open(made.folder))
    entry = tree.entry("outside.py")
    assert entry is not None
    assert entry.is_symlink
    assert (tree.read("outside.py"), tree.link_target("outside.py")) == (None, "/etc/hostname")
    assert tree.paths() == ("run.py",)
    assert [entry.is_executable for entry in tree.entries()] == [False, True]
    assert tree.link_target("run.py") is None


@both_states
def test_tree__submodules_are_no_files(made: GitRepository, tmp_path: Path, state: State) -> None:
    other = GitRepository.create(tmp_path / "other")
    other.commit({"b.py": "y = 1\n"})
    made.git("submodule", "add", "-q", str(other.folder), "lib.py")
    made.commit()
    tree = state(Repository.open(made.folder))
    entry = tree.entry("lib.py")
    assert entry is not None
    assert entry.is_submodule
    assert tree.read("lib.py") is None
    assert tree.paths() == (".gitmodules",)


def test_commit_tree__a_thousand_files_through_one_process(made: GitRepository) -> None:
    made.commit({f"f{n}.py": f"x = {n}\n" * n for n in range(1000)})
    tree = _commit(Repository.open(made.folder))
    assert all(tree.read(f"f{n}.py") == f"x = {n}\n".encode() * n for n in range(1000))


def test_commit_tree__names_that_are_no_utf8_come_back(made: GitRepository) -> None:
    made.commit({"a.py": "x = 1\n"})
    odd = made.folder / "odd\udcff.py"
    odd.write_text("y = 1\n")
    made.commit()
    repository = Repository.open(made.folder)
    assert _commit(repository).paths() == _working(repository).paths() == ("a.py", "odd\udcff.py")
    assert _working(repository).read("odd\udcff.py") == b"y = 1\n"


def test_working_tree__shows_disk_not_index(made: GitRepository) -> None:
    made.commit({"a.py": "x = 1\n", "gone.py": "", ".gitignore": "ignored/\n"})
    made.write({"a.py": "x = 2\n", "gone.py": None, "new.py": "", "ignored/b.py": ""})
    tree = _working(Repository.open(made.folder / "."))
    assert tree.paths() == (".gitignore", "a.py", "new.py")
    assert tree.read("a.py") == b"x = 2\n"


def test_working_tree__does_not_follow_a_linked_folder_out_of_the_repository(
    made: GitRepository, tmp_path: Path
) -> None:
    made.commit({"pkg/a.py": "x = 1\n"})
    (tmp_path / "elsewhere").mkdir()
    (made.folder / "pkg").rename(tmp_path / "elsewhere" / "pkg")
    (made.folder / "pkg").symlink_to(tmp_path / "elsewhere" / "pkg")
    tree = _working(Repository.open(made.folder))
    assert tree.paths() == ()
    assert tree.read("pkg/a.py") is None


def test_working_tree__file_that_went_away_meanwhile(made: GitRepository) -> None:
    made.commit({"a.py": "x = 1\n"})
    tree = _working(Repository.open(made.folder))
    (made.folder / "a.py").unlink()
    assert tree.read("a.py") is None


def test_blob_reader__missing_object(made: GitRepository) -> None:
    made.commit({"a.py": "x = 1\n"})
    with pytest.raises(GitFailed, match="lacks"):
        Repository.open(made.folder).blobs.read("0" * 40)


def test_blob_reader__large_blob(made: GitRepository) -> None:
    content = bytes(range(256)) * 20_000
    made.commit({"large.bin": content})
    assert _commit(Repository.open(made.folder)).read("large.bin") == content


def test_blob_reader__time_limit(tmp_path: Path) -> None:
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 30\n")
    silent.chmod(0o755)
    git = Git(executable=str(silent), folder=tmp_path, environment={"PATH": "/bin:/usr/bin"}, seconds=0.1)
    with pytest.raises(GitFailed, match=r"longer than 0\.1 s"):
        BlobReader(git).read("0" * 40)
    with pytest.raises(GitFailed, match=r"longer than 0\.1 s"):
        git.run("status")


def test_blob_reader__git_that_ends_early(tmp_path: Path) -> None:
    git = Git(executable="/bin/true", folder=tmp_path, environment={})
    with pytest.raises(GitFailed, match="ended early"):
        BlobReader(git).read("0" * 40)


def test_git__not_installed(tmp_path: Path) -> None:
    with pytest.raises(UsageFailure, match="git not found"):
        Git.find(tmp_path, program="no-such-git")
