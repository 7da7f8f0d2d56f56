"""The offline engine on a project whose own tests know what its members take: real processes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.engine import answers, candidate, members_of, reason, run_pytest
from fakes.workspaces import small_workspace
from testsmith.languages.python.explorer.generator import OfflineGenerator
from testsmith.languages.python.explorer.variant_search import search_variants
from testsmith.model import Candidate, Change, Place, Request, Result, ShownChange, Skipped

DIALLED = """import re

CODE = re.compile(r"([+]\\d{1,3})-(\\d{2,4})/(\\d+)")


def parts(number):
    match = CODE.fullmatch(number)
    if match is None:
        return None
    return [int(part) for part in match.groups()]


class Book:
    def __init__(self, lines):
        self.entries = dict(line.split(" = ") for line in lines)

    def number(self, name):
        return self.entries[name].upper()
"""
DIALLING = """import pytest

from dialled import Book, parts

LINES = ["ann = +44-20/7946", "bob = x5"]


@pytest.fixture
def book():
    return Book(LINES)


@pytest.mark.parametrize("number", ["+44-20/7946", "+1-212/5550"])
def test_parts(number):
    assert parts(number)


def test_number(book):
    assert book.number("bob") == "X5"
"""


def test_calls_of_own_tests__open_what_only_they_know_the_inputs_of(tmp_path: Path) -> None:
    files = {"dialled.py": DIALLED, "tests/test_dialled.py": DIALLING}

    found = asyncio.run(answers(tmp_path / "work", {"dialled.py": DIALLED}))
    helped = asyncio.run(answers(tmp_path / "helped", files))

    assert isinstance(found["parts"], Skipped)
    assert isinstance(found["Book.number"], Skipped)
    assert "[44, 20, " in candidate(helped["parts"]).code
    assert 'Book(["ann = +44-20/7946", "bob = x5"])' in candidate(helped["Book.number"]).code
    written = {name: made.code for name, made in helped.items() if isinstance(made, Candidate)}
    done = run_pytest(tmp_path, {"dialled": DIALLED}, written)
    assert "failed" not in done, done


MARKED = """class Line:
    def __init__(self, parts):
        self.parts = parts
        self.marked = []


def mark(line):
    line.marked = [part for part in line.parts if part{folded} == "NOW"]
    return line


def parse(text):
    return mark(Line(text.split()))
"""
MARKING = """from marked import parse


def test_mark():
    line = parse("later NOW")
    assert line.marked == ["NOW"]
    assert parse("later").marked == []
"""


def test_what_own_tests_check__is_varied_until_base_differs(tmp_path: Path) -> None:
    head, base = ({"marked.py": MARKED.format(folded=folded)} for folded in (".upper()", ""))
    tests = {"tests/test_marked.py": MARKING}

    alone = asyncio.run(answers(tmp_path / "alone", head, base))
    helped = asyncio.run(answers(tmp_path / "helped", {**head, **tests}, {**base, **tests}))

    assert isinstance(alone["mark"], Skipped)
    assert 'assert parse("later now").marked == ["now"]' in candidate(helped["mark"]).code
    shown = candidate(helped["mark"]).descriptions[0].witness
    assert shown == '`parse("later now").marked` gave `[]` before this change and gives `["now"]` now.'


MADE = """from typing import NamedTuple


class Pair(NamedTuple):
    key: str
    value: str{more}


def split(text):
    parts = text.strip().partition("=")
    return [Pair(parts[0], parts[2])]
"""


def test_value_that_base_cannot_make__is_in_no_table(tmp_path: Path) -> None:
    head, base = ({"made.py": MADE.format(more=more)} for more in ('\n    about: str = "none"', ""))

    split = candidate(asyncio.run(answers(tmp_path, head, base))["split"])

    assert 'about="none"' in split.code
    assert "parametrize" not in split.code


WEEKS = """import time


