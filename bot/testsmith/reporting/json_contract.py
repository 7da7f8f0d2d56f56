"""The JSON contract, described by `schema.json` next to this module.

Keys may be added within schema 1; readers ignore unknown keys.
"""

from __future__ import annotations

import json
import re
from typing import Any

from testsmith.model import (
    SCHEMA_VERSION,
    Audit,
    AuditedTest,
    Baseline,
    Evidence,
    Funnel,
    GeneratedTest,
    Member,
    Report,
    Skipped,
    Statistics,
    Suggestion,
    SurvivingMutant,
)

_MOST_NAMED = 3
"""Maximum number of killed mutants that are named."""

_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def render_json(report: Report) -> str:
    r"""Render the report as a JSON document.

    Characters that a terminal would interpret or an encoder reject (including undecodable bytes of a path)
    are escaped as `\uXXXX`; all others are kept.
    """
    return json_document(contract(report))


def json_document(keys: dict[str, Any]) -> str:
    """Return a dictionary as a JSON document, escaped like `render_json`."""
    document = json.dumps(keys, ensure_ascii=False, indent=2)
    return _UNPRINTABLE.sub(_escaped, document) + "\n"


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def contract(report: Report) -> dict[str, Any]:
    """Return the report in the contract's format."""
    return {
        "schema": SCHEMA_VERSION,
        "base": report.base,
        "head": report.head,
        "failure": report.failure,
        "members": [member_keys(member) for member in report.members],
        "suggestions": [_suggestion(suggestion) for suggestion in report.suggestions],
        "skipped": [skipped_keys(entry) for entry in report.skipped],
        "earlier": [_earlier(test) for test in report.earlier],
        "baseline": _baseline(report.baseline),
        "audit": None if report.audit is None else _audit(report.audit),
        "stats": {**statistics_keys(report.statistics), "added_seconds": _rounded(report.added_seconds)},
        "notes": list(report.notes),
    }


def _baseline(baseline: Baseline) -> dict[str, Any]:
    return {
        "status": baseline.status.value,
        "tests": baseline.tests,
        "fail_on_base": baseline.fail_on_base,
        "known": baseline.known,
    }


def _audit(audit: Audit) -> dict[str, Any]:
    survived = audit.survived
    return {
        "tests": [_audited(test) for test in audit.tests],
        "changed_lines_survived": None
        if survived is None
        else [{**surviving_mutant_keys(one), "proposed": one.is_proposed} for one in survived],
        "changed_lines_mutants": audit.mutants,
        "left_out": audit.left_out,
        "notes": list(audit.notes),
    }


def surviving_mutant_keys(mutant: SurvivingMutant) -> dict[str, Any]:
    """Return a mutant that no test kills in the contract's format."""
    return {"path": mutant.path, "line": mutant.line, "mutant": mutant.words, "reached": mutant.is_reached}


def _audited(test: AuditedTest) -> dict[str, Any]:
    return {
        "test": test.id,
        "line": test.line,
        "verdict": None if test.verdict is None else test.verdict.value,
        "reason": test.reason,
        "passes": test.passes,
        "runs": test.runs,
        "base": test.base.value,
        "mutants": test.mutants,
        "killed": list(test.killed),
        "killed_elsewhere": test.killed_elsewhere,
        "weakness": test.weakness,
        "smells": list(test.smells),
        "seconds": _rounded(test.seconds),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _earlier(test: GeneratedTest) -> dict[str, Any]:
    return {
        "test": f"{test.path}::{test.name}",
        "member": test.member,
        "fate": test.fate.value,
        "edited": test.is_edited,
        "fails": test.fails,
    }


def member_keys(member: Member) -> dict[str, Any]:
    """Return a member in the contract's format."""
    return {
        "id": member.id,
        "path": member.path,
        "name": member.name,
        "language": member.language,
        "change": member.change.value,
        "line": member.line,
        "because": list(member.because),
    }


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    return {
        "member": suggestion.member,
        "number": suggestion.number,
        "test_path": suggestion.test_path,
        "code": suggestion.code,
        "patch": suggestion.patch,
        "tests": list(suggestion.tests),
        "framework": suggestion.framework,
        "run": suggestion.run,
        "observed": list(suggestion.observed),
        "label": None if suggestion.label is None else suggestion.label.value,
        "origin": suggestion.origin.value,
        "witness": suggestion.witness,
        "summary": suggestion.summary,
        "evidence": None if suggestion.evidence is None else _evidence(suggestion.evidence),
    }


def _evidence(evidence: Evidence) -> dict[str, Any]:
    return {
        "passes": evidence.passes,
        "runs": evidence.runs,
        "base": evidence.base.value,
        "tests": evidence.tests,
        "fail_to_pass": evidence.fail_to_pass,
        "mutants": evidence.mutants,
        "mutants_killed": evidence.mutants_killed,
        "mutants_gained": evidence.mutants_gained,
        "mutants_guarded": evidence.mutants_guarded,
        "killed": list(evidence.killed[:_MOST_NAMED]),
        "lines_gained": evidence.lines_gained,
        "branches_gained": evidence.branches_gained,
    }


def skipped_keys(entry: Skipped) -> dict[str, Any]:
    """Return a skipped item in the contract's format."""
    return {"member": entry.member, "path": entry.path, "stage": entry.stage.value, "reason": entry.reason}


def statistics_keys(statistics: Statistics) -> dict[str, Any]:
    """Return a run's figures in the contract's format."""
    return {
        "api_calls": statistics.spending.api_calls,
        "not_asked": statistics.not_asked,
        "cache_hits": statistics.cache.hits,
        "cache_misses": statistics.cache.misses,
        "cache_entries": statistics.cache.entries,
        "prompt_tokens": statistics.spending.prompt_tokens,
        "prefix_tokens": statistics.spending.prefix_tokens,
        "completion_tokens": statistics.spending.completion_tokens,
        "thinking_tokens": statistics.spending.thinking_tokens,
        "cost": None if statistics.spending.cost is None else round(statistics.spending.cost, 6),
        "seconds": round(statistics.seconds, 3),
        "funnel": _funnel(statistics.funnel),
    }


def _funnel(funnel: Funnel) -> dict[str, int]:
    return {
        "asked": funnel.asked,
        "answered": funnel.answered,
        "ran": funnel.ran,
        "stable": funnel.stable,
        "gains": funnel.gains,
        "posted": funnel.posted,
    }
