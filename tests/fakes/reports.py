"""Reports to show: a rich one, a hostile one, an empty one, a failed one, and one as large as asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from testsmith.model import (
    Baseline,
    BaselineStatus,
    BaseOutcome,
    CacheStats,
    Change,
    Evidence,
    Funnel,
    Label,
    Member,
    MemberKind,
    Origin,
    Report,
    Skipped,
    SkipStage,
    Spending,
    Statistics,
    Suggestion,
)
from testsmith.reporting.rendering import View

VIEW = View(project="shop", command=("testsmith", "suggest", "--base", "main"))

CART_CODE = """\
import pytest

from shop.cart import Cart


def test_adding_an_item_twice_adds_up():
    cart = Cart()
    cart.add("tea", 2)
    assert cart.add("tea") == 3


@pytest.mark.parametrize("count", [0, -1])
def test_add_refuses_a_count_below_one(count):
    with pytest.raises(ValueError, match="count must be positive"):  # the message is part of the API
        Cart().add("tea", count)
"""


def a_member(name: str, path: str = "src/shop/cart.py", **parts: Any) -> Member:
    """Return a member; only what a test speaks of need be told."""
    whole: dict[str, Any] = {
        "language": "python",
        "change": Change.ADDED,
        "line": 12,
        "end_line": 20,
        "kind": MemberKind.FUNCTION,
        "source": f"def {name}(): ...",
        "module": "shop.cart",
    }
    return Member(name=name, path=path, **(whole | parts))


def a_suggestion(member: Member, number: int = 1, **parts: Any) -> Suggestion:
    """Return a green, proven suggestion for a member."""
    whole: dict[str, Any] = {
        "test_path": "tests/shop/test_cart.py",
        "code": f"def test_{member.plain_name}():\n    assert True\n",
        "tests": (f"test_{member.plain_name}",),
        "origin": Origin.OFFLINE,
        "evidence": Evidence(passes=5, runs=5, base=BaseOutcome.ABSENT),
        "label": Label.NEW_BEHAVIOR,
    } | parts
    return Suggestion(member=member.id, number=number, run=f"pytest {whole['test_path']}", **whole)


def sample_report() -> Report:
    """Return a report with every kind of change, label, origin and stage."""
    members = _sample_members()
    add, natural, clamp, cents, total, fetch, render, parse, lint, huge, late = members
    return Report(
        members=members,
        suggestions=(
            _cart_suggestion(add),
            _natural_suggestion(natural),
            _clamp_suggestion(clamp),
            _cents_question(cents),
            _total_catches(total),
        ),
        skipped=(
            Skipped(path="src/shop/logo.bin", stage=SkipStage.CHANGES, reason="is binary"),
            Skipped(
                path=lint.path,
                member=lint.id,
                stage=SkipStage.ENVIRONMENT,
                reason="`shop.lint` needs `numpy`",
            ),
            Skipped(
                path=parse.path,
                member=parse.id,
                stage=SkipStage.GENERATION,
                reason="no answer after 3 attempts",
            ),
            Skipped(
                path=fetch.path, member=fetch.id, stage=SkipStage.VERIFICATION, reason="needs the network"
            ),
            Skipped(
                path=render.path,
                member=render.id,
                stage=SkipStage.GATE,
                reason="no test killed a mutant that survives your tests",
            ),
            Skipped(
                path=huge.path, member=huge.id, stage=SkipStage.BUDGET, reason="over the limit of 40 members"
            ),
            Skipped(
                path=late.path, member=late.id, stage=SkipStage.BUDGET, reason="over the limit of 40 members"
            ),
        ),
        statistics=Statistics(
            spending=Spending(api_calls=2, prompt_tokens=2480, completion_tokens=640),
            cache=CacheStats(hits=4, misses=3, entries=20),
            funnel=Funnel(asked=13, answered=12, ran=11, stable=10, gains=7, posted=6),
            seconds=12.34,
        ),
        base="9f8e7d6c5b4a39281706f5e4d3c2b1a098765432",
        head="1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
        notes=("sandbox: without Landlock: the kernel does not support it",),
        baseline=Baseline(status=BaselineStatus.MEASURED, tests=120, fail_on_base=3, known=11),
        sources=dict.fromkeys((member.id for member in members), "s1"),
    )


def _sample_members() -> tuple[Member, ...]:
    time, money = "src/shop/time.py", "src/shop/money.py"
    return (
        a_member("Cart.add", kind=MemberKind.METHOD),
        a_member("naturaldelta", time, change=Change.CHANGED, line=141),
        a_member("clamp", "src/shop/ranges.py", change=Change.AFFECTED, because=("_bounds",), line=30),
        a_member("cents", money, change=Change.CHANGED, line=8),
        a_member("total", money, change=Change.CHANGED, line=25),
        a_member("fetch", "src/shop/net.py", line=3),
        a_member("Report.render", "src/shop/report.py", line=40, change=Change.CHANGED),
        a_member("parse", "src/shop/report.py", line=70),
        a_member("lint", "src/shop/lint.py", line=5),
        a_member("huge", "src/shop/rest.py", line=5),
        a_member("late", "src/shop/rest.py", line=15),
    )


def _cart_suggestion(member: Member) -> Suggestion:
    return a_suggestion(
        member,
        code=CART_CODE,
        tests=("test_adding_an_item_twice_adds_up", "test_add_refuses_a_count_below_one"),
        summary="Adding an item twice adds up its count; a count below 1 is refused.",
        evidence=Evidence(
            passes=5,
            runs=5,
            base=BaseOutcome.ABSENT,
            tests=2,
            mutants=7,
            mutants_killed=6,
            mutants_gained=3,
            killed=("`<` to `<=` on line 12", "`+` to `-` on line 14"),
            lines_gained=4,
            branches_gained=2,
        ),
    )


def _natural_suggestion(member: Member) -> Suggestion:
    return a_suggestion(
        member,
        2,
        test_path="tests/shop/test_time.py",
        code=(
            "from datetime import timedelta\n\nfrom shop.time import naturaldelta\n\n\n"
            'def test_29_days_are_a_month():\n    assert naturaldelta(timedelta(days=29)) == "a month"\n'
        ),
        tests=("test_29_days_are_a_month",),
        origin=Origin.MODEL,
        witness=(
            "`naturaldelta(timedelta(days=29))` gave `'29 days'` before this change and gives `'a month'` now"
        ),
        evidence=Evidence(
            passes=5,
            runs=5,
            base=BaseOutcome.FAILS,
            fail_to_pass=1,
            mutants=3,
            mutants_killed=3,
            mutants_gained=0,
            killed=("`30` to `31` on line 144",),
        ),
    )


def _clamp_suggestion(member: Member) -> Suggestion:
    return a_suggestion(
        member,
        3,
        test_path="tests/shop/test_ranges.py",
        code=(
            "from shop.ranges import clamp\n\n\n"
            "def test_clamp_keeps_what_is_inside():\n    assert clamp(5, 0, 10) == 5\n"
        ),
        tests=("test_clamp_keeps_what_is_inside",),
        label=Label.UNCHANGED_BEHAVIOR,
        observed=("test_clamp_keeps_what_is_inside",),
        evidence=Evidence(
            passes=5, runs=5, base=BaseOutcome.PASSES, fail_to_pass=0, lines_gained=1, branches_gained=0
        ),
    )


def _cents_question(member: Member) -> Suggestion:
    return a_suggestion(
        member,
        4,
        test_path="tests/shop/test_money.py",
        code=(
            "from shop.money import cents\n\n\n"
            'def test_cents_as_documented():\n    assert cents("1.15") == 115\n'
        ),
        tests=("test_cents_as_documented",),
        label=Label.QUESTION,
        summary='The docstring says `cents("1.15")` is `115`; it returns `114`.',
        evidence=Evidence(passes=0, runs=5, base=BaseOutcome.FAILS, fail_to_pass=1),
    )


def _total_catches(member: Member) -> Suggestion:
    return a_suggestion(
        member,
        5,
        test_path="tests/shop/test_money.py",
        code="from shop.money import total\n\n\ndef test_total_of_nothing():\n    assert total([]) == 0\n",
        tests=("test_total_of_nothing",),
        label=Label.CATCHES,
        origin=Origin.MODEL,
        witness="`total([])` gave `0` before this change and raises `ValueError` now",
        evidence=Evidence(passes=0, runs=5, base=BaseOutcome.PASSES, fail_to_pass=0),
    )


HOSTILE_TEXT = (
    "<script>alert(1)</script> @octocat see https://evil.example/x?a=b www.evil.example me@evil.example #12 "
    "GH-7 [click](https://evil.example) ![i](https://evil.example/i.png) **bold** | pipe `co|de\\` "
    "<!-- testsmith:1 --> [red]rich[/red] \x1b[31mred\x1b]8;;https://evil.example\x07 \u202egnp.exe"
)

HOSTILE_CODE = (
    "def test_x():\n"
    '    text = """\n'
    "```\n````` \n"
    "::set-output name=token::stolen\n"
    "   ::error::faked\n"
    "##[add-mask]x\n"
    "</code></pre></details><img src=x onerror=alert(1)>\n"
    "<!-- testsmith:marker -->\n"
    "@octocat [red]x[/red] \x1b[2J\x9b31m\u202e\r\n"
    '"""\n'
    "    assert text\n"
)


