import os
import sys
from collections.abc import Iterator

import pytest

from fakes.attack_site import (
    ORDINARY_USER,
    AttackSite,
    SecondBot,
    can_run_the_bot,
    is_filtered_already,
    new_attack_site,
)
from testsmith.execution.sandbox.linux import landlock

WAYS = ("root", "root as Docker has it", "an ordinary user")


@pytest.fixture(scope="session", params=WAYS)
def second_bot(request: pytest.FixtureRequest) -> Iterator[SecondBot]:
    """A bot in each of the ways in which it is run."""
    is_root = os.geteuid() == 0
    if request.param != "an ordinary user" and not is_root:
        pytest.skip("NOT SHOWN: the sandbox of a bot that is root, since the tests do not run as root")
    if not landlock.version():
        pytest.skip("NOT SHOWN: the sandbox, since this kernel offers no Landlock")
    uid = ORDINARY_USER if is_root and request.param == "an ordinary user" else os.geteuid()
    if not can_run_the_bot(uid):
        pytest.skip(f"NOT SHOWN: the sandbox of an ordinary user, who cannot read {sys.executable}")
    bot = SecondBot(uid, "docker" if request.param == "root as Docker has it" else "all")
    yield bot
    bot.close()


@pytest.fixture
def connects(second_bot: SecondBot) -> None:
    """Nothing where connecting works inside; a container's filter may keep the supervisor from helping."""
    if second_bot.uid and is_filtered_already():
        pytest.skip("NOT SHOWN: connecting, which a supervisor cannot do in a filtered container")


@pytest.fixture
def attack_site(second_bot: SecondBot) -> Iterator[AttackSite]:
    """Where one attack is tried."""
    with new_attack_site(second_bot) as the_arena:
        yield the_arena
