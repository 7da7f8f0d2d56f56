"""Find test smells in Go: what makes a test worthless or harmful even if it passes.

Each smell is a function that yields the reasons why a test has it. What acts on the whole module
(`TestMain`, `init`, unsafe code) is a smell of all of its tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from testsmith.languages.go.judge.test_function import (
    GoTestFunction,
    GoTestModule,
    literal_length,
)
from testsmith.languages.go.source.declarations import DeclarationKind
from testsmith.languages.go.source.imports import imports_in
from testsmith.languages.go.source.parsing import parse, string_value, tokens
from testsmith.languages.judge import Finding, short
from testsmith.languages.syntax_tree import field, text_of, walk
from testsmith.languages.thresholds import DEFAULTS
from testsmith.model import Member

if TYPE_CHECKING:
    from tree_sitter import Node

Smell = Callable[[GoTestFunction], Iterator[str]]

_FOREIGN_MEMORY = frozenset({"C", "unsafe", "plugin", "syscall", "runtime/cgo"})
_DIRECTIVE = re.compile(r"^//go:(?!build\b)\w+|^//export |^//line |/\*line ", re.MULTILINE)
_DEVICE = re.compile(r"/(?:dev|proc|sys)/")
_HARMLESS_WHEN_LOADED = re.compile(
    r"(?:errors|strings|strconv|fmt|time|regexp|bytes|math|big|sort|slices|maps|reflect|net|url|netip)\.\w+"
    r"|new|make|append|len|string|\[\]byte|func\b.*"
)
_SKIPS = frozenset({"Skip", "Skipf", "SkipNow"})
_WAITS = re.compile(r"time\.(?:Sleep|After|AfterFunc|Tick|NewTimer|NewTicker)")
_OTHER_NETWORK = re.compile(
    r"net\.(?:Listen\w+|Lookup\w*|Resolve\w*|FileListener|DefaultResolver|Interfaces|InterfaceAddrs)"
    r"|net/http\.(?:ListenAndServe\w*|Serve\w+)|net/(?:smtp|rpc)\.\w+|crypto/tls\.Listen\w+"
)
"""What talks to more than a server that the test starts, or not only to it."""

_SERVERS = re.compile(r"net/http/httptest\.New(?:Unstarted|TLS)?Server|net\.Listen")
_NETWORK = re.compile(
    rf"{_SERVERS.pattern}|{_OTHER_NETWORK.pattern}|net\.(?:Dial\w*|FileConn)|crypto/tls\.(?:Dial\w*|Listen)"
    r"|net/http\.(?:Get|Post|PostForm|Head|Serve|DefaultClient|DefaultTransport)"
)
_PROGRAMS = re.compile(r"os/exec\.\w+|os\.(?:StartProcess|FindProcess)|os/signal\.\w+")
_ENDS = re.compile(r"os\.Exit|runtime\.(?:Goexit|Breakpoint)|log\.(?:Fatal|Panic)\w*|log\.\w*Output")
_PRINTS = re.compile(r"os\.(?:Stdout|Stderr|NewFile)|fmt\.Print\w*|log\.(?:Print|Default|Writer)\w*")
_ENVIRONMENT = re.compile(
    r"os\.(?:Getenv|LookupEnv|Environ|ExpandEnv|Hostname|Getwd|Args|UserHomeDir|UserCacheDir|UserConfigDir|TempDir"
    r"|Executable|Getpid|Getppid|Getuid)|os/user\.\w+|flag\.\w+|runtime\.(?:GOOS|GOARCH|NumCPU|Version|NumGoroutine)"
)
_GLOBAL = re.compile(
    r"os\.(?:Setenv|Unsetenv|Clearenv|Chdir)|runtime\.GOMAXPROCS|runtime/debug\.Set\w+|rand\.Seed|time\.Local"
    r"|net/http\.(?:Handle|HandleFunc|DefaultServeMux)|log\.Set\w+"
)
_WRITES = re.compile(
    r"os\.(?:Create\w*|WriteFile|Mkdir\w*|Remove\w*|Rename|OpenFile|Chmod|Chown|Symlink|Link|Truncate|Chtimes)"
)
_FRAMEWORK = re.compile(
    r"testing\.(?:Main\w*|Init|RunTests|Benchmark|RunBenchmarks|RunExamples|Short|Testing)"
)
_EXPECTED = re.compile(r"want|expect|exp$|golden|snapshot", re.IGNORECASE)
_EQUAL = frozenset({"Equal", "EqualValues", "Exactly", "Same", "DeepEqual", "ElementsMatch"})


def findings_of(code: str, member: Member) -> dict[str, list[Finding]]:
    """Return the smells of each test function that has any, by function name.

    Raises:
        CannotParse: `code` is not valid Go.
    """
    module = GoTestModule(parse(code), member)
    of_all = [Finding(reason, is_shared=True) for reason in _reasons_of_all(module)]
    found = {}
    for test in module.tests:
        function = GoTestFunction(test, module)
        findings = [
            Finding(reason, is_lack=smell in _LACKS) for smell in SMELLS for reason in smell(function)
        ]
        if of_all or findings:
            found[test.name] = [*of_all, *findings]
    return found


def _reasons_of_all(module: GoTestModule) -> Iterator[str]:
    """Yield reasons why no test of a module can be trusted."""
    names = {one.name for one in module.declared}
    for name in sorted(names & {"TestMain", "init"}):
        yield f"its module has `{name}`, which acts on all tests of the package"
    imports = [one for one, _ in imports_in(module.file)]
    is_foreign = any(one.path in _FOREIGN_MEMORY or "/sys/" in one.path for one in imports)
    if is_foreign or _DIRECTIVE.search(module.file.text):
        yield "uses unsafe memory or the compiler's directives"
    if any(one.alias == "." for one in imports):
        yield "imports all names of a package, so they cannot be told apart"
    if any(one.alias == "_" and one.path != "embed" for one in imports):
        yield "imports a package only for what it does when it is loaded"
    for one in module.declared:
        if one.kind in {DeclarationKind.VAR, DeclarationKind.CONST}:
            calls = [node for node in walk(one.node) if node.type == "call_expression"]
            called = [text_of(field(call, "function")) for call in calls]
            wrong = [name for name in called if one.name == "_" or not _HARMLESS_WHEN_LOADED.fullmatch(name)]
            yield from (f"calls `{short(name)}` when the package is loaded" for name in wrong)


def no_assertion(function: GoTestFunction) -> Iterator[str]:
    """Yield a reason if nothing can fail the test."""
    if not function.assertions:
        yield "asserts nothing"


def unreachable_assertion(function: GoTestFunction) -> Iterator[str]:
    """Yield a reason if all assertions compare constants, or a value with itself."""
    reasons = [reason for call in function.assertions if (reason := _tautology(function, call))]
    if len(reasons) == len(function.assertions):
        yield from reasons[:1]


def _tautology(function: GoTestFunction, call: Node) -> str | None:
    called = field(call, "function")
    name = text_of(called).rpartition(".")[2]
    arguments = field(call, "arguments")
    given = [] if arguments is None else arguments.named_children
    if name.removesuffix("f") in _EQUAL and len(given) > 2 and _is_same(function, given[1], given[2]):  # noqa: PLR2004
        return "compares a value with itself"
    if (
        name.removesuffix("f") in {"True", "False", "Nil", "NotNil"}
        and len(given) > 1
        and _is_constant(given[1])
    ):
        return "asserts a constant"
    for condition in _conditions(call):
        if _is_constant(condition):
            return "asserts a constant"
        left, right = field(condition, "left"), field(condition, "right")
        if left is not None and right is not None and _is_same(function, left, right):
            return "compares a value with itself"
    return None


def _conditions(node: Node) -> Iterator[Node]:
    """Yield the conditions that a node is under, the nearest first."""
    around = node.parent
    while around is not None:
        condition = field(around, "condition") if around.type == "if_statement" else None
        if condition is not None:
            yield condition
        around = around.parent


def _is_constant(node: Node) -> bool:
    names = (one for one in walk(node) if one.type in {"identifier", "call_expression"})
    return next(names, None) is None


def _is_same(function: GoTestFunction, left: Node, right: Node) -> bool:
    """Return whether two expressions are the same, looking up names that are bound once."""
    one, other = tokens(left), tokens(right)
    if one == other:
        return True
    bound = [function.binding(text_of(side)) if side.type == "identifier" else side for side in (left, right)]
    texts = [tokens(side) for side in bound if side is not None]
    is_equal = len(texts) == len(bound) and texts[0] == texts[1]
    return is_equal and function.module.member.plain_name in texts[0]


def skipped(function: GoTestFunction) -> Iterator[str]:
    """Yield a reason if it is skipped, in any case or some."""
    names = {text_of(field(field(call, "function"), "field")) for call in function.calls}
    if names & _SKIPS or "testing.Short" in function.uses:
        yield "is skipped"


def own_framework(function: GoTestFunction) -> Iterator[str]:
    """Yield reasons if it drives the framework, or makes a `testing.T` whose failures are ignored."""
    for node in function.nodes:
        made = field(node, "type") if node.type == "composite_literal" else None
        if made is not None and function.module.imported(made) in {"testing.T", "testing.B", "testing.M"}:
            yield "makes a `testing.T` of its own"
        arguments = field(node, "arguments") if node.type == "call_expression" else None
        if text_of(field(node, "function")) == "new" and text_of(arguments).strip("()").startswith(
            "testing."
        ):
            yield "makes a `testing.T` of its own"
    for used in _used(function, _FRAMEWORK):
        yield f"drives the test framework by `{used}`"


def ends_the_process(function: GoTestFunction) -> Iterator[str]:
    """Yield reasons if it may end the process or its goroutine."""
    for used in _used(function, _ENDS):
        yield f"may end the process by `{used}`"


def prints(function: GoTestFunction) -> Iterator[str]:
    """Yield reasons if it writes where the results of tests are written."""
    for node in function.nodes:
        if _DEVICE.match(string_value(node) or ""):
            yield f"opens `{short(text_of(node))}`"
    for used in _used(function, _PRINTS):
        yield f"prints by `{used}`, where results are read"
    for call in function.calls:
        if text_of(field(call, "function")) in {"print", "println"}:
            yield "prints, where results are read"


def waits(function: GoTestFunction) -> Iterator[str]:
    """Yield reasons if it waits for time to pass."""
    for used in _used(function, _WAITS):
        yield f"waits by `{used}`"


def uses_the_network(function: GoTestFunction) -> Iterator[str]:
    """Yield reasons if it opens a connection or listens, other than to a server that it starts itself.

    The sandbox only connects to ports on which the test itself listens.
    """
    starts_server = any(map(_SERVERS.fullmatch, function.uses))
    for used in _used(function, _OTHER_NETWORK if starts_server else _NETWORK):
        yield f"uses the network by `{used}`"


def runs_programs(function: GoTestFunction) -> Iterator[str]:
    """Yield reasons if it starts another program."""
    for used in _used(function, _PROGRAMS):
        yield f"runs programs by `{used}`"


def reads_the_environment(function: GoTestFunction) -> Iterator[str]:
    """Yield reasons if its result may depend on the machine."""
    for used in _used(function, _ENVIRONMENT):
        yield f"depends on the machine by `{used}`"


def changes_global_state(function: GoTestFunction) -> Iterator[str]:
    """Yield reasons if it changes what other tests see, and does not put it back."""
    for used in _used(function, _GLOBAL):
        yield f"changes the state of the process by `{used}`"
    methods = {text_of(field(field(call, "function"), "field")) for call in function.calls}
    is_restored = "Cleanup" in methods or any(node.type == "defer_statement" for node in function.nodes)
    for changed in _changed_globals(function):
        if changed.rpartition(".")[2] == function.module.member.plain_name:
            yield "replaces the function that it tests"
        elif "Parallel" in methods:
            yield f"changes `{short(changed)}` while other tests run"
        elif not is_restored:
            yield f"changes `{short(changed)}` and does not put it back"


def _changed_globals(function: GoTestFunction) -> Iterator[str]:
    """Yield the variables of packages that are assigned to."""
    for node in function.nodes:
        if node.type not in {"assignment_statement", "inc_statement", "dec_statement"}:
            continue
        left = field(node, "left")
        for target in left.named_children if left is not None else node.named_children[:1]:
            root = target
            while root.type in {"selector_expression", "index_expression", "parenthesized_expression"}:
                root = field(root, "operand") or root.named_children[0]
            name = text_of(root)
            if root.type == "identifier" and name not in function.local_names and name != "_":
                yield text_of(target)


def writes_outside(function: GoTestFunction) -> Iterator[str]:
    """Yield reasons if it changes files that may not be in a folder of its own."""
    methods = {text_of(field(field(call, "function"), "field")) for call in function.calls}
    for used in _used(function, _WRITES) if "TempDir" not in methods else ():
        yield f"changes files by `{used}` outside of `t.TempDir()`"


def swallows_panics(function: GoTestFunction) -> Iterator[str]:
    """Yield reasons if it recovers from panics without looking at them."""
    for call in function.calls:
        around = call.parent
        is_dropped = around is not None and (
            around.type in {"expression_statement", "defer_statement"}
            or (around.type == "expression_list" and text_of(field(around.parent, "left")) == "_")
        )
        if text_of(field(call, "function")) == "recover" and is_dropped:
            yield "swallows panics"


def whole_output(function: GoTestFunction) -> Iterator[str]:
    """Yield reasons if it compares with a snapshot of a whole output."""
    most = DEFAULTS.snapshot_characters
    for node in function.nodes:
        around = node.parent
        if around is None or literal_length(node) <= most:
            continue
        while around is not None and around.type in {
            "expression_list",
            "literal_element",
            "parenthesized_expression",
        }:
            around = around.parent
        name = text_of(field(around, "left") or field(around, "name") or field(around, "key"))
        is_compared = around is not None and around.type == "binary_expression"
        if is_compared or _EXPECTED.search(name):
            yield f"compares a whole output of more than {most} characters"


def _used(function: GoTestFunction, pattern: re.Pattern[str]) -> list[str]:
    """Return what is used of imported packages and is forbidden, once for each use."""
    names = (function.module.imported(node) for node in function.nodes)
    return [name.rpartition("/")[2] for name in sorted(names) if pattern.fullmatch(_plain(name))]


def _plain(name: str) -> str:
    return re.sub(r"^math/(?=rand)|(?<=rand)/v2", "", name)


SMELLS: Sequence[Smell] = (
    skipped,
    own_framework,
    ends_the_process,
    prints,
    no_assertion,
    unreachable_assertion,
    swallows_panics,
    waits,
    uses_the_network,
    runs_programs,
    reads_the_environment,
    changes_global_state,
    writes_outside,
    whole_output,
)
"""All smells, in the order in which they are looked for."""

_LACKS = frozenset({no_assertion, unreachable_assertion})
"""Smells of tests that lack something."""
