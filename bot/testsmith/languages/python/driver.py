"""Python implementation of `LanguageDriver`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from testsmith.languages.driver import (
    ComparisonScope,
    DocumentedExample,
    MarkedTest,
    MemberFindings,
    MemberWeight,
    Reachable,
    SourceTree,
    TestMark,
)
from testsmith.languages.python.judge.documentation import docstring_examples
from testsmith.languages.python.source import context, coverable, members
from testsmith.languages.python.test_files import marking, merging, test_modules
from testsmith.languages.python.test_files.formatting import RuffFormatter
from testsmith.languages.python.test_files.test_paths import is_test, package_files
from testsmith.model import Member, Request


class PythonDriver:
    """Driver for Python, tested with pytest or unittest. See `LanguageDriver` for the methods."""

    language = "python"
    framework = "pytest"
    batches = True

    def __init__(self) -> None:
        self._formatter = RuffFormatter()

    def handles(self, path: str) -> bool:
        """See `LanguageDriver.handles`."""
        return path.endswith(".py")

    def is_test(self, path: str) -> bool:
        """See `LanguageDriver.is_test`."""
        return is_test(path)

    def changed_members(self, scope: ComparisonScope) -> MemberFindings:
        """See `LanguageDriver.changed_members`."""
        return members.changed_members(scope)

    def all_members(self, tree: SourceTree, paths: Sequence[str], project: str) -> MemberFindings:
        """See `LanguageDriver.all_members`."""
        return members.all_members(tree, paths, project)

    def reachable(self, data: bytes) -> Reachable:
        """See `LanguageDriver.reachable`."""
        return coverable.reachable(data)

    def weights(
        self, tree: SourceTree, members: Sequence[Member], project: str
    ) -> Mapping[str, MemberWeight]:
        """See `LanguageDriver.weights`."""
        from testsmith.languages.python.source.metrics import weights

        return weights(tree, members, project)

    def requests(self, tree: SourceTree, members: Sequence[Member], project: str) -> Iterator[Request]:
        """See `LanguageDriver.requests`."""
        return context.requests(tree, members, project)

    def is_conditional(self, data: bytes, member: Member) -> bool:
        """See `LanguageDriver.is_conditional`."""
        return coverable.is_conditional(data, member)

    def documented_examples(self, member: Member) -> tuple[DocumentedExample, ...]:
        """See `LanguageDriver.documented_examples`."""
        return docstring_examples.documented_examples(member)

    def test_functions(self, code: str) -> tuple[str, ...]:
        """See `LanguageDriver.test_functions`."""
        return test_modules.test_functions(code)

    def keep_tests(self, code: str, names: Collection[str]) -> str:
        """See `LanguageDriver.keep_tests`."""
        return test_modules.keep_tests(code, names)

    def source_digest(self, source: str) -> str:
        """See `LanguageDriver.source_digest`."""
        return marking.source_digest(source)

    def mark(self, code: str, mark: TestMark) -> str:
        """See `LanguageDriver.mark`."""
        return marking.marked(code, mark)

    def seal(self, text: str) -> str:
        """See `LanguageDriver.seal`."""
        return marking.sealed(text)

    def marked_tests(self, text: str) -> tuple[MarkedTest, ...]:
        """See `LanguageDriver.marked_tests`."""
        return marking.marked_tests(text)

    def beside_marked(self, text: str) -> str:
        """See `LanguageDriver.beside_marked`."""
        return marking.beside_marked(text)

    def remove(self, text: str, names: Collection[str]) -> str:
        """See `LanguageDriver.remove`."""
        from testsmith.languages.python.test_files.cutting import without_tests

        return without_tests(text, names).text

    def place(self, existing: str | None, code: str, instead_of: Collection[str] = ()) -> str:
        """See `LanguageDriver.place`."""
        return merging.place(existing, code, instead_of)

    def in_framework(self, code: str, framework: str, member: Member) -> str:
        """See `LanguageDriver.in_framework`."""
        if framework == self.framework:
            return code
        from testsmith.languages.python.test_files.unittest_form import class_name_of, in_unittest_form

        return in_unittest_form(code, class_name_of(member.name))

    def format(self, code: str, test_path: str, tree: SourceTree) -> str:
        """See `LanguageDriver.format`."""
        return self._formatter.format(code, test_path, tree)

    def finish(self, text: str, existing: str | None, test_path: str, tree: SourceTree) -> str:
        """See `LanguageDriver.finish`."""
        return self._formatter.finish(text, existing, test_path, tree)

    def companions(self, test_path: str, paths: Collection[str]) -> tuple[str, ...]:
        """See `LanguageDriver.companions`."""
        return package_files(test_path, paths)
