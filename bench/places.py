"""Where code is run that is measured: behind the program's own sandbox, in the program's own copies."""

from __future__ import annotations

import os

from testsmith.changes.members import MemberSearch
from testsmith.execution.sandbox.isolated import build_sandbox
from testsmith.git.repository import Repository
from testsmith.languages.python.running.interpreter import choose_interpreter
from testsmith.languages.python.running.workspace_builder import WorkspaceOrder
from testsmith.settings import VerificationSettings


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
