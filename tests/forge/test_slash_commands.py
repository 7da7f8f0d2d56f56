"""What a comment tells the bot to do, and all the ways in which a comment only speaks of it."""

from __future__ import annotations

import random
import time

import pytest

from testsmith.forge.slash_commands import (
    BODY_LIMIT,
    MOST_CHARACTERS,
    MOST_COMMANDS,
    InvalidCommand,
    ParsedComment,
    SlashCommand,
    Verb,
    orders_in,
)

LEAP = "use a leap year"


def only(body: str, *, is_reply: bool = False) -> SlashCommand | InvalidCommand:
    (line,) = orders_in(body, is_reply=is_reply).lines
    return line


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ("/testsmith", SlashCommand(verb=Verb.HELP)),
        ("/testsmith help", SlashCommand(verb=Verb.HELP)),
        ("  /TestSmith HELP  ", SlashCommand(verb=Verb.HELP)),
        ("/testsmith ignore", SlashCommand(verb=Verb.IGNORE)),
        ("/testsmith resume", SlashCommand(verb=Verb.RESUME)),
        ("/testsmith suggest", SlashCommand(verb=Verb.SUGGEST)),
        (
            '/testsmith suggest src/Shop/__init__.py Cart.__eq__ `a b` "c  d" \'e',
            SlashCommand(
                verb=Verb.SUGGEST, targets=("src/Shop/__init__.py", "Cart.__eq__", "a b", "c  d", "'e")
            ),
        ),
        ("/testsmith apply", SlashCommand(verb=Verb.APPLY)),
        ("/testsmith apply ALL", SlashCommand(verb=Verb.APPLY, is_all=True)),
        ("/testsmith apply 1 3", SlashCommand(verb=Verb.APPLY, numbers=(1, 3))),
        ("/testsmith apply 1,3", SlashCommand(verb=Verb.APPLY, numbers=(1, 3))),
        ("/testsmith apply 1, #3, 2-4 1", SlashCommand(verb=Verb.APPLY, numbers=(1, 3, 2, 4))),
        ("/testsmith reject 2", SlashCommand(verb=Verb.REJECT, numbers=(2,))),
        (
            "/testsmith reject 2 3 Not `useful`: 4  would do",
            SlashCommand(verb=Verb.REJECT, numbers=(2, 3), reason="Not `useful`: 4 would do"),
        ),
        ("/testsmith retry", SlashCommand(verb=Verb.RETRY)),
        ("/testsmith retry 5-5", SlashCommand(verb=Verb.RETRY, numbers=(5,))),
        ("/testsmith retry 2 -- use a  leap year", SlashCommand(verb=Verb.RETRY, numbers=(2,), hint=LEAP)),
        ("/testsmith retry -- use a leap year", SlashCommand(verb=Verb.RETRY, hint=LEAP)),
        (
            "/testsmith suggest a.py Cart.add \u2014 use a leap year",
            SlashCommand(verb=Verb.SUGGEST, targets=("a.py", "Cart.add"), hint=LEAP),
        ),
        (
            "/testsmith reject 2 no -- really",
            SlashCommand(verb=Verb.REJECT, numbers=(2,), reason="no -- really"),
        ),
        ("/testsmith explain 7", SlashCommand(verb=Verb.EXPLAIN, numbers=(7,))),
        ("Thanks!\n/testsmith explain 7\r\nand more", SlashCommand(verb=Verb.EXPLAIN, numbers=(7,))),
        ("> quoted\n\n/testsmith help", SlashCommand(verb=Verb.HELP)),
        ("/testsmith help <!-- aside -->", SlashCommand(verb=Verb.HELP)),
        ("/testsmith help\n---", SlashCommand(verb=Verb.HELP)),
    ],
)
def test_command__is_read(body: str, command: SlashCommand) -> None:
    assert only(body) == command


