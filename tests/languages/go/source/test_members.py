from __future__ import annotations

from fakes.scopes import Files, scope
from fakes.trees import MemoryTree
from testsmith.languages.go.source.members import (
    all_members,
    changed_members,
    functions_in,
    source_digest,
)
from testsmith.languages.source import MemberFindings
from testsmith.model import Change, Member, MemberKind

MODULE = {"go.mod": "module example.com/shop\n\ngo 1.22\n"}
CART = """
package cart

type Cart struct {
	items []int
	limit int
}

// Add adds.
func (c *Cart) Add(n int) bool {
	if n > c.bound() {
		return false
	}
	c.items = append(c.items, n)
	return true
}

func (c *Cart) bound() int { return c.limit }

func Total(c *Cart) int {
	return sum(c.items)
}

func sum(xs []int) int {
	all := 0
	for _, x := range xs {
		all += x
	}
	return all
}
"""


def _found(base: Files, head: Files, steps: int = 3) -> MemberFindings:
    return changed_members(scope({**MODULE, **base}, {**MODULE, **head}, steps=steps))


def _changes(base: Files, head: Files, steps: int = 3) -> dict[str, Change]:
    return {one.name: one.change for one in _found(base, head, steps).members}


def _only(found: MemberFindings) -> Member:
    (member,) = found.members
    return member


def test_changed_members__added_and_changed() -> None:
    head = (
        CART.replace("return sum(c.items)", "return sum(c.items) + 1") + "\nfunc New() *Cart { return nil }\n"
    )
    found = _found({"cart/cart.go": CART}, {"cart/cart.go": head})
    assert [(one.name, one.change) for one in found.members] == [
        ("Total", Change.CHANGED),
        ("New", Change.ADDED),
    ]
    total = found.members[0]
    assert (total.module, total.kind, total.changed_lines) == (
        "example.com/shop/cart",
        MemberKind.FUNCTION,
        frozenset({20}),
    )
    assert "-\treturn sum(c.items)\n+\treturn sum(c.items) + 1" in total.shown_change.own


def test_changed_members__comments_formatting_moves_and_new_names_are_none() -> None:
    moved = CART.replace("func sum(xs []int) int {", "func sum( xs []int ) int { // adds up")
    assert _changes({"cart/cart.go": CART}, {"cart/cart.go": moved}) == {}
    at = CART.index("func Total")
    parts = {"cart/cart.go": CART[:at], "cart/sums.go": f"package cart\n\n{CART[at:]}"}
    assert _changes({"cart/cart.go": CART}, parts) == {}
    renamed = CART.replace("func Total(", "func Sum(")
    assert _changes({"cart/cart.go": CART}, {"cart/cart.go": renamed}) == {}


def test_changed_members__what_uses_a_changed_private_function_is_affected() -> None:
    head = CART.replace("all += x", "all += 2 * x")
    total = _only(_found({"cart/cart.go": CART}, {"cart/cart.go": head}))
    assert (total.name, total.change, total.because, total.steps) == ("Total", Change.AFFECTED, ("sum",), 1)
    (place,) = total.because_places
    assert (place.name, place.path, place.changed_lines) == ("sum", "cart/cart.go", frozenset({26}))
    assert total.lines_of_change == frozenset({26})
    assert "all += 2 * x" in total.shown_change.private[0]


def test_changed_members__through_a_private_method_and_a_constant() -> None:
    base = CART.replace("return c.limit }", "return c.limit + most }") + "\nconst most = 3\n"
    add = _only(_found({"cart/cart.go": base}, {"cart/cart.go": base.replace("most = 3", "most = 4")}))
    assert (add.name, add.because, add.steps) == ("Cart.Add", ("most",), 2)
    assert add.shown_change.route == ("Cart.bound",)
    assert "func (c *Cart) bound()" in add.shown_change.route_sources[0]
    one_step = {"cart/cart.go": base.replace("most = 3", "most = 4")}
    assert _changes({"cart/cart.go": base}, one_step, steps=1) == {"Cart.Add": Change.AFFECTED}
    assert _changes({"cart/cart.go": base}, one_step, steps=0) == {}


def test_changed_members__of_a_struct_only_uses_of_the_changed_field_count() -> None:
    head = CART.replace("limit int\n", "limit int64\n")
    assert _changes({"cart/cart.go": CART}, {"cart/cart.go": head}) == {"Cart.Add": Change.AFFECTED}
    grown = CART.replace("limit int\n", "limit int\n\tname string\n")
    assert _changes({"cart/cart.go": CART}, {"cart/cart.go": grown}) == {}


