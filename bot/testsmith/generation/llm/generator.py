"""Generator that asks a model through a provider."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType

from testsmith.faults import fault_in_words
from testsmith.generation.fan_out import SideBySide, closing
from testsmith.generation.interface import FactsSource, Observer, OwnTestFacts, skipped
from testsmith.generation.llm.answers import (
    ANSWER_SCHEMA,
    CallOutcome,
    ParsedAnswer,
    after_answer,
    after_error,
    after_fault,
    parse_answer,
)
from testsmith.generation.llm.choosing import FileChoices, calls_for_files, choice_request
from testsmith.generation.llm.context import CHARACTERS_PER_TOKEN, with_observations
from testsmith.generation.llm.packing import Batch, BatchLimits, pack, task_of
from testsmith.generation.llm.probing import InputProbes, probe_request
from testsmith.generation.llm.prompts import PROMPT_VERSION, Prompts
from testsmith.languages.source import CannotParse
from testsmith.languages.tests import CannotPlace, TestFiles
from testsmith.llm.budget import Budget
from testsmith.llm.interface import (
    CompletionRequest,
    CompletionResponse,
    NotedProvider,
    OverBudget,
    Provider,
    ProviderError,
    SpendingEnded,
    TokenUsage,
)
from testsmith.llm.profiles import profile_of
from testsmith.model import Candidate, ExpectedCall, Request, Result, ReviewRequest
from testsmith.patches import CannotApply, apply_patch
from testsmith.settings import ModelSettings
from testsmith.storage.keys import ModelIdentity
from testsmith.tasks import gather

NO_EDITS: Mapping[str, TestFiles] = MappingProxyType({})
"""For languages whose test files cannot be edited."""


def model_identity(settings: ModelSettings) -> ModelIdentity:
    """Return the model properties that a result depends on, for its cache key, including the endpoint.

    The service tier is not included because it affects only speed.
    """
    return ModelIdentity(
        provider=settings.base_url or "openai",
        model=settings.model,
        temperature=settings.temperature,
        effort=profile_of(settings.model).effort(settings.reasoning_effort) or "",
        tokens_per_member=settings.tokens_per_member,
        max_output_tokens=settings.max_output_tokens,
        prompt_version=str(PROMPT_VERSION),
        strategy="probe" if settings.strategy.probes else "write",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoredEntries:
    """Counts of unusable answer entries: repeated, for unknown members, without code, or misfitting edits."""

    repeated: int = 0
    unknown: int = 0
    unusable: int = 0
    diff_problems: int = 0

    def with_answer(self, answer: ParsedAnswer) -> IgnoredEntries:
        """Return the counts with those of another answer added."""
        return IgnoredEntries(
            repeated=self.repeated + answer.repeated,
            unknown=self.unknown + answer.unknown,
            unusable=self.unusable + answer.unusable,
            diff_problems=self.diff_problems + len(answer.diff_problems),
        )

    def note(self) -> str:
        """Return the counts in words; empty if there are none."""
        counts = {
            "for members that were answered already": self.repeated,
            "for members that were not asked for": self.unknown,
            "without usable code": self.unusable,
            "with a diff that does not fit": self.diff_problems,
        }
        data = ", ".join(f"{count} {words}" for words, count in counts.items() if count)
        return data and f"ignored entries of the model's answers: {data}"


class ModelGenerator:
    """Asks a model for many members in few calls; implements both generator protocols.

    All calls are started at once; the provider limits concurrency. Each result is returned as soon as its
    call completes. Closing the stream cancels the calls.
    """

    def __init__(
        self, provider: Provider, settings: ModelSettings, tests: Mapping[str, TestFiles] = NO_EDITS
    ) -> None:
        """Start without calls.

        Args:
            provider: Completes the prompts.
            settings: Model settings.
            tests: What reads edited test files, by language.
        """
        self._provider = provider
        self._tests = tests
        self._settings = settings
        self._limits = limits_of(settings)
        self._prompts = Prompts()
        self._files = FileChoices(provider, settings, self._limits, self._prompts)
        self._inputs = InputProbes(provider, settings, self._limits, self._prompts)
        self._ignored = IgnoredEntries()
        self._faults: dict[str, None] = {}
        self._observer: Observer | None = None
        self._facts: FactsSource | None = None

    def observe_with(self, observer: Observer, facts: FactsSource | None = None) -> None:
        """Include observations of the members, and facts of the project's tests, in prompts from now on."""
        self._observer, self._facts = observer, facts

    async def generate(self, request: Request) -> Result:
        """Return a candidate, or the member skipped with the reason.

        Raises:
            SpendingEnded: No further model call is possible in this run.
        """
        [result] = [result async for result in self.generate_batch([request])]
        return result

    async def generate_batch(self, requests: Sequence[Request]) -> AsyncGenerator[Result, None]:
        """Yield exactly one result per request, each as soon as it is available.

        Raises:
            SpendingEnded: No further model call is possible in this run. Raised after all results; unanswered
                members are skipped with the reason.
        """
        ended: SpendingEnded | None = None
        asked = await self._with_facts(requests)
        chosen = {
            one.member.id: one.test_path
            for one, before in zip(asked, requests, strict=True)
            if one.test_path != before.test_path
        }
        async with SideBySide[CallOutcome]() as calls:
            for batch in pack(asked, self._limits):
                calls.start(self._ask(batch))
            async for outcome in calls:
                ended = ended or outcome.ended
                for batch in outcome.again:
                    calls.start(self._ask(batch) if ended is None else _not_asked(batch, ended))
                for result in outcome.results:
                    yield _in_file(result, chosen)
        if ended is not None:
            raise ended

    def notes(self) -> tuple[str, ...]:
        """Return notes about the answers so far: unusable entries, and the provider's notes."""
        faults = [f"members were asked for one by one: {fault}" for fault in self._faults]
        notes = filter(None, (self._ignored.note(), self._files.note(), self._inputs.note(), *faults))
        data = self._provider.notes() if isinstance(self._provider, NotedProvider) else ()
        return (*notes, *data)

    async def _with_facts(self, requests: Sequence[Request]) -> Sequence[Request]:
        """Return the requests in their files, with facts of the project's tests and observations.

        A model that chooses inputs needs the mutants for that; otherwise nothing waits for them alone.
        """
        if self._settings.strategy.probes:
            facts, paths = await gather(self._of_own_tests(requests), self._files.asked_for(requests))
            return await self._observed(_with_own_tests(self._files.applied(requests, paths), facts))
        facts, observed, paths = await gather(
            self._of_own_tests(requests), self._observed(requests), self._files.asked_for(requests)
        )
        return _with_own_tests(self._files.applied(observed, paths), facts)

    async def _of_own_tests(self, requests: Sequence[Request]) -> OwnTestFacts | None:
        """Return what the project's tests show, if new tests are requested."""
        if self._facts is None or not any(task_of(one) == "write" for one in requests):
            return None
        return await self._facts()

    async def _observed(self, requests: Sequence[Request]) -> Sequence[Request]:
        """Return the requests with observations of their members."""
        if self._observer is None or not requests or not self._settings.observation_token_budget:
            return requests
        if self._settings.strategy.probes:
            requests = await self._inputs.asked_for(requests)
        async with closing(self._observer.observe(requests)) as stream:
            data = {member: observed async for member, observed in stream}
        return [with_observations(request, data.get(request.member.id, ())) for request in requests]

    async def _ask(self, batch: Batch) -> CallOutcome:
        try:
            request = completion_request(batch, self._prompts, self._settings)
        except Exception as error:  # noqa: BLE001 - one member's prompt must not affect others
            return self._after_fault(batch, error)
        try:
            response = await self._provider.complete(request)
        except ProviderError as error:
            return after_error(batch, error, self._limits)
        return self._answered(batch, response)

    def _after_fault(self, batch: Batch, error: Exception) -> CallOutcome:
        if len(batch.requests) > 1:  # otherwise the member is skipped with the reason
            self._faults[fault_in_words(error)] = None
        return after_fault(batch, error, self._limits)

    def _answered(self, batch: Batch, response: CompletionResponse) -> CallOutcome:
        """Return the outcome of an answer."""
        members = [request.member for request in batch.requests]
        try:
            answer = parse_answer(response.text, members, is_cut=response.finish_reason == "length")
            answer = _with_edits(answer, batch, self._tests)
        except Exception as error:  # noqa: BLE001 - a model's answer must not cost more than one member
            return self._after_fault(batch, error)
        self._ignored = self._ignored.with_answer(answer)
        return after_answer(batch, answer, response, self._limits)


