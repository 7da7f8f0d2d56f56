from satchel.parsing import parse_assignment, parse_query, parse_range, strip_comments


def test_parse_query():
    assert parse_query("a=1&b=2&a=3") == {"a": ["1", "3"], "b": ["2"]}


def test_parse_range():
    assert parse_range("3-5") == range(3, 6)


def test_strip_comments():
    assert list(strip_comments(["a = 1  # one", "b = 2"])) == ["a = 1", "b = 2"]


def test_parse_assignment():
    assert parse_assignment('name = "Ada"') == ("name", "Ada")
