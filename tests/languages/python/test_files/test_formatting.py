from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path
from textwrap import dedent

import pytest

from fakes.trees import MemoryTree
from testsmith.git.trees import WorkingTree, entries_on_disk
from testsmith.languages.python.test_files.formatting import RuffFormatter
from testsmith.languages.python.test_files.merging import place
from testsmith.languages.source import CannotParse
from testsmith.languages.tests import UnfinishedFile, UnformattedModule

TEST_PATH = "tests/test_cart.py"

CODE = dedent("""\
    import os
    from shop.cart import Cart
    import pytest
    def test_add( ):
        '''Adds up.'''
        assert Cart().add('tea', 2)==2
    @pytest.mark.parametrize("a,b", [(1, 2)])
    def test_more(a,b):
        assert a < b
""")

PLAIN = dedent('''\
    import pytest

    from shop.cart import Cart


    def test_add():
        """Adds up."""
        assert Cart().add("tea", 2) == 2


    @pytest.mark.parametrize("a,b", [(1, 2)])
    def test_more(a, b):
        assert a < b
''')

ALL_RULES = (
    '[tool.ruff]\nline-length = 100\n[tool.ruff.lint]\nselect = ["ALL"]\nignore = ["CPY", "D203", "D213"]\n'
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "src" / "shop").mkdir(parents=True)
    (tmp_path / "src" / "shop" / "cart.py").write_text("class Cart: ...\n")
    (tmp_path / "tests").mkdir()
    return tmp_path


def tree_of(project: Path) -> WorkingTree:
    paths = {str(path.relative_to(project)) for path in project.rglob("*") if not path.is_dir()}
    return WorkingTree(list(entries_on_disk(project, paths)), project)


def formatted(project: Path, code: str = CODE) -> str:
    return RuffFormatter().format(code, TEST_PATH, tree_of(project))


def finished(project: Path, text: str, existing: str | None = None) -> str:
    return RuffFormatter().finish(text, existing, TEST_PATH, tree_of(project))