def _with_own_tests(requests: Sequence[Request], facts: OwnTestFacts | None) -> Sequence[Request]:
    """Return requests for new tests with the mutants that these should kill, and the tests that now fail."""
    if facts is None:
        return requests
    broken: dict[str, dict[str, None]] = {}
    for test in sorted(facts.broken):
        path, _, name = test.partition("::")
        broken.setdefault(path, {})[name.partition("[")[0]] = None
    return [
        replace(
            one,
            context=replace(
                one.context,
                goals=facts.goals.get(one.member.id, ()),
                broken=tuple(broken.get(one.test_path, ())),
            ),
        )
        if task_of(one) == "write"
        else one
        for one in requests
    ]


def _in_file(result: Result, paths: Mapping[str, str]) -> Result:
    """Return a result with the file that was chosen for its member."""
    if isinstance(result, Candidate) and result.member in paths:
        return replace(result, test_path=paths[result.member])
    return result


def _with_edits(answer: ParsedAnswer, batch: Batch, languages: Mapping[str, TestFiles]) -> ParsedAnswer:
    """Return an answer with the tests of its edits; a member whose edit does not fit keeps its other code."""
    codes, edited, diff_problems = dict(answer.codes), dict[str, str](), dict[str, str]()
    for request in batch.requests:
        member, tests = request.member.id, languages.get(request.member.language)
        patch = answer.patches.get(member)
        if patch is None:
            continue
        if tests is None or not request.test_text:
            diff_problems[member] = "no test file was shown for it"
            continue
        try:
            shown = frozenset[int]().union(*request.context.test_lines)
            text = apply_patch(request.test_text, patch, shown)
            text = tests.with_known_rows(request.test_text, text)
            codes[member], edited[member] = tests.edited_tests(request.test_text, text), text
        except (CannotApply, CannotParse, CannotPlace) as error:
            diff_problems[member] = str(error)
    return replace(answer, codes=codes, edited=edited, diff_problems=diff_problems)


