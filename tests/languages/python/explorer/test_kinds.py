"""The offline engine on projects of one kind of member each: the tests that it writes as golden files."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fakes.engine import answers, reason, run_pytest
from fakes.golden import check_golden
from testsmith.model import Candidate

KINDS = Path(__file__).parent / "golden" / "kinds"


@pytest.mark.parametrize("kind", sorted(path.name.partition(".")[0] for path in KINDS.glob("*.py.txt")))
def test_kind__has_tests_that_a_person_found_good_and_that_pass(tmp_path: Path, kind: str) -> None:
    source = (KINDS / f"{kind}.py.txt").read_text(encoding="utf-8")

    found = asyncio.run(answers(tmp_path / "work", {f"{kind}.py": source}))

    written = {name: made.code for name, made in found.items() if isinstance(made, Candidate)}
    told = [f"# {name}\n\n{written.get(name) or '# skipped: ' + reason(found[name])}" for name in found]
    check_golden(KINDS / f"{kind}.tests.txt", "\n\n".join(told))
    done = run_pytest(tmp_path, {kind: source}, written)
    assert "failed" not in done, done
    assert "error" not in done, done
