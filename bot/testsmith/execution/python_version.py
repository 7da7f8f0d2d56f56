"""Which version of Python the tests are to run on, and where it comes from. Nothing is run for it."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from testsmith.execution.interpreter import Choice
from testsmith.execution.other_python import interpreters_in
from testsmith.execution.workspace import CannotPrepare

_BEST_FIRST = ((3, 13), (3, 12), (3, 14), (3, 11), (3, 10), (3, 9))
"""The versions that are fetched, that of the bot's own image first."""

_ASKED = re.compile(r"3\.(\d{1,2})(?:\.\d{1,3})?", re.ASCII)
_NAMED = re.compile(r"python3\.(\d+)")
_FOLDERS = (Path("/usr/local/bin"), Path("/usr/bin"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonWish:
    """Which Python is wanted.

    Attributes:
        asked: The version that a person asks for, as `3.12`; None where none does.
        requires: The versions that the project allows, as `>=3.10`; empty where it does not say.
        environment: The variables of the bot's own process, for the folders of PATH.
    """

    asked: str | None
    requires: str
    environment: Mapping[str, str]

    def fits(self, version: tuple[int, int]) -> bool:
        """Tell whether a version is what is wanted; what cannot be understood is no wish.

        Raises:
            CannotPrepare: What is asked for is no version of Python.
        """
        from packaging.specifiers import InvalidSpecifier, SpecifierSet

        if self.asked is not None:
            return version == _version_of(self.asked)
        try:
            return SpecifierSet(self.requires).contains(f"{version[0]}.{version[1]}.99")
        except InvalidSpecifier:
            return True

    def to_fetch(self) -> str:
        """Return the version that is fetched where none at hand fits.

        Raises:
            CannotPrepare: None is known that would fit.
        """
        if self.asked is not None:
            return self.asked
        for version in filter(self.fits, _BEST_FIRST):
            return "{}.{}".format(*version)
        raise CannotPrepare(
            f"the project requires Python {self.requires}, and no version is known that fits:"
            " name an interpreter with --python, or ask for a version with --python-version."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FittingPython:
    """The Python that is used.

    Attributes:
        choice: The interpreter.
        fetched: The version that is fetched in its place, since no interpreter at hand fits; None for none.
    """

    choice: Choice
    fetched: str | None = None

    @property
    def version(self) -> tuple[int, int] | None:
        """Its version, as far as its name tells."""
        return version_of_program(self.choice.path) if self.fetched is None else _version_of(self.fetched)

    def notes(self, first: Choice) -> Iterator[str]:
        """Yield what a reader should know, where it is another than the one that was chosen first."""
        if self.fetched is not None:
            yield f"the tests ran on Python {self.fetched}, which was fetched for them"
        elif self.choice != first:
            yield f"the tests ran on {self.choice.origin}: {first.path} is of another version"


def fitting_python(choice: Choice, wish: PythonWish) -> FittingPython:
    """Return the interpreter where it fits, else another at hand that does, else the version to fetch.

    Raises:
        CannotPrepare: What is asked for is no version of Python, or no version fits.
    """
    version = version_of_program(choice.path)
    if wish.fits(version) if version is not None else wish.asked is None:
        return FittingPython(choice=choice)
    folders = (*_FOLDERS, *(Path(entry) for entry in wish.environment.get("PATH", "").split(os.pathsep)))
    found = [one for one in interpreters_in(folders) if wish.fits(one.version)]
    if found:
        return FittingPython(choice=Choice(path=found[-1].path, origin=str(found[-1])))
    return FittingPython(choice=choice, fetched=wish.to_fetch())


def check_version(choice: Choice, wish: PythonWish) -> None:
    """Let an interpreter count only where it is of the version that is asked for.

    Raises:
        CannotPrepare: It is not; nothing is installed for another.
    """
    version = version_of_program(choice.path)
    if version is not None and not wish.fits(version):
        raise CannotPrepare(
            f"{choice.path} is Python {version[0]}.{version[1]}, and --python-version asks for {wish.asked}:"
            " add --install, which has that version set up, or name an interpreter with --python."
        )


def version_of_program(path: Path) -> tuple[int, int] | None:
    """Return an interpreter's version as far as its name tells; None where it does not."""
    if path.resolve() == Path(sys.executable).resolve():
        return sys.version_info[:2]
    match = _NAMED.fullmatch(path.resolve().name)
    return None if match is None else (3, int(match[1]))


def _version_of(asked: str) -> tuple[int, int]:
    match = _ASKED.fullmatch(asked)
    if match is None:
        raise CannotPrepare(f"--python-version {asked} is no version of Python: give one as 3.12.")
    return 3, int(match[1])
