"""Which names are public, and the module that tests import them from.

Public is what has no underscore in its own name or an enclosing class's, and stands in a module without one,
or is re-exported under its own name by such a module of the same package. A name that is public only under
another name stays private: tests could not be told from its id what to import.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from testsmith.languages.python.modules import Module
from testsmith.languages.python.package import Contents, Defined, Node, Package
from testsmith.languages.python.references import Reference, Target, Via


def is_dunder(name: str) -> bool:
    """Tell whether a dotted name's last part is one of Python's own, as `Reader.__init__`."""
    plain = name.rpartition(".")[2]
    return len(plain) > 4 and plain.startswith("__") and plain.endswith("__")  # noqa: PLR2004 - four underscores


def has_public_name(name: str) -> bool:
    """Tell whether a dotted name is public as far as underscores go; a class's dunder methods are."""
    around, _, plain = name.rpartition(".")
    if is_dunder(name):
        return bool(around) and has_public_name(around)
    return not plain.startswith("_") and (not around or has_public_name(around))


class PublicModules:
    """From which public module each name of a package is to be imported."""

    def __init__(self, package: Package) -> None:
        self._package = package

    def module_for(self, module: Module, name: str) -> str | None:
        """Return the public module of a definition by its dotted name; None where it is private."""
        if not has_public_name(name):
            return None
        if module.is_public:
            return module.name
        offers = self._offers.get(Node(module.name, name.partition(".")[0]), ())
        return min(offers, key=lambda offer: (offer.count("."), offer), default=None)

    def is_public(self, node: Node) -> bool:
        """Tell whether a node of the package is public."""
        contents = self._package.modules.get(node.module)
        return contents is not None and self.module_for(contents.module, node.name) is not None

    @cached_property
    def _offers(self) -> dict[Node, list[str]]:
        """The public modules that re-export each name of a private one."""
        found: dict[Node, list[str]] = {}
        for contents in self._package.modules.values():
            if contents.module.is_public:
                for node in _offered(self._package, contents):
                    found.setdefault(node, []).append(contents.module.name)
        return found


def _offered(package: Package, contents: Contents) -> Iterator[Node]:
    """Yield what a public module has from elsewhere and offers under the same name as its own."""
    module = contents.module.name
    imported = [
        name for name, targets in contents.imports.names.items() if _is_offered(contents, name, targets)
    ]
    starred = (name for star in contents.imports.stars for name in _names_of_star(package, star))
    for name in dict.fromkeys((*imported, *(each for each in starred if _is_listed(contents, each)))):
        yield from (node for node in package.find(module, name) if node.name == name)
    for name, defined in contents.defined.items():
        reference = _aliased(name, defined)
        if reference is not None and _is_listed(contents, name):
            yield from (node for node in package.follow(Node(module, name), reference) if node.name == name)


def _is_listed(contents: Contents, name: str) -> bool:
    return contents.exported is None or name in contents.exported


def _is_offered(contents: Contents, name: str, targets: tuple[Target, ...]) -> bool:
    """Tell whether an imported name is meant for others.

    With `__all__`, that says so. Without, a package's `__init__.py` imports for others, any other module
    for itself where its code uses the name.
    """
    if contents.exported is not None:
        return name in contents.exported
    is_for_others = contents.module.is_package or name not in contents.used
    return is_for_others and any(target.name is not None for target in targets)


def _aliased(name: str, defined: Defined) -> Reference | None:
    """Return what a module constant stands for if it is no more than `name = _module.name`."""
    if defined.kind is not None or len(defined.references) != 1:
        return None
    (reference,) = defined.references
    is_alias = reference.via is Via.NAME and len(reference.names) > 1 and reference.names[-1] == name
    return reference if is_alias else None


def _names_of_star(package: Package, module: str) -> Iterator[str]:
    """Yield the names that `from module import *` binds."""
    waiting = [module]
    for name in waiting:
        contents = package.modules.get(name)
        if contents is None:
            continue
        if contents.exported is not None:
            yield from contents.exported
        else:
            names = (*contents.defined, *contents.imports.names)
            yield from (each for each in names if not each.startswith("_"))
            waiting.extend(star for star in contents.imports.stars if star not in waiting)
