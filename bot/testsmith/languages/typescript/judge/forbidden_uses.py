"""Smells of tests that use what they should not: the process, its output, time, network, files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from testsmith.languages.judge import short
from testsmith.languages.syntax_tree import field, text_of
from testsmith.languages.typescript.judge.test_function import TypeScriptTest
from testsmith.languages.typescript.source.parsing import string_value
from testsmith.languages.typescript.test_files.test_blocks import arguments_of

MOCKERS = r"(?:vitest\.|@jest/globals\.|sinon\.|test\.|context\.)?(?:vi|jest|vitest|mock|sinon)"
_CODE = re.compile(
    r"eval\(\).*|Function\(\).*|(?:vm|v8|module|inspector|repl|wasi|trace_events|async_hooks|diagnostics_channel)(?:/\w+)?\b.*"
    r"|(?:require\.(?:cache|extensions|main)|WebAssembly\b|Reflect\.(?:set|define)\w*|import\.meta\.hot).*"
)
_FRAMEWORK = re.compile(
    r"(?:.*\.)?expect\.(?:extend|setState|addSnapshotSerializer|addEqualityTesters)\(\).*|.+\.task\.(?:result|fails|mode|retry).*"
    r"|(?:.*\.)?(?:onTestFailed|onTestFinished|retryTimes|setSystemGlobal)\(\).*|(?:this|context)\.(?:retries|currentTest)\b.*"
    r"|(?:test|vitest/node|vitest\.node|vitest/runners|vitest/suite|mocha|@jest/core|jest)\.(?:run|reporters|start\w+|Mocha|Runner|getCurrentSuite)\b.*"
    r"|chai\.(?:use|util|config|Assertion)\b.*|(?:test\.)?(?:setDefaultSnapshotSerializers|snapshot\.set\w+)\b.*"
)
_ENDS = re.compile(
    r"process\.(?:exit|exitCode|abort|kill|reallyExit|emit|on|once|addListener|prependListener|off|removeAllListeners"
    r"|removeListener|listeners|disconnect|binding|dlopen|setUncaughtExceptionCaptureCallback|_\w+)\b.*"
)
_PRINTS = re.compile(r"console\.\w+\(\).*|process\.(?:stdout|stderr)\.write\(\).*")
_STREAMS = re.compile(r"process\.(?:stdout|stderr|stdin|openStdin)\b.*")
_REPORTS = re.compile(r"process\.(?:send|report|channel)\b.*|fs(?:/promises)?\.\w*\(\)\.fd\b.*")
_OTHER_NETWORK = re.compile(
    r"(?:XMLHttpRequest|navigator\.sendBeacon)\b.*"
    r"|(?:dgram|dns|dns/promises|socket\.io(?:-client)?|puppeteer|playwright|nodemailer)(?=[.(]|$).*"
)
"""What talks to more than a server that the test starts."""

_NETWORK = re.compile(
    r"fetch\(\).*|(?:WebSocket|EventSource)\b.*"
    r"|(?:net|http|https|http2|tls|axios|node-fetch|undici|got|ky|superagent|supertest|request|ws)(?=[.(]|$)"
    rf"(?!\.(?:STATUS_CODES|METHODS|isIP\w*)\b).*|{_OTHER_NETWORK.pattern}"
)
_SERVERS = re.compile(r"(?:https?|http2|net|tls)\.create\w*Server\(\).*|supertest\b.*")
_PROGRAMS = re.compile(
    r"(?:child_process|cluster|worker_threads|execa|shelljs|cross-spawn|zx)(?=[.(]|$).*|Worker\b.*"
)
_ENVIRONMENT = re.compile(
    r"process(?!\.nextTick|\.emitWarning)(?:\..+)?|os(?!\.(?:EOL|tmpdir))(?:\.\w+).*|import\.meta\.env\b.*|navigator\.\w+.*"
    r"|fs(?:/promises)?\.\w*(?:homedir|getuid)\b.*"
)
_TIME = re.compile(r"Date\.now\(\).*|Date\(\)|performance\.now\(\).*|perf_hooks\..+|process\.hrtime\b.*")
_CHANCE = re.compile(
    r"Math\.random\(\).*|crypto\.(?:random\w+|getRandomValues|webcrypto\.\w+)\(\).*|nanoid\b.*|uuid\.v4\(\)"
)
_WAITS = re.compile(
    r"(?:setTimeout|setInterval|timers\.\w+|Atomics\.wait\w*|delay|sleep)(?:\(\)).*"
    r"|timers/promises\..+|Bun\.sleep\b.*"
)
_WRITES = re.compile(
    r"fs(?:/promises|\.promises|-extra|\.default)?\.(?:write|append|mkdir|rm|unlink|rename|copy|cp|chmod|chown|symlink|link|truncate"
    r"|utimes|createWriteStream|open|lchown|outputFile|ensure|remove|move|empty)\w*\(\).*|(?:rimraf|del|mkdirp|make-dir)\b.*"
)
FAKE_TIME = re.compile(
    rf"{MOCKERS}\.(?:setSystemTime|timers\.enable)\(\).*|(?:.*\.)?(?:useFakeTimers|FakeTimers\.install)\(\).*|mockdate\..+"
)


def used_of(test: TypeScriptTest, pattern: re.Pattern[str]) -> list[str]:
    """Return what is used that is imported or global and is forbidden, once for each use."""
    return [plain(name) for name in sorted(test.uses) if pattern.fullmatch(name)]


def plain(name: str) -> str:
    """Return a resolved name as it is shown to readers."""
    return short(name.partition("()")[0])


def drives_the_framework(test: TypeScriptTest) -> Iterator[str]:
    """Yield reasons if it changes how results come about, or what code means."""
    for used in used_of(test, _CODE):
        yield f"changes or makes code by `{used}`"
    for used in used_of(test, _FRAMEWORK):
        yield f"drives the test framework by `{used}`"


def ends_the_process(test: TypeScriptTest) -> Iterator[str]:
    """Yield reasons if it may end the process, or acts on its events."""
    for used in used_of(test, _ENDS):
        yield f"may end the process, or hide how it ends, by `{used}`"


def prints(test: TypeScriptTest) -> Iterator[str]:
    """Yield reasons if it may write where results of tests are read, or uses the process's streams."""
    for node in test.all_nodes:
        if _is_device(string_value(node) or ""):
            yield f"opens `{short(text_of(node))}`"
    for used in used_of(test, _PRINTS):
        yield f"prints by `{used}`"
    for used in used_of(test, _STREAMS):
        yield f"uses the process's streams by `{used}`"
    for used in used_of(test, _REPORTS):
        yield f"may write where results are read by `{used}`"


