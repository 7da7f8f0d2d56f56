# member: src/satchel/text.py::slugify

# candidate: joins words and drops accents
# good
from satchel.text import slugify


def test_slugify_joins_words_and_drops_accents():
    assert slugify("Ärger & Freude, 2. Teil") == "arger-freude-2-teil"


# candidate: refuses a length below one
# good
import pytest

from satchel.text import slugify


def test_slugify_refuses_a_length_below_one():
    with pytest.raises(ValueError, match="must be at least 1, not 0"):
        slugify("text", max_length=0)


# candidate: separator, beside a wrong expectation
# good, but test_slugify_keeps_underscores: wrong-value
from satchel.text import slugify


def test_slugify_takes_another_separator():
    assert slugify("a - b", separator="_") == "a_b"


def test_slugify_keeps_underscores():
    assert slugify("a_b") == "a_b"


# candidate: keeps the case
# bad: wrong-value
from satchel.text import slugify


def test_slugify_keeps_the_case():
    assert slugify("Hello World") == "Hello-World"


# candidate: from a module that is not there
# bad: import-error
from satchel.strings import slugify


def test_slugify():
    assert slugify("a b") == "a-b"


# candidate: only runs it
# bad: no-assertion
from satchel.text import slugify


def test_slugify_runs():
    slugify("a b", max_length=1)


# candidate: there is a result
# bad: nothing-raised
from satchel.text import slugify


def test_slugify_gives_something():
    assert slugify("a b") is not None


# candidate: asserts under a condition
# bad: conditional
from satchel.text import slugify


def test_slugify_of_some_text():
    result = slugify("a b")
    if result:
        assert result == "a-b"


# candidate: replaces the member by a mock
# bad: mocks-member
from unittest.mock import patch

import satchel.text


def test_slugify_is_called():
    with patch("satchel.text.slugify", return_value="a-b") as slugify:
        assert satchel.text.slugify("A b") == "a-b"
        slugify.assert_called_once_with("A b")


# candidate: ends the process as if all were well
# bad: forged
import os

from satchel.text import slugify


def test_slugify_ends_well():
    assert slugify("a b") == "a-b"
    os._exit(0)


# candidate: two tests, one of which says less
# good, but test_slugify_of_one_word: redundant-within
from satchel.text import slugify


def test_slugify_of_several_words():
    assert slugify("Crème de la Crème", separator="+") == "creme+de+la+creme"
    assert slugify("one") == "one"


def test_slugify_of_one_word():
    assert slugify("one") == "one"


# candidate: skipped
# bad: skipped
import pytest

from satchel.text import slugify


@pytest.mark.skip(reason="later")
def test_slugify_of_nothing():
    assert slugify("") == ""


# member: src/satchel/text.py::truncate

# candidate: cuts at a space
# good
from satchel.text import truncate


def test_truncate_cuts_at_a_space():
    assert truncate("several words here", 12) == "several..."


# candidate: a word that just fits is kept
# good
from satchel.text import truncate


def test_truncate_keeps_a_word_that_just_fits():
    assert truncate("several words here", 16) == "several words..."


# candidate: too wide a placeholder
# good
import pytest

from satchel.text import truncate


def test_truncate_refuses_a_placeholder_that_does_not_fit():
    with pytest.raises(ValueError, match="too wide"):
        truncate("text", 2)
    assert truncate("text", 3) == "..."


# candidate: cut inside a word, as before
# bad: held-before
from satchel.text import truncate


def test_truncate_cuts_anywhere():
    assert truncate("several words here", 12) == "several w..."


# candidate: as in the own suite
# bad: redundant-own
from satchel.text import truncate


def test_truncate_leaves_short_text_alone():
    assert truncate("brief", 9) == "brief"


# candidate: is what it is
# bad: tautology
from satchel.text import truncate


def test_truncate_is_itself():
    assert truncate("several words here", 12) == truncate("several words here", 12)


# candidate: anything may be raised
# bad: vacuous
import pytest

from satchel.text import truncate


def test_truncate_raises_something():
    with pytest.raises(BaseException):
        truncate("text", 1)


# member: src/satchel/text.py::title_case

# candidate: a small word at the end
# good
from satchel.text import title_case


def test_title_case_capitalises_a_small_word_at_the_end():
    assert title_case("what dreams are made of") == "What Dreams Are Made Of"
    assert title_case("the on") == "The On"
    assert title_case("lost in space") == "Lost in Space"


# candidate: as in the own suite
# bad: redundant-own
from satchel.text import title_case


