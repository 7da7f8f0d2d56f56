from __future__ import annotations

from collections import Counter
from dataclasses import replace

from fakes.requests import make_repair, make_request, make_requests
from testsmith.generation.llm.packing import Batch, BatchLimits, pack, split
from testsmith.model import Context, Repair, Request

LIMITS = BatchLimits()


def ids(batch: Batch) -> list[str]:
    return [request.member.id for request in batch.requests]


def sizes(batches: tuple[Batch, ...]) -> list[int]:
    return [len(batch.requests) for batch in batches]


def assert_each_once(requests: list[Request], batches: tuple[Batch, ...]) -> None:
    packed = Counter(member for batch in batches for member in ids(batch))
    assert packed == Counter(request.member.id for request in requests)


def test_pack__nothing() -> None:
    assert pack([], LIMITS) == ()


def test_pack__one_member() -> None:
    [batch] = pack(make_requests(1, 1), LIMITS)
    assert ids(batch) == ["src/shop/m0.py::f0"]
    assert batch.max_tokens == 2 * 300 + 1024
    assert batch.tiers == 3
    assert batch.asked_again == 0


def test_pack__members_of_a_file_share_a_call_in_their_order() -> None:
    [batch] = pack(make_requests(1, 5), LIMITS)
    assert ids(batch) == [f"src/shop/m0.py::f{number}" for number in range(5)]


def test_pack__240_members_of_40_files_need_10_calls() -> None:
    requests = make_requests(40, 6)
    batches = pack(requests, LIMITS)
    assert sizes(batches) == [24] * 10
    assert_each_once(requests, batches)


def test_pack__no_file_that_fits_a_call_is_torn_apart() -> None:
    batches = pack(make_requests(17, 10), LIMITS)
    homes = Counter(path for batch in batches for path in {request.member.path for request in batch.requests})
    assert set(homes.values()) == {1}


def test_pack__a_large_file_is_split_in_equal_parts() -> None:
    requests = make_requests(1, 60)
    batches = pack(requests, LIMITS)
    assert sizes(batches) == [20, 20, 20]
    assert_each_once(requests, batches)


def test_pack__a_small_file_fills_the_room_that_a_large_one_leaves() -> None:
    requests = [*make_requests(1, 20), *(make_request(f"src/shop/small.py::g{n}") for n in range(7))]
    assert sizes(pack(requests, LIMITS)) == [27]


def test_pack__files_of_mixed_sizes_need_no_more_calls_than_a_third_over_the_least() -> None:
    sizes_of_files = [file * 7919 % 27 + 1 for file in range(200)]
    requests = [
        make_request(f"src/shop/m{file}.py::f{number}")
        for file, size in enumerate(sizes_of_files)
        for number in range(size)
    ]
    batches = pack(requests, LIMITS)
    assert_each_once(requests, batches)
    assert max(sizes(batches)) <= 27
    assert len(batches) <= sum(sizes_of_files) / 27 * 4 / 3


def test_pack__larger_calls_come_first() -> None:
    requests = [*make_requests(1, 3), *(make_request(f"src/shop/large.py::g{n}") for n in range(27))]
    assert sizes(pack(requests, LIMITS)) == [27, 3]


def test_pack__same_requests_same_calls() -> None:
    requests = make_requests(13, 5)
    assert pack(requests, LIMITS) == pack(list(requests), LIMITS)


def test_pack__conventions_that_differ_never_share_a_call() -> None:
    requests = [
        make_request("src/a.py::f", conventions="Use tables."),
        make_request("src/b.py::f", conventions="Use no tables."),
        make_request("src/c.py::f", conventions="Use tables."),
    ]
    assert sorted(map(ids, pack(requests, LIMITS))) == [["src/a.py::f", "src/c.py::f"], ["src/b.py::f"]]


def test_pack__frameworks_that_differ_never_share_a_call() -> None:
    requests = make_requests(1, 2)
    requests[1] = replace(requests[1], framework="unittest")
    assert sizes(pack(requests, LIMITS)) == [1, 1]


def test_pack__sources_over_the_input_limit_are_split_by_halves() -> None:
    requests = [make_request(f"src/a.py::f{number}", source="x" * 20_000) for number in range(8)]
    batches = pack(requests, LIMITS)
    assert sizes(batches) == [2, 2, 2, 2]
    assert_each_once(requests, batches)


