# member: src/satchel/parsing.py::parse_query

# candidate: escapes and a question mark
# good
from satchel.parsing import parse_query


def test_parse_query_reads_escapes():
    assert parse_query("?full+name=Ada%20L.&q=a%26b") == {"full name": ["Ada L."], "q": ["a&b"]}


# candidate: empty values
# good
from satchel.parsing import parse_query


def test_parse_query_keeps_empty_values_when_asked():
    assert parse_query("a=&b&=c&&d=1") == {"d": ["1"]}
    assert parse_query("a=&b&=c&&d=1", keep_empty=True) == {"a": [""], "b": [""], "d": ["1"]}


# candidate: as in the own suite
# bad: redundant-own
from satchel.parsing import parse_query


def test_parse_query_collects_values():
    assert parse_query("x=1&y=2&x=3") == {"x": ["1", "3"], "y": ["2"]}


# candidate: as a set
# bad: flaky-hash-seed
from satchel.parsing import parse_query


def test_parse_query_keys():
    keys = set(parse_query("left=1&right=2&up=3&down=4"))
    assert str(keys) == "{'left', 'right', 'up', 'down'}"


# candidate: reads the query from the terminal
# bad: wrong-value
from satchel.parsing import parse_query


def test_parse_query_of_a_typed_line():
    assert parse_query(input("query: ")) == {"a": ["1"]}


# member: src/satchel/parsing.py::parse_header

# candidate: quotes and spaces
# good
from satchel.parsing import parse_header


def test_parse_header_unquotes_parameters():
    assert parse_header('Text/HTML ; Charset = "UTF-8"; q=\'0.5\'; flag') == (
        "text/html",
        {"charset": "UTF-8", "q": "0.5"},
    )


# candidate: a value alone
# good
from satchel.parsing import parse_header


def test_parse_header_without_parameters():
    value, parameters = parse_header("  GZIP ")
    assert value == "gzip"
    assert parameters == {}


# candidate: keeps the case of a name
# bad: against-example
from satchel.parsing import parse_header


def test_parse_header_keeps_the_case():
    assert parse_header("text/html; Charset=utf-8") == ("text/html", {"Charset": "utf-8"})


# candidate: says less in its second test
# good, but test_parse_header_value: redundant-within
from satchel.parsing import parse_header


def test_parse_header_with_an_equals_sign_in_the_value():
    assert parse_header("form; boundary=a=b") == ("form", {"boundary": "a=b"})


def test_parse_header_value():
    assert parse_header("form; boundary=a=b")[0] == "form"


# candidate: anything compares
# bad: tautology
from unittest.mock import ANY

from satchel.parsing import parse_header


def test_parse_header_gives_anything():
    assert parse_header("a; b=c") == ANY


# candidate: imports a name that is not there
# bad: import-error
from satchel.parsing import HeaderError, parse_header


def test_parse_header_refuses():
    try:
        parse_header("")
    except HeaderError:
        pass


# member: src/satchel/parsing.py::parse_range

# candidate: where the trouble is
# good
import pytest

from satchel.parsing import ParseError, parse_range


@pytest.mark.parametrize(("text", "position"), [("x-5", 0), ("12-x", 3), ("12-", 3), ("9-10x", 2), ("30-5", 3)])
def test_parse_range_says_where_the_trouble_is(text, position):
    with pytest.raises(ParseError) as caught:
        parse_range(text)
    assert caught.value.position == position


# candidate: one number
# good
from satchel.parsing import parse_range


def test_parse_range_of_one_number():
    assert parse_range("7") == range(7, 8)
    assert list(parse_range("4-4")) == [4]


# candidate: no failure
# bad: nothing-raised
import pytest

from satchel.parsing import ParseError, parse_range


def test_parse_range_does_not_fail():
    try:
        parse_range("3-9")
    except ParseError:
        pytest.fail("it should be a range")


# candidate: a good one beside one that hangs
# good, but test_parse_range_waits: hangs
import threading

import pytest

from satchel.parsing import ParseError, parse_range


def test_parse_range_messages():
    with pytest.raises(ParseError, match="^the end is before the start$"):
        parse_range("2-1")
    with pytest.raises(ParseError, match="^no number: ''$"):
        parse_range("")


def test_parse_range_waits():
    lock = threading.Lock()
    lock.acquire()
    assert parse_range("1") == range(1, 2)
    lock.acquire()


# member: src/satchel/parsing.py::strip_comments

# candidate: leaves empty lines out
# good
from satchel.parsing import strip_comments


def test_strip_comments_leaves_empty_lines_out():
    assert list(strip_comments(["# head", "", "  a  # b # c", "   "])) == ["  a"]


# candidate: another mark
# good
from satchel.parsing import strip_comments


def test_strip_comments_with_another_mark():
    assert list(strip_comments(["a # b // c", "//"], mark="//")) == ["a # b"]


# candidate: is lazy
# good
from satchel.parsing import strip_comments


def test_strip_comments_reads_no_more_than_it_must():
    lines = iter(["", "first", "second"])
    assert next(strip_comments(lines)) == "first"
    assert next(lines) == "second"


# member: src/satchel/parsing.py::parse_assignment

# candidate: what it refuses
# good
import pytest

from satchel.parsing import ParseError, parse_assignment


def test_parse_assignment_refuses_half_an_assignment():
    with pytest.raises(ParseError, match="no name"):
        parse_assignment(" = 3")
    with pytest.raises(ParseError, match="no equals sign") as caught:
        parse_assignment("name")
    assert caught.value.position == 4


# candidate: from a request
# bad: network
import urllib.request

from satchel.parsing import parse_assignment


def test_parse_assignment_of_a_page():
    with urllib.request.urlopen("http://example.org/settings") as page:
        assert parse_assignment(page.readline().decode()) == ("a", "b")


# member: src/satchel/parsing.py::parse_version

# candidate: zeros at the end
# good
import pytest

from satchel.parsing import parse_version


@pytest.mark.parametrize(("text", "numbers"), [("v2.0.1", (2, 0, 1)), ("0.0", (0,)), ("10.20.0.0", (10, 20))])
def test_parse_version_drops_zeros_at_the_end(text, numbers):
    assert parse_version(text) == numbers


# candidate: versions can be compared
# good
from satchel.parsing import parse_version


def test_parse_version_makes_versions_comparable():
    assert parse_version("1.10") > parse_version("1.9.9")
    assert parse_version("1.0") == parse_version("v1")


# candidate: pins the message of int
# bad: pins-bug-exception
import pytest

from satchel.parsing import parse_version


def test_parse_version_of_letters():
    with pytest.raises(ValueError, match="invalid literal for int"):
        parse_version("1.x")


# candidate: with the error that is documented
# bad: finds-bug
import pytest

from satchel.parsing import ParseError, parse_version


def test_parse_version_refuses_letters():
    with pytest.raises(ParseError):
        parse_version("1.x")


# candidate: with a module of old
# bad: import-error
from distutils.version import LooseVersion

from satchel.parsing import parse_version


def test_parse_version_like_distutils():
    assert list(parse_version("1.2.3")) == LooseVersion("1.2.3").version


# candidate: in pairs
# bad: other-python
import itertools

from satchel.parsing import parse_version


def test_parse_version_in_pairs():
    assert list(itertools.batched(parse_version("1.2.3.4"), 2)) == [(1, 2), (3, 4)]


# candidate: quotes within quotes
# bad: other-python
from satchel.parsing import parse_version


def test_parse_version_in_a_text():
    numbers = {"version": parse_version("3.1.0")}
    assert f"{numbers["version"][0]}" == "3"
