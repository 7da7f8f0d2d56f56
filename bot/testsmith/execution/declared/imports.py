"""What test files import of all that a project declares anywhere: extras for users, groups for development.

Only what is declared counts. A name that is merely imported is never installed, because nothing says that the
package of that name is the one that is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from packaging.requirements import Requirement

from testsmith.execution.declared.names import normal
from testsmith.execution.declared.requirements import Declared, Read

_TEST_FILE = re.compile(r"(?:^|.*/)(?:tests?/(?:.*/)?[^/]+|test_[^/]+|[^/]+_test|conftest)\.py")
_IMPORT = re.compile(r"^[ \t]*(?:import|from)[ \t]+([A-Za-z_]\w*)", re.MULTILINE)
_IMPORTED = re.compile(r"importorskip\(\s*[\"']([A-Za-z_]\w*)")
_MOST_FILES = 500


def declared_and_imported(
    names: Iterable[str], read: Read, offered: Mapping[str, Sequence[str]], known: Iterable[str]
) -> Declared:
    """Return those requirements that test files import, and that no other place names.

    Args:
        names: The project's files.
        read: Gives them.
        offered: The requirements of each extra, group or file that is not installed as a whole.
        known: The requirements that are installed anyway.
    """
    imported = _imported(names, read)
    there = {normal(Requirement(text).name) for text in known}
    found: dict[str, None] = {}
    for label, requirements in offered.items():
        for text in requirements:
            name = normal(Requirement(text).name)
            also = {label} if len(requirements) == 1 else set()
            if name not in there and imported & _modules({name, *also}):
                found[text] = None
                there.add(name)
    return Declared(source="what test files import", requirements=tuple(found))


def _imported(names: Iterable[str], read: Read) -> set[str]:
    tests = islice((name for name in names if _TEST_FILE.fullmatch(name)), _MOST_FILES)
    texts = [read(name) or "" for name in tests]
    return {module.lower() for text in texts for how in (_IMPORT, _IMPORTED) for module in how.findall(text)}


def _modules(names: Iterable[str]) -> set[str]:
    """Return how packages of some names are imported: as PyYAML is, without `py` before it, too."""
    plain = {normal(name).replace("-", "_") for name in names}
    return plain | {re.sub(r"^(?:python_|py)|_python$", "", name) for name in plain}
