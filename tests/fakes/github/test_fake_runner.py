"""How a runner reads a step's output."""

from __future__ import annotations

import pytest

from fakes.github.runner import Command, Log, parse_command, parse_file


def read(text: str) -> Log:
    log = Log()
    log.read(text)
    return log


def test_command__with_properties_and_escapes() -> None:
    line = "  ::warning file=src/a%2Cb.py,line=3,title=50%25%3A half::one%0Atwo: %253A::x"
    assert parse_command(line) == Command(
        name="warning",
        properties={"file": "src/a,b.py", "line": "3", "title": "50%: half"},
        data="one\ntwo: %3A::x",
    )


@pytest.mark.parametrize(
    "line", ["text ::warning::no", "::unknown::x", "warning::x", ":: warning::x", "::warning:x"]
)
def test_command__is_none(line: str) -> None:
    assert parse_command(line) is None


def test_command__old_form_counts_anywhere_in_a_line() -> None:
    found = parse_command("assert 'x' == '##[set-env name=A]b'")
    assert found is not None
    assert (found.name, found.properties) == ("set-env", {"name": "A"})


def test_log__commands_stop_between_their_marks() -> None:
    log = read("::stop-commands::secret-mark\n::error::not one\n::other::\n::secret-mark::\n::error::one")
    assert [one.data for one in log.annotations("error")] == ["one"]
    assert log.shown == ["::error::not one", "::other::"]


def test_log__masks_what_it_is_told() -> None:
    assert read("::add-mask::k-123\nthe key is k-123").shown == ["the key is ***"]


def test_log__keeps_ten_annotations_of_each_level() -> None:
    log = read("\n".join(f"::notice::{number}\n::error::{number}" for number in range(12)))
    assert (len(log.annotations("notice")), len(log.all_annotations)) == (10, 20)


def test_log__cuts_long_messages() -> None:
    assert len(read("::error::" + "x" * 5_000).annotations("error")[0].data) == 4_096


def test_file__the_first_sign_decides() -> None:
    assert parse_file("a=b<<c\n\nd<<e=f\n1\n\n2\ne=f\n") == {"a": "b<<c", "d": "1\n\n2"}
