"""The relations that are tried: real processes, on a module with some that hold and some that do not."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fakes.engine import answers, candidate

CODES = """
import json
import time


def encode(data: bytes) -> bytes:
    return data.hex().encode()


def decode(data: bytes) -> bytes:
    return bytes.fromhex(data.decode())


def dumps(thing):
    return f"{time.time()} {json.dumps(thing)}"


def loads(text):
    return json.loads(text.partition(" ")[2])


def slugify(text: str) -> str:
    return "-".join(text.lower().split())


def strip_one(text: str) -> str:
    return text[1:]


def escape(text: str) -> str:
    return text.replace(" ", "_").lower()


def unescape(text: str) -> str:
    return text.replace("_", " ")


class Sealer:
    def __init__(self, key: str) -> None:
        self._key = key

    def sign(self, value: str) -> str:
        return f"{value}.{self._key}{len(value)}"

    def unsign(self, signed: str) -> str:
        value, _, seal = signed.rpartition(".")
        if seal != f"{self._key}{len(value)}":
            raise ValueError("the seal is broken")
        return value

    def validate(self, signed: str) -> bool:
        return signed.rpartition(".")[2] == f"{self._key}{len(signed.rpartition('.')[0])}"
"""


def test_relations__are_stated_where_they_hold_and_nowhere_else(tmp_path: Path) -> None:
    found = asyncio.run(answers(tmp_path, {"codes.py": CODES}))
    code = {name: candidate(result).code for name, result in found.items()}

    assert (
        "def test_encode_is_reversed_by_decode(data):\n    assert decode(encode(data)) == data\n"
        in code["encode"]
    )
    assert (
        "def test_decode_reverses_encode(data):\n    assert decode(encode(data)) == data\n" in code["decode"]
    )
    assert "def test_loads_reverses_dumps(thing):\n    assert loads(dumps(thing)) == thing\n" in code["loads"]
    assert "def test_slugify_changes_nothing_twice(text):\n" in code["slugify"]
    assert "assert slugify(slugify(text)) == slugify(text)\n" in code["slugify"]
    assert "twice" not in code["strip_one"]
    assert "reverse" not in code["escape"] + code["unescape"]
    assert (
        "def test_unsign_reverses_sign(value):\n"
        '    sealer = Sealer("key")\n'
        "    assert sealer.unsign(sealer.sign(value)) == value\n"
    ) in code["Sealer.unsign"]
    assert "assert sealer.validate(sealer.sign(value)) is True\n" in code["Sealer.validate"]
