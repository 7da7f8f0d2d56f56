"""What the bot knows about a programming language, in parts with defaults.

A language is one folder that fills in the parts; `testsmith.languages.python` is the complete example. What a
language cannot judge is never posted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from testsmith.languages.source import SourceReader
from testsmith.languages.tests import TestFiles


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Language:
    """A programming language.

    Attributes:
        name: Identifier used in module names, headings of the documentation, and settings.
        source: Reads source files.
        tests: Reads and edits test files.
        batches: Whether several members may share one model call.
    """

    name: str
    source: SourceReader
    tests: TestFiles
    batches: bool = True


def language_of(path: str, languages: Sequence[Language]) -> Language | None:
    """Return the first language that handles a path, or None."""
    return next((language for language in languages if language.source.handles(path)), None)
