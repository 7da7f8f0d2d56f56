from __future__ import annotations

import pytest

from testsmith.languages.registry import languages
from testsmith.test_files.write import why_not_allowed

LINKS = frozenset({"linked", "tests/link.py", "vendor/lib"})


@pytest.mark.parametrize(
    "path",
    [
        "../../.github/workflows/x.yml",
        "tests/../../.github/workflows/test_x.py",
        "/etc/tests/test_x.py",
        "tests//test_x.py",
        "tests/./test_x.py",
        ".git/hooks/test_x.py",
        "tests/.GIT/test_x.py",
        "tests\\..\\test_x.py",
        "tests/test_x.py\0",
        ".github/workflows/tests/test_x.py",
        ".GitHub/test_x.py",
        ".github/workflows/x.yml",
        "shop/cart.py",
        "tests/data.yml",
        "linked/test_x.py",
        "linked/tests/deep/test_x.py",
        "tests/link.py",
        "vendor/lib/tests/test_x.py",
        "",
    ],
)
def test_not_allowed(path: str) -> None:
    assert why_not_allowed(path, LINKS, languages())


@pytest.mark.parametrize(
    "path", ["tests/test_x.py", "tests/__init__.py", "shop/test_x.py", "tests/a b/test_x.py"]
)
def test_allowed(path: str) -> None:
    assert why_not_allowed(path, LINKS, languages()) == ""
