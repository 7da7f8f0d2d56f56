from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.requests import make_repair, make_request
from testsmith.generation.llm.context import (
    MOST_OBSERVED_CHARACTERS,
    SharedContext,
    fit_context,
    fit_observations,
    lower_tier,
    with_observations,
)
from testsmith.model import Context, Request, ShownChange

ENOUGH = 6000


def test_fit_context__none() -> None:
    assert fit_context([make_request()], ENOUGH) == SharedContext()


def test_fit_context__one_members_blocks_are_its_own() -> None:
    request = make_request(context=Context(signatures="class Cart:\n    size: int\n\ndef money(x): ..."))
    context = fit_context([request], ENOUGH)
    assert context.own == {"src/shop/cart.py::add": ("class Cart:\n    size: int", "def money(x): ...")}
    assert context.shared == ()


def test_fit_context__what_several_use_is_shown_once() -> None:
    requests = [
        make_request(
            "src/cart.py::Cart.add", context=Context(signatures="class Cart: ...\n\ndef money(x): ...")
        ),
        make_request("src/cart.py::Cart.drop", context=Context(signatures="class Cart: ...")),
    ]
    context = fit_context(requests, ENOUGH)
    assert context.shared == ("class Cart: ...",)
    assert context.own == {"src/cart.py::Cart.add": ("def money(x): ...",)}


def test_fit_context__a_class_of_which_each_uses_another_part_is_shown_once() -> None:
    head = "# shop\n@dataclass\nclass Cart:\n    size: int\n    def __init__(self): ..."
    requests = [
        make_request("src/a.py::f", context=Context(signatures=f"{head}\n    def _count(self): ...")),
        make_request("src/a.py::g", context=Context(signatures=head)),
        make_request(
            "src/a.py::h",
            context=Context(signatures=f"{head}\n    def _add(self): ...\n    def _count(self): ..."),
        ),
    ]
    context = fit_context(requests, ENOUGH)
    assert context.shared == (f"{head}\n    def _add(self): ...\n    def _count(self): ...",)
    assert context.own == {}


def test_fit_context__a_method_that_one_shows_with_its_body_is_shown_once() -> None:
    init = "    def __init__(self, size: int) -> None:"
    with_body = f"# shop\nclass Cart:\n{init}\n        self.size = size\n    ..."
    without = f"# shop\nclass Cart:\n{init} ...\n    def add(self): ..."
    requests = [
        make_request(f"src/a.py::{name}", context=Context(signatures=text))
        for name, text in (("f", with_body), ("g", without), ("h", with_body))
    ]
    assert fit_context(requests, ENOUGH).shared == (f"{with_body}\n    def add(self): ...",)


def test_fit_context__classes_that_begin_alike_stay_apart() -> None:
    orders, carts = (f"# shop\n@dataclass\nclass {name}:\n    size: int" for name in ("Order", "Cart"))
    request = make_request(context=Context(signatures=f"{orders}\n\n{carts}"))
    assert fit_context([request], ENOUGH).own == {"src/shop/cart.py::add": (orders, carts)}


def test_fit_context__a_block_named_twice_by_one_member_is_its_own_once() -> None:
    request = make_request(context=Context(signatures="def f(): ...\n\ndef f(): ..."))
    assert fit_context([request], ENOUGH).own == {"src/shop/cart.py::add": ("def f(): ...",)}


def with_change(request: Request, change: ShownChange) -> Request:
    return replace(request, member=replace(request.member, shown_change=change))


def test_fit_context__what_is_on_the_way_to_the_change_comes_first() -> None:
    request = make_request(context=Context(signatures="def f(): ..."))
    request = with_change(request, ShownChange(route_sources=("def _g(): return _h()",)))
    own = fit_context([request], ENOUGH).own["src/shop/cart.py::add"]
    assert own == ("def _g(): return _h()", "def f(): ...")


def test_fit_context__a_private_change_is_shown_once_and_before_signatures() -> None:
    change = ShownChange(private=("@@ _LIMIT in a.py @@\n-_LIMIT = 3\n+_LIMIT = 4",))
    requests = [
        with_change(make_request(f"src/a.py::{name}", context=Context(signatures="s" * 40)), change)
        for name in "fg"
    ]
    assert fit_context(requests, ENOUGH).changes == change.private
    assert fit_context(requests, 12) == SharedContext(changes=change.private)
    assert fit_context(requests, ENOUGH, tiers=1) == SharedContext()


