"""A model that gets two expected values in five wrong, unless it was told what comes of an input.

It writes two tests a member: one for an input that was observed, where one was, and one for an input of its
own. What it guesses depends on the member and the input alone. What it is to mend it guesses anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from fakes.endpoint import Body

_BLOCK = re.compile(r"^### member: (.+?)\s*$", re.MULTILINE)
_OBSERVED = re.compile(
    r"^`(.+?)` (?:gives|raises|gave .* and gives|raised .* and gives) `(.+)`", re.MULTILINE
)
_TESTS = 2
_WRONG_OF_TEN = 4


@dataclass(frozen=True, slots=True)
class GuessingModel:
    """Answers prompts, see the module.

    Attributes:
        inputs: By member name the calls that it would choose.
        members: All members by name, to know what is right.
        reads: Whether it heeds what was observed.
    """

    inputs: Mapping[str, Sequence[str]]
    members: Mapping[str, Any]
    reads: bool = True

    def __call__(self, body: Body) -> str:
        system, prompt = (str(message["content"]) for message in body["messages"])
        is_mending = system.startswith("You fix")
        names = _BLOCK.split(prompt)[1:]
        blocks = zip(names[::2], names[1::2], strict=True)
        return json.dumps(
            {
                "tests": [
                    {"name": member, "code": self._module(member, block, is_mending=is_mending)}
                    for member, block in blocks
                ]
            }
        )

    def _module(self, member: str, block: str, *, is_mending: bool) -> str:
        path, _, name = member.partition("::")
        observed = self._observed(block)
        calls = self._to_mend(block) if is_mending else self._chosen(name, observed)
        salt = "again" if is_mending else ""
        tests = [
            self._test(f"test_{name}_{number}", call, is_right=call in observed or self._knows(call, salt))
            for number, call in calls
        ]
        module = path.removesuffix(".py").replace("/", ".")
        return "\n\n\n".join([f"import pytest\n\nfrom {module} import {name}", *tests]) + "\n"

    def _observed(self, block: str) -> list[str]:
        return [found[1] for found in _OBSERVED.finditer(block)] if self.reads else []

    def _chosen(self, name: str, observed: Sequence[str]) -> Iterator[tuple[int, str]]:
        own = [call for call in self.inputs[name] if call not in observed[:1]]
        return iter(list(enumerate([*observed[:1], *own]))[:_TESTS])

    def _to_mend(self, block: str) -> Iterator[tuple[int, str]]:
        """Yield the calls of the tests that are to be mended, with their numbers."""
        code = block.partition("Its test module, to be mended:")[2]
        lines = code.splitlines()
        for place, line in enumerate(lines):
            found = re.match(r"def test_\w+_(\d+)\(\):", line)
            if found:
                body = lines[place + 2] if "pytest.raises" in lines[place + 1] else lines[place + 1]
                yield int(found[1]), body.strip().removeprefix("assert ").partition(" == ")[0]

    def _knows(self, call: str, salt: str) -> bool:
        return sha256(f"{salt}{call}".encode()).digest()[0] % 10 >= _WRONG_OF_TEN

    def _test(self, test: str, call: str, *, is_right: bool) -> str:
        try:
            value = eval(call, dict(self.members))  # noqa: S307 - the fakes' own calls
        except Exception as error:  # noqa: BLE001 - whatever it is, a test can expect it
            expected = type(error).__name__ if is_right else "KeyError"
            return f"def {test}():\n    with pytest.raises({expected}):\n        {call}"
        return f"def {test}():\n    assert {call} == {value if is_right else wrong(value)!r}"


def wrong(value: Any) -> Any:
    """Return a value of the same kind that is near, and not the same."""
    match value:
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return f"{value}s"
        case list():
            return value[:-1] or [0]
    return 0