def hostile_report() -> Report:
    """Return a report in which everything that comes from outside is meant to do harm."""
    member = a_member(
        "evil`<b>|x",
        "src/@octocat/`a`|<i>.py",
        change=Change.AFFECTED,
        because=("_a`|<b>@octocat",),
        language='python"><script>',
    )
    skipped = a_member("::error::x", "src/::warning::.py")
    hostile = a_suggestion(
        member,
        test_path="tests/`@octocat`|<b>.py",
        code=HOSTILE_CODE,
        summary=f"::set-output name=a::b {HOSTILE_TEXT}",
        witness=f"# {HOSTILE_TEXT}",
        evidence=Evidence(passes=5, runs=5, mutants=2, mutants_killed=2, killed=(HOSTILE_TEXT,)),
    )
    return Report(
        members=(member, skipped),
        suggestions=(hostile, replace(hostile, number=2, label=Label.QUESTION)),
        skipped=(
            Skipped(path=skipped.path, member=skipped.id, stage=SkipStage.GATE, reason=HOSTILE_TEXT),
            Skipped(path="bad\udcff\n::notice::name", stage=SkipStage.CHANGES, reason=f"- {HOSTILE_TEXT}"),
        ),
        base="0" * 40,
        failure=HOSTILE_TEXT,
        notes=(HOSTILE_TEXT,),
        sources=dict.fromkeys((member.id, skipped.id), "s1"),
    )


