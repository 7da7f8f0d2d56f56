"""Where code is run that is measured: behind the program's own sandbox, in the program's own copies."""

from __future__ import annotations

import os
from functools import partial

from testsmith.changes.members import MemberSearch
from testsmith.execution.sandbox.isolated import build_sandbox
from testsmith.execution.workspace import WorkspaceOrder
from testsmith.git.repository import Repository
from testsmith.settings import VerificationSettings


def order_for(repository: Repository, search: MemberSearch, settings: VerificationSettings) -> WorkspaceOrder:
    """Return the order for a workspace of what was found in a repository."""
    return WorkspaceOrder(
        repository=repository,
        head=search.head_tree,
        base=search.base_tree,
        settings=settings,
        build_sandbox=partial(build_sandbox, settings.sandbox),
        environment=os.environ,
    )
