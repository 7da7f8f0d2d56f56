"""Scopes to compare, made from the files of two states."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Mapping

from fakes.trees import MemoryTree
from testsmith.languages.source import ChangedFile, ComparisonScope

Files = Mapping[str, str | bytes]


def scope(
    base: Files, head: Files, renames: Mapping[str, str] | None = None, project: str = "", steps: int = 3
) -> ComparisonScope:
    """Return the scope of two states; `renames` pairs paths of base with paths of head."""
    before, after = _dedented(base), _dedented(head)
    pairs = dict(renames or {})
    paths = sorted({*before, *after} - {*pairs, *pairs.values()})
    states = [(path, path) for path in paths] + list(pairs.items())
    files = [
        ChangedFile(
            base_path=old if old in before else None,
            head_path=new if new in after else None,
            added_lines=_added_lines(before.get(old, ""), after.get(new, "")),
        )
        for old, new in states
        if old != new or before.get(old) != after.get(new)
    ]
    return ComparisonScope(
        base=MemoryTree(before),
        head=MemoryTree(after),
        files=files,
        project=project,
        reference_steps=steps,
        base_with_tests=MemoryTree(before),
    )


def _dedented(files: Files) -> dict[str, str | bytes]:
    return {
        path: text if isinstance(text, bytes) else textwrap.dedent(text).lstrip("\n")
        for path, text in files.items()
    }


def _added_lines(before: str | bytes, after: str | bytes) -> frozenset[int]:
    if isinstance(before, bytes) or isinstance(after, bytes):
        return frozenset()
    matcher = difflib.SequenceMatcher(a=before.splitlines(), b=after.splitlines(), autojunk=False)
    return frozenset(
        number + 1
        for kind, _, _, first, last in matcher.get_opcodes()
        if kind != "equal"
        for number in range(first, last)
    )
