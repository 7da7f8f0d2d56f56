"""Python, tested with pytest or unittest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from testsmith.languages.language import Language
from testsmith.languages.mutants import Mutator, Replacement
from testsmith.languages.python.judge.documentation.doc_contract import returns_nothing
from testsmith.languages.python.judge.judge import PythonJudge
from testsmith.languages.python.mutation.mutants import mutants_of, plain_text, returning_at_once, taken_away
from testsmith.languages.python.source import context, coverable, definitions, members, projects
from testsmith.languages.python.test_files import file_edits, marking, merging, test_modules, test_paths
from testsmith.languages.python.test_files.existing.conftest_fixtures import in_place, self_contained
from testsmith.languages.python.test_files.existing.test_positions import beside_subject
from testsmith.languages.python.test_files.formatting import RuffFormatter
from testsmith.languages.python.test_files.support_files import support_files
from testsmith.languages.source import MemberWeight, SourceReader, SourceTree
from testsmith.languages.tests import TestFiles
from testsmith.model import Member


class PythonSource(SourceReader):
    """Reads Python's source files."""

    excluded = (
        "**/*_pb2.py",
        "**/*_pb2_grpc.py",
        "**/_version.py",
        "**/versioneer.py",
        "**/setup.py",
        "**/noxfile.py",
    )

    changed_members = staticmethod(members.changed_members)
    all_members = staticmethod(members.all_members)
    requests = staticmethod(context.requests)
    reachable = staticmethod(coverable.reachable)
    digest = staticmethod(marking.source_digest)
    functions = staticmethod(definitions.functions_in)
    project_of = staticmethod(projects.project_of)
    declares_project = staticmethod(projects.declares_project)

    def handles(self, path: str) -> bool:
        """Return whether `path` is a Python module."""
        return path.endswith(".py")

    def weights(
        self, tree: SourceTree, members: Sequence[Member], project: str
    ) -> Mapping[str, MemberWeight]:
        """Return the weights of members by id."""
        from testsmith.languages.python.source.metrics import weights

        return weights(tree, members, project)


class PythonMutator(Mutator):
    """Changes Python's source files."""

    text = staticmethod(plain_text)
    mutants = staticmethod(mutants_of)
    taken_away = staticmethod(taken_away)

    def returning_at_once(self, text: str, member: Member) -> tuple[Replacement, ...]:
        """Return replacements that immediately return; none if the member is annotated to return nothing."""
        return () if returns_nothing(member) else returning_at_once(text, member)


@dataclass(frozen=True, kw_only=True)
class PythonTests(RuffFormatter, TestFiles):
    """Reads and edits Python's test files.

    Attributes:
        names: Names of test files.
    """

    names: test_paths.TestFileNames = field(default_factory=test_paths.TestFileNames)

    framework = "pytest"
    test_functions = staticmethod(test_modules.test_functions)
    keep_tests = staticmethod(test_modules.keep_tests)
    place = staticmethod(merging.place)
    edited_tests = staticmethod(file_edits.edited_tests)
    self_contained = staticmethod(self_contained)
    in_place = staticmethod(in_place)
    joined_edit = staticmethod(file_edits.joined_edit)
    beside_subject = staticmethod(beside_subject)
    changed_tests = staticmethod(file_edits.changed_tests)
    tests_sharing_edits = staticmethod(file_edits.tests_sharing_edits)
    with_known_rows = staticmethod(file_edits.with_known_rows)
    with_test = staticmethod(file_edits.with_test)
    mark = staticmethod(marking.marked)
    seal = staticmethod(marking.sealed)
    marked_tests = staticmethod(marking.marked_tests)
    beside_marked = staticmethod(marking.beside_marked)
    companions = staticmethod(test_paths.package_files)

    support_files = staticmethod(support_files)

    def of_project(self, tree: SourceTree) -> PythonTests:
        """Return what knows the names of a project's test files."""
        return replace(self, names=test_paths.TestFileNames.of(tree))

    def is_test(self, path: str) -> bool:
        """Return whether `path` is a test file or supports tests."""
        return self.names.is_test(path)

    def command(self, framework: str, test_path: str, names: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002
        """Return the words that run the test file."""
        return (*(("python", "-m") if framework == "unittest" else ()), framework, test_path)

    def has_tests(self, path: str) -> bool:
        """Return whether a file is a test or supports tests, but for `__init__.py`."""
        return self.is_test(path) and not path.endswith("__init__.py")

    def remove(self, text: str, names: Collection[str]) -> str:
        """Return a test file without the named tests."""
        from testsmith.languages.python.test_files.cutting import without_tests

        return without_tests(text, names).text

    def in_framework(self, code: str, framework: str, member: Member) -> str:
        """Return a test module in the framework's form."""
        if framework == self.framework:
            return code
        from testsmith.languages.python.test_files.unittest_form import class_name_of, in_unittest_form

        return in_unittest_form(code, class_name_of(member.name))


PYTHON = Language(
    name="python",
    title="Python",
    source=PythonSource(),
    tests=PythonTests(),
    judge=PythonJudge(),
    mutator=PythonMutator(),
)