def _is_device(text: str) -> bool:
    return text.startswith(("/dev/", "/proc/", "/sys/"))


def waits(test: TypeScriptTest) -> Iterator[str]:
    """Yield reasons if it waits for time to pass."""
    for used in used_of(test, _WAITS) if not used_of(test, FAKE_TIME) else ():
        yield f"waits by `{used}`"


def uses_the_network(test: TypeScriptTest) -> Iterator[str]:
    """Yield reasons if it opens a connection or listens, other than to a server that it starts itself.

    The sandbox only connects to ports on which the test itself listens.
    """
    starts_server = any(map(_SERVERS.fullmatch, test.uses)) or any(
        text_of(field(field(call, "function"), "property")) == "listen" for call in test.calls
    )
    for used in used_of(test, _OTHER_NETWORK if starts_server else _NETWORK):
        yield f"uses the network by `{used}`"


def runs_programs(test: TypeScriptTest) -> Iterator[str]:
    """Yield reasons if it starts another program or thread."""
    for used in used_of(test, _PROGRAMS):
        yield f"runs programs by `{used}`"


def reads_the_environment(test: TypeScriptTest) -> Iterator[str]:
    """Yield reasons if its result may depend on the machine, the time or chance."""
    for used in used_of(test, _ENVIRONMENT):
        yield f"depends on the machine by `{used}`"
    is_made_now = any(
        node.type == "new_expression"
        and text_of(field(node, "constructor")) == "Date"
        and not arguments_of(node)
        for node in test.all_nodes
    )
    times = [*used_of(test, _TIME), *(["new Date()"] if is_made_now else [])]
    for used in times if not used_of(test, FAKE_TIME) else ():
        yield f"depends on the time by `{used}`"
    for used in used_of(test, _CHANCE):
        yield f"depends on chance by `{used}`"


def writes_outside(test: TypeScriptTest) -> Iterator[str]:
    """Yield reasons if it may change files that are not in a folder of its own."""
    is_temporary = any(
        re.search(r"\bmkdtemp|\btmpdir\b|^(?:tmp|tmp-promise|memfs|temp|tempy|mock-fs)\b", one)
        for one in test.uses
    )
    for used in used_of(test, _WRITES) if not is_temporary else ():
        yield f"may change files by `{used}` outside of a temporary folder"