@pytest.mark.parametrize(
    "body",
    [
        "",
        "apply",
        "testsmith apply 1",
        "see /testsmith apply 1",
        "/testsmithing apply 1",
        "\\/testsmith apply 1",
        "`/testsmith apply 1`",
        "> /testsmith apply 1",
        "> quoted\n/testsmith apply 1",
        ">> twice\n> /testsmith apply 1",
        "> ```\n> /testsmith apply 1\n> ```",
        "    /testsmith apply 1",
        "text\n\n\t/testsmith apply 1",
        "```\n/testsmith apply 1\n```",
        "~~~~ sh\n/testsmith apply 1\n~~~\n/testsmith apply 2\n~~~~",
        "```\nnever closed\n\n/testsmith apply 1",
        "- ```\n  /testsmith apply 1\n  ```",
        "- /testsmith apply 1",
        "1. item\n   /testsmith apply 1",
        "a `\n/testsmith apply 1\n` b",
        "<!-- /testsmith apply 1 -->",
        "<!--\n\n/testsmith apply 1\n\n-->",
        "text <!--\n/testsmith apply 1\n--> text",
        "<pre>\n/testsmith apply 1\n</pre>",
        "# /testsmith apply 1",
        "| /testsmith apply 1 |",
        "| a |\n|---|\n/testsmith apply 1",
        "---\n    /testsmith apply 1",
        "Title\n===\n    /testsmith apply 1",
        "[x]:\n/testsmith",
        "\\``\n/testsmith apply 1\n`",
        "/testsmith\u00a0apply 1",
    ],
)
def test_command__is_none(body: str) -> None:
    assert orders_in(body).lines == ()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("/testsmith launch 1", "there is no such command"),
        ("/testsmith help me", "takes no arguments"),
        ("/testsmith apply one", "takes numbers"),
        ("/testsmith apply all 3", "takes numbers"),
        ("/testsmith apply 1 two", "takes numbers"),
        ("/testsmith apply 1 -- two", "takes numbers"),
        ("/testsmith retry 1 --", "takes numbers"),
        ("/testsmith apply 0", "start at 1"),
        ("/testsmith apply 5-3", "must be ascending"),
        ("/testsmith apply 1-999999", "at most 100"),
        ("/testsmith apply " + " ".join(map(str, range(1, 102))), "at most 100"),
        ("/testsmith apply 1234567", "takes numbers"),
        ("/testsmith apply ٣", "takes numbers"),
        ("/testsmith suggest " + " ".join(f"f{number}" for number in range(101)), "at most 100"),
        ("/testsmith suggest " + "x" * 201, "at most 100"),
    ],
)
def test_command__that_cannot_be_obeyed_says_why(body: str, told: str) -> None:
    line = only(body)
    assert isinstance(line, InvalidCommand)
    assert told in line.problem
    assert len(line.line) <= MOST_CHARACTERS


@pytest.mark.parametrize("body", ["> - <pre>\n> \n\n/testsmith help", "> - " * 5000 + "\n\n/testsmith help"])
def test_command__in_a_text_that_ends_the_reader_there_is_none(body: str) -> None:
    assert orders_in(body).lines in {(), (SlashCommand(verb=Verb.HELP),)}


def test_commands__several_keep_their_order() -> None:
    orders = orders_in("Two things:\n\n/testsmith reject 2\nand\n/testsmith apply 1 3\n\n/testsmith fly")
    assert orders.commands == (
        SlashCommand(verb=Verb.REJECT, numbers=(2,)),
        SlashCommand(verb=Verb.APPLY, numbers=(1, 3)),
    )
    assert [str(line) for line in orders.misread] == ["/testsmith fly"]


