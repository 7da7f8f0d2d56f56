from __future__ import annotations

import textwrap
import time

import pytest

from testsmith.languages.judge import Conflicts
from testsmith.languages.python.judge.documentation.conflicts import conflicts
from testsmith.languages.python.judge.documentation.contradictions import (
    ClaimRelation,
    Promise,
    documented_claims,
)
from testsmith.languages.python.judge.documentation.docstring_examples import documented_examples
from testsmith.languages.python.judge.documentation.questions import DocumentationQuestion, documented_test
from testsmith.languages.results import FunctionProof, Proof, Run, TestStatus
from testsmith.languages.source import DocumentedExample
from testsmith.model import Candidate, Change, Member, MemberKind, Origin

CENTS = '''\
def cents(text, *, rounding="down"):
    """Read an amount.

    >>> cents("1.15")
    115
    >>> cents("x")
    Traceback (most recent call last):
    ValueError: no amount
    >>> print(cents("2"))
    200
    >>> cents("0")
    0
    """
'''

TOTAL = '''\
def total(self, extra=0):
    """Add up.

    >>> cart = Cart()
    >>> cart.add("tea", 2)
    >>> cart.total()
    6
    >>> Cart().total(extra=1)
    1
    """
'''


def member(source: str = CENTS, name: str = "cents", kind: MemberKind = MemberKind.FUNCTION) -> Member:
    return Member(
        path="shop/money.py",
        name=name,
        language="python",
        change=Change.CHANGED,
        line=1,
        end_line=20,
        kind=kind,
        source=source,
        module="shop.money",
    )


TOTAL_MEMBER = member(TOTAL, "Cart.total", MemberKind.METHOD)


def relations(code: str, subject: Member | None = None) -> list[tuple[str, str]]:
    subject = subject or member()
    claims = documented_claims(textwrap.dedent(code), subject, documented_examples(subject))
    return [(claim.example.call, claim.relation.value) for claim in claims]


AGREES, CONTRADICTS, UNKNOWN = (
    [("cents('1.15')".replace("'", '"'), relation.value)]
    for relation in (ClaimRelation.AGREES, ClaimRelation.CONTRADICTS, ClaimRelation.UNKNOWN)
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("assert cents('1.15') == 115", AGREES),
        ("assert 115 == cents('1.15')", AGREES),
        ("assert cents('1.15') == 115.0", AGREES),
        ("assert cents(text='1.15') == 115", AGREES),
        ("assert cents('1.15') == 114", CONTRADICTS),
        ("assert cents('1.15') is None", CONTRADICTS),
        ("assert cents('1.15')", AGREES),
        ("assert not cents('1.15')", CONTRADICTS),
        ("result = cents('1.15')\nassert result == 114", CONTRADICTS),
        ("text = '1.15'\nexpected = 114\nassert cents(text) == expected", CONTRADICTS),
        ("assert cents('1.15') == 114 and True", CONTRADICTS),
        ("assert cents('1.15') == pytest.approx(115.0000001)", AGREES),
        ("assert cents('1.15') == pytest.approx(114)", CONTRADICTS),
        ("with pytest.raises(ValueError):\n    cents('1.15')", CONTRADICTS),
        ("for text, value in [('1.15', 114)]:\n    assert cents(text) == value", CONTRADICTS),
        ("with monkeypatch.context():\n    assert cents('1.15') == 114", CONTRADICTS),
        ("assert cents('1.15') == other()", UNKNOWN),
        ("assert cents('1.15') != 114", []),
        ("assert cents('1.15', rounding='up') == 116", []),
        ("assert cents('9') == 114", []),
    ],
)
def test_documented_claims__forms_of_a_claim(body: str, expected: list[tuple[str, str]]) -> None:
    code = "import pytest\nfrom shop.money import cents\n\ndef test_x(monkeypatch):\n"
    assert relations(code + textwrap.indent(body, "    ")) == expected


@pytest.mark.parametrize(
    "head",
    [
        "from shop.money import cents as call",
        "from shop import money\ncall = None",
        "import shop.money as m",
        "import shop.money",
    ],
)
def test_documented_claims__whatever_the_import_looks_like(head: str) -> None:
    call = {"as call": "call", "None": "money.cents", "as m": "m.cents", "money": "shop.money.cents"}
    written = next(text for end, text in call.items() if head.endswith(end))
    assert relations(f"{head}\n\ndef test_x():\n    assert {written}('1.15') == 114\n") == CONTRADICTS


