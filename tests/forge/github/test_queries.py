from __future__ import annotations

import pytest
from graphql import build_schema, parse, validate

from fakes.github.contract import FOLDER
from testsmith.forge.github.queries import DOCUMENTS

SCHEMA = build_schema((FOLDER / "github-graphql-subset.graphql").read_text())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents__hold_by_githubs_own_schema(document: str) -> None:
    assert validate(SCHEMA, parse(document)) == []
