"""What an estimate says of members whose calls cannot be estimated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path

from fakes.git_repository import GitRepository
from fakes.sweep_tools import idle_tools
from testsmith import pipeline
from testsmith.model import ExpectedCall, Request, Result, SkipStage
from testsmith.settings import (
    CacheSettings,
    ModelSettings,
    ProviderChoice,
    SelectionSettings,
    Settings,
    VerificationSettings,
)


class Broken:
    def expected_calls(self) -> tuple[ExpectedCall, ...]:
        return ()

    async def generate(self, _request: Request) -> Result:
        raise ZeroDivisionError

    async def generate_batch(self, requests: Sequence[Request]) -> AsyncGenerator[Result, None]:
        for request in requests:
            yield await self.generate(request)


def test_estimate__an_internal_error_is_reported_and_not_taken_for_a_cached_answer(tmp_path: Path) -> None:
    project = GitRepository.create(tmp_path / "project")
    project.commit({"shop.py": "def half(x: int) -> int:\n    return x // 2\n"})
    settings = Settings(
        folder=project.folder,
        provider=ProviderChoice.OPENAI,
        selection=SelectionSettings(all_paths=("shop.py",)),
        model=ModelSettings(),
        cache=CacheSettings(folder=tmp_path / "cache"),
        verification=VerificationSettings(),
    )
    broken = Broken()

    found = asyncio.run(pipeline.estimate(settings, replace(idle_tools().run, model=broken), broken))

    assert found.cached == ()
    assert [(one.member, one.stage) for one in found.skipped] == [("shop.py::half", SkipStage.INTERNAL)]
    assert "ZeroDivisionError" in found.skipped[0].reason