def complaints(project: Path, text: str) -> str:
    """Return what a person's own `ruff check` and `ruff format --check` say of the file."""
    import ruff  # type: ignore[import-untyped]  # it ships no types

    (project / TEST_PATH).write_text(text, newline="")
    commands = (("check", "--output-format", "concise"), ("format", "--check"))
    runs = (
        subprocess.run(
            (ruff.find_ruff_bin(), *command, "--no-cache", "--quiet", TEST_PATH),
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
        for command in commands
    )
    return "".join(run.stdout + run.stderr for run in runs)


def test_format__by_defaults_where_the_project_says_nothing(project: Path) -> None:
    assert formatted(project) == PLAIN
    assert formatted(project, PLAIN) == PLAIN


def test_format__by_the_projects_settings(project: Path) -> None:
    settings = 'line-length = 30\n[format]\nquote-style = "single"\nindent-style = "tab"\n'
    (project / "ruff.toml").write_text(settings)
    text = formatted(project, "def test_a():\n    assert 'a' in [\"b\", 'c', 'dddddddd']\n")
    assert text == "def test_a():\n\tassert 'a' in [\n\t\t'b',\n\t\t'c',\n\t\t'dddddddd',\n\t]\n"


def test_format__the_settings_nearest_to_the_test_hold(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.ruff.format]\nquote-style = "double"\n')
    (project / "tests" / ".ruff.toml").write_text(
        'extend = "../pyproject.toml"\nformat.quote-style = "single"\n'
    )
    assert "add('tea', 2)" in formatted(project)


def test_format__nothing_above_the_repository_holds(tmp_path: Path) -> None:
    (tmp_path / "ruff.toml").write_text('[format]\nquote-style = "single"\n')
    (tmp_path / "repository").mkdir()
    assert 'add("tea", 2)' in formatted(tmp_path / "repository")


@pytest.mark.parametrize(
    "settings",
    [
        "[tool.ruff]\nno-such-setting = 1\n",
        '[tool.ruff]\nrequired-version = "<0.1"\n',
        '[tool.ruff.lint]\nselect = ["NOSUCH1"]\n',
        '[tool.ruff]\nextend = "missing.toml"\n',
        "[tool.ruff\n",
    ],
)
def test_format__broken_settings_are_as_none(project: Path, settings: str) -> None:
    (project / "pyproject.toml").write_text(settings)
    assert formatted(project) == PLAIN
    assert finished(project, PLAIN) == PLAIN


def test_format__unsafe_fixes_are_not_made_whatever_the_settings_say(project: Path) -> None:
    (project / "pyproject.toml").write_text(
        '[tool.ruff]\nunsafe-fixes = true\nfix = true\n[tool.ruff.lint]\nselect = ["F", "PT"]\n',
    )
    code = "def test_a():\n    kept = print(1)\n    assert True\n"
    assert formatted(project, code) == code
    assert formatted(project) == PLAIN


def test_format__annotated_where_the_neighbors_are(project: Path) -> None:
    (project / "tests" / "test_other.py").write_text("def test_a() -> None: ...\ndef test_b() -> None: ...\n")
    text = formatted(project)
    assert "def test_add() -> None:" in text
    assert "def test_more(a: int, b: int) -> None:" in text


def test_format__arguments_are_bare_where_those_of_the_file_are(project: Path) -> None:
    (project / TEST_PATH).write_text("def test_a(shop) -> None: ...\ndef test_b() -> None: ...\n")
    text = formatted(project)
    assert "def test_add() -> None:" in text
    assert "def test_more(a, b) -> None:" in text


def test_format__arguments_are_annotated_if_only_tests_without_any_annotation_have_bare_ones(
    project: Path,
) -> None:
    others = "def test_a(shop: Shop) -> None: ...\ndef test_b() -> None: ...\ndef test_c(shop): ...\n"
    (project / TEST_PATH).write_text(others)
    assert "def test_more(a: int, b: int) -> None:" in formatted(project)


def test_format__annotated_as_the_file_itself_rather_than_its_neighbors(project: Path) -> None:
    (project / "tests" / "test_a.py").write_text("def test_a() -> None: ...\n")
    (project / TEST_PATH).write_text("def test_b(): ...\n")
    assert formatted(project) == PLAIN


def test_format__annotated_where_the_linter_demands_it(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.ruff.lint]\nselect = ["ANN2"]\n')
    assert "def test_add() -> None:" in formatted(project)


REQUIRES = '[project]\nname = "shop"\nrequires-python = ">=3.{}"\n'


def test_format__syntax_newer_than_the_project_supports_is_refused(project: Path) -> None:
    (project / "pyproject.toml").write_text(REQUIRES.format(9))
    with pytest.raises(CannotParse, match=r"line 2.*3\.9"):
        formatted(project, "match 1:\n    case 1: ...\n")
    (project / "pyproject.toml").write_text(REQUIRES.format(12))
    assert formatted(project, "match 1:\n    case 1: ...\n")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="older parsers refuse it themselves")
def test_format__syntax_that_only_the_linter_knows_to_be_newer_is_refused(project: Path) -> None:
    (project / "pyproject.toml").write_text(REQUIRES.format(9))
    with pytest.raises(CannotParse, match=r"line 1.*3\.9"):
        formatted(project, """x = f"{'a' + f"{1}"}"\n""")


def test_format__a_rule_that_has_only_a_name_refuses_nothing(project: Path) -> None:
    settings = '[tool.ruff.lint]\npreview = true\nselect = ["pytest-fixture-autouse"]\n'
    (project / "pyproject.toml").write_text(settings)
    code = "import pytest\n\n\n@pytest.fixture(autouse=True)\ndef cart():\n    return 1\n\n\n"
    code += "def test_add(cart):\n    assert cart == 1\n"
    assert formatted(project, code) == code
    assert finished(project, code) == code
    assert "Avoid using `autouse=True`" in complaints(project, code)


def test_format__no_python_is_refused(project: Path) -> None:
    with pytest.raises(CannotParse, match="line 1"):
        formatted(project, "def (:\n")