def test_pack__files_whose_sources_together_are_over_the_input_limit_do_not_share_a_call() -> None:
    requests = [make_request(f"src/m{number}.py::f", source="x" * 25_000) for number in range(4)]
    assert sizes(pack(requests, LIMITS)) == [2, 2]


def test_pack__one_source_over_the_input_limit_has_a_call_of_its_own() -> None:
    requests = [make_request("src/a.py::f", source="x" * 200_000), make_request("src/b.py::f")]
    assert sizes(pack(requests, LIMITS)) == [1, 1]


def test_pack__estimate_over_the_limit_gives_one_member_a_call() -> None:
    limits = BatchLimits(tokens_per_member=10_000, max_output_tokens=4_000)
    batches = pack(make_requests(1, 3), limits)
    assert sizes(batches) == [1, 1, 1]
    assert {batch.max_tokens for batch in batches} == {4_000}


def test_pack__6000_members_in_250_calls() -> None:
    assert len(pack(make_requests(1000, 6), LIMITS)) == 250


def repairs_of(files: int, members_each: int, code: str = "x = 1\n") -> list[Request]:
    return [
        make_repair(f"src/shop/m{file}.py::f{number}", code)
        for file in range(files)
        for number in range(members_each)
    ]


def test_pack__what_is_to_be_mended_never_shares_a_call_with_what_is_to_be_written() -> None:
    requests = [*make_requests(2, 3), *repairs_of(2, 2)]
    batches = pack(requests, LIMITS)
    assert [(len(batch.requests), batch.task) for batch in batches] == [(6, "write"), (4, "repair")]


def test_pack__repairs_of_a_file_share_a_call_and_small_files_too() -> None:
    [batch] = pack(repairs_of(5, 4), LIMITS)
    assert len(batch.requests) == 20
    assert batch.tiers == 2


def test_pack__long_modules_to_mend_take_several_shares_of_a_call() -> None:
    three_shares = "x" * (3 * 300 * 4)
    batches = pack(repairs_of(1, 18, three_shares), LIMITS)
    assert sizes(batches) == [9, 9]
    assert {batch.max_tokens for batch in batches} == {8192}
    [batch] = pack(repairs_of(1, 2, three_shares), LIMITS)
    assert batch.max_tokens == LIMITS.allowance(6)


def test_pack__a_module_to_mend_that_is_over_all_limits_has_a_call_of_its_own() -> None:
    assert sizes(pack(repairs_of(1, 3, "x" * 60_000), LIMITS)) == [1, 1, 1]


def test_pack__what_failed_tests_said_counts_for_the_input_limit() -> None:
    failures = tuple((f"test_{number}", "x" * 1500) for number in range(21))
    repair = Repair(code="x = 1\n", failures=failures)
    requests = [replace(request, repair=repair) for request in repairs_of(1, 4)]
    assert sizes(pack(requests, LIMITS)) == [1, 1, 1, 1]


def test_allowance__scales_with_the_members_and_never_passes_the_limit() -> None:
    allowances = [LIMITS.allowance(members) for members in range(1, 28)]
    assert allowances == sorted(allowances)
    assert all(allowance > members * 300 for members, allowance in enumerate(allowances[:26], 1))
    assert allowances[-1] == 8192


def test_split__equal_parts_in_order() -> None:
    requests = make_requests(1, 7)
    assert [len(part) for part in split(requests, 3)] == [2, 2, 3]
    assert [request for part in split(requests, 3) for request in part] == requests


def test_split__what_fits_stays_whole() -> None:
    requests = make_requests(1, 3)
    assert list(split(requests, 3)) == [tuple(requests)]


def test_pack__what_was_observed_counts_for_the_input_limit() -> None:
    requests = make_requests(1, 4)
    told = [replace(request, context=Context(observations=("o" * 400,))) for request in requests]
    limits = BatchLimits(max_source_characters=1000)
    assert [len(batch.requests) for batch in pack(requests, limits)] == [4]
    assert [len(batch.requests) for batch in pack(told, limits)] == [2, 2]
