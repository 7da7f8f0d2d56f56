"""Read the bot's settings and conventions from a state that the pull request could not have modified.

They control what is generated and how much is spent. In the action, they come from the merge base.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from testsmith.languages.conventions import are_conventions
from testsmith.languages.source import SourceTree
from testsmith.settings import repository_values


def settings_values(tree: SourceTree) -> dict[str, object]:
    """Return the values of the first settings file in a tree that has any, by option name.

    Args:
        tree: Files of one state; in the action, of the merge base.

    Raises:
        UsageFailure: The file cannot be read or contains invalid values.
    """
    return repository_values(tree.read)


class TrustedTree:
    """Files of one state with the conventions of another: head with those of the merge base."""

    def __init__(self, tree: SourceTree, trusted: SourceTree) -> None:
        self._tree = tree
        self._trusted = trusted

    def paths(self) -> Sequence[str]:
        """See `SourceTree.paths`."""
        return self._paths

    def read(self, path: str) -> bytes | None:
        """See `SourceTree.read`."""
        return (self._trusted if are_conventions(path) else self._tree).read(path)

    @cached_property
    def _paths(self) -> tuple[str, ...]:
        own = (path for path in self._tree.paths() if not are_conventions(path))
        return tuple(sorted((*own, *filter(are_conventions, self._trusted.paths()))))