MONSTERS = {
    "nested loops": "def test_x():\n"
    + "".join(f"{'    ' * depth}for x{depth} in {[0] * 400}:\n" for depth in range(1, 9))
    + "    " * 9
    + "assert cents(x1) == 1\n",
    "many claims": "def test_x():\n" + "    assert cents('1.15') == 115\n" * 6_000,
    "many rows": f"@pytest.mark.parametrize('x', {[0] * 500})\ndef test_x(x):\n"
    + "    assert cents(x) == 115\n" * 3_000,
    "deep sums": "def test_x():\n    assert cents(" + "+".join(["1"] * 90) + ") == 1\n",
    "many names": "def test_x():\n" + "".join(f"    x{n} = cents(x{n - 1})\n" for n in range(1, 4_000)),
}


@pytest.mark.parametrize("monster", MONSTERS)
def test_documented_claims__of_a_monster_only_the_beginning_is_read(monster: str) -> None:
    started = time.process_time()
    relations(MONSTERS[monster])
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("exception", "relation"),
    [
        ("ValueError", "agrees"),
        ("Exception", "agrees"),
        ("KeyError", "contradicts"),
        ("UnicodeDecodeError", "agrees"),
        ("MoneyError", "contradicts"),
    ],
)
def test_documented_claims__exceptions(exception: str, relation: str) -> None:
    code = f"import pytest\ndef test_x():\n    with pytest.raises({exception}):\n        cents('x')\n"
    assert relations(code) == [('cents("x")', relation)]


def test_documented_claims__a_value_where_an_exception_is_documented() -> None:
    assert relations("def test_x():\n    assert cents('x') == 0\n") == [('cents("x")', "contradicts")]


def test_documented_claims__a_printed_text_is_compared_with_text_only() -> None:
    assert relations("def test_x():\n    assert str(cents('2')) == '201'\n") == [
        ('str(cents("2"))', "contradicts")
    ]
    assert relations("def test_x():\n    assert cents('2') == '201'\n") == [
        ('str(cents("2"))', "contradicts")
    ]
    assert relations("def test_x():\n    assert cents('2') == 201\n") == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("basket = Cart()\nbasket.add('tea', 2)\nassert basket.total() == 6", [("cart.total()", "agrees")]),
        ("c = Cart()\nc.add('tea', 2)\nassert c.total() == 5", [("cart.total()", "contradicts")]),
        ("c = Cart()\nx = c.add('tea', 2)\nassert c.total() == 5", [("cart.total()", "contradicts")]),
        (
            "c = Cart()\nassert c.add('tea', 2) is None\nassert c.total() == 5",
            [("cart.total()", "contradicts")],
        ),
        ("c = Cart()\nc.add('tea', 3)\nassert c.total() == 5", []),
        ("c = Cart()\nassert c.total() == 5", []),
        ("assert Cart().total(1) == 2", [("Cart().total(extra=1)", "contradicts")]),
        ("c = Cart()\nc.add('tea', 2)\nc.add('tea', 2)\nassert c.total() == 5", []),
    ],
)
def test_documented_claims__what_an_object_has_been_through(
    body: str, expected: list[tuple[str, str]]
) -> None:
    code = "from shop.money import Cart\n\ndef test_x():\n" + textwrap.indent(body, "    ")
    assert relations(code, TOTAL_MEMBER) == expected


def test_documented_claims__values_that_are_no_plain_ones() -> None:
    subject = member('def f(x):\n    """>>> f(1)\n    Decimal(\'1.1\')\n    """\n', "f")
    claim = "from decimal import Decimal\nimport decimal\n\ndef test_x():\n    assert f(1) == "
    assert relations(claim + "Decimal('1.1')", subject) == [("f(1)", "agrees")]
    assert relations(claim + "decimal.Decimal('1.1')", subject) == [("f(1)", "agrees")]
    assert relations(claim + "Decimal('1.2')", subject) == [("f(1)", "contradicts")]
    assert relations(claim + "Fraction(11, 10)", subject) == [("f(1)", "unknown")]


