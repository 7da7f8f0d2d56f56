from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from testsmith.storage.keys import MeasurementParts, measurement_key

PARTS = MeasurementParts(
    files="f1",
    spans=(("a.py", 1, 2), ("b.py", 3, 4)),
    interpreter="/python (3, 13)",
    distributions=("pytest-9", "shop-1"),
    layers=("rlimits",),
    version="1",
    command="pytest",
)


@pytest.mark.parametrize(
    "changed",
    [
        {"files": "f2"},
        {"spans": (("a.py", 1, 2), ("b.py", 3, 5))},
        {"interpreter": "/python (3, 12)"},
        {"distributions": ("pytest-9", "shop-2")},
        {"layers": ("rlimits", "seccomp")},
        {"version": "2"},
        {"command": "pytest -m quick"},
    ],
)
def test_measurement_key__depends_on_every_part(changed: dict[str, Any]) -> None:
    assert measurement_key(replace(PARTS, **changed)) != measurement_key(PARTS)


def test_measurement_key__order_of_members_and_distributions_does_not_matter() -> None:
    turned = replace(PARTS, spans=PARTS.spans[::-1], distributions=PARTS.distributions[::-1])
    assert measurement_key(turned) == measurement_key(PARTS)
