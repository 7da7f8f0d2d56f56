"""Another model, for what the first one cannot do: it fails however often it is tried, or is not there."""

from __future__ import annotations

from dataclasses import replace

from testsmith.providers.provider import (
    CannotConnect,
    CompletionRequest,
    CompletionResponse,
    ModelUnknown,
    Provider,
    ProviderError,
    RequestRefused,
    TransientError,
    WaitTooLong,
)


class FallbackProvider:
    """The layer around the retries of the first model; the second has retries of its own."""

    def __init__(self, first: Provider, second: Provider, model: str) -> None:
        """Wrap two providers.

        Args:
            first: Who is asked for the model that a request names.
            second: Who is asked where that fails.
            model: The id of the second model.
        """
        self._first = first
        self._second = second
        self._model = model
        self._answered = 0

    async def complete(self, request: CompletionRequest) -> CompletionResponse:
        """See `Provider.complete`."""
        try:
            return await self._first.complete(request)
        except ProviderError as error:
            if not _another_may_do(error):
                raise
        response = await self._second.complete(replace(request, model=self._model))
        self._answered += 1
        return response

    def notes(self) -> tuple[str, ...]:
        """Return how many calls the second model has answered, where it has any."""
        if not self._answered:
            return ()
        calls = "1 call was" if self._answered == 1 else f"{self._answered} calls were"
        return (f"{calls} answered by the fallback model {self._model}",)


def _another_may_do(error: ProviderError) -> bool:
    """Tell whether the failure may be this one model's; what fewer members mend is not."""
    if isinstance(error, TransientError):
        return not isinstance(error, CannotConnect)
    return isinstance(error, ModelUnknown | WaitTooLong) or type(error) is RequestRefused
