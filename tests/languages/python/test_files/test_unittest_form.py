from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from testsmith.languages.python.test_files.unittest_form import class_name_of, in_unittest_form
from testsmith.languages.tests import CannotConvert

MODULE = dedent('''\
    import os
    import time

    import pytest

    LIMIT = 3


    def doubled(number):
        return 2 * number


    @pytest.mark.parametrize(
        ("number", "expected"), [pytest.param(1, 2, id="one"), pytest.param(2, 4, id="two")]
    )
    def test_rows_with_names(number, expected):
        """Rows."""
        assert doubled(number) == expected


    @pytest.mark.parametrize("number", [1, 2])
    def test_rows_without_names(number):
        assert doubled(number) > number, "it grows"


    def test_refusal():
        with pytest.raises(ValueError, match="invalid literal") as caught:
            int("x")
        assert "x" in str(caught.value)
        with pytest.raises(KeyError):
            {}["a"]


    def test_fixtures(monkeypatch, tmp_path, capsys):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("TESTSMITH_COLOR", "red")
        monkeypatch.setattr(time, "sleep", lambda _: None)
        monkeypatch.setattr("os.getlogin", lambda: "ann")
        time.sleep(60)
        (tmp_path / "a").write_text(os.environ["TESTSMITH_COLOR"])
        print(os.getlogin())
        assert os.listdir() == ["a"]
        assert capsys.readouterr().out == "ann\\n"


    def test_claims():
        assert 0.1 + 0.2 == pytest.approx(0.3)
        assert doubled(2) is not None
        assert not doubled(0)
        assert isinstance(doubled(1), int)
        assert doubled(1) in (2, 3)
        assert 1 < doubled(1) < LIMIT
        assert None is None
        assert doubled(1) != 3
''')


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(code, encoding="utf-8")
    command = (sys.executable, "-m", "unittest", "-v", "test_it")
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_in_unittest_form__what_passes_by_pytest_passes_by_unittest(tmp_path: Path) -> None:
    code = in_unittest_form(MODULE, "TestDoubled")
    ran = run(tmp_path, code)
    assert ran.returncode == 0, ran.stderr
    assert "Ran 5 tests" in ran.stderr
    assert "pytest" not in code
    assert "LIMIT = 3" in code


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("pytest.param(2, 4,", "pytest.param(2, 5,"),
        ("> number,", "< number,"),
        ('match="invalid literal"', 'match="other"'),
        ('"x" in str', '"y" in str'),
        ('== ["a"]', '== ["b"]'),
        ('"ann\\n"', '"bob\\n"'),
        ("approx(0.3)", "approx(0.4)"),
        ("is not None", "is None"),
        ("assert not doubled(0)", "assert doubled(0)"),
        ("doubled(1), int", "doubled(1), str"),
        ("in (2, 3)", "not in (2, 3)"),
        ("assert 1 < doubled", "assert 2 < doubled"),
        ("!= 3", "!= 2"),
    ],
)
def test_in_unittest_form__what_fails_by_pytest_fails_by_unittest(
    tmp_path: Path, before: str, after: str
) -> None:
    changed = MODULE.replace(before, after)
    assert changed != MODULE
    assert run(tmp_path, in_unittest_form(changed, "TestDoubled")).returncode != 0


@pytest.mark.parametrize(
    "test",
    [
        "@pytest.fixture\ndef cart(): ...\n",
        "@pytest.mark.skip\ndef test_a(): ...\n",
        "@pytest.mark.parametrize('a', ROWS)\ndef test_a(a): ...\n",
        "@pytest.mark.parametrize('a', [pytest.param(1, marks=pytest.mark.xfail)])\ndef test_a(a): ...\n",
        "def test_a(request): ...\n",
        "def test_a(monkeypatch):\n    monkeypatch.syspath_prepend('.')\n",
        "def test_a(monkeypatch):\n    helper(monkeypatch)\n",
        "def test_a():\n    assert f() == pytest.approx([1.0])\n",
        "def test_a():\n    pytest.raises(ValueError, int, 'x')\n",
        "def test_a():\n    pytest.skip('no')\n",
        "def test_a(capsys):\n    capsys.readouterr()\n    assert capsys.readouterr().out == ''\n",
        "async def test_a(): ...\n",
        "class TestA:\n    def test_a(self): ...\n",
    ],
)
def test_in_unittest_form__what_has_no_known_form_is_refused(test: str) -> None:
    with pytest.raises(CannotConvert):
        in_unittest_form(f"import pytest\n\n{test}", "TestA")


def test_in_unittest_form__a_test_case_stays_as_it_is() -> None:
    code = "import unittest\n\nclass  TestA(unittest.TestCase):\n    def test_a(self): pass  # here\n"
    assert in_unittest_form(code, "TestA") == code


def test_in_unittest_form__a_test_case_by_another_name_stays_as_it_is() -> None:
    code = "from shop.testing import UnitTest\n\nclass TestA(UnitTest):\n    def test_a(self):\n        {}\n"
    by_method = code.format("self.assertEqual(1, 1)")
    assert in_unittest_form(by_method, "TestA") == by_method
    with pytest.raises(CannotConvert):
        in_unittest_form(code.format("assert 1 == 1"), "TestA")


def test_class_name_of() -> None:
    assert class_name_of("Cart.add_all") == "TestCartAddAll"