class Day:
    def __init__(self, number=9):
        self.number = number

    @classmethod
    def today(cls):
        return cls(int(time.time()) // 86400)

    def floor(self, frame{more}):
        {text}size = {{"day": 1, "week": 7}}[frame]
        return self.number - self.number % size{shift}
"""
SHOWN = '''"""Return the first day.

        >>> Day.today().floor("week", start=2)
        20000
        """
        '''


def test_documented_arguments__are_given_to_an_object_that_stays_the_same(tmp_path: Path) -> None:
    head = {"weeks.py": WEEKS.format(more=", **options", text=SHOWN, shift=' + options.get("start", 0)')}
    base = {"weeks.py": WEEKS.format(more="", text="", shift="")}

    found = asyncio.run(answers(tmp_path, head, base))

    made = candidate(found["Day.floor"]).code
    assert '("week", 2, 9)' in made
    assert "assert Day().floor(frame, start=start) == expected" in made


KEYS = """class Plain:
    def __init__(self, words):
        self.words = words


class Dotted(Plain):
    pass


def key(words):
    '''Return a key.

    >>> len(key("ab").words)
    3
    '''
    return {made}([*words])


def size(words):
    return {counted}
"""


def test_change__is_shown_by_the_class_of_a_result_and_by_nothing_that_base_does_too(tmp_path: Path) -> None:
    head = {"keys.py": KEYS.format(made="Dotted", counted="len(words)")}
    base = {"keys.py": KEYS.format(made="Plain", counted="len(list(words))")}

    found = asyncio.run(answers(tmp_path, head, base))

    assert "assert isinstance(key(" in candidate(found["key"]).code
    silent = found["size"]
    assert isinstance(silent, Skipped)
    assert silent.reason == "no input behaves differently from the merge base"


READER = """from words import WORDS

TABLE = {}


def fill() -> None:
    if not TABLE:
        TABLE.update(WORDS)


def kinds(text):
    fill()
    return [TABLE.get(word, "name") for word in text.split()]
"""
READING = """from reader import kinds


def test_kinds():
    assert kinds("select x") == ["keyword", "name"]
"""


def test_change_of_data__is_shown_by_what_the_authors_write_through_calls_of_the_tests(
    tmp_path: Path,
) -> None:
    base = {
        "reader.py": READER,
        "words.py": 'WORDS = {"select": "keyword"}\n',
        "tests/test_reader.py": READING,
    }
    head = {**base, "words.py": 'WORDS = {"select": "keyword", "row_format": "keyword"}\n'}
    [fill, _] = members_of({"reader.py": READER}, Change.AFFECTED)
    places = (Place(path="words.py", line=1, end_line=1, name="WORDS"),)
    member = replace(fill, because_source=(head["words.py"],), because_places=places)

    async def answer() -> Result:
        async with small_workspace(tmp_path, head, base) as workspace:
            intent = "Commit: Know one more keyword\n\n`alter t row_format x` has one."
            request = Request(member=member, test_path="tests/test_reader.py", intent=intent)
            return await OfflineGenerator(workspace).generate(request)

    made = candidate(asyncio.run(answer())).code
    assert made == (
        "from reader import kinds\n\n\n"
        "def test_know_one_more_keyword():\n"
        '    assert kinds("alter t row_format x") == ["name", "name", "keyword", "name"]\n'
    )


PRESSED = """class Editor:
    def __init__(self, screen):
        self.text = screen.text

    def press(self, key):
        if key in {keys}:
            self.text = ""
"""
PRESSING = """import pytest

from editor import Editor


@pytest.fixture
def editor():
    class Screen:
        text = "some words"

    return Editor(Screen())


def test_deletes_the_line(editor):
    \"\"\"Ctrl+U deletes everything.\"\"\"
    assert editor.text == "some words"
    editor.press("ctrl+u")
    assert editor.text == ""
"""


def found_variant(
    folder: Path, head: dict[str, str], base: dict[str, str], request: Request
) -> Candidate | None:
    """Return what the search for variants finds for a request in a project with these files."""

    async def found() -> Candidate | None:
        async with small_workspace(folder, head, base) as workspace:
            return await search_variants(workspace, request)

    return asyncio.run(found())


def variant(folder: Path, keys: str, before: str) -> Candidate | None:
    head, base = ({"editor.py": PRESSED.format(keys=each)} for each in (keys, before))
    tests = {"tests/test_editor.py": PRESSING}
    diff = f"-        if key in {before}:\n+        if key in {keys}:\n"
    [press] = members_of(head, Change.CHANGED)
    shown = ShownChange(own=diff)
    request = Request(
        member=replace(press, shown_change=shown), test_path="tests/test_editor.py", test_text=PRESSING
    )

    return found_variant(folder, {**head, **tests}, {**base, **tests}, request)


def test_variant_of_its_tests__shows_what_needs_their_fixtures(tmp_path: Path) -> None:
    made = variant(tmp_path, '("ctrl+u", "super+backspace")', '("ctrl+u",)')

    assert made is not None
    added = made.edited.removeprefix(PRESSING.rstrip("\n"))
    assert added.strip() == (
        "def test_deletes_the_line_with_super_backspace(editor):\n"
        '    assert editor.text == "some words"\n'
        '    editor.press("super+backspace")\n'
        '    assert editor.text == ""'
    )
    assert "def test_deletes_the_line_with_super_backspace" in made.code


def test_variant_of_its_tests__is_none_if_base_does_the_same(tmp_path: Path) -> None:
    assert variant(tmp_path, '["ctrl+u"]', '("ctrl+u",)') is None


SCHEMAS = """_DATA = {data}


def clean(schema):
    for key in [key for key in schema if key not in _DATA]:
        del schema[key]
    return schema
"""
CLEANING = """from schemas import clean


def test_clean_keeps_data():
    schema = {"title": "a", "default": {"title": "b"}}
    clean(schema)
    assert schema == {"default": {"title": "b"}}
""" + "".join(f"\n\ndef test_clean_{at}():\n    assert clean({{'a': {at}}}) == {{}}\n" for at in range(14))


def test_variant_of_its_tests__is_of_one_that_has_a_text_of_the_change(tmp_path: Path) -> None:
    head, base = (
        {"schemas.py": SCHEMAS.format(data=each)} for each in ('{"default", "example"}', '{"default"}')
    )
    tests = {"tests/test_schemas.py": CLEANING}
    shown = ShownChange(private=('-_DATA = {"default"}\n+_DATA = {"default", "example"}\n',))
    [clean] = members_of(head, Change.AFFECTED)
    member = replace(clean, shown_change=shown)
    request = Request(member=member, test_path="tests/test_schemas.py", test_text=CLEANING)

    made = found_variant(tmp_path, {**head, **tests}, {**base, **tests}, request)
    assert made is not None
    assert (
        '    schema = {"title": "a", "example": {"title": "b"}}\n    clean(schema)\n'
        "    assert schema == {'example': {'title': 'b'}}\n"
    ) in made.edited


SENDING = """def send(headers):
    length = int(headers["length"])
    {}return length


class SendError(ValueError):
    pass
"""
SENDS = """import pytest

from sending import send


@pytest.fixture
def headers():
    return {"id": "a"}


def test_send(headers):
    headers["length"] = "15"
    sent = send(headers)
    assert sent == 15
"""


@pytest.mark.parametrize(("error", "imports"), [("ValueError", "send"), ("SendError", "SendError, send")])
def test_variant_of_its_tests__expects_the_exception_that_the_change_raises(
    error: str, imports: str, tmp_path: Path
) -> None:
    lines = ["    if length < 0:\n", f'        raise {error}("the length must not be negative")\n']
    check = "".join(lines).lstrip() + "    "
    tests = {"tests/test_sending.py": SENDS}
    head, base = ({"sending.py": SENDING.format(each)} for each in (check, ""))
    send = next(one for one in members_of(head, Change.CHANGED) if one.name == "send")
    shown = ShownChange(own="".join(f"+{line}" for line in lines))
    member = replace(send, shown_change=shown, changed_lines=frozenset({3, 4}))
    request = Request(member=member, test_path="tests/test_sending.py", test_text=SENDS)

    made = found_variant(tmp_path, {**head, **tests}, {**base, **tests}, request)
    assert made is not None
    before = SENDS.replace("import send\n", f"import {imports}\n")
    assert made.edited.removeprefix(before).strip() == (
        "def test_send_with_a_negative_number(headers):\n"
        '    headers["length"] = "-15"\n'
        f'    with pytest.raises({error}, match="the length must not be negative"):\n'
        "        send(headers)"
    )


COUNTED = """count = 1


def ticket(text):
    global count
    count += 1
    return f"{text.strip()} {count}"
"""
OPTIONS_BEFORE = """def check(text):
    if not text:
        raise ValueError("nothing to check")
    return len(text)


def cut(text):
    return text.strip()


def parse(text):
    return text.strip()
"""
OPTIONS = """class Limits:
    longest = 256


def same(text):
    return text


def check(text, strict=False):
    if not text:
        raise ValueError("nothing to check")
    return len(text)


def cut(text, upper=False):
    text = text.strip()
    return text.upper() if upper else text


def parse(text):
    if len(text) > Limits.longest:
        raise ValueError("the text is too long")
    return text.strip()
"""


def test_changes__are_shown_by_what_differs_not_by_what_base_cannot_be_given(tmp_path: Path) -> None:
    found = asyncio.run(answers(tmp_path, {"m.py": OPTIONS}, {"m.py": OPTIONS_BEFORE}, added={"same"}))

    assert reason(found["same"]) == "every input is given back as it is"
    assert isinstance(found["check"], Skipped)  # what a new option leaves as it is says nothing of it
    assert "upper=True" in candidate(found["cut"]).code
    assert '" " * ' in candidate(found["parse"]).code  # a text that is too long, but valid before


def test_counter__is_not_what_differs_on_base(tmp_path: Path) -> None:
    found = asyncio.run(answers(tmp_path, {"m.py": COUNTED}, {"m.py": COUNTED}))

    assert reason(found["ticket"]) == "no input behaves differently from the merge base"
