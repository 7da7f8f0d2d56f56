"""Tests that a model has reviewed."""

from __future__ import annotations

from testsmith.languages.python.language import PYTHON
from testsmith.model import Candidate, Origin, TestDescription
from testsmith.pipeline.edit import with_known_descriptions

KEPT = "def test_kept():\n    assert f(1) == 2\n"
TABLE = (
    'import pytest\n\n\n@pytest.mark.parametrize("value", [{}])\n'
    "def test_table(value):\n    assert f(value) == 2\n\n\n"
)


def test_with_known_sayings__only_of_tests_that_the_review_left_as_they_were() -> None:
    kept = TestDescription(test="test_kept", shows="`f(1)` gives `2`")
    said = (TestDescription(test="test_table", row=1, shows="`f(3)` gives `2`"), kept)
    reviewed = Candidate(
        member="m.py::f", code=TABLE.format("1, 3") + KEPT, origin=Origin.OFFLINE, descriptions=said
    )
    answer = Candidate(member="m.py::f", code=TABLE.format("1") + KEPT, origin=Origin.MODEL)

    found = with_known_descriptions(answer, reviewed, PYTHON)

    assert (found.origin, found.descriptions) == (Origin.OFFLINE, (kept,))
    assert with_known_descriptions(reviewed, reviewed, PYTHON).descriptions == said
