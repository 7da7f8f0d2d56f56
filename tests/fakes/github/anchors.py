"""GitHub's rules on where a review comment may stand: on lines that the diff shows, within one hunk."""

from __future__ import annotations

from dataclasses import dataclass

from fakes.github.diffs import ChangedFile, Place
from fakes.github.errata import Json


class BadAnchor(Exception):
    """A comment can't stand where it should; the message is GitHub's for `/comments`."""

    def __init__(self, field: str, message: str, short: str) -> None:
        super().__init__(message)
        self.field = field
        self.short = short


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Where a client wants a comment, with GitHub's own keys; on a whole file without a line."""

    path: str
    line: int | None
    side: str
    start_line: int | None
    start_side: str | None
    position: int | None
    is_on_file: bool

    @classmethod
    def read(cls, told: Json) -> Wanted:
        start_side = told.get("start_side") or told.get("side")
        return cls(
            path=told["path"],
            line=told.get("line"),
            side=told.get("side") or "RIGHT",
            start_line=told.get("start_line"),
            start_side=start_side or "RIGHT" if told.get("start_line") else None,
            position=told.get("position"),
            is_on_file=told.get("subject_type") == "file",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchored:
    """Where a comment stands."""

    wanted: Wanted
    line: int | None
    side: str
    position: int
    diff_hunk: str


def anchored(files: tuple[ChangedFile, ...], wanted: Wanted) -> Anchored:
    """Find the place of a comment in a diff.

    Raises:
        BadAnchor: The diff shows no such place.
    """
    file = next((file for file in files if file.path == wanted.path), None)
    if file is None:
        raise BadAnchor("path", "path could not be resolved", "Path could not be resolved")
    if wanted.is_on_file:
        return Anchored(wanted=wanted, line=None, side=wanted.side, position=1, diff_hunk="")
    if wanted.position is not None and wanted.line is None:
        return _by_position(file, wanted, wanted.position)
    if wanted.line is None:
        raise BadAnchor("line", "line is missing", "Line could not be resolved")
    place = _place(file, wanted.side, wanted.line, "line")
    if wanted.start_line is not None:
        _check_start(file, wanted, place)
    return Anchored(
        wanted=wanted,
        line=wanted.line,
        side=wanted.side,
        position=place.position,
        diff_hunk=file.hunk_up_to(place),
    )


def _place(file: ChangedFile, side: str, line: int, field: str) -> Place:
    place = file.shown.get(side, {}).get(line)
    if place is None:
        name = f"pull_request_review_thread.{field}"
        raise BadAnchor(name, f"{name} must be part of the diff", "Line could not be resolved")
    return place


def _check_start(file: ChangedFile, wanted: Wanted, end: Place) -> None:
    start = _place(file, wanted.start_side or wanted.side, wanted.start_line or 0, "start_line")
    name = "pull_request_review_thread.start_line"
    if start.position >= end.position:
        raise BadAnchor(name, f"{name} must precede the end line.", "Start line must precede the end line")
    if start.hunk != end.hunk:
        message = f"{name} must be part of the same hunk as the line."
        raise BadAnchor(name, message, "Line could not be resolved")


def _by_position(file: ChangedFile, wanted: Wanted, position: int) -> Anchored:
    for side in ("RIGHT", "LEFT"):
        for line, place in file.shown[side].items():
            if place.position == position:
                hunk = file.hunk_up_to(place)
                return Anchored(wanted=wanted, line=line, side=side, position=position, diff_hunk=hunk)
    raise BadAnchor("position", "position is invalid", "Position could not be resolved")
