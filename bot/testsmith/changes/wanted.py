"""What a person asked for with `--only` and `--all`: members by id or name, files and folders by path."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from testsmith.languages.driver import Findings
from testsmith.model import Member, Skipped, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where typed paths are relative to.

    Attributes:
        root: The git root.
        project: The opened folder, relative to the root, `""` at the root.
    """

    root: Path
    project: str

    def forms(self, path: str) -> tuple[str, ...]:
        """Return the paths that a typed one may mean: seen from the opened folder, then from the root."""
        below = path.removeprefix(f"{self.root}/")
        forms = (posixpath.join(self.project, below), below)
        return tuple(dict.fromkeys(map(posixpath.normpath, forms)))


def is_at_or_below(path: str, folder: str) -> bool:
    """Tell whether a path is a folder's, or the folder itself; `.` is the root."""
    return folder in {".", path} or path.startswith(f"{folder}/")


def only_wanted(
    findings: Findings, wanted: Sequence[str], place: Place, *, of_change: bool = True
) -> Findings:
    """Keep what was asked for by id, name or path; what matches nothing is reported as skipped.

    Args:
        findings: What was found.
        wanted: What was asked for; all, where that is nothing.
        place: Where typed paths are relative to.
        of_change: Whether only what a change touches was looked for.
    """
    if not wanted:
        return findings
    requests = [_Wanted(text=text, paths=place.forms(text)) for text in wanted]
    members = [each for each in findings.members if any(one.is_member(each) for one in requests)]
    ids = {member.id for member in members}
    skipped = [each for each in findings.skipped if _is_wanted(each, requests, ids)]
    idle = unknown_names(findings, wanted, place)
    not_found = (_not_found(text, of_change=of_change) for text in idle)
    return Findings(members=tuple(members), skipped=(*skipped, *not_found))


def unknown_names(findings: Findings, wanted: Sequence[str], place: Place) -> list[str]:
    """Return what was asked for and is neither a member nor a place of anything that was found."""
    requests = [_Wanted(text=text, paths=place.forms(text)) for text in wanted]
    return [
        one.text
        for one in requests
        if not any(map(one.is_member, findings.members))
        and not any(one.concerns(each.path) for each in findings.skipped if each.member is None)
    ]


def nearest(text: str, known: Iterable[str]) -> str:
    """Return a clause that asks for the known name that is nearest to a text; a full stop if none is near."""
    found = get_close_matches(text, dict.fromkeys(known), n=1)
    return f"; did you mean {found[0]}?" if found else "."


def _is_wanted(skipped: Skipped, requests: Sequence[_Wanted], members: Collection[str]) -> bool:
    if skipped.member is not None:
        return skipped.member in members
    return any(one.concerns(skipped.path) for one in requests)


def _not_found(text: str, *, of_change: bool) -> Skipped:
    whose = "member that the change adds, alters or affects" if of_change else "public member"
    reason = f"no {whose} has this id, name or path"
    return Skipped(path=text, stage=Stage.CHANGES, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """One thing that was asked for: a member, a class with all in it, a file, or a folder.

    Attributes:
        text: As it was typed.
        paths: The paths that it may mean.
    """

    text: str
    paths: tuple[str, ...]

    def is_member(self, member: Member) -> bool:
        """Tell whether it means a member, by id, by name, or by where it stands."""
        names = (member.id, member.name, f"{member.module}.{member.name}")
        return self._is_path(member.path) or any(
            name == self.text or name.startswith(f"{self.text}.") for name in names
        )

    def concerns(self, path: str) -> bool:
        """Tell whether it means a file, or something in it."""
        return self._is_path(path) or self.text.startswith(f"{path}::")

    def _is_path(self, path: str) -> bool:
        return any(is_at_or_below(path, form) for form in self.paths)