def test_finish__passes_a_linter_that_finds_fault_with_everything(project: Path) -> None:
    (project / "pyproject.toml").write_text(ALL_RULES)
    text = finished(project, formatted(project))
    assert complaints(project, text) == ""
    assert finished(project, text) == text
    assert "import pytest  # noqa: D100, INP001\n" in text
    assert "def test_more(a: int, b: int) -> None:  # noqa: D103\n" in text


def test_finish__a_missing_copyright_notice_is_not_silenced(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.ruff]\npreview = true\nlint.select = ["CPY001", "D100"]\n')
    text = finished(project, PLAIN)
    assert "# noqa: D100\n" in text


def test_finish__hand_written_lines_stay_and_only_added_ones_are_silenced(project: Path) -> None:
    existing = "import re, json\n\ndef test_here( ):\n    assert re\n"
    (project / "pyproject.toml").write_text('[tool.ruff.lint]\nselect = ["PLR2004", "D103", "F401", "I"]\n')
    text = finished(project, place(existing, PLAIN), existing)
    assert text.startswith(
        "import re, json\nimport pytest\nfrom shop.cart import Cart\n\ndef test_here( ):\n"
    )
    assert "    assert re\n\n\ndef test_add():\n" in text
    assert 'assert Cart().add("tea", 2) == 2  # noqa: PLR2004\n' in text
    assert "def test_more(a, b):\n" in text, "the file does not heed that rule either"


def test_finish__nothing_is_silenced_in_files_that_the_linter_leaves_out(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.ruff]\nexclude = ["tests"]\nlint.select = ["S101"]\n')
    code = "def test_a():\n    assert 1\n"
    assert finished(project, code) == code


def test_finish__unsorted_imports_stay_in_a_file_that_the_linter_does_not_check(project: Path) -> None:
    (project / "ruff.toml").write_text('exclude = ["tests"]\n')
    existing = "from shop import tokens as T, cart\n\n\ndef test_a():\n    assert cart.Cart() != T\n"
    text = existing + "\n\ndef test_b():\n    assert T\n"
    assert finished(project, text, existing) == text


def test_finish__imports_are_sorted_where_they_were(project: Path) -> None:
    existing = (
        "import os\nimport re\n\nfrom shop.cart import Item\n\n\ndef test_here( ):\n    assert os, re\n"
    )
    text = finished(project, place(existing, PLAIN), existing)
    head = (
        "import os\nimport re\n\nimport pytest\n\nfrom shop.cart import Cart, Item\n\n\ndef test_here( ):\n"
    )
    assert text.startswith(head)


def test_finish__a_noqa_that_is_there_is_widened(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.ruff.lint]\nselect = ["S101", "PLR2004"]\n')
    text = finished(project, "def test_a(x=1):\n    assert x == 22  # noqa: S101\n")
    assert text == "def test_a(x=1):\n    assert x == 22  # noqa: PLR2004, S101\n"


def test_finish__texts_over_several_lines_are_not_changed(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.ruff.lint]\nselect = ["E501", "S101", "W291"]\n')
    code = f'def test_a():\n    x = """{"a" * 100} \n  b"""\n    assert x\n'
    assert formatted(project, code) == code
    text = finished(project, code)
    assert text == code.replace('b"""\n', 'b"""  # noqa: E501, W291\n').replace("x\n", "x  # noqa: S101\n")
    assert complaints(project, text) == ""


def test_finish__line_ends_and_byte_order_mark_stay(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.ruff.lint]\nselect = ["S101"]\n')
    existing = "\ufeffimport re\r\n\r\n\r\ndef test_here():\r\n    re.purge()\r\n"
    text = finished(project, place(existing, "import os\n\n\ndef test_a():\n    assert os\n"), existing)
    assert text == (
        "\ufeffimport os\r\nimport re\r\n\r\n\r\ndef test_here():\r\n    re.purge()\r\n\r\n\r\n"
        "def test_a():\r\n    assert os  # noqa: S101\r\n"
    )


def test_finish__a_last_line_of_the_file_without_an_end_stays_so(project: Path) -> None:
    existing = "def test_a():\n    assert 1\n\n\ndef test_c():\n    assert 3"
    added = "def test_b():\n    assert 2\n\n\n"
    text = existing.replace("def test_c", f"{added}def test_c")
    assert finished(project, f"{text}\n", existing) == text
    assert finished(project, f"{existing}\n\n\n{added}", existing).endswith("assert 2\n\n\n")