@pytest.mark.parametrize(
    ("shown", "asserted", "relation"),
    [
        ("0.333333", "0.3333333333333333", "agrees"),
        ("0.67", "0.6666666666666666", "agrees"),
        ("1.15", "1.1499999999999999", "agrees"),
        ("1.5", "1.4999999999999", "contradicts"),
        ("0.333333", "0.3333343333333333", "contradicts"),
        ("0.33", "0.335", "contradicts"),
        ("0.33", "0.34", "contradicts"),
    ],
)
def test_documented_claims__numbers_that_are_shown_with_fewer_digits(
    shown: str, asserted: str, relation: str
) -> None:
    subject = member(f'def f(x):\n    """>>> f(1)\n    {shown}\n    """\n', "f")
    assert relations(f"def test_x():\n    assert f(1) == {asserted}\n", subject) == [("f(1)", relation)]


ROWS = """
    import pytest
    from shop.money import cents

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1.15", 114),  # ein Schlußkommentar
            pytest.param("3", 300, id="three"),
            ("0", 0),
        ],
    )
    def test_rows(text, expected):
        assert cents(text) == expected

    class TestMore:
        @pytest.mark.parametrize("text", ["1.15", "0"])
        def test_method(self, text):
            assert cents(text) == 114
"""


def proof(code: str, *statuses: tuple[str, TestStatus], subject: Member | None = None) -> Proof:
    subject = subject or member()
    return Proof(
        member=subject,
        candidate=Candidate(member=subject.id, code=textwrap.dedent(code), origin=Origin.MODEL),
        functions=tuple(
            FunctionProof(name=name, head=tuple(Run(status=status) for _ in range(5)))
            for name, status in statuses
        ),
    )


def guarded(code: str, *statuses: tuple[str, TestStatus]) -> Conflicts:
    return conflicts(proof(code, *statuses), documented_examples(member()))


def _observed(found: Conflicts) -> list[str]:
    return [one.observed for one in found.questions if isinstance(one, DocumentationQuestion)]


def test_conflicts__single_rows_are_taken_away_alone() -> None:
    found = guarded(ROWS, ("test_rows", TestStatus.PASSED), ("TestMore::test_method", TestStatus.FAILED))
    assert found.rows == {"test_rows": frozenset({0})}
    assert set(found.suspended) == {"TestMore::test_method"}
    assert _observed(found) == ["114", ""]


def test_conflicts__a_pinned_bug_is_a_question_and_its_neighbors_stay() -> None:
    code = """
        from shop.money import cents
        def test_bug(): assert cents("1.15") == 114
        def test_zero(): assert cents("0") == 0
    """
    found = guarded(code, ("test_bug", TestStatus.PASSED), ("test_zero", TestStatus.PASSED))
    assert found.suspended == {"test_bug": 'contradicts the docstring\'s example `cents("1.15")`'}
    (question,) = found.questions
    assert _observed(found) == ["114"]
    assert question.candidate.code == (
        'from shop.money import cents\n\n\ndef test_cents_as_documented():\n    assert cents("1.15") == 115\n'
    )


def test_conflicts__a_documented_value_that_fails_is_a_question() -> None:
    code = "from shop.money import cents\ndef test_doc(): assert cents('1.15') == 115\n"
    found = guarded(code, ("test_doc", TestStatus.FAILED))
    assert found.suspended == {"test_doc": 'fails on the docstring\'s example `cents("1.15")`'}
    assert _observed(found) == [""]


def test_conflicts__agreement_that_holds_is_nothing_to_ask() -> None:
    code = "from shop.money import cents\ndef test_doc(): assert cents('1.15') == 115\n"
    assert guarded(code, ("test_doc", TestStatus.PASSED)) == Conflicts()


CLAMP = '''\
def clamp(value: float) -> str:
    """Format a number.

    >>> clamp(1.5)
    '1.5'
    >>> clamp(None) is None
    True
    """
    return None if value is None else str(value)
'''


@pytest.mark.parametrize(
    ("claim", "asks"),
    [
        ("clamp(None) is None", []),
        ("clamp(None) == ''", ["clamp(None) is None"]),
        ("clamp(0) is None", ["clamp(0)"]),
    ],
)
def test_conflicts__what_an_example_compares_is_documented_whatever_the_annotation_says(
    claim: str, asks: list[str]
) -> None:
    subject = member(CLAMP, "clamp")
    code = f"from shop.money import clamp\ndef test_claim(): assert {claim}\n"
    found = conflicts(
        proof(code, ("test_claim", TestStatus.PASSED), subject=subject), documented_examples(subject)
    )
    assert [question.subject for question in found.questions] == asks


