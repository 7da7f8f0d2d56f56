"""The release workflow, step by step: its own shell lines, with stand-ins for GitHub, `docker` and `gh`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from fakes.packages import PackageIndex, locked_wheels

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / ".github/workflows/release.yml"
SCRIPT = ".github/scripts/release.py"
ACTIONS = ("action.yml", "sweep/action.yml")
CONSTANTS = "bot/testsmith/__init__.py"
DIGEST = f"sha256:{'5' * 64}"

CHANGES = """# Changelog

## Unreleased

### Added

- Not yet.

## 3.4.5 - 2026-12-01

### Added

- A door.

## 3.4.4 - 2026-11-01

- A wall.
"""

STANDING_IN = {
    "docker": """
import json, os, sys
words = sys.argv[1:]
with open(os.environ["CALLS"], "a") as calls:
    calls.write(" ".join(["docker", *words]) + "\\n")
if words[0] == "login":
    assert sys.stdin.read() == "a token\\n"
elif words[:2] == ["buildx", "build"]:
    digest = "sha256:" + os.environ["RUNNER_ARCH"].encode().hex().zfill(64)
    with open(words[words.index("--metadata-file") + 1], "w") as made:
        json.dump({"containerimage.digest": digest}, made)
elif words[:3] == ["buildx", "imagetools", "inspect"]:
    assert words[-1] == "digest={{.Manifest.Digest}}"
    print("digest=" + os.environ["DIGEST_OF_ALL"])
elif words[0] == "run":
    print("testsmith 3.4.5")
""",
    "gh": """
import os, pathlib, sys
with open(os.environ["CALLS"], "a") as calls:
    calls.write(" ".join(["gh", *sys.argv[1:]]) + "\\n")
if sys.argv[1:3] == ["release", "create"]:
    notes = pathlib.Path(sys.argv[sys.argv.index("--notes-file") + 1])
    pathlib.Path(os.environ["CALLS"]).with_name("notes.md").write_text(notes.read_text())
""",
    "make": """
import os, pathlib, sys
with open(os.environ["CALLS"], "a") as calls:
    calls.write(" ".join(["make", *sys.argv[1:]]) + "\\n")
if sys.argv[1] == ".venv/.installed":
    pathlib.Path(".venv").symlink_to(os.environ["OWN_ENVIRONMENT"])
