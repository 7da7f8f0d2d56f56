from __future__ import annotations

import json
import time
from collections.abc import Sequence

import pytest

from fakes.requests import make_member
from testsmith.generation.llm.answers import MAX_CODE_BYTES, ParsedAnswer, parse_answer
from testsmith.model import Member

ADD = "src/shop/cart.py::Cart.add"
DROP = "src/shop/cart.py::Cart.drop"
TAX = "src/shop/tax.py::tax"
MEMBERS = [make_member(ADD), make_member(DROP), make_member(TAX)]
CODE = "def test_it():\n    assert 1 + 1 == 2\n"


def envelope(*entries: tuple[object, object]) -> str:
    return json.dumps({"tests": [{"name": name, "code": code} for name, code in entries]})


WHOLE = envelope((ADD, "# add\n"), (DROP, "# drop\n"), (TAX, "# tax\n"))
ALL = {ADD: "# add\n", DROP: "# drop\n", TAX: "# tax\n"}


def parse(text: str, members: Sequence[Member] = MEMBERS, *, is_cut: bool = False) -> ParsedAnswer:
    return parse_answer(text, members, is_cut=is_cut)


def parse_code(code: object) -> str | None:
    return parse(envelope((TAX, code))).codes.get(TAX)


def test_json__envelope() -> None:
    assert parse(WHOLE) == ParsedAnswer(codes=ALL)


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{WHOLE}\n```",
        f"```\n{WHOLE}\n```",
        f"Here are the tests:\n\n{WHOLE}\n\nI hope that they help {{}}.",
        f"\ufeff  \n{WHOLE}",
        json.dumps(json.loads(WHOLE), indent=4),
        json.dumps(json.loads(WHOLE)["tests"]),
        json.dumps({"tests": ALL}),
        json.dumps({"thoughts": "none", "tests": json.loads(WHOLE)["tests"]}),
        json.dumps({"tests": [{"code": code, "name": name} for name, code in ALL.items()]}),
        "\n".join(json.dumps({"name": name, "code": code}) for name, code in ALL.items()),
        '{"tests": [{"name": "<member id>", "code": "<complete test module>"}]}\n' + WHOLE,
    ],
    ids=[
        "fenced",
        "fenced without a language",
        "in prose",
        "after a mark",
        "indented",
        "a bare list",
        "a mapping",
        "more keys",
        "code before name",
        "an entry a line",
        "after an echo of the example",
    ],
)
def test_json__forms_that_models_give_it(text: str) -> None:
    answer = parse(text)
    assert answer.codes == ALL


def test_json__line_breaks_in_strings_as_they_are() -> None:
    text = envelope((TAX, "import pytest\n\tx = 1\n")).replace(r"\n", "\n").replace(r"\t", "\t")
    assert parse(text).codes == {TAX: "import pytest\n\tx = 1\n"}


def test_json__every_cut_keeps_the_whole_entries() -> None:
    ends = [WHOLE.index('"}', WHOLE.index(code)) + 2 for code in ("# add", "# drop", "# tax")]
    for length in range(len(WHOLE)):
        whole = sum(length >= end for end in ends)
        assert list(parse(WHOLE[:length], is_cut=True).codes) == [ADD, DROP, TAX][:whole]


def test_json__a_broken_entry_costs_only_itself() -> None:
    text = WHOLE.replace("# drop", r"\d+")
    answer = parse(text)
    assert answer.codes == {ADD: "# add\n", TAX: "# tax\n"}


def test_json__an_empty_envelope_is_readable() -> None:
    assert parse('{"tests": []}') == ParsedAnswer(codes={}, readable=True)


def test_json__an_empty_entry_says_that_there_is_nothing_to_test_in_its_member() -> None:
    entries = [
        {"name": ADD, "code": "# add\n", "patch": ""},
        {"name": DROP, "code": "", "patch": " "},
        {"name": ADD, "code": "", "patch": ""},
    ]
    answer = parse(json.dumps({"tests": entries}))
    assert answer == ParsedAnswer(codes={ADD: "# add\n"}, without_tests=frozenset({DROP}), repeated=1)


def test_json__an_empty_entry_gives_way_to_a_test() -> None:
    entries = [{"name": TAX, "code": "", "patch": ""}, {"name": TAX, "code": "# tax\n", "patch": ""}]
    assert parse(json.dumps({"tests": entries})) == ParsedAnswer(codes={TAX: "# tax\n"})


@pytest.mark.parametrize(
    "text", ["", " ", "null", "[]", "{}", "<html></html>", '{"choices": [{"mess', "\0", "🦆"]
)
def test_garbage__is_not_readable(text: str) -> None:
    assert parse(text) == ParsedAnswer(codes={}, readable=False)


def test_matching__by_plain_name_where_it_is_unique() -> None:
    assert parse(envelope(("add", "# add"), ("tax", "# tax"))).codes == {ADD: "# add\n", TAX: "# tax\n"}


def test_matching__by_dotted_name() -> None:
    assert parse(envelope(("Cart.add", "# add"))).codes == {ADD: "# add\n"}


def test_matching__a_plain_name_of_two_members_is_unknown() -> None:
    members = [make_member("src/a.py::add"), make_member("src/b.py::add")]
    answer = parse(envelope(("add", "# which?")), members)
    assert answer.codes == {}
    assert answer.unknown == 1


def test_matching__an_id_beats_a_plain_name() -> None:
    members = [make_member("a.py::b"), make_member("b.py::a.py::b")]
    assert parse(envelope(("a.py::b", "# first")), members).codes == {"a.py::b": "# first\n"}


def test_matching__marks_around_a_name_are_no_part_of_it() -> None:
    assert parse(envelope((f" `{TAX}`\n", "# tax"))).codes == {TAX: "# tax\n"}


def test_matching__a_name_with_control_characters_is_found_as_it_was_shown() -> None:
    member = make_member("src/\u202eevil\n.py::f")
    assert parse(envelope((r"src/\u202eevil\n.py::f", "# f")), [member]).codes == {member.id: "# f\n"}


def test_matching__wrong_names_are_counted() -> None:
    answer = parse(envelope(("nobody", CODE), ("cart.add", CODE), (ADD.upper(), CODE), ("", CODE)))
    assert answer == ParsedAnswer(codes={}, unknown=4)


def test_matching__the_first_entry_of_a_member_counts() -> None:
    answer = parse(envelope((ADD, "# first"), (ADD, "# second"), ("add", "# third")))
    assert answer.codes == {ADD: "# first\n"}
    assert answer.repeated == 2


def test_matching__an_empty_first_entry_leaves_room_for_a_second() -> None:
    answer = parse(envelope((ADD, " \n"), (ADD, "# second")))
    assert answer.codes == {ADD: "# second\n"}
    assert answer.unusable == 1


@pytest.mark.parametrize("name", [None, 1, ["x"], {"a": 1}, True])
def test_matching__names_that_are_no_text_are_unknown(name: object) -> None:
    assert parse(envelope((name, CODE))).unknown == 1


@pytest.mark.parametrize(
    "code",
    [
        *(None, 1, [], {"a": 1}, True),
        *("", " \n\t", "``````", "```python\n```", "a\0b", "\ud800"),
        *("x" * MAX_CODE_BYTES, "é" * (MAX_CODE_BYTES // 2)),
    ],
)
def test_code__nothing_that_could_be_run(code: object) -> None:
    answer = parse(envelope((TAX, code)))
    assert answer.codes == {}
    assert answer.unusable == 1


def test_code__just_under_the_limit() -> None:
    assert parse_code("x" * (MAX_CODE_BYTES - 1)) == "x" * (MAX_CODE_BYTES - 1) + "\n"


@pytest.mark.parametrize(
    "code",
    [
        CODE,
        f"\n\n{CODE}\n\n",
        CODE.replace("\n", "\r\n"),
        f"```python\n{CODE}```",
        f"```\n{CODE}\n```\n",
        f"  ```py\n{CODE}  ```  ",
        f"~~~\n{CODE}~~~",
        f"````python\n{CODE}````",
        f"```python\n{CODE}",
    ],
)
def test_code__fences_and_line_ends_are_tidied(code: str) -> None:
    assert parse_code(code) == CODE


