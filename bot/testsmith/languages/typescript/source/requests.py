"""Build generation requests: test file, framework, existing tests, and what each member uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import islice

from testsmith.languages.conventions import Conventions
from testsmith.languages.source import SourceTree
from testsmith.languages.typescript.running.test_commands import JEST, MOCHA, NODE_TEST, VITEST, test_command
from testsmith.languages.typescript.source.existing_tests import MOST_TESTS, TypeScriptExistingTests
from testsmith.languages.typescript.source.import_lines import import_line
from testsmith.languages.typescript.source.packages import TYPED_ENDINGS, DeclarationKey, Modules
from testsmith.languages.typescript.source.parsing import normalized
from testsmith.languages.typescript.source.references import References
from testsmith.languages.typescript.source.shown_tests import lines_to_show, sample
from testsmith.languages.typescript.source.signatures import signatures
from testsmith.model import Context, ExistingTest, Member, Request

FRAMEWORK = NODE_TEST
"""The test framework of projects without any: Node's own."""

_NAMES = "`ignores a trailing dot`, not `parse 2` and not `should work correctly in the second case`"
_RULES = {NODE_TEST: "node_test", VITEST: "vitest", JEST: "jest", MOCHA: "mocha"}
_WITHOUT_BUNDLER = frozenset({NODE_TEST, MOCHA})
_MOST_BLOCKS = 30
_MOST_SAMPLED = 5


def requests(tree: SourceTree, members: Sequence[Member], project: str, intent: str) -> Iterator[Request]:  # noqa: ARG001
    """Yield one request per member, in order; see `SourceReader.requests`."""
    modules = Modules(tree)
    references = References(modules)
    conventions = Conventions(tree)
    tests = TypeScriptExistingTests(modules)
    for member in members:
        existing = tests.of(member)
        siblings = () if any(test.calls for test in existing) else tests.of_sibling(member)
        place = tests.place_of(member, existing, siblings)
        file = tests.file(place.path)
        near = tests.near(place.path, member.path)
        shown = () if file is None or file.file.file.root.has_error else lines_to_show(file, existing, member)
        framework = framework_of(modules, place.path)
        yield Request(
            member=member,
            test_path=place.path,
            framework=framework,
            language="TypeScript" if place.path.endswith(TYPED_ENDINGS) else "JavaScript",
            comment="//",
            rules=prompt_rules(framework),
            names=_NAMES,
            import_line=import_line(
                modules, member, place.path, near, needs_endings=framework in _WITHOUT_BUNDLER
            ),
            conventions=conventions.of(member.path, place.path),
            normalized_source=f"{normalized(member.source)}\n{_documentation(references, member)}",
            test_text=file.file.file.text if shown and file is not None else "",
            place=place if file is not None else None,
            existing=existing[:MOST_TESTS],
            intent=intent,
            context=Context(
                signatures="\n\n".join(islice(dict.fromkeys(signatures(references, member)), _MOST_BLOCKS)),
                test_lines=shown,
                style_sample="" if shown else _style_sample(tests, siblings, near),
            ),
        )


def framework_of(modules: Modules, test_path: str) -> str:
    """Return the framework that a test file is run by."""
    return test_command(modules.tree.read, modules.names_in, test_path).framework


@cache
def prompt_rules(framework: str) -> str:
    """Return the prompt's rules for tests in a framework."""
    folder = files("testsmith.languages.typescript") / "rules"
    texts = (
        (folder / f"{name}.j2").read_text("utf-8")
        for name in (_RULES.get(framework, _RULES[NODE_TEST]), "all_frameworks")
    )
    return "".join(texts)


def _documentation(references: References, member: Member) -> str:
    found = references.declaration(DeclarationKey(member.path, member.name))
    return "" if found is None else " ".join(found.doc.split())


def _style_sample(
    tests: TypeScriptExistingTests, siblings: Sequence[ExistingTest], near: Sequence[str]
) -> str:
    """Return one of the tests of a similar function as a sample, or else one of the nearest files."""
    candidates = [*((one.path, one.name) for one in siblings), *((path, "") for path in near)]
    found = ((tests.file(path), name) for path, name in candidates[:_MOST_SAMPLED])
    return next((text for file, name in found if file is not None and (text := sample(file, name))), "")