def test_finish__a_table_names_its_arguments_as_the_others_of_the_file(project: Path) -> None:
    (project / "pyproject.toml").write_text(
        '[tool.ruff.lint]\nselect = ["PT006"]\nflake8-pytest-style.parametrize-names-type = "csv"\n'
    )
    table = "\n\n@pytest.mark.parametrize({}, [(1, 2)])\ndef test_{}(a, b):\n    assert a < b\n"
    existing = "import pytest\n" + table.format('"a, b"', "one")
    text = finished(project, existing + table.format('("a", "b")', "two"), existing)
    assert text == existing + table.format('"a, b"', "two")


def test_finish__nothing_added_changes_nothing(project: Path) -> None:
    (project / "pyproject.toml").write_text(ALL_RULES)
    assert finished(project, CODE, CODE) == CODE


def test_format__without_time_the_code_stays_as_it_is(project: Path) -> None:
    formatter = RuffFormatter(seconds=0)
    assert formatter.format(CODE, TEST_PATH, tree_of(project)) == CODE
    assert formatter.finish(CODE, None, TEST_PATH, tree_of(project)) == CODE


def test_format_all__each_is_as_if_it_were_formatted_alone(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.ruff.format]\nquote-style = "single"\n')
    (project / "broken").mkdir()
    (project / "broken" / "ruff.toml").write_text("no-such-setting = 1\n")
    paths = (TEST_PATH, TEST_PATH, "broken/test_cart.py", "broken/test_other.py", TEST_PATH)
    codes = (CODE, CODE.replace("Cart()", "Cart( )"), CODE, PLAIN.replace('"', "'"), "def (:\n")
    modules = [UnformattedModule(code, path) for code, path in zip(codes, paths, strict=True)]
    formatter, tree = RuffFormatter(), tree_of(project)
    *texts, error = formatter.format_all(modules, tree)
    assert texts == [formatter.format(one.code, one.test_path, tree) for one in modules[:-1]]
    assert isinstance(error, CannotParse)
    assert "'tea'" in str(texts[0])
    assert texts[2] == PLAIN


COMPACT = """\
from shop.cart import Cart


def test_add():
    cart = Cart('tea',
                count=1)
    assert cart.add('milk', count=2,
                    note='cold') == 3
"""


def test_format_all__an_edit_keeps_its_layout_in_a_file_with_another(project: Path) -> None:
    def edited(own: str, *, is_edit: bool) -> str | CannotParse:
        (project / TEST_PATH).write_text(own)
        [text] = RuffFormatter().format_all(
            [UnformattedModule(COMPACT, TEST_PATH, is_edit=is_edit)], tree_of(project)
        )
        return text

    in_form = edited(COMPACT, is_edit=False)
    assert in_form != COMPACT
    assert edited(COMPACT, is_edit=True) == COMPACT
    assert edited(PLAIN, is_edit=True) == in_form


@pytest.mark.parametrize("settings", ["", '[lint]\nselect = ["PIE", "E"]\nignore = ["E501"]\n'])
def test_format_all__an_edit_keeps_what_the_linter_would_change_in_its_file(
    project: Path, settings: str
) -> None:
    (project / "ruff.toml").write_text(settings)
    helper = "def is_port(number):\n    return number in range(0, 65536)\n"
    test = "\n\ndef test_port():\n    assert is_port(80) in [True]\n"

    def edited(own: str) -> str | CannotParse:
        (project / TEST_PATH).write_text(own)
        module = UnformattedModule(f"import os\n\n\n{helper}{test}", TEST_PATH, is_edit=True)
        [text] = RuffFormatter().format_all([module], tree_of(project))
        return text

    assert edited(helper) == f"{helper}{test}"
    assert edited("") == f"{helper.replace('0, ', '')}{test}"


