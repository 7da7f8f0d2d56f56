"""The list of models, by the real SDK from a real HTTP server."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest

from fakes.endpoint import Endpoint
from testsmith.llm.interface import KeyRefused, ProviderError
from testsmith.llm.offered_models import offered_models
from testsmith.settings import ModelSettings, Secret

MODELS: list[dict[str, Any]] = [
    {"id": "lasting", "object": "model", "created": 1, "owned_by": "x", "shutdown_date": None},
    {"id": "ending", "shutdown_date": "2026-12-11"},
    {"id": "ending-too", "deprecation": "2027-01-14T12:00:00Z"},
    {"id": "odd", "shutdown_date": "soon"},
    {"no id": 1},
]


def settings(url: str, key: str = "right") -> ModelSettings:
    return ModelSettings(api_key=Secret(key), base_url=url, model="lasting")


def test_offered_models__with_their_shutdown_dates() -> None:
    with Endpoint(models=MODELS, key="right") as endpoint:
        offered = asyncio.run(offered_models(settings(endpoint.url)))
    assert offered == {
        "lasting": None,
        "ending": date(2026, 12, 11),
        "ending-too": date(2027, 1, 14),
        "odd": None,
    }


def test_offered_models__a_key_that_is_refused_is_not_shown() -> None:
    with Endpoint(models=MODELS, key="right") as endpoint, pytest.raises(KeyRefused) as refused:
        asyncio.run(offered_models(settings(endpoint.url, key="wrong-and-secret")))
    assert "wrong-and-secret" not in str(refused.value)


def test_offered_models__an_endpoint_without_a_list() -> None:
    with Endpoint() as endpoint:
        assert asyncio.run(offered_models(settings(endpoint.url))) == {}


def test_offered_models__nobody_there() -> None:
    with pytest.raises(ProviderError):
        asyncio.run(offered_models(settings("http://127.0.0.1:9/v1")))
