from __future__ import annotations

from testsmith.languages.go.running.call_watch import watched

CODE = """package calc

import "testing"

func helper() { go1() }

func TestA(t *testing.T) {
	if f(1) {
		g()
	}
	t.Run("é", func(t *testing.T) { h() })
}

func TestB(_ *testing.T) { k() }
"""


def test_watched__a_flag_at_each_statement() -> None:
    found = watched(CODE)
    assert found is not None
    assert "testsmithReached[0] = 1; go1()" in found.text
    assert "func TestA(t *testing.T) { t.Cleanup(testsmithWrite);" in found.text
    assert "func TestB(_ *testing.T) { defer testsmithWrite(); " in found.text
    assert found.support.startswith("package calc\n")
    assert f"[{len(found.calls)}]byte" in found.support


def test_idle__calls_of_statements_that_no_process_reached() -> None:
    found = watched(CODE)
    assert found is not None
    reached = ["1" if any(row == 8 for row, *_ in calls) else "0" for calls in found.calls]
    idle = found.idle(["".join(reached)])
    assert idle is not None
    assert (8, 4, 8, 8) not in idle
    assert {(9, 2, 9, 5), (11, 34, 11, 37), (5, 16, 5, 21), (14, 27, 14, 30)} <= set(idle)
    assert found.idle(["1" * len(found.calls), "0" * len(found.calls)]) == ()


def test_idle__unknown_if_a_process_wrote_something_else() -> None:
    found = watched(CODE)
    assert found is not None
    for written in ([], [""], ["1"], ["x" * len(found.calls)], ["1" * len(found.calls), ""]):
        assert found.idle(written) is None