""",
}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(("git", *words), cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def tree(folder: Path, *more: str) -> Path:
    """Copy what the script reads of this project, as version 3.4.5, and more of it."""
    for name in (SCRIPT, *ACTIONS, CONSTANTS, *more):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
            )
        else:
            shutil.copy(ROOT / name, target)
    (folder / "CHANGELOG.md").write_text(CHANGES)
    constants = (ROOT / CONSTANTS).read_text()
    (folder / CONSTANTS).write_text(re.sub('__version__ = ".*"', '__version__ = "3.4.5"', constants))
    return folder


def step(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, str(folder / SCRIPT), *words)
    return subprocess.run(command, capture_output=True, text=True, check=False)


@dataclass
class Runner:
    """A runner with just what the workflow asks of one.

    Attributes:
        folder: Everything is below it; `origin.git` is the repository on GitHub.
        contexts: What `${{ }}` refers to, by its whole name.
        index: The index of packages.
        artifacts: Where files pass from job to job.
    """

    folder: Path
    contexts: dict[str, str]
    index: str
    artifacts: Path = field(init=False)

    def __post_init__(self) -> None:
        self.artifacts = self.folder / "artifacts"
        bin_folder = self.folder / "bin"
        bin_folder.mkdir()
        for name, code in STANDING_IN.items():
            (bin_folder / name).write_text(f"#!{sys.executable}\n{code}")
            (bin_folder / name).chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()

    def resolved(self, value: object) -> str:
        return re.sub(r"\$\{\{ (\S+) \}\}", lambda found: self.contexts[found[1]], str(value))

    def run(self, workflow: Mapping[str, Any]) -> None:
        """Run all jobs in their order, and each job of a matrix."""
        self.contexts["env.IMAGE"] = self.resolved(workflow["env"]["IMAGE"])
        for name, job in workflow["jobs"].items():
            for runner in job.get("strategy", {}).get("matrix", {}).get("runner", [job["runs-on"]]):
                arch = "ARM64" if runner.endswith("-arm") else "X64"
                self.contexts["runner.arch"] = arch
                self.run_job(name, {**workflow, **job}, self.folder / f"{name}-{arch}")

    def run_job(self, name: str, job: Mapping[str, Any], workspace: Path) -> None:
        workspace.mkdir()
        for number, one in enumerate(job["steps"]):
            output = self.folder / f"{workspace.name}-{number}"
            output.touch()
            if "uses" in one:
                self.use(one["uses"].partition("@")[0], one.get("with", {}), workspace)
            else:
                variables = {
                    "IMAGE": self.contexts["env.IMAGE"],
                    **job.get("env", {}),
                    **one.get("env", {}),
                    "GITHUB_OUTPUT": str(output),
                    "RUNNER_ARCH": self.contexts["runner.arch"],
                }
                named = one.get("shell") or job.get("defaults", {}).get("run", {}).get("shell")
                self.shell(one["run"], variables, workspace, named)
            for line in output.read_text().splitlines():
                key, _, value = line.partition("=")
                self.contexts[f"steps.{one['id']}.outputs.{key}"] = value
        for key, value in job.get("outputs", {}).items():
            self.contexts[f"needs.{name}.outputs.{key}"] = self.resolved(value)

    def use(self, action: str, inputs: Mapping[str, Any], workspace: Path) -> None:
        given = {key: self.resolved(value) for key, value in inputs.items()}
        match action:
            case "actions/checkout":
                ref = self.contexts["github.ref_name"]
                origin = self.folder / "origin.git"
                git(
                    self.folder,
                    "clone",
                    "-q",
                    "--depth=1",
                    f"--branch={ref}",
                    f"file://{origin}",
                    str(workspace),
                )
            case "actions/upload-artifact":
                target = self.artifacts / given["name"]
                shutil.copytree(workspace / given["path"], target, dirs_exist_ok=given["overwrite"] == "True")
            case "actions/download-artifact":
                chosen = sorted(self.artifacts.glob(given.get("name") or given["pattern"]))
                assert chosen
                for one in chosen:
                    shutil.copytree(one, workspace / given["path"], dirs_exist_ok=True)
            case _:
                with (self.folder / "calls").open("a") as calls:
                    calls.write(f"{action} {json.dumps(given, sort_keys=True)}\n")

    def shell(self, lines: str, variables: Mapping[str, object], workspace: Path, named: str | None) -> None:
        """Run lines as GitHub does: a failure in a pipe counts only if the workflow names its shell."""
        assert named in {None, "bash"}
        done = subprocess.run(
            ("bash", "-e", *(("-o", "pipefail") if named else ()), "-c", lines),
            cwd=workspace,
            env={
                "PATH": f"{self.folder / 'bin'}:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
                "HOME": str(self.folder),
                "CALLS": str(self.folder / "calls"),
                "UV_DEFAULT_INDEX": self.index,
                "UV_PYTHON": sys.executable,
                "DIGEST_OF_ALL": DIGEST,
                "OWN_ENVIRONMENT": str(Path(sys.executable).parents[1]),
                "GITHUB_ACTOR": "octocat",
                "GITHUB_REF_NAME": self.contexts["github.ref_name"],
                **{key: self.resolved(value) for key, value in variables.items()},
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{lines}\n{done.stdout}\n{done.stderr}"


@pytest.mark.slow
def test_release__from_the_tag_to_the_notes(tmp_path: Path) -> None:
    made = tree(tmp_path / "made", "bot", ".ci", "pyproject.toml", "README.md", "LICENSE")
    git(made, "init", "-q", "--initial-branch=main")
    git(made, "add", ".")
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    git(made, *identity, "commit", "-q", "-m", "Version 3.4.5")
    git(made, "tag", "release-3.4.5")
    git(tmp_path, "clone", "-q", "--bare", str(made), "origin.git")
    contexts = {
        "github.repository": "testsmith-bot/testsmith-bot",
        "github.ref_name": "release-3.4.5",
        "github.token": "a token",
    }
    workflow = YAML(typ="safe").load(WORKFLOW)
    with PackageIndex(locked_wheels()).serving() as index:
        runner = Runner(tmp_path, contexts, f"http://{index.host}/simple/")
        runner.run(workflow)

    origin, image = tmp_path / "origin.git", "ghcr.io/testsmith-bot/testsmith-bot"
    commit = git(origin, "rev-parse", "v3.4.5")
    assert git(origin, "rev-parse", "v3") == commit
    assert git(origin, "rev-parse", "v3.4.5^") == git(origin, "rev-parse", "main")
    assert git(origin, "diff", "--name-only", "main", "v3.4.5").split() == list(ACTIONS)
    for path in ACTIONS:
        action = YAML(typ="safe").load(git(origin, "show", f"v3.4.5:{path}"))
        assert action["runs"]["image"] == f"docker://{image}@{DIGEST}"
    notes = (tmp_path / "notes.md").read_text()
    assert notes.startswith("### Added\n\n- A door.\n\n### Pin this release\n")
    assert f"uses: testsmith-bot/testsmith-bot@{commit} # v3.4.5" in notes
    assert "wall" not in notes
    dist = sorted(path.name for path in (tmp_path / "artifacts/dist").iterdir())
    assert dist == ["testsmith_bot-3.4.5-py3-none-any.whl", "testsmith_bot-3.4.5.tar.gz"]
    [joined] = [call for call in runner.calls if "imagetools create" in call]
    parts = [f"{image}@sha256:{arch.encode().hex().zfill(64)}" for arch in ("ARM64", "X64")]
    assert joined == f"docker buildx imagetools create --tag {image}:3.4.5 {' '.join(parts)}"
    order = [call.split()[0] for call in runner.calls]
    assert order.index("actions/attest") < order.index("pypa/gh-action-pypi-publish") < order.index("gh")
    before = commit
    shutil.rmtree(tmp_path / "release-X64")
    runner.run_job("release", {**workflow, **workflow["jobs"]["release"]}, tmp_path / "release-X64")
    assert git(origin, "rev-parse", "v3.4.5") == before  # a second attempt makes the same commit

    newer = git(origin, "rev-parse", "main")
    for tag in ("v3.10.0", "v3"):
        git(origin, "update-ref", f"refs/tags/{tag}", newer)
    shutil.rmtree(tmp_path / "release-X64")
    runner.run_job("release", {**workflow, **workflow["jobs"]["release"]}, tmp_path / "release-X64")
    assert git(origin, "rev-parse", "v3") == newer  # an older version does not take it back


def test_release__stops_at_a_tag_of_another_version(tmp_path: Path) -> None:
    made = tree(tmp_path / "made")
    git(made, "init", "-q", "--initial-branch=main")
    git(made, "add", ".")
    git(made, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-q", "-m", "Version 3.4.5")
    git(made, "tag", "release-3.4.6")
    git(tmp_path, "clone", "-q", "--bare", str(made), "origin.git")
    contexts = {"github.ref_name": "release-3.4.6", "env.IMAGE": "", "runner.arch": "X64"}
    contexts["github.repository"] = "testsmith-bot/testsmith-bot"
    workflow = YAML(typ="safe").load(WORKFLOW)
    with pytest.raises(AssertionError, match="but bot/testsmith/__init__"):
        Runner(tmp_path, contexts, "").run_job(
            "check", {**workflow, **workflow["jobs"]["check"]}, tmp_path / "check"
        )


@pytest.mark.parametrize("tag", ["release-3.4.4", "v3.4.5", "release-3.4.5-rc1"])
def test_check__refuses_a_tag_of_another_version(tmp_path: Path, tag: str) -> None:
    done = step(tree(tmp_path), "check", tag)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"The tag is {tag}, but bot/testsmith/__init__.py has the version 3.4.5.\n"


def test_check__refuses_a_version_without_changes(tmp_path: Path) -> None:
    changelog = tree(tmp_path) / "CHANGELOG.md"
    changelog.write_text(CHANGES.replace("## 3.4.5 - 2026-12-01", "## 3.4.5"))
    done = step(tmp_path, "check", "release-3.4.5")
    assert (done.returncode, "no changes" in done.stderr) == (1, True)


def test_check__gives_the_version_and_the_major_tag(tmp_path: Path) -> None:
    done = step(tree(tmp_path), "check", "release-3.4.5")
    assert (done.returncode, done.stdout) == (0, "version=3.4.5\nmajor=v3\n")


@pytest.mark.parametrize("image", ["ghcr.io/a/b:v1", f"ghcr.io/a/b@sha256:{'5' * 63}", f"a b@{DIGEST}"])
def test_pin__takes_only_a_digest(tmp_path: Path, image: str) -> None:
    done = step(tree(tmp_path), "pin", image)
    assert (done.returncode, "is not an image with a digest" in done.stderr) == (1, True)
    assert "image: Dockerfile" in (tmp_path / "action.yml").read_text()


def test_pin__refuses_what_is_pinned_already(tmp_path: Path) -> None:
    tree(tmp_path)
    assert step(tmp_path, "pin", f"ghcr.io/a/b@{DIGEST}").returncode == 0
    again = step(tmp_path, "pin", f"ghcr.io/a/b@{DIGEST}")
    assert (again.returncode, "no line `image: Dockerfile`" in again.stderr) == (1, True)
