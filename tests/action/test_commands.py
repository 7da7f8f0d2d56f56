"""What a runner makes of the lines that the action writes."""

from io import StringIO

import pytest

from bot.action.commands import (
    Annotation,
    Level,
    annotation_command,
    few,
    folded,
    mask_command,
    safe_line,
    safe_log,
    write_commands,
)
from bot.report.terminal import PlainProgress
from fakes.github.runner import Command, Log, parse_command

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
        level=Level.NOTICE,
        message="50% of\r\nit, this: that",
        title="a: b, c",
        path="src/a,b.py",
        line=3,
        end_line=9,
    )

    command = parse_command(annotation_command(annotation))

    properties = {"file": "src/a,b.py", "line": "3", "endLine": "9", "title": "a: b, c"}
    assert command == Command(name="notice", properties=properties, data="50% of\r\nit, this: that")


def test_annotation__without_a_place() -> None:
    command = annotation_command(Annotation(level=Level.WARNING, message="m", line=3))

    assert command == "::warning title=TestSmith::m"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_annotation__is_one_command_whatever_it_says(hostile: str) -> None:
    text = annotation_command(
        Annotation(level=Level.NOTICE, message=hostile, title=hostile, path=hostile, line=1)
    )

    assert [command.name for command in read(text).commands] == ["notice"]


def test_annotation__a_long_message_is_cut_by_us() -> None:
    text = annotation_command(Annotation(level=Level.ERROR, message="x" * 5_000))

    assert text.endswith("x…")
    assert len(text) < 4_096


@pytest.mark.parametrize(("count", "shown"), [(9, 9), (10, 10), (35, 10)])
def test_few__the_last_tells_of_the_rest(count: int, shown: int) -> None:
    kept = few(Annotation(level=Level.NOTICE, message=str(index)) for index in range(count))

    assert len(kept) == shown
    assert [one.message for one in kept[:9]] == [str(index) for index in range(9)]
    if count > 9:
        assert kept[9].message.startswith(f"{count - 9} more;")


def test_few__each_level_has_its_own_room() -> None:
    levels = [Level.NOTICE] * 12 + [Level.WARNING] * 3 + [Level.ERROR]

    kept = few(Annotation(level=level, message="m") for level in levels)

    assert [one.level for one in kept] == [Level.ERROR] + [Level.WARNING] * 3 + [Level.NOTICE] * 10


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
