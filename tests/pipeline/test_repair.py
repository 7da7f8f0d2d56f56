from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fakes.requests import make_member
from fakes.trees import MemoryTree
from testsmith.languages.python.language import PYTHON
from testsmith.model import Candidate, Origin
from testsmith.pipeline.repair import with_accepted
from testsmith.verification.repair import RepairState

MEMBER = make_member("shop.py::cost")
PATH = "tests/test_shop.py"
FIXTURE = "@pytest.fixture\ndef rate():\n    return 2\n"
FILE = "from shop import cost\n\n\ndef test_old(rate):\n    assert cost(0, rate) == 0\n"


def test_with_accepted__a_fixture_of_another_file_is_the_same_in_both() -> None:
    files = {
        "tests/conftest.py": f"import pytest\n\n\n{FIXTURE}",
        PATH: FILE,
        "shop.py": "def cost(*_): ...\n",
    }
    good = FILE.replace("test_old", "test_good").replace("cost(0, rate) == 0", "cost(1, rate) == 2")
    code = f"import pytest\n{good}".replace("def test_good", f"{FIXTURE}\n\ndef test_good")
    passed = Candidate(member=MEMBER.id, code=code, origin=Origin.MODEL, edited=FILE + good)
    best: Any = SimpleNamespace(
        green=SimpleNamespace(candidate=passed), proof=SimpleNamespace(candidate=passed)
    )
    run: Any = SimpleNamespace(
        language_of=lambda _: PYTHON,
        requests={MEMBER.id: SimpleNamespace(member=MEMBER, test_path=PATH)},
        search=SimpleNamespace(head_tree=MemoryTree(files)),
    )
    bad = good.replace("test_good", "test_bad").replace("cost(1, rate) == 2", "cost(2, rate) == 4")
    answer = Candidate(member=MEMBER.id, code=bad, origin=Origin.MODEL)

    together = with_accepted(run, RepairState(language=PYTHON, best=best), answer)

    assert isinstance(together, Candidate)
    assert PYTHON.tests.test_functions(together.code) == ("test_good", "test_bad")
    assert together.code.count("def rate():") == 1