def test_commands__of_too_many_none_is_obeyed() -> None:
    most = orders_in("/testsmith help\n" * MOST_COMMANDS)
    assert (len(most.commands), most.are_too_many) == (MOST_COMMANDS, False)
    more = orders_in("/testsmith apply 1\n" * 200)
    assert (more.commands, more.are_too_many) == ((), True)


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ("apply", SlashCommand(verb=Verb.APPLY)),
        (" Apply.\n", SlashCommand(verb=Verb.APPLY)),
        ("explain", SlashCommand(verb=Verb.EXPLAIN)),
        ("retry!", SlashCommand(verb=Verb.RETRY)),
        ("retry: use a leap year", SlashCommand(verb=Verb.RETRY, hint=LEAP)),
        ("reject", SlashCommand(verb=Verb.REJECT)),
        ("Reject: it is Cart's business", SlashCommand(verb=Verb.REJECT, reason="it is Cart's business")),
    ],
)
def test_shortcut__is_the_whole_of_a_reply(body: str, command: SlashCommand) -> None:
    assert orders_in(body, is_reply=True) == ParsedComment(lines=(command,), is_shortcut=True)
    assert orders_in(body) == ParsedComment()


@pytest.mark.parametrize(
    "body", ["apply it", "please apply", "> apply", "apply\napply", "reject this idea", "apply: now", "help"]
)
def test_shortcut__is_no_part_of_a_sentence(body: str) -> None:
    assert orders_in(body, is_reply=True) == ParsedComment()


def a_command(draw: random.Random) -> SlashCommand:
    verb = draw.choice(list(Verb))
    numbers = tuple(dict.fromkeys(draw.randint(1, 999_999) for _ in range(draw.randint(0, 5))))
    words = [
        draw.choice(("a", "Not", "__eq__", "src/x y.py", "shop::Cart.add", "é*", "x_y_z")) for _ in "123"
    ]
    match verb:
        case Verb.HELP | Verb.IGNORE | Verb.RESUME:
            return SlashCommand(verb=verb)
        case Verb.SUGGEST:
            return SlashCommand(verb=verb, targets=tuple(dict.fromkeys(words)))
        case Verb.APPLY if not numbers:
            return SlashCommand(verb=verb, is_all=draw.random() < 0.5)
        case Verb.REJECT:
            return SlashCommand(verb=verb, numbers=numbers, reason=" ".join(words))
        case _:
            return SlashCommand(verb=verb, numbers=numbers)


def test_command__what_it_is_written_as_is_read_as_the_same() -> None:
    draw = random.Random(20261125)  # noqa: S311 - the same draws in each run
    for _ in range(500):
        commands = tuple(a_command(draw) for _ in range(draw.randint(1, 3)))
        assert orders_in("\n\n".join(map(str, commands))).commands == commands


def test_any_text__is_read_to_its_end() -> None:
    draw = random.Random(7)  # noqa: S311 - the same draws in each run
    pieces = (
        *("> - <pre>\n", "| a |\n|---|\n", "---\n", "# ", "[x]: ", "\n\n/testsmith help\n\n"),
        *("/testsmith ", "apply ", "reject 1-", "9", "all", "\n", "\n\n", "> ", "    ", "\t", "```", "~~~"),
        *(
            "`",
            "<!--",
            "-->",
            "<pre>",
            "<",
            "&",
            "- ",
            "1. ",
            '"',
            "\\",
            "\x00",
            "\ud800",
            "é",
            "\r",
            "\u2028",
        ),
    )
    for _ in range(1500):
        body = "".join(draw.choice(pieces) for _ in range(draw.randint(0, 40)))
        orders = orders_in(body, is_reply=draw.random() < 0.5)
        assert all(isinstance(line, SlashCommand | InvalidCommand) for line in orders.lines)
        for command in orders.commands:
            again = orders_in(str(command)).lines
            assert again in {(command,), ()} or command.reason or command.targets


@pytest.mark.parametrize(
    "piece",
    [
        *("`a", "> ", "- ", "<!--", "<?", "<a ", "*", "[`", "```\n", "/testsmith help\n"),
        *("| a |\n|---|\n", "|", "[x]: y\n", '[x]: "y\n', "---\n", "# "),
    ],
)
def test_hostile_text__takes_no_time(piece: str) -> None:
    body = "/testsmith help\n\n" + piece * (2 * BODY_LIMIT // len(piece))
    started = time.process_time()
    assert orders_in(body).lines
    assert time.process_time() - started < 5
