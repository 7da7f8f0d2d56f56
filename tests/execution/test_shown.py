from __future__ import annotations

from testsmith.execution.sandbox.interface import shown


def test_shown__the_end_without_what_steers() -> None:
    assert shown(b"\x1b[2Jfirst\r\nlast \xff\n", 100) == "\ufffd[2Jfirst\ufffd\nlast \ufffd"
    assert shown(b"a long line", 4) == "line"
