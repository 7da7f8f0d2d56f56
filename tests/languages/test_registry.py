from __future__ import annotations

import subprocess
import sys

from testsmith.languages.language import language_of
from testsmith.languages.registry import languages


def test_languages__each_language_once() -> None:
    assert [language.name for language in languages()] == ["python", "go", "typescript"]


def test_language_of__by_path() -> None:
    found = language_of("src/shop/cart.py", languages())
    assert found is not None
    assert found.name == "python"
    assert language_of("src/shop/cart.rs", languages()) is None


def test_languages__no_parser_is_loaded_for_a_change_in_python() -> None:
    program = (
        "import sys\n"
        "from testsmith.languages.language import language_of\n"
        "from testsmith.languages.registry import languages, toolchains\n"
        "toolchains()\n"
        "assert language_of('a.py', languages()).name == 'python'\n"
        "assert language_of('a.go', languages()).tests.is_test('a_test.go')\n"
        "assert language_of('a.ts', languages()).tests.is_test('a.test.ts')\n"
        "sys.exit('tree_sitter' in sys.modules)\n"
    )
    assert subprocess.run((sys.executable, "-c", program), check=False).returncode == 0
