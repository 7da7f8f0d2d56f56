"""What a cached result depends on, as one key. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from testsmith.model import Repair, Request

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
