"""Options: how a field of a settings group is set, checked and described.

A field described by `option` is the only place that an option needs. Its command-line flag, its key in the
settings file, its environment variable, its input in the action files, the reference in `docs/` and the JSON
Schema all come from it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from dataclasses import field as dataclass_field
from difflib import get_close_matches
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from testsmith.model import UsageFailure

_T = TypeVar("_T")

_SEPARATORS = re.compile(r"[\n,]")
_TRUTHS = {"true": True, "false": False}


class InputOf(Enum):
    """Action files that offer an option as an input."""

    NONE = ()
    REVIEW = ("review",)
    SWEEP = ("sweep",)
    BOTH = ("review", "sweep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Something that users can set.

    Attributes:
        name: The flag without its dashes, the key in the settings file and the input, for example
            `max-members`.
        kind: Type of the value: `list` is a list of strings, a `StrEnum` one of its values.
        summary: What it is, in one phrase of plain text.
        details: Further sentences for the reference, as Markdown.
        default: The default; None for none.
        shown_default: Text to show instead of the default.
        group: The field of `Settings` that holds it; empty for an option of the action only.
        field: The field of the group.
        least: Minimum of a number.
        most: Maximum of a number; None for any.
        pattern: Regular expression that a string must match; empty for any.
        wanted: What such a string looks like, for error messages.
        metavar: Name of the value in `--help`; empty for one that fits its type.
        in_file: Whether a repository's settings file may set it. What decides where data is sent or which
            program runs is never read from a file, because a pull request could change it.
        has_flag: Whether it has an effect on the command line.
        input_of: The action files that have it as an input.
        input_default: Default of the input, for an option that no file may set; empty for none.
    """

    name: str
    kind: type
    summary: str
    details: str = ""
    default: Any = None
    shown_default: str = ""
    group: str = ""
    field: str = ""
    least: float = 0
    most: float | None = None
    pattern: str = ""
    wanted: str = ""
    metavar: str = ""
    in_file: bool = True
    has_flag: bool = True
    input_of: InputOf = InputOf.NONE
    input_default: str = ""

    @property
    def key(self) -> str:
        """Name as stored by the argument parser."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """Name of the environment variable."""
        return f"TESTSMITH_{self.key.upper()}"

    @property
    def default_text(self) -> str:
        """The default as users write it."""
        if self.shown_default:
            return self.shown_default
        match self.default:
            case None | "" | ():
                return "none"
            case bool():
                return str(self.default).lower()
            case int():
                return f"{self.default:,}"
            case float():
                return f"{self.default:.2f}" if 0 < self.default < 1 else f"{self.default:g}"
            case _:
                return str(self.default)

    def text_in(self, environment: Mapping[str, str]) -> str | None:
        """Return the text of its environment variable without surrounding blanks, or None if it is unset."""
        return environment.get(self.variable, "").strip() or None

    def checked(self, value: object, place: str) -> Any:
        """Return a value converted to the type of the option.

        Args:
            value: The value, as parsed from the command line or a settings file.
            place: Where it was given, for error messages.

        Raises:
            UsageFailure: The value has the wrong type or format, or is too small or too large.
        """
        if self.kind is list:
            if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
                raise self.wrong(place, "a list of strings", value)
            return tuple(value)
        if self.kind is Path:
            return Path(str(value)).expanduser()
        if issubclass(self.kind, StrEnum):
            if value not in list(self.kind):
                raise self.wrong(place, f"one of {', '.join(self.kind)}", value)
            return self.kind(str(value))
        if self.kind is bool:
            if not isinstance(value, bool):
                raise self.wrong(place, "true or false", value)
            return value
        if self.kind is str:
            if not isinstance(value, str) or (self.pattern and not re.fullmatch(self.pattern, value)):
                raise self.wrong(place, self.wanted or "a string", value)
            return value
        return self._number(value, place)

    def _number(self, value: object, place: str) -> float:
        most = sys.float_info.max if self.most is None else self.most
        is_number = isinstance(value, self.kind | int) and not isinstance(value, bool)
        if is_number and isinstance(value, int | float) and self.least <= value <= most:
            return value
        limits = f"at least {self.least:g}" if self.most is None else f"from {self.least:g} to {self.most:g}"
        raise self.wrong(place, f"{'a whole number' if self.kind is int else 'a number'}, {limits}", value)

    def parsed(self, text: str, place: str) -> Any:
        """Return the value of a text from an environment variable or an input.

        Lists are separated by line breaks or commas.

        Raises:
            UsageFailure: The text is not an allowed value.
        """
        if self.kind is list:
            return tuple(part for each in _SEPARATORS.split(text) if (part := each.strip()))
        value: object = text
        if self.kind is bool:
            value = _TRUTHS.get(text.lower(), text)
        elif self.kind in {int, float}:
            try:
                value = self.kind(text)
            except ValueError:
                value = text
        return self.checked(value, place)

    def wrong(self, place: str, wanted: str, value: object) -> UsageFailure:
        """Return the error for a value that cannot be used."""
        shown = f"`{value}`" if isinstance(value, str) else f"{value!r}"
        return UsageFailure(f"{place}: `{self.name}` must be {wanted}, not {shown}.")


def option(default: _T, summary: str, **more: Any) -> _T:
    """Return a field of a settings group that users can set, with its default.

    Args:
        default: The default.
        summary: What it is, in one phrase of plain text.
        more: Other attributes of its `Option`.
    """
    described: Any = dataclass_field(default=default, metadata={"summary": summary, **more})
    return cast("_T", described)


def options_of(kind: type, group: str = "") -> Iterator[Option]:
    """Yield the fields of a group of settings that `option` describes."""
    kinds = get_type_hints(kind)
    for one in fields(kind):
        if one.metadata:
            described: Any = {
                "name": one.name.replace("_", "-"),
                "default": None if one.default is MISSING else one.default,
                **one.metadata,
            }
            yield Option(group=group, field=one.name, kind=_kind(kinds[one.name]), **described)


def _kind(hint: Any) -> type:
    """Return the type of a field's value: X of `X | None`, and list of `tuple[str, ...]`."""
    if get_origin(hint) is tuple:
        return list
    given = [one for one in get_args(hint) if one is not type(None)]
    return given[0] if given else hint  # type: ignore[no-any-return]  # a type, as the groups have no others


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean …?` for a mistyped name, or an empty string if no known name is near."""
    found = get_close_matches(name, list(known), n=1)
    return f" Did you mean `{found[0]}`?" if found else ""
