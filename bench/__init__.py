"""Measurements; they use the fakes of the tests and on the example project."""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = Path(__file__).parent.parent
sys.path += [str(_ROOT / "tests"), str(_ROOT / "examples")]
