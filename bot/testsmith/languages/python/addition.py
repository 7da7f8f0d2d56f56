"""Taking a test module apart into what is put into a test file that is already there."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from testsmith.languages.python.cutting import has_tests, without_unused
from testsmith.languages.python.identity import Bindings, Bound, Condition
from testsmith.languages.python.inserting import Parts
from testsmith.languages.python.uses import bindings, branch_statements, dotted, imported_name, used_names

_Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement


def parts_of(module: cst.Module, *, without: frozenset[str], beside: Bindings, indent: str) -> Parts:
    """Return the import lines and the definitions of a module that are to be put into a file.

    Left out are the module's docstring, a closing `if __name__ == "__main__"`, and what is not needed.

    Args:
        module: The module, its names already as they shall be in the file.
        without: Names of definitions that the file holds already.
        beside: What the file binds.
        indent: What the file indents by.
    """
    if _postpones_annotations(module) and "annotations" not in beside:
        quoting = _QuotedAnnotations(_conditional_names(module))
        module = cst.ensure_type(module.visit(quoting), cst.Module)
    wanted = [each for each in module.body if not (_is_left_out(each) or _binds_only(each, without))]
    body = without_unused(module.with_changes(body=wanted)).body
    imports = [new for each in body if _is_import(each) and (new := _missing(each, beside)) is not None]
    definitions = [each for each in body if not _is_import(each)]
    return Parts(imports=_text(module, imports, indent), definitions=_text(module, definitions, indent))


def _text(module: cst.Module, body: Sequence[_Statement], indent: str) -> str:
    """Return the statements as whole lines; comments at the module's end go with its definitions."""
    if not body:
        return ""
    footer = module.footer if has_tests(body[-1]) else ()
    part = module.with_changes(body=body, header=(), footer=footer, default_indent=indent)
    return part.code.strip("\n") + "\n"


def _is_left_out(statement: _Statement) -> bool:
    if isinstance(statement, cst.If):
        return isinstance(statement.test, cst.Comparison) and dotted(statement.test.left) == "__name__"
    return isinstance(statement, cst.SimpleStatementLine) and all(
        (isinstance(part, cst.Expr) and isinstance(part.value, cst.SimpleString | cst.ConcatenatedString))
        or (isinstance(part, cst.ImportFrom) and dotted(part.module) == "__future__")
        for part in statement.body
    )


def _binds_only(statement: _Statement, names: frozenset[str]) -> bool:
    found = bindings(statement)
    return bool(found) and all(names.intersection(binding.names) for binding in found or ())


def _is_import(statement: cst.CSTNode) -> bool:
    """Tell whether a statement stands among the imports of a file."""
    if isinstance(statement, cst.SimpleStatementLine):
        return any(isinstance(part, cst.Import | cst.ImportFrom) for part in statement.body)
    if isinstance(statement, cst.FunctionDef | cst.ClassDef) or has_tests(statement):
        return False
    return any(_is_import(inner) for inner in branch_statements(statement))


def _missing(statement: _Statement, beside: Bindings) -> _Statement | None:
    """Return an import statement without the names that the file imports already; None for nothing left."""
    if not isinstance(statement, cst.SimpleStatementLine):
        return statement
    parts = [new for part in statement.body if (new := _missing_names(part, beside)) is not None]
    if not parts:
        return None
    parts[-1] = parts[-1].with_changes(semicolon=cst.MaybeSentinel.DEFAULT)
    return statement.with_changes(body=parts)


def _missing_names(part: cst.BaseSmallStatement, beside: Bindings) -> cst.BaseSmallStatement | None:
    if not isinstance(part, cst.Import | cst.ImportFrom) or isinstance(part.names, cst.ImportStar):
        return part
    names = [alias for alias in part.names if not _is_there(part, alias, beside)]
    if not names:
        return None
    names[-1] = names[-1].with_changes(comma=part.names[-1].comma)
    return part.with_changes(names=names)


def _is_there(part: cst.Import | cst.ImportFrom, alias: cst.ImportAlias, beside: Bindings) -> bool:
    """Tell whether the file runs this very import, so that its name is bound whenever its tests run."""
    if isinstance(part, cst.ImportFrom):
        name, wanted = imported_name(alias, from_module=True), f"{_origin(part)}:{dotted(alias.name)}"
    else:
        name, wanted = imported_name(alias, from_module=False), f"{dotted(alias.name)}:"
    return any(_runs_import(place, wanted) for place in beside.get(name, ()))


def _origin(part: cst.ImportFrom) -> str:
    return "." * len(part.relative) + dotted(part.module)


def _runs_import(place: Bound, wanted: str) -> bool:
    return place.condition is not Condition.OTHER and wanted in place.runs


def _postpones_annotations(module: cst.Module) -> bool:
    return any(
        isinstance(part, cst.ImportFrom) and dotted(part.module) == "__future__"
        for statement in module.body
        if isinstance(statement, cst.SimpleStatementLine)
        for part in statement.body
    )


def _conditional_names(module: cst.Module) -> frozenset[str]:
    found = (bindings(each) or () for each in module.body if isinstance(each, cst.If | cst.Try))
    return frozenset(name for each in found for binding in each for name in binding.names)


class _QuotedAnnotations(cst.CSTTransformer):
    """Quotes the annotations that may not be evaluated, which `from __future__ import annotations` spared.

    The import itself is not added: it would act on the annotations that are already there.
    """

    def __init__(self, conditional_names: frozenset[str]) -> None:
        super().__init__()
        self._conditional_names = conditional_names

    def on_leave(
        self,
        original_node: cst.CSTNodeT,
        updated_node: cst.CSTNodeT,
    ) -> cst.CSTNodeT | cst.RemovalSentinel:
        if isinstance(original_node, cst.Annotation) and self._must_be_quoted(original_node.annotation):
            text = cst.Module(body=()).code_for_node(original_node.annotation)
            quoted = cst.SimpleString(repr(" ".join(text.split())))
            return updated_node.with_changes(annotation=quoted)
        return updated_node

    def _must_be_quoted(self, annotation: cst.BaseExpression) -> bool:
        if isinstance(annotation, cst.SimpleString):
            return False
        joined = isinstance(annotation, cst.BinaryOperation)
        return joined or bool(self._conditional_names & used_names(annotation))