def limits_of(settings: ModelSettings) -> BatchLimits:
    """Return the size limits of a call."""
    profile = profile_of(settings.model)
    return BatchLimits(
        tokens_per_member=settings.tokens_per_member,
        max_output_tokens=settings.max_output_tokens,
        thinking_tokens=profile.thinking_tokens(settings.reasoning_effort),
        most_tokens=profile.output_tokens,
    )


def completion_request(batch: Batch, prompts: Prompts, settings: ModelSettings) -> CompletionRequest:
    """Return the provider request for the members of one call."""
    return CompletionRequest(
        system_prompt=prompts.system(batch.requests[0]),
        user_prompt=prompts.user(batch, settings.prompt_token_budget, settings.observation_token_budget),
        model=settings.model,
        max_tokens=batch.max_tokens,
        temperature=settings.temperature,
        effort=settings.reasoning_effort,
        schema=ANSWER_SCHEMA,
    )


async def _not_asked(batch: Batch, ended: SpendingEnded) -> CallOutcome:
    """Return an outcome without results because spending has ended."""
    return CallOutcome(results=skipped(batch.requests, str(ended)))


CHARACTERS_A_TOKEN = 3.7
"""Characters per token of a prompt: 3.8 to 4.0 for OpenAI's cl100k, 3.4 for SmolLM2's tokenizer."""


