"""What is known of a member before it is run."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass, field

from testsmith.generation.offline.description import Callee, Description, Owner, Parameter
from testsmith.generation.offline.documentation import Documentation
from testsmith.generation.offline.expressions import Import
from testsmith.generation.offline.hints import Hints
from testsmith.generation.offline.sources import ModuleSource, gives_nothing
from testsmith.generation.offline.usage.calls import Usage
from testsmith.model import Member


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """All that is known of a member before it is run.

    Attributes:
        member: The member.
        description: What the explorer says of it.
        source: Its module's text.
        hints: What that text says of its inputs.
        documentation: The examples of its docstring.
        partners: Functions of its module that may undo or check it.
        usage: How the project calls it.
        company: How many members of its module are looked at, itself included.
    """

    member: Member
    description: Description
    source: ModuleSource
    hints: Hints
    documentation: Documentation
    partners: Sequence[Callee] = ()
    usage: Usage = field(default_factory=Usage)
    company: int = 1

    def share(self, of_all: int, fewest: int, most: int) -> int:
        """Return how much it may have of something: less beside more members, for large modules' sake.

        Args:
            of_all: What there is for all of them.
            fewest: As much it has in any case.
            most: More it never has.
        """
        return max(fewest, min(most, of_all // self.company))

    @property
    def callee(self) -> Callee:
        """What is called."""
        return self.description.callee

    @property
    def owner(self) -> Owner | None:
        """The class around it, or itself."""
        return self.description.owner

    @property
    def parameters(self) -> Sequence[Parameter]:
        """What it takes; nothing where it does not tell."""
        return self.callee.parameters or ()

    @property
    def gives_nothing(self) -> bool:
        """Whether it never gives a value, so that its effects are all there is to see."""
        return gives_nothing(self.source.definitions.get(self.member.name))

    def method_gives_nothing(self, name: str) -> bool:
        """Tell the same of another method of its class."""
        owner = self.member.name.rpartition(".")[0]
        return gives_nothing(self.source.definitions.get(f"{owner}.{name}"))


def reference(name: str, public_module: str) -> tuple[str, Import]:
    """Return how a test names a member's function or class, and the import for it.

    A name that would hide a built-in one, or that pytest would take for a test, is reached by its module.
    """
    top = name.partition(".")[0]
    if not hasattr(builtins, top) and not top.lower().startswith("test"):
        return top, Import(public_module, top)
    package, _, module = public_module.rpartition(".")
    return f"{module}.{top}", Import(package, module) if package else Import(module)
