from __future__ import annotations

from testsmith.languages.driver import driver_for
from testsmith.languages.registry import drivers


def test_drivers__each_language_once() -> None:
    languages = [driver.language for driver in drivers()]
    assert languages == ["python"]


def test_driver_for__by_path() -> None:
    found = driver_for("src/shop/cart.py", drivers())
    assert found is not None
    assert found.language == "python"
    assert driver_for("src/shop/cart.rs", drivers()) is None
