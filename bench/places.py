"""Where code is run that is measured: behind the program's own sandbox, in the program's own copies."""

from __future__ import annotations

import os

from bot.changes.git import Repository
from bot.changes.members import MemberSearch
from bot.execution.interpreter import choose_interpreter
from bot.execution.isolation.build import build_sandbox
from bot.execution.opening import WorkspaceOrder
from bot.settings import VerificationSettings


async def order_for(
    repository: Repository, search: MemberSearch, settings: VerificationSettings
) -> WorkspaceOrder:
    """Return the order for a workspace of what was found in a repository."""
    interpreter = choose_interpreter(settings.python, os.environ, repository.root)
    return WorkspaceOrder(
        repository=repository,
        head=search.head_tree,
        base=search.base_tree,
        settings=settings,
        sandbox=await build_sandbox(settings.sandbox, interpreter.path),
        environment=os.environ,
    )
