"""What a cached result depends on, as one key. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from testsmith.model import Member, Repair, Request, Skipped, SkipStage

KEY_SCHEMA = 2
"""Raised when the meaning of a part changes, so that results under older keys are no longer found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIdentity:
    """What of the model's side a result depends on.

    Attributes:
        provider: The provider's name, as `openai`.
        model: The model's id.
        temperature: As it is asked for.
        effort: How long the model is to think; empty where it is not told.
        tokens_per_member: Output tokens estimated for one member, which decides who shares a call.
        max_output_tokens: The most output tokens of one call.
        prompt_version: The version of the prompt templates.
    """

    provider: str
    model: str
    temperature: float
    effort: str
    tokens_per_member: int
    max_output_tokens: int
    prompt_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyParts:
    """Everything a result depends on, by name; what is not here may differ and the result still holds.

    The file's path and lines are not here, so a member that moves is still found. The module that its tests
    import it from is, because that name stands in the answer: equal functions of two modules need an answer
    each. Style samples and observations are not here either: they make an answer better, not another one.
    So what a failed test said is not here, but which tests failed is.

    Attributes:
        language: The driver's identifier.
        member: The member's dotted name.
        module: The public module that tests import the member from.
        source: The member's source, normalised by syntax tree.
        framework: The test framework's name.
        dependencies: Sources of the private things that made it affected; their order does not matter.
        signatures: Signatures of what the member uses.
        conventions: The conventions that apply.
        identity: The model's side.
        repair: What is to be mended, see `repair_digest`; empty where a member is asked for the first time.
    """

    language: str
    member: str
    module: str
    source: str
    framework: str
    dependencies: tuple[str, ...]
    signatures: str
    conventions: str
    identity: ModelIdentity
    repair: str = ""

    @classmethod
    def of(cls, request: Request, identity: ModelIdentity) -> KeyParts:
        """Take from a request what its result depends on."""
        return cls(
            language=request.member.language,
            member=request.member.name,
            module=request.member.module,
            source=request.normalised_source,
            framework=request.framework,
            dependencies=request.context.dependencies,
            signatures=request.context.signatures,
            conventions=request.conventions,
            identity=identity,
            repair="" if request.repair is None else repair_digest(request.repair),
        )


def repair_digest(repair: Repair) -> str:
    """Return what a repair's result depends on: the normalised code, and the names of what failed in it."""
    return canonical_digest(
        [repair.normalised_code or repair.code, *sorted(name for name, _ in repair.failures)]
    )


def result_key(parts: KeyParts) -> str:
    """Return the key: SHA-256, in hexadecimal, over canonical JSON of the named parts.

    Names and JSON's quotes keep the parts apart: no two different sets of parts read the same.
    """
    named = asdict(parts) | {"schema": KEY_SCHEMA, "dependencies": sorted(parts.dependencies)}
    named["identity"]["temperature"] = float(parts.identity.temperature)  # 0 and 0.0 are the same request
    if not parts.repair:
        del named["repair"]  # the keys of first requests are older than repairs
    return canonical_digest(named)


def canonical_digest(value: object) -> str:
    """Return SHA-256, in hexadecimal, over the canonical JSON of a value."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


# What a measurement of the project's own tests depends on, as one key. Pure.
#
# Measurements lie beside the results, in a file of their own: they are counted in no figure of the result
# cache, and other members are looked at in every run.

MEASUREMENTS_FILE_NAME = "measurements-v1.sqlite3"
"""A new layout gets a new name, as with the results."""

MEASUREMENT_SCHEMA = 3
"""Raised when the meaning of a part or of a value changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementParts:
    """Everything a measurement depends on, by name.

    Attributes:
        files: A digest of all files of head, as they are run.
        spans: Path, first and last line of each member that is looked at; their order does not matter.
        interpreter: The interpreter's path, what it leads to, and version.
        distributions: The names and versions of what is installed for it; their order does not matter.
        layers: The layers of the sandbox: what they forbid decides which tests pass.
        version: The version of this program.
        command: How the tests are run.
    """

    files: str
    spans: tuple[tuple[str, int, int], ...]
    interpreter: str
    distributions: tuple[str, ...]
    layers: tuple[str, ...]
    version: str
    command: str


