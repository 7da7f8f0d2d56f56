"""The table of system calls, beside the kernel's own headers: no arm64 machine is needed for that."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from testsmith.execution.sandbox.linux import landlock
from testsmith.execution.sandbox.linux.seccomp import ARCHITECTURES
from testsmith.execution.sandbox.linux.syscalls import NEWEST, NUMBERS

HEADERS = {
    "x86_64": (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm/unistd_64.h")),
    "aarch64": (Path("/usr/include/asm-generic/unistd.h"),),
}
# The generic table names some calls by what a 64-bit machine makes of them.
_DEFINED = re.compile(r"^#define __NR(?:3264)?_(\w+)[ \t]+(\d+)$", re.MULTILINE)


def kernels_numbers(machine: str) -> dict[str, int]:
    """Return the numbers by name, as the installed headers of the kernel have them."""
    for path in HEADERS[machine]:
        if path.is_file():
            return {name: int(number) for name, number in _DEFINED.findall(path.read_text(encoding="utf-8"))}
    pytest.skip(f"NOT SHOWN: the numbers of {machine}: no kernel headers here (Debian: linux-libc-dev)")


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_numbers__are_the_kernels_own(machine: str) -> None:
    kernels = kernels_numbers(machine)
    column = list(ARCHITECTURES).index(machine)
    ours = {name: numbers[column] for name, numbers in NUMBERS.items()}
    newer = {name for name in ours if name not in kernels and (ours[name] or 0) > max(kernels.values())}
    differing = {name: (ours[name], kernels.get(name)) for name in ours if ours[name] != kernels.get(name)}
    assert {name: pair for name, pair in differing.items() if name not in newer} == {}


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_numbers__landlock_and_the_newest(machine: str) -> None:
    kernels = kernels_numbers(machine)
    assert kernels["landlock_create_ruleset"] == landlock._CREATE_RULESET
    assert kernels["landlock_add_rule"] == landlock._ADD_RULE
    assert kernels["landlock_restrict_self"] == landlock._RESTRICT_SELF
    if "mseal" in kernels:
        assert kernels["mseal"] == NEWEST