def test_code__a_fence_inside_stays() -> None:
    code = 'TEXT = """\n```\nx\n```\n"""\n'
    assert parse_code(code) == code


def test_code__what_does_not_parse_as_python_is_a_candidate_all_the_same() -> None:
    assert parse_code("def test_(:") == "def test_(:\n"


@pytest.mark.parametrize(
    "text",
    [
        f"### test: {ADD}\n```python\n# add\n```\n### test: {DROP}\n```python\n# drop\n```\n",
        f"Sure!\n\n## Tests: `{ADD}`\nThis:\n```py\n# add\n```\n\n### TEST: drop\n\n~~~\n# drop\n~~~\n",
        f"=== {ADD} ===\n# add\n\n=== {DROP} ===\n# drop\n",
        f"===== {ADD} =====\r\n```\r\n# add\r\n```\r\n===Cart.drop===\r\n# drop",
    ],
)
def test_sections__forms(text: str) -> None:
    answer = parse(text)
    assert answer.codes == {ADD: "# add\n", DROP: "# drop\n"}


def test_sections__a_heading_inside_a_fence_is_code() -> None:
    text = f"### test: {ADD}\n```python\n# add\n### test: {DROP}\n```\n"
    assert parse(text).codes == {ADD: f"# add\n### test: {DROP}\n"}


