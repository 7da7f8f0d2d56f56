"""TypeScript and JavaScript, tested by node:test, vitest, jest or mocha."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from testsmith.languages.language import Language
from testsmith.languages.mutants import Mutator
from testsmith.languages.source import MemberWeight, SourceReader, SourceTree
from testsmith.languages.syntax_tree import decode
from testsmith.languages.tests import TestFiles
from testsmith.languages.typescript.judge.judge import TypeScriptJudge
from testsmith.languages.typescript.mutation.mutants import mutants_of, taken_away
from testsmith.languages.typescript.source import members, requests, weights
from testsmith.languages.typescript.source.packages import (
    declares_package,
    is_module,
    is_test,
    project_folder,
)
from testsmith.languages.typescript.test_files import file_edits, marking, placing, test_modules
from testsmith.model import Member


class TypeScriptSource(SourceReader):
    """Reads source files in TypeScript and JavaScript."""

    excluded = (
        *("**/bower_components/**", "**/__generated__/**", "**/*.min.*js", "**/*.bundle.*js"),
        *("**/dist/**/*.*js", "**/build/**/*.*js", "**/coverage/**/*.*js", "**/*.generated.*ts"),
        *("**/*.config.*js", "**/*.config.*ts"),
    )

    changed_members = staticmethod(members.changed_members)
    all_members = staticmethod(members.all_members)
    requests = staticmethod(requests.requests)
    functions = staticmethod(members.functions_in)
    digest = staticmethod(members.source_digest)
    reachable = staticmethod(weights.reachable)
    project_of = staticmethod(project_folder)
    declares_project = staticmethod(declares_package)
    handles = staticmethod(is_module)

    def weights(
        self, tree: SourceTree, members: Sequence[Member], project: str
    ) -> Mapping[str, MemberWeight]:
        """Return the weights of members by id."""
        return weights.weights(tree, members, project)


class TypeScriptMutator(Mutator):
    """Changes source files in TypeScript and JavaScript."""

    mutants = staticmethod(mutants_of)
    taken_away = staticmethod(taken_away)

    def text(self, data: bytes) -> str:
        """Return a file's text; see `Mutator.text`."""
        return decode(data)


_COMMANDS = {
    "node:test": ("node", "--test"),
    "vitest": ("npx", "vitest", "run"),
    "jest": ("npx", "jest"),
    "mocha": ("npx", "mocha"),
}


class TypeScriptTests(TestFiles):
    """Reads and edits test files in TypeScript and JavaScript."""

    framework = requests.FRAMEWORK
    is_test = staticmethod(is_test)
    test_functions = staticmethod(test_modules.test_functions)
    keep_tests = staticmethod(test_modules.keep_tests)
    place = staticmethod(placing.place)
    edited_tests = staticmethod(file_edits.edited_tests)
    joined_edit = staticmethod(file_edits.joined_edit)
    changed_tests = staticmethod(file_edits.changed_tests)
    with_test = staticmethod(file_edits.with_test)
    mark = staticmethod(marking.marked)
    seal = staticmethod(marking.sealed)
    marked_tests = staticmethod(marking.marked_tests)
    beside_marked = staticmethod(marking.beside_marked)

    def command(self, framework: str, test_path: str, names: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002
        """Return the words that run the test file."""
        return (*_COMMANDS[framework], test_path)

    def in_framework(self, code: str, framework: str, member: Member) -> str:  # noqa: ARG002
        """Return a test module as it is: it was asked for in the project's framework."""
        return code


TYPESCRIPT = Language(
    name="typescript",
    title="TypeScript",
    source=TypeScriptSource(),
    tests=TypeScriptTests(),
    judge=TypeScriptJudge(),
    mutator=TypeScriptMutator(),
)
