from __future__ import annotations

from testsmith.languages.language import language_of
from testsmith.languages.registry import languages


def test_languages__each_language_once() -> None:
    assert [language.name for language in languages()] == ["python", "go"]


def test_language_of__by_path() -> None:
    found = language_of("src/shop/cart.py", languages())
    assert found is not None
    assert found.name == "python"
    assert language_of("src/shop/cart.rs", languages()) is None