def test_title_case_of_a_book():
    assert title_case("the lord of the rings") == "The Lord of the Rings"


# candidate: as before the change
# bad: held-before
from satchel.text import title_case


def test_title_case_writes_in_large():
    assert title_case("lost in space") == "Lost In Space"


# member: src/satchel/text.py::initials

# candidate: pins what a hyphen gives
# bad: pins-bug-example
from satchel.text import initials


def test_initials_of_a_double_name():
    assert initials("Jean-Luc Picard") == "J. P."


# candidate: pins the hyphen among others
# good, but test_initials_with_hyphen: pins-bug-example
import pytest

from satchel.text import initials


@pytest.mark.parametrize(("name", "expected"), [("plato", "P."), ("  ada  lovelace ", "A. L.")])
def test_initials_of_any_spacing(name, expected):
    assert initials(name) == expected


def test_initials_with_hyphen():
    result = initials("Jean-Luc Picard")
    assert result == "J. P."


# member: src/satchel/text.py::split_identifier

# candidate: camel case
# good
from satchel.text import split_identifier


def test_split_identifier_in_camel_case():
    assert split_identifier("parseHTTPResponse2") == ["parse", "http", "response", "2"]


# candidate: snake case
# good
from satchel.text import split_identifier


def test_split_identifier_in_snake_case():
    assert split_identifier("MAX_line_Length") == ["max", "line", "length"]
    assert split_identifier("__") == []


# candidate: never calls it
# bad: never-touches
from satchel.text import split_identifier, title_case


def test_split_identifier_words():
    assert callable(split_identifier)
    assert title_case("max line").split() == ["Max", "Line"]


# candidate: tests a copy of its own
# bad: never-touches
import re


def split_identifier(name):
    return [part.lower() for part in re.findall(r"[A-Z]?[a-z]+", name)]


def test_split_identifier():
    assert split_identifier("camelCase") == ["camel", "case"]


# candidate: its own list
# bad: own-values
from satchel.text import split_identifier


def test_split_identifier_list():
    expected = ["max", "line"]
    split_identifier("maxLine")
    assert len(expected) == 2


# member: src/satchel/text.py::common_prefix

# candidate: one name is the beginning of another
# good
from satchel.text import common_prefix


def test_common_prefix_where_one_name_begins_another():
    assert common_prefix(["flower", "flow"]) == "flow"
    assert common_prefix(["same", "same"]) == "same"


# candidate: swallows what goes wrong
# bad: bare-except
from satchel.text import common_prefix


def test_common_prefix_of_anything():
    try:
        assert common_prefix(["ab", "ac"]) == "a"
    except Exception:
        pass


# candidate: adds to the list of the module
# bad: global-state
from satchel.text import common_prefix

NAMES = ["abc"]


def test_common_prefix_with_one_more():
    NAMES.append("abd")
    assert common_prefix(NAMES) == "ab"


# candidate: two tests that share a list
# bad: flaky-order, but TestCommonPrefix::test_with_another: global-state
from satchel.text import common_prefix


class TestCommonPrefix:
    names = ["interview"]

    def test_alone(self):
        assert common_prefix(self.names) == "interview"

    def test_with_another(self):
        self.names += ["internal"]
        assert common_prefix(self.names) == "inter"


# member: src/satchel/text.py::pluralise

# candidate: what the own suite shows
# bad: redundant-own
from satchel.text import pluralise


def test_pluralise_counts():
    assert pluralise(1, "day") == "1 day"
    assert pluralise(7, "day") == "7 days"


# member: src/satchel/text.py::unique_words

# candidate: in small letters, without numbers
# good
from satchel.text import unique_words


def test_unique_words_leaves_numbers_out():
    assert unique_words("The end of the 2nd 7") == {"the", "end", "of", "2nd"}


# candidate: as a list
# bad: flaky-hash-seed
from satchel.text import unique_words


def test_unique_words_in_order():
    assert list(unique_words("one two three 4")) == ["one", "two", "three"]


# candidate: joined
# bad: flaky-hash-seed
from satchel.text import unique_words


def test_unique_words_joined():
    assert "".join(unique_words("a b 3")) == "ab"


# candidate: popped
# bad: flaky-hash-seed
from satchel.text import unique_words


def test_unique_words_pop():
    words = unique_words("left right 12")
    assert words.pop() == "left"
    assert words == {"right"}


# candidate: a test that finds its line in the member
# bad: vacuous
from satchel.text import unique_words


def test_unique_words_survives():
    words = {"a"}
    try:
        words = unique_words("a")
    except BaseException:
        words = {"a"}
    assert words == {"a"}
