from __future__ import annotations

from pathlib import Path

from fakes.git_repository import GitRepository
from fakes.trees import MemoryTree
from testsmith.execution.project_copy import write_copy
from testsmith.git.repository import Repository
from testsmith.languages.python.running.source_roots import (
    ignored_imports,
    imported_files,
    source_roots,
    top_level_modules,
)


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_source_roots__the_project_and_its_src(tmp_path: Path) -> None:
    (tmp_path / "lib/src").mkdir(parents=True)
    assert source_roots(tmp_path, "lib") == (tmp_path / "lib", tmp_path / "lib/src")
    assert source_roots(tmp_path, "") == (tmp_path,)


def test_top_level_modules__packages_and_files_but_no_plain_folders(tmp_path: Path) -> None:
    write_copy(
        MemoryTree(
            files={"shop/__init__.py": "", "single.py": "", "docs/x.md": "", "json.py": "", "a-b.py": ""}
        ),
        tmp_path,
    )
    assert top_level_modules([tmp_path, tmp_path / "missing"]) == {"shop", "single"}


def test_ignored_files__only_those_that_a_package_imports(tmp_path: Path) -> None:
    made = GitRepository.create(tmp_path / "project")
    made.commit(
        {"src/shop/__init__.py": "", ".gitignore": "*.so\n_version.py\n*.env\n__pycache__/\n/.venv/\n"}
    )
    made.write(
        {
            "src/shop/_fast.cpython-313.so": b"\x7fELF",
            "src/shop/_version.py": "version = '1'\n",
            "src/shop/secret.env": "KEY=1\n",
            "src/shop/__pycache__/x.pyc": b"",
            "src/shop/untracked.py": "",
            ".venv/lib/thing/__init__.py": "",
            ".venv/lib/thing/other.so": b"",
        }
    )
    (made.folder / "src/shop/away.so").symlink_to("/etc/passwd")
    found = ignored_imports(Repository.open(made.folder), "")
    assert found == ("src/shop/_fast.cpython-313.so", "src/shop/_version.py")


def test_imported_files__of_packages_without_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text("x")
    folder = tmp_path / "packages"
    (folder / "shop" / "inner").mkdir(parents=True)
    for name in ("a.py", "inner/speed.so", "notes.txt"):
        (folder / "shop" / name).write_text("x")
    (folder / "shop" / "link.py").symlink_to(outside / "secret.py")
    (folder / "shop" / "folder").symlink_to(outside)
    (folder / "linked").symlink_to(outside)
    (folder / "other").mkdir()
    (folder / "other" / "b.py").write_text("x")
    assert imported_files(folder, ["shop", "linked", "gone"]) == ("shop/a.py", "shop/inner/speed.so")