def test_format_all__many_modules_take_few_processes(project: Path, tmp_path: Path) -> None:
    log = tmp_path / "calls"
    program = tmp_path / "ruff"
    program.write_text(f'#!/bin/sh\necho >> "{log}"\nexec "{RuffFormatter().program}" "$@"\n')
    program.chmod(0o755)
    formatter = RuffFormatter(program=str(program))
    modules = [UnformattedModule(CODE, f"tests/test_{number % 20}.py") for number in range(40)]
    assert formatter.format_all(modules, tree_of(project)) == [PLAIN] * 40
    assert len(log.read_text().splitlines()) == 6


def test_finish_all__each_is_as_if_it_were_finished_alone_by_few_processes(
    project: Path, tmp_path: Path
) -> None:
    (project / "pyproject.toml").write_text('[tool.ruff.lint]\nselect = ["S101", "I"]\n')
    (project / "broken").mkdir()
    (project / "broken" / "ruff.toml").write_text("no-such-setting = 1\n")
    log, program = tmp_path / "calls", tmp_path / "ruff"
    program.write_text(f'#!/bin/sh\necho >> "{log}"\nexec "{RuffFormatter().program}" "$@"\n')
    program.chmod(0o755)
    formatter, tree = RuffFormatter(program=str(program)), tree_of(project)
    existing = ("import re\nimport os\n\nassert os, re\n", "import os\n\nassert os\n", OWN, None, OWN)
    files = [
        UnfinishedFile(place(text, CODE), text, f"tests/test_{number % 10}.py")
        for number, text in enumerate(existing * 4)
    ]
    files += [UnfinishedFile(place(OWN, CODE), OWN, "broken/test_a.py"), UnfinishedFile(OWN, OWN, TEST_PATH)]
    texts = formatter.finish_all(files, tree)
    assert len(log.read_text().splitlines()) <= 14
    assert texts == [formatter.finish(*file, tree) for file in files]
    assert texts[-1] == OWN
    assert "# noqa: S101" in texts[3], "a new file"