@pytest.mark.parametrize(
    ("private", "is_shown"),
    [("Cart._fits in src/a.py", False), ("_fits in src/a.py", True), ("Cart._fits in src/b.py", True)],
)
def test_fit_context__a_private_change_inside_a_member_is_shown_as_its_diff(
    private: str, is_shown: bool
) -> None:
    change = ShownChange(own="@@ Cart @@\n-x = 3\n+x = 4", private=(f"@@ {private} @@\n-x = 3\n+x = 4",))
    request = with_change(make_request("src/a.py::Cart"), change)
    assert bool(fit_context([request], ENOUGH).changes) == is_shown


def with_tests(name: str, *lines: frozenset[int]) -> Request:
    text = "import a\n\n\ndef test_f():\n    pass\n\n\ndef test_g():\n    pass\n\n\nx = 1\n"
    request = make_request(f"src/a.py::{name}", context=Context(test_lines=lines))
    return replace(request, test_text=text, test_path="tests/test_a.py")


def test_fit_context__existing_tests_of_one_file_are_shown_together() -> None:
    requests = [with_tests("f", frozenset({1, 4, 5})), with_tests("g", frozenset({1, 8, 9}))]
    shown = "import a\n\n\ndef test_f():\n    pass\n\n\ndef test_g():\n    pass\n\n# [...]"
    assert fit_context(requests, ENOUGH).tests == {"tests/test_a.py": shown}
    assert fit_context(requests[1:], ENOUGH).tests == {
        "tests/test_a.py": "import a\n\n# [...]\n\ndef test_g():\n    pass\n\n# [...]"
    }
    assert fit_context(requests, ENOUGH, 2).tests == {}
    assert lower_tier(requests[0], 3) == 2


def test_fit_context__a_mark_below_a_signature_is_indented_as_the_body_that_it_stands_for() -> None:
    shown = "import a\n\n\ndef test_f():\n    # [...]\n\ndef test_g():\n    pass\n\n# [...]"
    request = with_tests("g", frozenset({1, 4, 8, 9}))
    assert fit_context([request], ENOUGH).tests == {"tests/test_a.py": shown}


def test_fit_context__a_repair_has_less_of_what_its_member_uses() -> None:
    blocks = [f"class {name}:\n    {'x' * 1000}" for name in "abcdefgh"]
    context = Context(signatures="\n\n".join(blocks))
    repair = replace(make_repair("src/a.py::f"), context=context)
    assert fit_context([replace(repair, repair=None)], 6000).own == {"src/a.py::f": tuple(blocks)}
    assert fit_context([repair], 6000, 2).own == {"src/a.py::f": tuple(blocks[:3])}


def test_fit_context__fixtures_of_shown_tests_once() -> None:
    fixtures = ("class Till: ...", "def till(): ...")
    requests = [with_fixtures(with_tests(name, frozenset({1, 4, 5})), fixtures) for name in "fg"]
    assert fit_context(requests, ENOUGH).fixtures == fixtures
    assert fit_context(requests, ENOUGH, 2).fixtures == ()
    assert fit_context([with_fixtures(make_request("src/a.py::h"), fixtures)], ENOUGH).fixtures == ()


def with_fixtures(request: Request, fixtures: tuple[str, ...]) -> Request:
    return replace(request, context=replace(request.context, fixtures=fixtures))


def test_fit_context__a_member_without_tests_beside_one_with_tests_in_the_same_file() -> None:
    bare = replace(make_request("src/a.py::h"), test_path="tests/test_a.py")
    requests = [with_tests("f", frozenset({1, 4, 5})), bare]
    assert fit_context(requests, ENOUGH).tests == fit_context(requests[:1], ENOUGH).tests


def test_fit_context__the_nearest_test_of_every_member_comes_first() -> None:
    requests = [with_tests("f", frozenset({4, 5}), frozenset({12})), with_tests("g", frozenset({8, 9}))]
    tight = fit_context(requests, 29)
    assert "def test_g" in tight.tests["tests/test_a.py"]
    assert "x = 1" not in tight.tests["tests/test_a.py"]


def test_fit_context__style_sample_goes_first() -> None:
    context = Context(signatures="s" * 40, style_sample="t" * 40)
    fitted = fit_context([make_request(context=context)], 15)
    assert fitted.own == {"src/shop/cart.py::add": ("s" * 40,)}
    assert fitted.style_sample == ""


def test_fit_context__one_style_sample_a_call() -> None:
    requests = [
        make_request("src/a.py::f", context=Context(style_sample="def test_a(): ...")),
        make_request("src/b.py::f", context=Context(style_sample="def test_b(): ...")),
    ]
    assert fit_context(requests, ENOUGH).style_sample == "def test_a(): ..."


