"""What a runner makes of the lines that the action writes."""

from io import StringIO

import pytest

from fakes.github.runner import Command, Log, parse_command
from testsmith.action.outputs import (
    Level,
    annotation_command,
    folded,
    mask_command,
    safe_line,
    safe_log,
    write_commands,
)
from testsmith.reporting.pull_requests.annotations import Annotation
from testsmith.reporting.terminal import PlainProgress

HOSTILE = (
    "::set-env name=PATH::/evil",
    "  ::add-path::/evil",
    "\u3000::error::x",
    "before ##[set-env name=PATH]/evil",
    "##[add-mask]e",
    "::stop-commands::x",
    "a\r::set-env name=A::b",
    "a\n::set-env name=A::b",
    "a\x0b::set-env name=A::b",
    "a\u2028##[error]b",
    "####[error]b",
)


def read(text: str) -> Log:
    """Return what the runner understands; it splits lines at carriage returns, too."""
    log = Log()
    log.read(text.replace("\r", "\n"))
    return log


def test_annotation__with_a_place() -> None:
    annotation = Annotation(
        message="50% of\r\nit, this: that", title="a: b, c", file="src/a,b.py", start_line=3, line=9
    )

    command = parse_command(annotation_command(Level.NOTICE, annotation))

    properties = {"file": "src/a,b.py", "line": "3", "endLine": "9", "title": "a: b, c"}
    assert command == Command(name="notice", properties=properties, data="50% of\r\nit, this: that")


def test_annotation__without_a_place() -> None:
    command = annotation_command(Level.WARNING, Annotation(title="t", message="m"))

    assert command == "::warning title=t::m"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_annotation__is_one_command_whatever_it_says(hostile: str) -> None:
    annotation = Annotation(message=hostile, title=hostile, file=hostile)
    text = annotation_command(Level.NOTICE, annotation)

    assert [command.name for command in read(text).commands] == ["notice"]


def test_mask__hides_each_line_of_a_secret() -> None:
    stream = StringIO()
    write_commands(stream, [mask_command("one\ntwo%")])

    assert set(read(stream.getvalue()).masks) == {"one\ntwo%", "one", "two%"}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_safe_line__is_no_command(hostile: str) -> None:
    assert read(safe_line(hostile)).commands == []


@pytest.mark.parametrize("text", ["testsmith: tests (3)", "a :: b", "x[1:] ## [y]", "Grüße, 🙂"])
def test_safe_line__leaves_words_alone(text: str) -> None:
    assert safe_line(text) == text


@pytest.mark.parametrize("hostile", HOSTILE)
def test_safe_log__is_no_command_in_whatever_pieces(hostile: str) -> None:
    stream = StringIO()
    log = safe_log(stream)
    for character in f"{hostile}\n{hostile}":
        log.write(character)
    log.close()

    assert read(stream.getvalue()).commands == []
    assert len(stream.getvalue().splitlines()) >= 2


def test_safe_log__progress_is_plain_lines() -> None:
    stream = StringIO()
    progress = PlainProgress(safe_log(stream))
    progress.phase("proving", 3)
    progress.warn("\n::error::no ##[error]such")

    assert stream.getvalue() == "testsmith: proving (3)\ntestsmith: warning: ::error::no # #[error]such\n"


def test_folded__nothing_within_is_a_command() -> None:
    stream = StringIO()
    with folded(stream, "Review", "a1b2c3d4"):
        stream.write("::error::x\n##[error]y\n::wrong-token::\n::error::z\n")
    write_commands(stream, ["::warning::after"])

    names = [command.name for command in read(stream.getvalue()).commands]
    assert names == ["group", "stop-commands", "endgroup", "warning"]
