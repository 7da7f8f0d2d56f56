from __future__ import annotations

from testsmith.languages.go.source.declarations import Declaration, declarations_of

TEXT = """// Package shop sells.
package shop

import "fmt"

// Max is the limit.
const Max = 3

const (
	Low = iota
	// High is more.
	High
)

var a, b = 1, 2

// Cart holds items.
type Cart[T any] struct{ items []T }

type (
	Shape interface{ Area() float64 }
	Alias = Cart[int]
)

// not its documentation

// Add adds an item.
// It returns how many there are.
func (c *Cart[T]) Add(item T) int {
	c.items = append(c.items, item)
	return len(c.items)
}

func (c Cart[T]) total() int { return len(c.items) }

func Map[T, U any](xs []T, f func(T) U) []U { return nil }

func external()

var _ = fmt.Sprint
"""


def _by_name(text: str = TEXT) -> dict[str, Declaration]:
    return {one.name: one for one in declarations_of(text)}


def test_declarations__names_kinds_and_lines() -> None:
    assert [(one.name, one.kind.value, one.line) for one in declarations_of(TEXT)] == [
        ("Max", "const", 7),
        ("Low", "const", 10),
        ("High", "const", 12),
        ("a", "var", 15),
        ("b", "var", 15),
        ("Cart", "type", 18),
        ("Shape", "type", 21),
        ("Alias", "type", 22),
        ("Cart.Add", "method", 29),
        ("Cart.total", "method", 34),
        ("Map", "function", 36),
        ("external", "function", 38),
        ("_", "var", 40),
    ]


def test_declarations__members_are_exported_functions_with_a_body() -> None:
    assert [one.name for one in declarations_of(TEXT) if one.is_member] == ["Cart.Add", "Map"]


def test_source__has_the_documentation_that_touches_it() -> None:
    add = _by_name()["Cart.Add"]
    assert add.doc == "// Add adds an item.\n// It returns how many there are."
    assert add.source.startswith("// Add adds an item.\n")
    assert add.source.endswith("return len(c.items)\n}")
    assert _by_name()["Max"].source == "// Max is the limit.\nconst Max = 3"
    assert _by_name()["High"].source == "const High"


def test_meaning__of_an_enumeration_depends_on_what_is_above() -> None:
    with_one_more = _by_name(TEXT.replace("Low = iota", "Lowest = iota\n\tLow"))
    assert with_one_more["High"].meaning != _by_name()["High"].meaning
    commented = _by_name(TEXT.replace("// High is more.", "// High is most."))
    assert commented["High"].meaning == _by_name()["High"].meaning
