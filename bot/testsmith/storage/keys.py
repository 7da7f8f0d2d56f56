"""Keys and digests for everything that is kept between runs. Pure.

There are keys for generator results, for measurements of the project's own tests, and for members that a
sweep tried without success; and source digests that show whether a member must be verified again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, ClassVar, Literal, get_args

from annotated_types import MaxLen

from testsmith.decode import NOTHING_ELSE, Malformed, decode_value
from testsmith.model import Member, Repair, Request, Skipped, SkipStage

KEY_SCHEMA = 3
"""Increased when the meaning of a part changes, so that results under older keys are not found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIdentity:
    """Model settings that a result depends on.

    Attributes:
        provider: The provider's name, for example `openai`.
        model: The model's id.
        temperature: Requested temperature.
        effort: Requested reasoning effort; empty if none is requested.
        tokens_per_member: Expected output tokens per member, which decides how members are grouped into
            calls.
        max_output_tokens: Maximum output tokens per call.
        prompt_version: Version of the prompt templates.
        strategy: `probe` if the model is first asked for inputs, otherwise `write`.
    """

    provider: str
    model: str
    temperature: float
    effort: str
    tokens_per_member: int
    max_output_tokens: int
    prompt_version: str
    strategy: str = "write"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyParts:
    """Everything that a result depends on. Anything else may change without invalidating the result.

    The file's path and lines are not included, so that a moved member is still found. The module that tests
    import it from is included, because the answer contains its name. Style samples and observations are not
    included: they improve an answer but do not invalidate it. For the same reason, failure messages are not
    included, but the names of the failed tests are.

    Attributes:
        language: The language's identifier.
        member: The member's dotted name.
        module: The public module that tests import the member from, or the instance that they call it on.
        source: The member's source, normalized by syntax tree.
        framework: The test framework's name.
        change: Digest of what the change does to it, see `ShownChange`; empty if it is new.
        signatures: Signatures of the definitions that the member uses.
        conventions: The conventions that apply.
        identity: The model settings.
        repair: Digest of the repair request, see `repair_digest`; empty for a first request.
        review: Digest of the code to review; empty for another request.
        test_file: Digest of the test file that may be edited, which is part of the answer, and of those among
            which one is chosen; empty for none.
        intent: Digest of what the authors of the change say about it; empty for nothing.
        hint: What a person asks the tests to look at; empty for nothing.
    """

    language: str
    member: str
    module: str
    source: str
    framework: str
    change: str
    signatures: str
    conventions: str
    identity: ModelIdentity
    repair: str = ""
    review: str = ""
    test_file: str = ""
    intent: str = ""
    hint: str = ""

    @classmethod
    def of(cls, request: Request, identity: ModelIdentity) -> KeyParts:
        """Return the key parts of a request."""
        return cls(
            language=request.member.language,
            member=request.member.name,
            module=request.member.instance or request.member.module,
            source=request.normalized_source,
            framework=request.framework,
            change=request.member.shown_change.digest,
            signatures=request.context.signatures,
            conventions=request.conventions,
            identity=identity,
            repair="" if request.repair is None else repair_digest(request.repair),
            review="" if request.review is None else canonical_digest(request.review.normalized_code),
            test_file=_test_file_digest(request),
            intent=canonical_digest(request.intent) if request.intent else "",
            hint=request.hint,
        )


def _test_file_digest(request: Request) -> str:
    text = request.test_text
    if request.files is None:
        return canonical_digest(text) if text else ""
    return canonical_digest([text, request.files.digest])


def repair_digest(repair: Repair) -> str:
    """Return a repair request's digest: of the normalized code and the names of the failed tests."""
    return canonical_digest(
        [repair.normalized_code or repair.code, *sorted(name for name, _ in repair.failures)]
    )


def result_key(parts: KeyParts) -> str:
    """Return the SHA-256 hex digest of the parts' canonical JSON."""
    named = asdict(parts) | {"schema": KEY_SCHEMA}
    named["identity"]["temperature"] = float(parts.identity.temperature)  # 0 and 0.0 are the same request
    return canonical_digest(named)


def canonical_digest(value: object) -> str:
    """Return the SHA-256 hex digest of a value's canonical JSON."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


# Keys of measurements. They have a file of their own: they are not counted as cache entries, and each run
# needs other members.

MEASUREMENTS_FILE_NAME = "measurements-v1.sqlite3"
"""File name. A new layout gets a new name, as for results."""

MEASUREMENT_SCHEMA = 3
"""Increased when the meaning of a part or of a value changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementParts:
    """Everything that a measurement depends on.

    Attributes:
        files: Digest of all files of head, as they are run.
        spans: Path, first and last line of each measured member, in any order.
        interpreter: The interpreter's path, its link target, and its version.
        distributions: Names and versions of the installed packages, in any order.
        layers: The sandbox layers, because their restrictions influence which tests pass.
        version: The version of this program.
        command: The command that runs the tests.
    """

    files: str
    spans: tuple[tuple[str, int, int], ...]
    interpreter: str
    distributions: tuple[str, ...]
    layers: tuple[str, ...]
    version: str
    command: str


