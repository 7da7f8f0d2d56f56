"""Ask an endpoint which models it offers. The call is free, and is made by `testsmith doctor` only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import Annotated, Any

from testsmith.decode import IF_VALID, Malformed, decode
from testsmith.llm.error_mapping import broken_off, read_refusal, refused
from testsmith.llm.factory import connect, endpoint_of
from testsmith.settings import ModelSettings

_SECONDS = 15.0
_WITHOUT_LIST = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """A model in an endpoint's list.

    Attributes:
        id: Its id.
        shutdown_date: OpenAI: the day it is shut down, as `2026-12-11`.
        deprecation: Mistral: the same, with a time.
    """

    id: str
    shutdown_date: str | None = None
    deprecation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Models:
    data: tuple[Annotated[_Model, IF_VALID], ...]


async def offered_models(settings: ModelSettings) -> Mapping[str, date | None]:
    """Return the ids of the models that the endpoint offers, with the day that each is shut down, if known.

    They are empty if the endpoint does not list its models.

    Raises:
        ProviderError: The endpoint cannot be reached, or refuses the key.
        UsageFailure: The key or the URL is invalid.
    """
    import openai

    target = endpoint_of(settings)
    client = connect(settings.base_url or target.url, target.key, settings)
    try:
        async with asyncio.timeout(_SECONDS):
            answer = await client.models.with_raw_response.list()
        models = decode(_Models, answer.http_response.content).data
    except openai.APIStatusError as error:
        if error.status_code in _WITHOUT_LIST:
            return {}
        said: Mapping[str, Any] = error.response.headers
        raise refused(
            read_refusal(error.status_code, said, error.body, target=target, now=0.0), target
        ) from error
    except (openai.OpenAIError, TimeoutError) as error:
        raise broken_off(error, target) from error
    except Malformed:
        return {}
    finally:
        await client.close()
    return {one.id: _day(one.shutdown_date or one.deprecation) for one in models}


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None
