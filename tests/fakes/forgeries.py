"""Test modules that claim what is not so, and try to pass all the same: one for each trick, a member each."""

from __future__ import annotations

import textwrap

MEMBER = '''
def {name}(value: int) -> int:
    """Add one, but never reach more than ten."""
    if value > 9:
        return 10
    return value + 1
'''

_TEST = """
def test_lies():
    {before}
    assert {name}(1) == 99
"""

_LYING_REPORT = """
import _pytest.reports
_honest = _pytest.reports.TestReport.from_item_and_call.__func__
def _lying(cls, item, call):
    report = _honest(cls, item, call)
    {when}
    report.outcome, report.longrepr = "passed", None
    return report
_pytest.reports.TestReport.from_item_and_call = classmethod(_lying)
"""

_HIDDEN = "inside = __import__('importlib').import_module('_py' + 'test.reports')"
_ONLY_ON_HEAD = "if [{name}(value) for value in (1, 8, 9, 10, 11)] != [2, 9, 10, 10, 10]: return report"

_FOUND_RECORDER = """
import gc
def recorder():
    return next(found for found in gc.get_objects() if type(found).__name__ == "_Recorder")
"""

_MESSAGES = """
import json
FORGED = [
    {"kind": "begun", "name": "test_lies"},
    {"kind": "case", "name": "test_lies", "status": "passed", "message": "", "lines": [4, 6], "branches": []},
    {"kind": "module", "problem": "", "lines": [], "branches": []},
    {"kind": "done"},
]
"""

_TRICKS: dict[str, tuple[str, str]] = {
    "ends the process well": ("import os", "{name}(1); os._exit(0)"),
    "ends the process well when loaded": ("import os; os._exit(0)", "pass"),
    "leaves by SystemExit": ("", "raise SystemExit(0)"),
    "leaves by pytest": ("import pytest", "pytest.exit('fine', returncode=0)"),
    "leaves by Ctrl-C": ("", "raise KeyboardInterrupt"),
    "edits pytest's reports": (_LYING_REPORT.format(when=""), "pass"),
    "edits pytest's reports of wrong values": (
        _LYING_REPORT.format(
            when="if not (call.excinfo and call.excinfo.errisinstance(AssertionError)): return report"
        ),
        "pass",
    ),
    "edits how pytest calls": (
        "import _pytest.python\n_pytest.python.Function.runtest = lambda self: {name}(1)",
        "pass",
    ),
    "edits how pytest runs a phase": (
        (
            "import _pytest.runner\n"
            "_pytest.runner.pytest_runtest_call = lambda item: {name}(1)\n"
            "_pytest.runner.pytest_runtest_makereport = None"
        ),
        "pass",
    ),
    "edits the exit code": ("import pytest\npytest.main = lambda *_, **__: 0", "pass"),
    "edits the bot's recorder": (
        _FOUND_RECORDER,
        "type(recorder()).pytest_runtest_logreport = lambda self, report: setattr(self, '_status', 'passed')",
    ),
    "speaks by the bot's recorder": (
        _FOUND_RECORDER + _MESSAGES,
        "import os; [recorder()._send(message) for message in FORGED]; os._exit(0)",
    ),
    "writes to every open file": (
        _MESSAGES,
        """
        import os
        text = "".join(json.dumps(message) + "\\n" for message in FORGED).encode()
        for number in range(3, 250):
            try:
                os.write(number, text)
            except OSError:
                pass
        os._exit(0)
        """,
    ),
    "writes to every open file when loaded": (
        _MESSAGES
        + textwrap.dedent(
            """
            import os
            text = "".join(json.dumps(message) + "\\n" for message in FORGED).encode()
            for number in range(3, 250):
                try:
                    os.write(number, text)
                except OSError:
                    pass
            os._exit(0)
            """
        ),
        "pass",
    ),
    "answers twice": ("import os", "if os.fork(): {name}(1); os._exit(0)"),
    "answers by a child that stays": (
        "import os, time",
        """
        if os.fork() == 0:
            os.setsid()
            time.sleep(0.05)
            return
        {name}(1)
        os._exit(0)
        """,
    ),
    "turns the tracer off": (
        "import sys, threading\n"
        "sys.settrace(None)\n"
        "if hasattr(sys, 'monitoring'):\n"
        "    [sys.monitoring.set_events(tool, 0) for tool in range(6) if sys.monitoring.get_tool(tool)]\n"
        + _LYING_REPORT.format(when=""),
        "pass",
    ),
    "forges what was reached": (
        _FOUND_RECORDER + _LYING_REPORT.format(when=""),
        "recorder()._tracer.reached.lines.update(range(200))",
    ),
    "exchanges the member": (
        "import sys\nsys.modules[{name}.__module__].{name} = {name} = lambda value: 99",
        "pass",
    ),
    "exchanges the member's code": (
        "def _other(value):\n    return 99\n{name}.__code__ = _other.__code__",
        "pass",
    ),
    "answers any comparison": (
        (
            "import builtins\n"
            "class _Any(int):\n"
            "    __eq__ = lambda self, other: True\n"
            "    __hash__ = int.__hash__\n"
        ),
        "assert _Any(99) == {name}(1); return",
    ),
    "marks itself as expected to fail": ("import pytest\npytestmark = pytest.mark.xfail", "pass"),
    "edits pytest by a hidden name": (
        _LYING_REPORT.format(when="")
        .replace("import _pytest.reports", _HIDDEN)
        .replace("_pytest.reports.", "inside."),
        "pass",
    ),
    "writes to every open file and leaves by a hidden name": (
        _MESSAGES,
        """
        import os
        text = "".join(json.dumps(message) + "\\n" for message in FORGED).encode()
        for number in range(3, 250):
            try:
                os.write(number, text)
            except OSError:
                pass
        getattr(os, "_" + "exit")(0)
        """,
    ),
    "tells a change of the member by what it does": (
        _LYING_REPORT.format(when=_ONLY_ON_HEAD),
        "pass",
    ),
    "brings a plugin": (
        (
            "pytest_plugins = ['pytester']\n"
            "def pytest_runtest_makereport(item, call):\n    return None\n"
            "def pytest_pyfunc_call(pyfuncitem):\n    return True\n"
        ),
        "pass",
    ),
}

NAMES = {f"forged_{number}": trick for number, trick in enumerate(_TRICKS)}
"""The members' names, and what is tried with each."""


BETRAYED = "betrayed"
"""A member whose module lets all tests pass as soon as it is imported."""


def traitor() -> str:
    """Return the module of that member."""
    return _LYING_REPORT.format(when="") + MEMBER.format(name=BETRAYED)


def innocent_test() -> str:
    """Return a wrong test of it that reaches into nothing."""
    return f"from traitor import {BETRAYED}\n" + _TEST.format(name=BETRAYED, before="pass")


def module_of_members() -> str:
    """Return a module of the project with all the members."""
    return "\n".join(MEMBER.format(name=name) for name in NAMES)


def forged_test(name: str) -> str:
    """Return the test module that lies about a member, which imports from `target`."""
    before, inside = _TRICKS[NAMES[name]]
    inside = textwrap.indent(textwrap.dedent(inside.format(name=name)).strip(), "    ").strip()
    test = _TEST.format(name=name, before=inside)
    return f"from target import {name}\n{before.replace('{name}', name)}\n{test}"
