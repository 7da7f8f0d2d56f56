"""Requirements are read as data: no option, address, path or other index of theirs ever gets through."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from testsmith.languages.python.running.install.requirements import Collector, Declared


def collected(text: str, files: Mapping[str, str] | None = None, folder: str = "") -> Declared:
    collector = Collector("here", (files or {}).get, folder)
    collector.lines(text)
    return collector.declared()


def arguments(*words: str, files: Mapping[str, str] | None = None) -> Declared:
    collector = Collector("here", (files or {}).get)
    collector.arguments(words)
    return collector.declared()


def test_lines__names_with_extras_versions_and_markers() -> None:
    text = """
    # for the tests
    pytest >= 7 , < 9   # not 9
    coverage[toml]==7.0; python_version<"3.13"
    attrs==1.0 \\
        --hash=sha256:0123 --hash=sha256:4567
    """
    found = collected(text)
    assert found.requirements == (
        "pytest<9,>=7",
        'coverage[toml]==7.0; python_version < "3.13"',
        "attrs==1.0",
    )
    assert found.left_out == ()


@pytest.mark.parametrize(
    "hostile",
    [
        "--index-url https://evil.test/simple",
        "--index-url=https://evil.test/simple",
        "--extra-index-url https://evil.test",
        "-i https://evil.test",
        "-ihttps://evil.test",
        "-f https://evil.test",
        "-e git+https://evil.test/x#egg=x",
        "-e ../other",
        "-e/other",
        "--editable=/other",
        "git+https://evil.test/x",
        "x @ https://evil.test/x.whl",
        "x @ file:///etc/passwd",
        "https://evil.test/x.whl",
        "./x.whl",
        "../x",
        "x --index-url https://evil.test",
        "x\x00y",
        "${NAME}",
        "{posargs}",
        "$(evil)",
        "-r ../outside.txt",
        "-r /etc/passwd",
        "-r https://evil.test/x.txt",
        "-r missing.txt",
        "'",
        "-r 'unclosed",
    ],
)
def test_lines__what_is_no_name_of_a_package_is_left_out_and_said_to_be(hostile: str) -> None:
    found = collected(f"first\n{hostile}\nlast\n", {"../outside.txt": "evil", "/etc/passwd": "evil"})
    assert found.requirements == ("first", "last")
    assert len(found.left_out) == 1
    assert arguments("first", hostile, "last").requirements[:1] == ("first",)
    assert "evil" not in " ".join(arguments("first", hostile, "last").requirements)


def test_lines__files_that_name_files() -> None:
    files = {
        "requirements/base.txt": "attrs\n-c versions.txt\n-r ../more.txt\n",
        "requirements/versions.txt": "six<2\n",
        "more.txt": "idna\n-r requirements/base.txt\n-r {toxinidir}/more.txt\n",
    }
    found = collected("pytest\n-r base.txt\n", files, "requirements")
    assert found.requirements == ("pytest", "attrs", "idna")
    assert found.constraints == ("six<2",)
    assert found.left_out == ()


@pytest.mark.parametrize("project", [".", "./", "-e .", "-e.", "-e{toxinidir}", "--editable=.", "file:."])
def test_lines__the_project_itself_is_installed_anyway(project: str) -> None:
    assert collected(project) == Declared(source="here")
    extras = collected(f"{project}[test, more]").extras
    assert extras in {("test", "more"), ()}


def test_lines__extras_of_the_project() -> None:
    assert collected("-e .[test,more]").extras == ("test", "more")
    assert collected(".[x\n]").extras == ()
    assert arguments(".[x]\n--index-url=https://evil.test]").extras == ()


def test_arguments__as_pip_and_uv_take_them() -> None:
    found = arguments(
        *("-U", "--upgrade-strategy", "eager", "--only-binary", "hypothesis", "pytest>=7", "-r", "more.txt"),
        *("-c", "versions.txt", "--group", "tests", "--extra=speed", "--no-deps", "-q"),
        files={"more.txt": "attrs", "versions.txt": "six<2"},
    )
    assert found == Declared(
        source="here",
        requirements=("pytest>=7", "attrs"),
        constraints=("six<2",),
        extras=("speed",),
        groups=("tests",),
    )


def test_collector__does_not_grow_without_end() -> None:
    many = collected("".join(f"package{number}\n" for number in range(10_000)))
    assert len(many.requirements) == 500
    files = {f"{number}.txt": f"-r {number + 1}.txt\npackage{number}\n" for number in range(1000)}
    assert len(collected("-r 0.txt", files).requirements) <= 20
