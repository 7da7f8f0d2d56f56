"""The two states of a pull request, brought to where they can be looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.changes.git import Repository
from bot.languages.driver import SourceTree
from bot.model import Failure


class CannotOpen(Failure):
    """A pull request's states cannot be had; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class States:
    """What a pull request is looked at by.

    Attributes:
        repository: Where both states are.
        base: The merge base's full object id.
        head: The head's full object id.
        message: The message of the head commit.
        values: What the settings file of the merge base holds, by option name.
        notes: Sentences for the log and the job summary.
    """

    repository: Repository
    base: str
    head: str
    message: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        """The git root."""
        return self.repository.root

    @property
    def head_tree(self) -> SourceTree:
        """The files of head."""
        return self.repository.commit_tree(self.head)
