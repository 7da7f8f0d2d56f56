"""Files that the action leaves: outputs, summary, report, cache; what a checkout may plant in their way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fakes.github.runner import parse_file
from testsmith.action.outputs import (
    append,
    append_outputs,
    check_cache_folder,
    give_to_owner,
    write_report,
)
from testsmith.model import Failure, UsageFailure

OWNER = 12_345

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture(name="workspace")
def _workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, OWNER, OWNER)
    return folder


def owners(*paths: Path) -> set[int]:
    return {path.lstat().st_uid for path in paths}


def test_outputs__any_value_is_one_value(tmp_path: Path) -> None:
    values = {"members": "3", "report": "a\nother<<EOF\nx=y\nEOF\n", "empty": ""}
    append_outputs(tmp_path / "output", values, "d-1")
    append_outputs(tmp_path / "output", {"later": "1"}, "d-2")

    assert parse_file((tmp_path / "output").read_text()) == {**values, "later": "1"}


def test_outputs__cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="Could not write the outputs to"):
        append_outputs(tmp_path, {"members": "3"}, "d")


def test_summary__is_added_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "summary"
    path.write_text("# before\n")
    append(path, "# Grüße \udcff\n", "the job summary")

    assert path.read_bytes() == "# before\n# Grüße \\udcff\n".encode()


def test_write_patch__beside_the_report(workspace: Path) -> None:
    write_report(workspace, "{}\n")
    assert write_report(workspace, "+ä\n", name="tests.patch") == "testsmith-report/tests.patch"
    assert (workspace / "testsmith-report" / "tests.patch").read_bytes() == "+ä\n".encode()
    assert (workspace / "testsmith-report" / "report.json").exists()
    (workspace / "testsmith-report" / "tests.patch").unlink()
    (workspace / "testsmith-report" / "tests.patch").mkdir()
    with pytest.raises(Failure, match="Could not write the patch"):
        write_report(workspace, "+", name="tests.patch", what="the patch")


def test_report__lies_in_a_folder_that_git_ignores(workspace: Path) -> None:
    assert write_report(workspace, "{}\n") == "testsmith-report/report.json"
    assert write_report(workspace, "[1]\n") == "testsmith-report/report.json"

    folder = workspace / "testsmith-report"
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        ".gitignore": "*\n",
        "report.json": "[1]\n",
    }


@as_root
def test_report__is_the_workspaces_owners(workspace: Path) -> None:
    write_report(workspace, "{}\n")

    folder = workspace / "testsmith-report"
    assert owners(folder, folder / "report.json", folder / ".gitignore") == {OWNER}


@pytest.mark.parametrize("name", ["report.json", ".gitignore", ".report.json.new"])
def test_report__a_planted_link_is_replaced(workspace: Path, name: str) -> None:
    secret = workspace.parent / "secret"
    secret.write_text("kept")
    (workspace / "testsmith-report").mkdir()
    (workspace / "testsmith-report" / name).symlink_to(secret)
    write_report(workspace, "{}\n")

    assert secret.read_text() == "kept"
    assert (workspace / "testsmith-report" / "report.json").read_text() == "{}\n"
    assert not (workspace / "testsmith-report" / name).is_symlink()


def test_report__a_planted_folder_is_refused(workspace: Path) -> None:
    outside = workspace.parent / "outside"
    outside.mkdir()
    (workspace / "testsmith-report").symlink_to(outside)

    with pytest.raises(Failure, match="has a link or a file with that folder's name"):
        write_report(workspace, "{}\n")
    assert list(outside.iterdir()) == []


def test_report__a_file_of_the_folders_name(workspace: Path) -> None:
    (workspace / "testsmith-report").write_text("theirs")

    with pytest.raises(Failure, match="Could not write the report"):
        write_report(workspace, "{}\n")
    assert (workspace / "testsmith-report").read_text() == "theirs"


def test_report__a_folder_of_the_files_name(workspace: Path) -> None:
    (workspace / "testsmith-report" / "report.json").mkdir(parents=True)

    with pytest.raises(Failure, match="Could not write the report"):
        write_report(workspace, "{}\n")


@pytest.mark.parametrize("link", ["a", "a/cache", "a/cache/results.db"])
def test_cache__a_link_in_the_way_is_refused(workspace: Path, link: str) -> None:
    path = workspace / link
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(workspace.parent / "elsewhere")

    with pytest.raises(UsageFailure, match=f"`TESTSMITH_CACHE_DIR`, because `.*{link}` is a link"):
        check_cache_folder(workspace, workspace / "a" / "cache")


def test_cache__new_and_old_folders_are_fine(workspace: Path) -> None:
    check_cache_folder(workspace, workspace / "a" / "cache")
    (workspace / "a" / "cache").mkdir(parents=True)
    (workspace / "a" / "cache" / "results.db").touch()
    check_cache_folder(workspace, workspace / "a" / "cache")
    check_cache_folder(workspace, workspace.parent)


@as_root
def test_give_to_owner__all_but_what_links_lead_to(workspace: Path) -> None:
    secret = workspace.parent / "secret"
    secret.touch()
    cache = workspace / "a" / "cache"
    (cache / "deep").mkdir(parents=True)
    (cache / "deep" / "file").touch()
    (cache / "link").symlink_to(secret)
    give_to_owner(workspace, cache)

    assert owners(workspace / "a", cache, cache / "deep", cache / "deep" / "file", cache / "link") == {OWNER}
    assert owners(secret) == {0}


def test_give_to_owner__nothing_there(workspace: Path) -> None:
    give_to_owner(workspace, workspace / "none")

    assert list(workspace.iterdir()) == []