def measurement_key(parts: MeasurementParts) -> str:
    """Return the key: SHA-256, in hexadecimal, over canonical JSON of the named parts."""
    named = asdict(parts) | {
        "schema": MEASUREMENT_SCHEMA,
        "spans": sorted(parts.spans),
        "distributions": sorted(parts.distributions),
    }
    canonical = json.dumps(named, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()


# What the outcome of a member is found from, as one digest: while it stays, the outcome holds. Pure.
#
# A comment on a pull request remembers it, so that a push which leaves a member alone costs nothing for
# it.

_SCHEMA = 2
_LENGTH = 16
_LENGTH_OF_TESTS = 8
_BETWEEN = ":"


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintInputs:
    """What the outcomes of all members of a run depend on.

    Attributes:
        version: The bot's version.
        generators: Who makes the tests, as `openai gpt-6-luna`.
        rules: The settings that decide what is proven and posted, by name.
    """

    version: str
    generators: str
    rules: tuple[tuple[str, str], ...] = ()


def source_digest(request: Request, ground: FingerprintInputs, base: bytes | None, own_tests: str) -> str:
    """Return the digest of all that a member's outcome is found from, in two parts.

    A member that moves within its file keeps it; comments and formatting do not count either. The second part
    is that of the tests that there are.

    Args:
        request: What is asked for the member.
        ground: What holds for the whole run.
        base: The member's file on base, with which head is compared; None where there is none.
        own_tests: What stands in the test file that a suggestion would go into, but for tests of the bot's
            own, which change nothing that was found; empty for nothing.
    """
    member = request.member
    parts = {
        "schema": _SCHEMA,
        "ground": [ground.version, ground.generators, sorted(ground.rules)],
        "member": [member.id, member.change.value, member.module, request.test_path],
        "source": request.normalised_source,
        "because": [request.context.dependencies, member.because],
        "signatures": request.context.signatures,
        "conventions": request.conventions,
        "base": None if base is None else hashlib.sha256(base).hexdigest(),
    }
    tests = hashlib.sha256(own_tests.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{canonical_digest(parts)[:_LENGTH]}{_BETWEEN}{tests[:_LENGTH_OF_TESTS]}"


def is_same_but_for_tests(one: str, other: str) -> bool:
    """Tell whether two digests differ in nothing but the tests that there are."""
    return one.partition(_BETWEEN)[0] == other.partition(_BETWEEN)[0]


# What a sweep has tried in vain, as cache entries: keys by content, values, and back. Pure.
#
# What is read back is untrusted: at worst it keeps a member from being tried again until its source
# changes.

TRIED_FILE_NAME = "tried-v1.sqlite3"
"""A new layout gets a new name, as with the results."""

TRIED_SCHEMA = 1
"""Raised when the meaning of a part or of a value changes."""

_MOST_REASON_CHARACTERS = 2_000
_SHAPE = {"schema", "kind", "stage", "reason", "lasting"}
_STAGES = frozenset({SkipStage.ENVIRONMENT, SkipStage.GENERATION, SkipStage.VERIFICATION, SkipStage.GATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A member that was tried in vain.

    Attributes:
        stage: Where on the way it was left.
        reason: Why.
        lasting: Whether the same is to be expected of the same source; else it is only tried after others.
    """

    stage: SkipStage
    reason: str
    lasting: bool


def tried_key(member: Member, maker: str) -> str:
    """Return the key of what came of a member; another source is another key.

    Args:
        member: The member.
        maker: Who made the tests and by which rules they were judged, in words.
    """
    return canonical_digest([TRIED_SCHEMA, member.language, member.path, member.name, member.source, maker])


def outcome_of(skipped: Skipped, *, by_model: bool) -> Tried | None:
    """Return what is worth remembering of a member that was left out; None where nothing is.

    What the budget did not reach was not tried. An environment may be fixed, and a model may have been out of
    reach: neither says anything about the source.
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
    """Return what a value says; None where it has not exactly the right shape."""
    if value.keys() != _SHAPE or value["schema"] != TRIED_SCHEMA or value["kind"] != "tried":
        return None
    stage, reason, lasting = value["stage"], value["reason"], value["lasting"]
    if not isinstance(stage, str) or not isinstance(reason, str) or not isinstance(lasting, bool):
        return None
    if stage not in _STAGES or len(reason) > _MOST_REASON_CHARACTERS:
        return None
    return Tried(stage=SkipStage(str(stage)), reason=reason, lasting=lasting)


def is_tried(value: Mapping[str, object]) -> bool:
    """Tell whether a value has exactly the shape that `encode_tried` gives."""
    return decode_tried(value) is not None
