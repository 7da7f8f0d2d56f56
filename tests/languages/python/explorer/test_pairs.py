"""Which members may undo, check or settle something, by their names."""

from __future__ import annotations

import pytest

from testsmith.languages.python.explorer.metamorphic import (
    checks,
    keeps_items,
    related_names,
    settles,
    splits_items,
    undoes,
)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("encode", "decode"),
        ("b64_encode", "b64_decode"),
        ("dumps", "loads"),
        ("sign", "unsign"),
        ("escape", "unescape"),
        ("serialize", "deserialize"),
        ("to_dict", "from_dict"),
        ("bytes_to_int", "int_to_bytes"),
        ("int_list_from_text", "text_from_int_list"),
        ("format_ranges", "parse_ranges"),
        ("gzip_bytes", "gunzip_bytes"),
        ("quote_path", "unquote"),
        ("toText", "fromText"),
    ],
)
def test_undoes__by_one_word(first: str, second: str) -> None:
    assert undoes(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("encode", "encode"),
        ("encode_text", "decode_bytes"),
        ("is", "unis"),
        ("add", "remove_all"),
        ("sign", "signer"),
        ("get", "set"),
    ],
)
def test_undoes__not_by_other_words(first: str, second: str) -> None:
    assert not undoes(second, first)


@pytest.mark.parametrize(
    ("first", "second", "does"),
    [
        ("sign", "validate", True),
        ("get_signature", "verify_signature", True),
        ("hash_password", "check_password", True),
        ("get_signature", "verify_password", False),
        ("validate", "sign", False),
    ],
)
def test_checks__what_the_other_makes(first: str, second: str, *, does: bool) -> None:
    assert checks(second, first) is does


def test_words__say_what_a_name_promises() -> None:
    assert settles("slugify")
    assert settles("normalize_path")
    assert not settles("settle")
    assert keeps_items("shuffled")
    assert splits_items("chunked")
    assert not splits_items("chunky")


def test_related_names__are_others() -> None:
    assert related_names("encode", ["encode", "decode", "render"]) == ["decode"]