def test_conflicts__one_question_an_example() -> None:
    code = """
        from shop.money import cents
        def test_a(): assert cents("1.15") == 114
        def test_b(): assert cents("1.15") == 115
    """
    found = guarded(code, ("test_a", TestStatus.PASSED), ("test_b", TestStatus.FAILED))
    assert set(found.suspended) == {"test_a", "test_b"}
    assert _observed(found) == ["114"]


PARSE = '''\
def parse(text: str) -> int:
    """Read a number.

    Raises:
        ParseError: It is none.
    """
    return int(text)
'''


def ended(
    body: str, *messages: str, reaches: bool = True, base: TestStatus | None = None, source: str = PARSE
) -> Conflicts:
    """Return what the guard makes of a test that fails with these messages, one a run."""
    subject = member(source, "parse")
    code = f"import pytest\nfrom shop.money import ParseError, parse\n\ndef test_x():\n{body}"
    lines = frozenset({7} if reaches else ())
    runs = tuple(Run(status=TestStatus.FAILED, message=text, lines=lines) for text in messages)
    on_base = None if base is None else Run(status=base)
    function = FunctionProof(name="test_x", head=runs, base=on_base)
    candidate = Candidate(member=subject.id, code=code, origin=Origin.MODEL)
    return conflicts(Proof(member=subject, candidate=candidate, functions=(function,)), ())


EXPECTS_DOCUMENTED = "    with pytest.raises(ParseError):\n        parse('x')\n"
NO_NUMBER = "ValueError: invalid literal for int() with base 10: 'x'"


def test_conflicts__a_documented_exception_that_does_not_come_is_a_question() -> None:
    found = ended(EXPECTS_DOCUMENTED, NO_NUMBER, NO_NUMBER, base=TestStatus.FAILED)
    assert found.suspended == {"test_x": "expects `ValueError`, but the docstring documents `ParseError`"}
    (question,) = found.questions
    assert question.text(NO_NUMBER) == (
        "The docstring documents `ParseError`; `parse('x')` raises `ValueError`."
    )
    assert question.candidate.code.endswith(
        "def test_parse_as_documented():\n    with pytest.raises(ParseError):\n        parse('x')\n"
    )


@pytest.mark.parametrize(
    "found",
    [
        ended(EXPECTS_DOCUMENTED, NO_NUMBER, NO_NUMBER, base=TestStatus.PASSED),
        ended(EXPECTS_DOCUMENTED, NO_NUMBER, NO_NUMBER, reaches=False),
        ended(EXPECTS_DOCUMENTED, NO_NUMBER, "KeyError: 'x'"),
        ended(EXPECTS_DOCUMENTED, "Failed: DID NOT RAISE <class 'shop.money.ParseError'>"),
        ended(EXPECTS_DOCUMENTED, "AssertionError: assert 1 == 2"),
        ended(EXPECTS_DOCUMENTED, "shop.money.OtherError: no"),
        ended(EXPECTS_DOCUMENTED.replace("'x'", "None"), "TypeError: int() argument must be a string"),
        ended(f"    assert parse('1') == 1\n{EXPECTS_DOCUMENTED}", NO_NUMBER),
        ended(EXPECTS_DOCUMENTED.replace("ParseError", "KeyError"), NO_NUMBER),
        ended(EXPECTS_DOCUMENTED.replace("parse(", "print("), NO_NUMBER),
        ended(EXPECTS_DOCUMENTED, NO_NUMBER, source=PARSE.replace("return", "raise ValueError\n    return")),
    ],
    ids=(
        "held before",
        "never reached",
        "not always",
        "none raised",
        "its own assertion",
        "not known",
        "not as annotated",
        "after another call",
        "not documented",
        "of another function",
        "raised by the member itself",
    ),
)
def test_conflicts__a_documented_exception_that_does_not_come_may_be_the_mistake_of_the_test(
    found: Conflicts,
) -> None:
    assert found == Conflicts()


