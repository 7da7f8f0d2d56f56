"""What the action is built of in every run: nothing that someone else can exchange."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PINNED = re.compile(r"FROM \S+:\S+@sha256:[0-9a-f]{64}( AS \w+)?")


def test_dockerfile__its_base_is_pinned_by_digest_and_nothing_is_built_from_source() -> None:
    text = (ROOT / "Dockerfile").read_text()
    bases = [line for line in text.splitlines() if line.startswith("FROM ")]
    assert bases
    assert all(_PINNED.fullmatch(line) for line in bases)
    assert len({line.split()[1] for line in bases}) == 1
    assert "--only-binary=:all: --require-hashes" in text


def test_workflows__every_action_is_pinned_to_a_commit() -> None:
    files = [*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob("examples/workflows/*.yml")]
    used = re.findall(r"^\s*-? uses: (\S+)", "\n".join(file.read_text() for file in files), re.MULTILINE)
    foreign = [one for one in used if not one.startswith((".", "$/"))]
    assert foreign
    assert [one for one in foreign if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", one)] == []
