from testsmith.execution.sandbox.linux.landlock import Ruleset
from testsmith.execution.sandbox.linux.plan import (
    Bounds,
    Identity,
    LaunchPlan,
    TargetEnding,
    decode_ending,
    decode_plan,
    encode_plan,
)

PLAN = LaunchPlan(
    argv=["/bin/echo", "ü\udcff"],
    folder="/tmp/x",  # noqa: S108 - only a text
    working_folder="/tmp/y",  # noqa: S108
    variables={"A": "b\n"},
    parent=7,
    rlimits=[(1, 2)],
    bounds=Bounds(memory_bytes=1, tasks=2, disk_bytes=3),
)


def test_plan__travels_as_it_is() -> None:
    full = PLAN._replace(
        identity=Identity(60578, 60578, reads_all=True),
        landlock=Ruleset(files=1, tcp=2, scopes=3, paths=[("/usr", 5)], ports=[443]),
        filter="0600",
        scoped=True,
    )
    for plan in (PLAN, full):
        travelled = decode_plan(encode_plan(plan))
        assert travelled._replace(rlimits=plan.rlimits, landlock=plan.landlock) == plan
        assert [tuple(each) for each in travelled.rlimits] == plan.rlimits
    landlock = decode_plan(encode_plan(full)).landlock
    assert landlock is not None
    assert [tuple(each) for each in landlock.paths] == [("/usr", 5)]


def test_decode_ending__puts_the_lines_together() -> None:
    text = b'{"target": 5}\n{"exit_code": -9, "seconds": 1.5}\n'
    assert decode_ending(text) == TargetEnding(target=5, exit_code=-9, seconds=1.5)


def test_decode_ending__a_line_that_is_cut_off_does_not_count() -> None:
    assert decode_ending(b'{"target": 5}\n{"exit_co') == TargetEnding(target=5)
    assert decode_ending(b"") == TargetEnding()