def test_sections__a_shorter_fence_inside_is_code() -> None:
    code = 'TEXT = """\n```\n"""\n'
    assert parse(f"### test: {ADD}\n````python\n{code}````\n").codes == {ADD: code}


def test_sections__code_with_json_in_it_is_no_envelope() -> None:
    code = 'def test_it():\n    assert f() == {"name": "Ann", "code": "x"}\n'
    assert parse(f"### test: {ADD}\n```python\n{code}```\n").codes == {ADD: code}


def test_sections__the_last_of_a_cut_answer_counts_only_with_its_fence_closed() -> None:
    text = f"### test: {ADD}\n```\n# add\n```\n### test: {DROP}\n```\n# dr"
    assert list(parse(text, is_cut=True).codes) == [ADD]
    assert list(parse(f"=== {ADD} ===\n# add\n=== {DROP} ===\n# dr", is_cut=True).codes) == [ADD]
    assert list(parse(f"### test: {ADD}\n```\n# add\n```\n", is_cut=True).codes) == [ADD]


def test_sections__unknown_names_are_counted() -> None:
    answer = parse(f"=== nobody ===\n{CODE}")
    assert answer.unknown == 1
    assert answer.readable


def test_only_block__answers_the_only_member() -> None:
    assert parse(f"Here you are:\n```python\n{CODE}```\n", [MEMBERS[0]]).codes == {ADD: CODE}


def test_only_block__means_nothing_for_several_members() -> None:
    assert not parse(f"```python\n{CODE}```\n").readable


def test_only_block__two_blocks_are_no_answer() -> None:
    assert parse(f"```\n{CODE}```\n```\n{CODE}```\n", [MEMBERS[0]]).codes == {}


HOSTILE = {
    "a million entries": envelope((ADD, CODE))[:-2] + ',{"name":"x","code":""}' * 1_000_000 + "]}",
    "a million beginnings": '{"tests":[{"name":' * 1_000_000,
    "deep lists": '{"tests":' + "[" * 1_000_000,
    "deep objects": '{"tests":' * 500_000,
    "deep entries": '{"name":{"code":' * 300_000,
    "strings without an end": '{"name": "' * 500_000,
    "fences": "```\n" * 1_000_000,
    "headings": "### test: x\n" * 400_000,
    "one long line of marks": "=" * 4_000_000,
    "one long line of marks and spaces": "=== a" + " =" * 2_000_000,
    "one long line of blanks": "{" + " " * 4_000_000,
    "braces": "{" * 4_000_000,
    "a huge number": '{"tests": ' + "9" * 1_000_000 + "}",
    "a long name": envelope(("n" * 2_000_000, CODE)),
    "a long code": envelope((ADD, "\n" * 3_000_000)),
    "control characters": "".join(map(chr, range(32))) * 100_000,
    "right to left": "\u202e\u2066" * 1_000_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("members", [MEMBERS, MEMBERS[:1]], ids=["several", "one"])
def test_hostile__answers_cost_little_and_break_nothing(text: str, members: list[Member]) -> None:
    started = time.process_time()
    answer = parse(text, members)
    assert time.process_time() - started < 10
    assert set(answer.codes) <= {member.id for member in members}
