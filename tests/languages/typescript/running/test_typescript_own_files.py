"""What a run of the project's own test files says."""

from __future__ import annotations

import pytest

from testsmith.languages.typescript.running.project_tests.own_files import says_no_test


@pytest.mark.parametrize(
    "output",
    [
        "No test files found, exiting with code 1",
        "No tests found, exiting with code 1\nRun with `--passWithNoTests` to exit with code 0",
        "No files found in /p.\nMake sure Jest's configuration does not exclude this directory.",
    ],
)
def test_says_no_test__of_vitest_and_jest(output: str) -> None:
    assert says_no_test(output)


def test_says_no_test__not_if_something_is_missing() -> None:
    assert not says_no_test("Error: Cannot find module './helpers'")
