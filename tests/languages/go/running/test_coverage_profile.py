from __future__ import annotations

from testsmith.languages.go.running.coverage_profile import Block, lines_run, read_profile

SOURCE = """package calc

func Sign(a int) int {
	// nothing is zero
	if a == 0 {
		return 0
	} else if a < 0 {
		return -1
	}

	return 1
}
"""
FILE = "example.com/calc/calc.go"
PROFILE = f"""mode: count
{FILE}:5.2,5.12 1 3
{FILE}:6.3,7.3 1 2
{FILE}:7.8,7.16 1 1
{FILE}:8.3,9.3 1 0
{FILE}:11.2,11.10 1 1
example.com/calc/other.go:1.1,9.1 1 1
not a block
{FILE}:99999999.1,1.1 1 1
"""


def test_read_profile__counts_of_blocks() -> None:
    counts = read_profile(PROFILE)
    assert counts[Block(file=FILE, start=(5, 2), end=(5, 12))] == 3
    assert len(counts) == 6


def test_lines_run__with_statements_that_ran() -> None:
    assert lines_run(read_profile(PROFILE), FILE, SOURCE, {}) == {5, 6, 7, 11}


def test_lines_run__a_closing_brace_is_not_part_of_the_block_before_it() -> None:
    profile = f"{FILE}:6.3,7.3 1 2\n"
    assert lines_run(read_profile(profile), FILE, SOURCE, {}) == {6}


def test_lines_run__less_what_ran_without_the_test() -> None:
    loaded = read_profile(f"{FILE}:5.2,5.12 1 3\n{FILE}:6.3,7.3 1 1\n")
    assert lines_run(read_profile(PROFILE), FILE, SOURCE, loaded) == {6, 7, 11}


def test_lines_run__a_block_of_a_million_lines_takes_no_time() -> None:
    profile = f"{FILE}:1.1,9999999.1 1 1\n"
    assert max(lines_run(read_profile(profile), FILE, SOURCE, {})) == 11
