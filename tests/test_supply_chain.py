"""What the action is built of in every run: nothing that someone else can exchange."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_dockerfile__its_base_is_pinned_by_digest_and_nothing_is_built_from_source() -> None:
    text = (ROOT / "Dockerfile").read_text()
    bases = re.findall(r"^FROM (.*)$", text, re.MULTILINE)
    assert re.fullmatch(r"\S+:\S+@sha256:[0-9a-f]{64} AS pinned", bases[0])
    assert bases[1:] == ["${BASE} AS build", "${BASE}"]
    assert re.findall(r"^ARG (.*)$", text, re.MULTILINE) == ["BASE=pinned"]
    assert "--only-binary=:all: --require-hashes" in text


def test_repository__its_address_is_written_everywhere() -> None:
    listed = subprocess.run(("git", "ls-files"), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    text = [file for file in listed.splitlines() if Path(file).suffix in {".md", ".py", ".toml", ".yml"}]
    standing_in = re.compile(r"\bowner/testsmith-bot|@0{40}\b")
    assert [file for file in text if standing_in.search((ROOT / file).read_text())] == []


def test_workflows__every_action_is_pinned_to_a_commit() -> None:
    files = [*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("examples/workflows/*.yml")]
    used = re.findall(r"^\s*-? uses: (\S+)", "\n".join(file.read_text() for file in files), re.MULTILINE)
    foreign = [one for one in used if not one.startswith((".", "$/", "testsmith-bot/"))]
    assert foreign
    assert [one for one in foreign if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", one)] == []


def test_workflows__their_make_commands_are_there() -> None:
    text = "\n".join(file.read_text() for file in ROOT.glob(".github/workflows/*.yml"))
    commands = [shlex.split(one) for one in re.findall(r"^\s*-? run: (make .*)$", text, re.MULTILINE)]
    assert commands
    for program, *words in commands:
        done = subprocess.run((program, "--dry-run", *words), cwd=ROOT, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