def empty_report() -> Report:
    """Return a report of a change that concerns no member."""
    return Report(members=(), base="9f8e7d6c5b4a39281706f5e4d3c2b1a098765432")


def failed_report() -> Report:
    """Return the report of a run that a refused key ended."""
    member = a_member("Cart.add")
    return Report(
        members=(member,),
        skipped=(
            Skipped(
                path=member.path, member=member.id, stage=SkipStage.GENERATION, reason="the key was refused"
            ),
        ),
        base="9f8e7d6c5b4a39281706f5e4d3c2b1a098765432",
        failure="the endpoint refused the key (401); set `TESTSMITH_API_KEY` to one that it accepts",
        statistics=Statistics(spending=Spending(api_calls=1), funnel=Funnel(asked=1)),
    )


def large_report(members: int) -> Report:
    """Return a report with this many members, half of them with a suggestion."""
    every = tuple(a_member(f"function_{index}", f"src/shop/m{index // 6}.py") for index in range(members))
    half = members // 2
    return Report(
        members=every,
        suggestions=tuple(
            a_suggestion(member, number, code=CART_CODE)
            for number, member in enumerate(every[:half], start=1)
        ),
        skipped=tuple(
            Skipped(path=member.path, member=member.id, stage=SkipStage.GATE, reason=f"reason {index}")
            for index, member in enumerate(every[half:])
        ),
        base="0" * 40,
        sources=dict.fromkeys((member.id for member in every), "s1"),
    )


def remembered(report: Report) -> Report:
    """Return the report of a later run that had no need to look at any member again."""
    members = tuple(
        Skipped(path=one.path, member=one.id, stage=SkipStage.CHANGES, reason="is unchanged")
        for one in report.members
    )
    return replace(
        report,
        suggestions=(),
        skipped=(*(one for one in report.skipped if one.member is None), *members),
        unchanged=frozenset(one.id for one in report.members),
        statistics=Statistics(seconds=1.5),
        notes=(),
    )
