"""Go, tested by the go command."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from testsmith.languages.go.judge.judge import GoJudge
from testsmith.languages.go.mutation.mutants import mutants_of, taken_away
from testsmith.languages.go.source import members, requests, weights
from testsmith.languages.go.source.build_constraints import is_for_all
from testsmith.languages.go.source.packages import declares_module, is_test, module_folder
from testsmith.languages.go.test_files import file_edits, marking, placing, renaming, test_modules
from testsmith.languages.language import Language
from testsmith.languages.mutants import Mutator
from testsmith.languages.source import MemberWeight, SourceReader, SourceTree
from testsmith.languages.syntax_tree import decode
from testsmith.languages.tests import TestFiles
from testsmith.model import Member


class GoSource(SourceReader):
    """Reads Go's source files."""

    excluded = ("**/vendor/**", "**/testdata/**", "**/*.pb.go", "**/zz_generated*.go", "**/*_gen.go")

    changed_members = staticmethod(members.changed_members)
    all_members = staticmethod(members.all_members)
    requests = staticmethod(requests.requests)
    functions = staticmethod(members.functions_in)
    digest = staticmethod(members.source_digest)
    reachable = staticmethod(weights.reachable)
    project_of = staticmethod(module_folder)
    declares_project = staticmethod(declares_module)

    def handles(self, path: str) -> bool:
        """Return whether `path` is a Go file."""
        return path.endswith(".go")

    def weights(
        self, tree: SourceTree, members: Sequence[Member], project: str
    ) -> Mapping[str, MemberWeight]:
        """Return the weights of members by id."""
        return weights.weights(tree, members, project)


class GoMutator(Mutator):
    """Changes Go's source files."""

    mutants = staticmethod(mutants_of)
    taken_away = staticmethod(taken_away)

    def text(self, data: bytes) -> str:
        """Return a file's text; see `Mutator.text`."""
        return decode(data)


class GoTests(TestFiles):
    """Reads and edits Go's test files."""

    framework = requests.FRAMEWORK
    is_test = staticmethod(is_test)
    test_functions = staticmethod(test_modules.test_functions)
    keep_tests = staticmethod(test_modules.keep_tests)
    apart = staticmethod(renaming.apart)
    place = staticmethod(placing.place)
    edited_tests = staticmethod(file_edits.edited_tests)
    joined_edit = staticmethod(file_edits.joined_edit)
    changed_tests = staticmethod(file_edits.changed_tests)
    with_test = staticmethod(file_edits.with_test)
    self_contained = staticmethod(file_edits.self_contained)
    mark = staticmethod(marking.marked)
    seal = staticmethod(marking.sealed)
    marked_tests = staticmethod(marking.marked_tests)
    beside_marked = staticmethod(marking.beside_marked)

    def command(self, framework: str, test_path: str, names: Sequence[str]) -> tuple[str, ...]:
        """Return the words that run the tests of the file's package, in any module: `-C` names its folder."""
        folder = test_path.rpartition("/")[0]
        return (*framework.split(), *(("-C", folder) if folder else ()), "-run", f"^({'|'.join(names)})$")

    def is_run_anywhere(self, name: str) -> bool:
        """Return whether a name does not end in a system or a processor."""
        return is_for_all(name)

    def remove(self, text: str, names: Collection[str]) -> str:
        """Return a test file without the named tests."""
        return test_modules.without_tests(text, names)


GO = Language(
    name="go",
    title="Go",
    source=GoSource(),
    tests=GoTests(),
    judge=GoJudge(),
    mutator=GoMutator(),
)