def test_changed_members__a_method_that_an_interface_calls_affects_what_makes_its_type() -> None:
    base = """
    package a

    type value struct{ n int }

    func (v *value) Set(n int) { v.n = n }
    func (v *value) Get() int { return v.n }
    func newValue() *value { return &value{} }

    type Setter interface{ Set(n int) }

    func Make() Setter { return newValue() }
    func Other(s Setter) { s.Set(1) }
    """
    head = base.replace("v.n = n", "v.n = 2 * n")
    assert _changes({"a/a.go": base}, {"a/a.go": head}) == {"Make": Change.AFFECTED}


def test_changed_members__a_local_name_hides_that_of_the_package() -> None:
    base = (
        "package a\n\nvar step = 1\n\nfunc F(step int) int { return step }\n\nfunc G() int { return step }\n"
    )
    assert _changes({"a/a.go": base}, {"a/a.go": base.replace("step = 1", "step = 2")}) == {
        "G": Change.AFFECTED
    }


def test_changed_members__an_added_member_shows_what_is_new_below_it() -> None:
    head = (
        CART + "\nfunc Mean(c *Cart) int { return mean(c.items) }\n\nfunc mean(xs []int) int { return 1 }\n"
    )
    mean = _only(_found({"cart/cart.go": CART}, {"cart/cart.go": head}))
    assert (mean.name, mean.change, mean.because) == ("Mean", Change.ADDED, ())
    assert "func mean(xs []int)" in mean.shown_change.private[0]


def test_changed_members__generics_and_methods_of_private_types() -> None:
    head = """
    package a

    type List[T any] struct{ xs []T }
    type hidden struct{}

    func (l *List[T]) Push(x T) { l.xs = append(l.xs, x) }
    func (hidden) Show() string { return "" }
    func Map[T, U any](xs []T, f func(T) U) (out []U) { return }
    """
    assert list(_changes({}, {"a.go": head})) == ["List.Push", "Map"]


def test_changed_members__files_that_cannot_be_tested_are_skipped_with_the_reason() -> None:
    one = "package a\n\nfunc F() {}\n"
    head: dict[str, str | bytes] = {
        "a/gen.go": f"// Code generated by x. DO NOT EDIT.\n\n{one}",
        "a/x_windows.go": one,
        "a/testdata/x.go": one,
        "a/binary.go": b"\0",
    }
    found = _found({}, head)
    assert found.members == ()
    assert {skipped.path: skipped.reason for skipped in found.skipped} == {
        "a/gen.go": "it is generated",
        "a/x_windows.go": "it is built only for windows",
        "a/testdata/x.go": "it is in a folder that the go command ignores",
        "a/binary.go": "it is a binary file",
    }
    outside = changed_members(scope({}, {"b.go": one}))
    assert [each.reason for each in outside.skipped] == ["it is in no module: there is no go.mod above it"]


def test_changed_members__marks_and_unknown_syntax_are_skipped_as_members() -> None:
    head = (
        "package a\n\n// testsmith: skip\nfunc F() {}\n\nfunc G() { x := ; }\n\nfunc H() int { return 1 }\n"
    )
    found = _found({}, {"a.go": head})
    reasons = {skipped.member: skipped.reason for skipped in found.skipped}
    assert reasons == {
        "a.go::F": "it has a comment `testsmith: skip`",
        "a.go::G": "it contains syntax that the bot cannot parse",
    }
    assert [one.name for one in found.members] == ["F", "G", "H"]


def test_all_members__all_lines_and_the_nearest_module() -> None:
    tree = MemoryTree({**MODULE, "tools/go.mod": "module example.com/tools\n", "tools/x/a.go": CART.lstrip()})
    found = all_members(tree, ["tools/x/a.go"], "tools")
    assert [one.name for one in found.members] == ["Cart.Add", "Total"]
    add = found.members[0]
    assert add.module == "example.com/tools/x"
    assert add.changed_lines == frozenset(range(9, 16))


def test_functions_in__private_ones_too() -> None:
    names = [place.name for place in functions_in(CART.encode(), "cart.go")]
    assert names == ["Cart.Add", "Cart.bound", "Total", "sum"]


def test_source_digest__ignores_name_documentation_and_formatting() -> None:
    one = "// F adds.\nfunc F(a int) int { return a + F(0) }"
    assert source_digest(one) == source_digest("func G(a int) int {\n\treturn a + G(0) // more\n}")
    assert source_digest(one) != source_digest(one.replace("F(0)", "F(1)"))
    assert len(source_digest(one)) == 8