def test_fit_context__no_style_sample_next_to_existing_tests() -> None:
    sampled = make_request("src/b.py::f", context=Context(style_sample="def test_b(): ..."))
    fitted = fit_context([sampled, with_tests("f", frozenset({1, 4, 5}))], ENOUGH)
    assert (fitted.style_sample, [*fitted.tests]) == ("", ["tests/test_a.py"])


def test_fit_context__a_style_sample_that_is_too_long_gives_way_to_one_that_fits() -> None:
    requests = [
        make_request("src/a.py::f", context=Context(style_sample="t" * 100)),
        make_request("src/b.py::f", context=Context(style_sample="u" * 10)),
    ]
    assert fit_context(requests, 5).style_sample == "u" * 10


def test_fit_context__a_tight_budget_gives_every_member_its_first_block() -> None:
    requests = [
        make_request("src/a.py::f", context=Context(signatures="a1______\n\na2______")),
        make_request("src/b.py::f", context=Context(signatures="b1______\n\nb2______")),
    ]
    assert fit_context(requests, 4).own == {"src/a.py::f": ("a1______",), "src/b.py::f": ("b1______",)}


def test_fit_context__never_over_the_budget() -> None:
    blocks = "\n\n".join(f"def f{number}(): ..." for number in range(100))
    context = Context(signatures=blocks, style_sample="t" * 60)
    request = with_change(make_request(context=context), ShownChange(private=("d" * 90, "e" * 300)))
    for budget in (0, 1, 10, 33, 100, 400):
        fitted = fit_context([request], budget)
        shown = [
            *fitted.changes,
            *fitted.shared,
            *(block for own in fitted.own.values() for block in own),
            fitted.style_sample,
        ]
        assert sum(map(len, shown)) <= 4 * budget


def test_fit_context__tiers_leave_out_the_sample_then_the_signatures() -> None:
    request = make_request(context=Context(signatures="def f(): ...", style_sample="def test_f(): ..."))
    assert fit_context([request], ENOUGH, 3).style_sample == "def test_f(): ..."
    assert fit_context([request], ENOUGH, 2).style_sample == ""
    assert fit_context([request], ENOUGH, 2).own != {}
    assert fit_context([request], ENOUGH, 1) == SharedContext()


def test_lower_tier__skips_a_tier_that_shows_nothing() -> None:
    whole = make_request(context=Context(signatures="def f(): ...", style_sample="def test_f(): ..."))
    assert (lower_tier(whole, 3), lower_tier(whole, 2), lower_tier(whole, 1)) == (2, 1, None)
    assert lower_tier(with_change(make_request(), ShownChange(own="-a\n+b")), 3) == 1
    assert lower_tier(make_request(), 3) is None


def observed(member_id: str, *texts: str) -> Request:
    return make_request(member_id, context=Context(observations=texts))


def test_with_observations__no_more_than_is_shown_of_one_member() -> None:
    long = "x" * MOST_OBSERVED_CHARACTERS
    assert with_observations(make_request(), ["`f(1)`", long, "`f(2)`"]).context.observations == (
        "`f(1)`",
        "`f(2)`",
    )
    assert with_observations(make_request(), [long, "`f(1)`"]).context.observations == (long,)


def test_with_observations__the_rest_of_the_context_stays() -> None:
    context = Context(signatures="def g(): ...", style_sample="s")
    request = make_request(context=context)
    assert with_observations(request, ()) == request
    assert with_observations(request, ["`f(1)`"]).context.signatures == "def g(): ..."


def test_fit_observations__the_first_of_every_member_comes_first() -> None:
    requests = [observed("src/a.py::f", "a1______", "a2______"), observed("src/b.py::f", "b1______")]
    assert fit_observations(requests, 4) == {"src/a.py::f": ("a1______",), "src/b.py::f": ("b1______",)}
    assert fit_observations(requests, 6)["src/a.py::f"] == ("a1______", "a2______")
    assert fit_observations(requests, 0) == {}


def test_fit_observations__one_that_is_too_long_gives_way_to_the_next() -> None:
    assert fit_observations([observed("src/a.py::f", "x" * 50, "a2______")], 4) == {
        "src/a.py::f": ("a2______",)
    }


def test_fit_observations__go_with_the_second_tier() -> None:
    request = observed("src/a.py::f", "`f(1)` gives `2`")
    assert fit_observations([request], ENOUGH, 2) != {}
    assert fit_observations([request], ENOUGH, 1) == {}
    assert lower_tier(request, 3) == 1
    assert lower_tier(request, 1) is None