def test_conflicts__code_that_cannot_be_read_is_left_to_others() -> None:
    assert guarded("def test_x(:") == Conflicts()


def example(call: str, expected: str | None, *setup: str, exception: str | None = None) -> DocumentedExample:
    return DocumentedExample(setup=setup, call=call, expected=expected, exception=exception, line=1)


@pytest.mark.parametrize(
    ("shown", "code"),
    [
        (example("cents('1')", "100"), "assert cents('1') == 100"),
        (example("cents('1')", "True"), "assert cents('1') is True"),
        (example("cents('1') is None", "True"), "assert (cents('1') is None) is True"),
        (
            example("cents('x')", None, exception="ValueError"),
            "with pytest.raises(ValueError):\n        cents('x')",
        ),
        (
            example("c.total()", "6", "c = Cart()", "for n in range(2):\n    c.add(n)"),
            "c = Cart()\n    for n in range(2):\n        c.add(n)\n    assert c.total() == 6",
        ),
    ],
)
def test_documented_test__claims_what_is_documented(shown: DocumentedExample, code: str) -> None:
    written = documented_test(member(), shown, "test_x")
    compile(written, "x.py", "exec")
    assert written.endswith(f"def test_x():\n    {code}\n")


def test_documented_test__imports_what_the_docstring_takes_for_known() -> None:
    shown = example("total([Cart(), *map(Cart, [1])], key=lambda x: x)", "Decimal('1')", "import os")
    assert documented_test(member(), shown, "t").startswith(
        "import os\nfrom shop.money import Cart, Decimal, total\n"
    )


@pytest.mark.parametrize(
    ("shown", "observed", "message", "text"),
    [
        (example('cents("1.15")', "115"), "114", "", "is `115`; it returns `114`"),
        (example('cents("1.15")', "115"), "", "assert 114 == 115\n +  where", "is `115`; it returns `114`"),
        (
            example('cents("1.15")', "115"),
            "",
            "AssertionError: assert 'a' == 115",
            "is `115`; it returns `'a'`",
        ),
        (example('cents("1.15")', "True"), "", "assert False is True", "is `True`; it returns `False`"),
        (example('cents("1.15")', "115"), "", "KeyError: 'x'", "is `115`; it raises `KeyError: 'x'`"),
        (
            example('cents("1.15")', None, exception="ValueError"),
            "",
            "Failed: DID NOT RAISE <class 'ValueError'>",
            "raises `ValueError`; it raises nothing",
        ),
    ],
)
def test_question_text__says_both_sides(
    shown: DocumentedExample, observed: str, message: str, text: str
) -> None:
    code = "from shop.money import cents\ndef test_bug(): assert cents('1.15') == 114\n"
    (asked,) = guarded(code, ("test_bug", TestStatus.PASSED)).questions
    question = DocumentationQuestion(
        documented=shown, candidate=asked.candidate, test=asked.test, observed=observed
    )
    expected = f'The docstring says `cents("1.15")` {text}.'
    assert question.text(message) == expected


@pytest.mark.parametrize(
    ("message", "seen"),
    [
        ("AssertionError: assert False\n +  where False = isinstance('a', int)", "`'a'`"),
        ("assert False\n +  where False = isinstance('1, <2', (<class 'int'>, <class 'str'>))", "`'1, <2'`"),
        ("assert False\n +  where False = isinstance(None, <class 'shop.A'>)  ", "`None`"),
        ("assert False\n +  where False = isinstance((1, 2), shop.A)", "`(1, 2)`"),
        ("assert False\n +  where False = isinstance(a\n +  where False = isinstance(1, int)", "`1`"),
        ("where False = isinstance(" * 50_000, "something else"),
        ("where False = isinstance(" + "a, (<class " * 50_000, "something else"),
        ("KeyError: 'x'", "something else"),
    ],
)
def test_question_text__what_is_not_an_instance(message: str, seen: str) -> None:
    promise = Promise(call="total([])", annotation="int")
    code = "from shop.money import cents\ndef test_bug(): assert cents('1.15') == 114\n"
    (asked,) = guarded(code, ("test_bug", TestStatus.PASSED)).questions
    question = DocumentationQuestion(documented=promise, candidate=asked.candidate, test=asked.test)
    expected = f"The annotation says `int`; `total([])` returns {seen}."
    assert question.text(message) == expected
