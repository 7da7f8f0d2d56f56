from __future__ import annotations

import pytest

from fakes.containers import CannotHave, Engine, engine_with_image, image_store


@pytest.fixture(scope="session")
def engine() -> Engine:
    """What runs the project's own image."""
    try:
        return engine_with_image(image_store())
    except CannotHave as reason:
        pytest.skip(f"NOT SHOWN: what holds in a container, since {reason}")
