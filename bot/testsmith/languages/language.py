"""What the bot knows about a programming language, in parts with defaults.

A language is one folder that fills in the parts; `testsmith.languages.python` is the complete example. What a
language cannot judge is never posted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from testsmith.languages.judge import Judge
from testsmith.languages.mutants import Mutator
from testsmith.languages.source import SourceReader, SourceTree
from testsmith.languages.tests import TestFiles


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Language:
    """A programming language.

    Attributes:
        name: Identifier used in module names, headings of the documentation, and settings.
        title: Its name in text for people; empty if that is the identifier.
        source: Reads source files.
        tests: Reads and edits test files.
        judge: Judges tests. Without one, no test of the language is posted.
        mutator: Changes source files. Without one, no test of the language is posted.
        batches: Whether several members may share one model call.
    """

    name: str
    source: SourceReader
    tests: TestFiles
    judge: Judge = field(default_factory=Judge)
    mutator: Mutator = field(default_factory=Mutator)
    batches: bool = True
    title: str = ""

    def of_project(self, tree: SourceTree) -> Language:
        """Return the language with the judge and the names of test files of a project."""
        return replace(self, judge=self.judge.of_project(tree), tests=self.tests.of_project(tree))


def of_project(languages: Sequence[Language], tree: SourceTree) -> tuple[Language, ...]:
    """Return the languages of a project; see `Language.of_project`."""
    return tuple(language.of_project(tree) for language in languages)


def title_of(name: str, languages: Sequence[Language]) -> str:
    """Return the name of a language in text for people."""
    return next((one.title for one in languages if one.name == name and one.title), name)


def language_of(path: str, languages: Sequence[Language]) -> Language | None:
    """Return the first language that handles a path, or None."""
    return next((language for language in languages if language.source.handles(path)), None)