class EstimatingGenerator:
    """Replacement for `ModelGenerator` that only estimates calls and skips every member.

    Members, packing, prompts and limits are as in a real run. Answer lengths use the configured size per
    member; retries and repairs are not included because they are unknown in advance.
    """

    def __init__(self, settings: ModelSettings, budget: Budget) -> None:
        """Start without calls; the budget's meter counts what the calls would cost."""
        self._settings = settings
        self._budget = budget
        self._limits = limits_of(settings)
        self._prompts = Prompts()
        self._calls: list[ExpectedCall] = []

    def expected_calls(self) -> tuple[ExpectedCall, ...]:
        """See `ExpectedCallsReporter.expected_calls`."""
        return tuple(self._calls)

    async def generate(self, request: Request) -> Result:
        """Estimate one request."""
        [result] = [result async for result in self.generate_batch([request])]
        return result

    async def generate_batch(self, requests: Sequence[Request]) -> AsyncGenerator[Result, None]:
        """Yield each request's member as skipped, under `budget` if it exceeds the limits."""
        await self._reckon_choices(requests)
        waiting = deque(pack(requests, self._limits))
        while waiting:
            outcome = await self._reckoned(waiting.popleft())
            waiting.extend(outcome.again)
            for result in outcome.results:
                yield result

    async def _reckon_choices(self, requests: Sequence[Request]) -> None:
        """Add the calls that ask for test files; those beyond the budget are not made."""
        for part in calls_for_files(requests):
            request = choice_request(part, self._prompts, self._limits, self._settings)
            with suppress(OverBudget):
                await self._reckon(part, request, 1)

    async def _reckoned(self, batch: Batch) -> CallOutcome:
        requests = [completion_request(batch, self._prompts, self._settings)]
        if self._settings.strategy.probes:
            requests.insert(0, probe_request(batch, self._prompts, self._settings))
        for request in requests:
            try:
                await self._reckon(batch.requests, request, self._limits.shares_of(batch.requests))
            except OverBudget as error:
                return after_error(batch, error, self._limits)
        if self._settings.strategy.edits:
            await self._reckon_review(batch)
        return CallOutcome(results=skipped(batch.requests, "its call is only estimated"))

    async def _reckon_review(self, batch: Batch) -> None:
        """Add the call that reviews the tests of these members, as if all were proven, unless over budget."""
        tests = ReviewRequest(code="#" * (self._settings.tokens_per_member * CHARACTERS_PER_TOKEN))
        reviewed = replace(batch, requests=tuple(replace(one, review=tests) for one in batch.requests))
        request = completion_request(reviewed, self._prompts, self._settings)
        with suppress(OverBudget):
            await self._reckon(batch.requests, request, self._limits.shares_of(batch.requests))

    async def _reckon(self, requests: Sequence[Request], request: CompletionRequest, shares: int) -> None:
        """Count one call, whose answer is as long as that many shares.

        Raises:
            OverBudget: The budget does not allow it.
        """
        prompt = (request.system_prompt, request.user_prompt)
        hold = await self._budget.hold(request.model, prompt, request.max_tokens)
        usage = self._usage(request, shares)
        self._budget.meter.count_call()
        hold.settle(usage)
        self._calls.append(
            ExpectedCall(
                members=tuple(one.member.id for one in requests),
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
            )
        )

    def _usage(self, request: CompletionRequest, shares: int) -> TokenUsage:
        characters = len(request.system_prompt) + len(request.user_prompt)
        answer = shares * self._settings.tokens_per_member
        return TokenUsage(
            prompt_tokens=round(characters / CHARACTERS_A_TOKEN),
            completion_tokens=min(answer, request.max_tokens),
            service_tier=self._settings.service_tier,
        )
