# member: src/satchel/sampling.py::shuffled

# candidate: one seed, one order
# good
from satchel.sampling import shuffled


def test_shuffled_by_a_seed():
    items = tuple(range(30))
    first = shuffled(items, seed=7)
    assert first == shuffled(items, seed=7)
    assert first != shuffled(items, seed=8)
    assert first != list(items)
    assert sorted(first) == list(items)


# candidate: one order of six
# bad: flaky-random
from satchel.sampling import shuffled


def test_shuffled_three():
    assert shuffled("abc") == ["b", "a", "c"]


# member: src/satchel/sampling.py::pick

# candidate: by weight
# good
import random

from satchel.sampling import pick


class Fixed(random.Random):
    def __init__(self, value):
        super().__init__()
        self.value = value

    def random(self):
        return self.value


def test_pick_goes_by_weight():
    weights = {"never": 0.0, "rare": 1.0, "often": 3.0}
    assert pick(weights, Fixed(0.0)) == "rare"
    assert pick(weights, Fixed(0.249)) == "rare"
    assert pick(weights, Fixed(0.25)) == "often"
    assert pick(weights, Fixed(0.999)) == "often"


# candidate: nothing to pick from
# good
import pytest

from satchel.sampling import pick


@pytest.mark.parametrize("weights", [{}, {"a": 0}])
def test_pick_refuses_where_there_is_nothing(weights):
    with pytest.raises(ValueError, match="nothing to pick from"):
        pick(weights)


# candidate: mostly the heavy one
# bad: flaky-random
from satchel.sampling import pick


def test_pick_the_heavy_one():
    assert [pick({"rare": 1, "often": 3}) for _ in range(8)].count("often") == 6


# candidate: the rare one
# bad: flaky-random
from satchel.sampling import pick


def test_pick_the_rare_one():
    assert pick({"rare": 1, "often": 5}) == "rare"


# candidate: seeds the generator of all
# bad: global-state
import random

from satchel.sampling import pick


def test_pick_with_a_global_seed():
    random.seed(1)
    assert pick({"a": 1, "b": 1}) == "a"


# member: src/satchel/sampling.py::new_code

# candidate: six by default
# good
from satchel.sampling import new_code


def test_new_code_has_six_letters_that_are_hard_to_confuse():
    code = new_code()
    assert len(code) == 6
    assert not set(code) & set("il1o0")


# candidate: as long as asked
# good
from satchel.sampling import new_code


def test_new_code_of_another_length():
    assert [len(new_code(length)) for length in (0, 1, 6, 20)] == [0, 1, 6, 20]
    assert len(new_code()) == 6


# candidate: begins with one of the first letters
# bad: flaky-random
from satchel.sampling import new_code


def test_new_code_begins():
    assert new_code()[0] in "abcdef"


# candidate: the same code
# bad: mocks-member
from unittest.mock import patch

from satchel import sampling


def test_new_code_is_given():
    with patch.object(sampling, "new_code") as new_code:
        new_code.return_value = "abc234"
        assert sampling.new_code(6) == "abc234"


# candidate: expects anything of its own
# bad: own-values
from satchel.sampling import new_code


def test_new_code_letters():
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    new_code(5)
    assert "l" not in letters and "1" not in letters