def test_format__after_the_driver_is_built_asks_sysconfig_nothing(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, formatter = formatted(project), RuffFormatter()
    # What `sysconfig` answers to a thread while another thread initializes it.
    monkeypatch.setattr(sysconfig, "get_config_var", {}.get)
    monkeypatch.setattr(sysconfig, "get_path", {}.get)
    assert formatter.format(CODE, TEST_PATH, tree_of(project)) == expected


def test_format__settings_behind_a_link_are_as_none(project: Path) -> None:
    (project / "tests" / "pyproject.toml").symlink_to("/dev/zero")
    (project / "setup.cfg").symlink_to("/dev/zero")
    (project / "tests" / "test_other.py").symlink_to("/dev/zero")
    (project / "ruff.toml").symlink_to("/dev/zero")
    assert formatted(project) == PLAIN
    assert finished(project, PLAIN) == PLAIN


@pytest.mark.parametrize(
    "extended", ["/dev/zero", "../../../../../../dev/zero", "~/ruff.toml", "${HOME}/ruff.toml"]
)
def test_format__settings_that_lead_out_of_the_project_are_as_none(project: Path, extended: str) -> None:
    (project / "ruff.toml").write_text(f'extend = "{extended}"\n[format]\nquote-style = "single"\n')
    assert formatted(project) == PLAIN


def test_format__settings_that_extend_each_other_are_as_none(project: Path) -> None:
    for number in range(30):
        (project / f"{number}.toml").write_text(f'extend = "{number + 1}.toml"\n')
    (project / "ruff.toml").write_text('extend = "0.toml"\n')
    (project / "30.toml").write_text('[format]\nquote-style = "single"\n')
    assert formatted(project) == PLAIN


def test_format__settings_of_a_file_that_is_extended_hold(project: Path) -> None:
    (project / "config").mkdir()
    (project / "config" / "base.toml").write_text('[format]\nquote-style = "single"\n')
    (project / "ruff.toml").write_text('extend = "config/base.toml"\n')
    assert "add('tea', 2)" in formatted(project)


def test_format__far_too_large_settings_are_as_none(project: Path) -> None:
    with (project / "pyproject.toml").open("wb") as file:
        file.write(b'[tool.ruff.format]\nquote-style = "single"\n')
        file.truncate(8 * 1024**3)
    assert formatted(project) == PLAIN


def test_format__imports_are_sorted_by_the_given_files_wherever_they_are() -> None:
    code = "import pytest\nfrom shop.cart import Cart\ndef test_a():\n    assert pytest and Cart\n"
    own = MemoryTree({"src/shop/cart.py": ""})
    assert "import pytest\n\nfrom shop" in RuffFormatter().format(code, TEST_PATH, own)
    assert "import pytest\nfrom shop" in RuffFormatter().format(code, TEST_PATH, MemoryTree())


OWN = "def test_here():\n" + "    assert 'tea' != 'milk'\n" * 8


def test_finish__added_texts_have_the_quotes_of_the_file(project: Path) -> None:
    new = """\
def test_a():
    \"\"\"Say "it".\"\"\"
    assert "tea" + b"x" != r"it's" + "a\\n"
"""
    expected = new.replace('"tea"', "'tea'").replace('b"x"', "b'x'")
    assert finished(project, f"{OWN}\n\n{new}", OWN) == f"{OWN}\n\n{expected}"


def test_finish__quotes_stay_if_the_file_has_both_or_few(project: Path) -> None:
    for own in (OWN + '    assert "a" != "b"\n' * 3, "def test_here():\n    assert 'tea'\n"):
        text = f'{own}\n\ndef test_a():\n    assert "tea"\n'
        assert finished(project, text, own) == text


def test_finish__methods_that_were_there_are_not_silenced(project: Path) -> None:
    (project / "pyproject.toml").write_text('[tool.ruff.lint]\nselect = ["S101"]\n')
    existing = "class TestAll:\n    def test_here(self):\n        assert 1  # noqa: S101\n"
    text = finished(project, f"{existing}\n    def test_new(self):\n        assert 2\n", existing)
    assert text == f"{existing}\n    def test_new(self):\n        assert 2  # noqa: S101\n"


LONG = "def test_a():\n    assert Cart().with_all_the_items_that_are_in_it('a', 'b', c='d').size == 14000\n"
NARROW = "import os\n" + "def test_here():\n    assert os\n\n\n" * 20


@pytest.mark.parametrize(
    ("pyproject", "own", "is_wrapped"),
    [
        ("", None, False),
        ("[tool.black]\nline-length = 79\n", None, True),
        ("[tool.black]\nline-length = '79'\n", None, False),
        ("", NARROW, True),
        ("", NARROW + f"# {'x' * 80}\n", False),
        ("[tool.black]\nline-length = 100\n", NARROW, False),
        ("[tool.ruff]\nline-length = 100\n", NARROW, False),
        ("[tool.ruff]\nline-length = 100\n\n[tool.black]\nline-length = 80\n", None, True),
    ],
)
def test_format__lines_are_as_long_as_black_or_the_file_has_them(
    project: Path, pyproject: str, own: str | None, *, is_wrapped: bool
) -> None:
    (project / "pyproject.toml").write_text(pyproject)
    if own is not None:
        (project / TEST_PATH).parent.mkdir(parents=True, exist_ok=True)
        (project / TEST_PATH).write_text(own)
    assert ("assert (\n" in formatted(project, LONG)) == is_wrapped


def test_format_all__an_edit_has_the_layout_of_a_project_whose_black_keeps_quotes(project: Path) -> None:
    (project / "pyproject.toml").write_text(
        "[tool.black]\nline-length = 60\nskip-string-normalization = true\nskip-magic-trailing-comma = true\n"
    )
    own = "from shop import cart\n\n\ndef test_add():\n    assert cart.add('tea', 'cup') == {'tea': 1}\n"
    (project / TEST_PATH).write_text(own)
    added = "\n\ndef test_more():\n    assert cart.add(\n        'tea',\n        'pot',\n    )=={'tea': 2}\n"
    [text] = RuffFormatter().format_all(
        [UnformattedModule(own + added, TEST_PATH, is_edit=True)], tree_of(project)
    )
    assert text == f"{own}\n\ndef test_more():\n    assert cart.add('tea', 'pot') == {{'tea': 2}}\n"