def measurement_key(parts: MeasurementParts) -> str:
    """Return the SHA-256 hex digest of the parts' canonical JSON."""
    named = asdict(parts) | {
        "schema": MEASUREMENT_SCHEMA,
        "spans": sorted(parts.spans),
        "distributions": sorted(parts.distributions),
    }
    canonical = json.dumps(named, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


# Digests of sources. A comment on a pull request stores them, so that a push that does not change a member's
# digest costs nothing for it.

_SCHEMA = 2
_LENGTH = 16
_LENGTH_OF_TESTS = 8
_BETWEEN = ":"


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintInputs:
    """What the results of all members of a run depend on.

    Attributes:
        version: The bot's version.
        generators: Description of the generators, for example `openai gpt-6-luna`.
        rules: Names and values of the settings that decide what is proven and posted.
    """

    version: str
    generators: str
    rules: tuple[tuple[str, str], ...] = ()


def source_digest(request: Request, inputs: FingerprintInputs, base: bytes | None, own_tests: str) -> str:
    """Return the digest of everything that a member's result depends on.

    It does not change if the member moves within its file, or with comments and formatting. It has two parts,
    of which the second covers the existing tests.

    Args:
        request: The member's request.
        inputs: Inputs for the whole run.
        base: The member's file on base; None if there is none.
        own_tests: Content of the test file for suggestions, without the bot's own tests, which do not
            influence the result; may be empty.
    """
    member = request.member
    parts = {
        "schema": _SCHEMA,
        "ground": [inputs.version, inputs.generators, sorted(inputs.rules)],
        "member": [member.id, member.change.value, member.instance or member.module, request.test_path],
        "source": request.normalized_source,
        "because": [member.shown_change.digest, member.because_source, member.because],
        "signatures": request.context.signatures,
        "conventions": request.conventions,
        "base": None if base is None else hashlib.sha256(base).hexdigest(),
    }
    tests = hashlib.sha256(own_tests.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{canonical_digest(parts)[:_LENGTH]}{_BETWEEN}{tests[:_LENGTH_OF_TESTS]}"


def is_same_but_for_tests(one: str, other: str) -> bool:
    """Return whether two digests differ at most in the existing tests."""
    return one.partition(_BETWEEN)[0] == other.partition(_BETWEEN)[0]


# Keys and values of members that a sweep tried without success. Stored values are untrusted: at worst, a
# member is not tried again until its source changes.

TRIED_FILE_NAME = "tried-v1.sqlite3"
"""File name. A new layout gets a new name, as for results."""

TRIED_SCHEMA = 1
"""Increased when the meaning of a part or of a value changes."""

_MOST_REASON_CHARACTERS = 2_000
_Stage = Literal[SkipStage.ENVIRONMENT, SkipStage.GENERATION, SkipStage.VERIFICATION, SkipStage.GATE]
_STAGES: frozenset[SkipStage] = frozenset(get_args(_Stage))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A member that was tried without success.

    Attributes:
        stage: Phase in which it failed.
        reason: Explanation in plain text.
        lasting: Whether the same source is expected to fail again. If not, the member is retried after
            others.
    """

    stage: SkipStage
    reason: str
    lasting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTried:
    """The shape of what `encode_tried` returns."""

    __pydantic_config__: ClassVar = NOTHING_ELSE

    schema: Literal[1]
    kind: Literal["tried"]
    stage: _Stage
    reason: Annotated[str, MaxLen(_MOST_REASON_CHARACTERS)]
    lasting: bool


def tried_key(member: Member, maker: str) -> str:
    """Return the key of a member's result; it changes with the member's source.

    Args:
        member: The member.
        maker: Description of the generators and of the rules that judged their tests.
    """
    return canonical_digest([TRIED_SCHEMA, member.language, member.path, member.name, member.source, maker])


def outcome_of(skipped: Skipped, *, by_model: bool) -> Tried | None:
    """Return what to remember about a skipped member; None if nothing.

    Members that the budget did not reach were not tried. Results caused by the environment or an unreachable
    model are not lasting, because they say nothing about the source.
    """
    if skipped.stage not in _STAGES:
        return None
    is_passing = skipped.stage is SkipStage.GENERATION and by_model and not skipped.permanent
    lasting = skipped.stage is not SkipStage.ENVIRONMENT and not is_passing
    return Tried(stage=skipped.stage, reason=skipped.reason, lasting=lasting)


def encode_tried(tried: Tried) -> dict[str, object]:
    """Return the value to store."""
    return {
        "schema": TRIED_SCHEMA,
        "kind": "tried",
        "stage": tried.stage.value,
        "reason": tried.reason[:_MOST_REASON_CHARACTERS],
        "lasting": tried.lasting,
    }


def decode_tried(value: Mapping[str, object]) -> Tried | None:
    """Parse a stored value; None unless it has exactly the right shape."""
    try:
        stored = decode_value(StoredTried, value)
    except Malformed:
        return None
    return Tried(stage=stored.stage, reason=stored.reason, lasting=stored.lasting)
