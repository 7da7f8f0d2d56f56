"""The sandbox with isolation layers."""

from __future__ import annotations

import asyncio
import platform
import resource
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from testsmith.execution.sandbox import users
from testsmith.execution.sandbox.allowed_paths import reachable
from testsmith.execution.sandbox.interface import CannotRun, Command, Limits, ProcessOutcome, Sandbox
from testsmith.execution.sandbox.layers import (
    CannotIsolate,
    Isolation,
    Offer,
    choose,
    layer_names,
    missing_words,
    offer,
    require_all,
    weaken,
)
from testsmith.execution.sandbox.linux import seccomp
from testsmith.execution.sandbox.linux.landlock import Ruleset, ruleset
from testsmith.execution.sandbox.linux.plan import Identity, LaunchPlan
from testsmith.execution.sandbox.process import (
    LaunchedProcess,
    ProcessSandbox,
    basic_plan,
    launch,
    run_to_end,
)
from testsmith.execution.sandbox.self_test import try_out
from testsmith.execution.sandbox.users import Users
from testsmith.execution.tempdirs import ScratchFolder, is_in_scratch
from testsmith.settings import SandboxChoice
from testsmith.tasks import in_thread

_BASES = (Path("/usr/bin"), Path("/usr/local/bin"))


class IsolatedSandbox:
    """Runs commands under isolation layers; see `layers.py` for how they are chosen.

    Args:
        isolation: The layers.
        interpreter: Python that commands name; another one may be used instead.
        users: Users to run commands as; None for new ones. Sandboxes that share folders must share users,
            because a folder is opened to a single group.
    """

    def __init__(self, isolation: Isolation, interpreter: Path, users: Users | None = None) -> None:
        self._isolation = isolation
        self._replacement = (
            make_replacement(interpreter, _lasting_folder(self)) if isolation.uses_replacement else None
        )
        self._users = (users or Users()) if isolation.own_uid else None
        self._shared: set[Path] = set()
        self._sharing = asyncio.Lock()

    async def for_interpreter(self, interpreter: Path) -> IsolatedSandbox:
        """Return a sandbox with the same layers and users for another interpreter, after a trial run.

        Raises:
            CannotRun: The interpreter does not run under these layers.
        """
        isolation = replace(self._isolation, uses_replacement=False)
        other = IsolatedSandbox(isolation, interpreter, self._users)
        trouble = await try_out(other, isolation, interpreter)
        if trouble is not None:
            raise CannotRun(f"Could not run {interpreter} in the sandbox: {trouble.reason}.")
        return other

    def layers(self) -> tuple[str, ...]:
        """Return the names of the active layers, then those of the missing ones."""
        return layer_names(self._isolation)

    def warning(self) -> str:
        """Return which layers are missing, and why; empty if none is."""
        return "; ".join(missing_words(self._isolation))

    async def run(self, command: Command, limits: Limits) -> ProcessOutcome:
        """Run a command until it ends or reaches a limit; no process it started is left afterwards.

        The command's folder is handed over to the sandbox's user. Readable folders are opened to that user
        when they are first used, if they are scratch folders; others must be readable for everyone.

        Raises:
            CannotRun: The process could not be started.
        """
        return await run_to_end(await self.start(command, limits), command.stdin, limits)

    async def start(self, command: Command, limits: Limits) -> LaunchedProcess:
        """Start a command; its standard input is ignored. See `run`.

        Raises:
            CannotRun: The process could not be started.
        """
        command = _with_replacement(command, self._replacement)
        if self._users is None:
            return await launch(self._plan(command, limits, Identity()), limits)
        uid = self._users.borrow()
        identity = Identity(uid, self._users.group, self._isolation.reads_all)
        try:
            await self._hand_over(command, identity)
            plan = self._plan(command, limits, identity)
            return await launch(plan, limits, partial(self._release, command, identity))
        except CannotRun:  # nothing was started
            self._users.give_back(uid)
            raise

    async def _release(self, command: Command, identity: Identity, is_clean: bool) -> None:
        """Lend the user to other commands, unless a process of it may be left."""
        if self._users is None or identity.uid is None:
            return
        if is_clean or await self._clean_up(command, identity):
            self._users.give_back(identity.uid)

    async def _clean_up(self, command: Command, identity: Identity) -> bool:
        """End what is left after the launcher was killed: a new launcher kills all processes of the user."""
        plan = self._plan(replace(command, argv=("true",)), Limits(), identity)
        found = list[bool]()

        async def note(is_clean: bool) -> None:
            found.append(is_clean)

        try:
            await run_to_end(await launch(plan, Limits(), note), b"", Limits())
        except CannotRun:
            return False
        return found == [True]

    async def _hand_over(self, command: Command, identity: Identity) -> None:
        async with self._sharing:
            unshared = [path for path in command.readable if path not in self._shared]
            await in_thread(_hand_over, command, identity, unshared)
            self._shared.update(unshared)

    def _plan(self, command: Command, limits: Limits, identity: Identity) -> LaunchPlan:
        isolation = self._isolation
        plan = basic_plan(command, limits)
        has_own_uid = identity.uid is not None
        own_limits = [(resource.RLIMIT_NPROC, limits.tasks)] if has_own_uid else []
        # With its own user id, it only makes connections, of which Landlock restricts local ones from a later
        # version on.
        loopback = command.loopback and not command.network
        is_of_use = (
            loopback
            or not has_own_uid
            or (
                seccomp.LANDLOCK_SCOPES <= isolation.landlock < seccomp.LANDLOCK_UNIX_PATHS
                and not command.network
            )
        )
        supervised = isolation.supervised and isolation.seccomp and is_of_use
        loopback = loopback and supervised
        policy = seccomp.Policy(has_own_uid, isolation.landlock, supervised, command.network, loopback)
        return plan._replace(
            rlimits=[*plan.rlimits, *own_limits] if isolation.rlimits else [],
            identity=identity,
            no_new_privileges=isolation.no_new_privileges,
            landlock=self._rules(command),
            filter=_filter(policy) if isolation.seccomp else "",
            supervised=supervised,
            loopback=loopback,
            scoped=not has_own_uid and isolation.landlock >= seccomp.LANDLOCK_SCOPES,
        )

    def _rules(self, command: Command) -> Ruleset | None:
        version = self._isolation.landlock
        if not version:
            return None
        readable = command.readable + (self._replacement.readable if self._replacement else ())
        paths = reachable(Path(command.argv[0]), command.folder, readable, network=command.network)
        return ruleset(version, paths, network=command.network, ports=command.tcp_ports)


def _lasting_folder(owner: object) -> Path:
    """Create a world-readable folder that is removed along with its owner."""
    scratch = ScratchFolder()
    scratch.path.chmod(0o755)
    weakref.finalize(owner, scratch.remove)
    return scratch.path


def _with_replacement(command: Command, replacement: ReplacementInterpreter | None) -> Command:
    """Return a command that uses the replacement interpreter, if any."""
    if replacement is None or command.argv[0] != str(replacement.wanted):
        return command
    return replace(command, argv=(str(replacement.executable), *command.argv[1:]))


def _hand_over(command: Command, identity: Identity, unshared: Sequence[Path]) -> None:
    """Give the sandbox's user its folder, and read access to folders it could not read otherwise."""
    if identity.uid is None or identity.gid is None:
        return
    try:
        if not identity.reads_all:
            ours = [path for path in unshared if is_in_scratch(path)]
            for path in (command.folder, *ours):
                users.open_way(path, identity.gid)
            for path in ours:
                users.share(path, identity.gid)
        users.hand_over(command.folder, identity.uid, identity.gid)
    except (OSError, RecursionError) as error:
        raise CannotRun(f"Could not give {command.folder} to the sandbox's user: {error}.") from error


@lru_cache(maxsize=8)
def _filter(policy: seccomp.Policy) -> str:
    program = seccomp.assemble(seccomp.rules(policy), platform.machine())
    return seccomp.encode(program).hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementInterpreter:
    """A virtual environment used instead of another.

    Attributes:
        wanted: Executable that commands name.
        executable: Executable that is run instead.
        readable: Folders it reads besides itself and its base: the packages of the original environment.
    """

    wanted: Path
    executable: Path
    readable: tuple[Path, ...]


def make_replacement(wanted: Path, folder: Path) -> ReplacementInterpreter | None:
    """Create an environment from a system-wide Python, with the packages of another environment.

    Args:
        wanted: Executable of the original environment.
        folder: Empty folder for the new environment.

    Returns:
        None if `wanted` is not in a virtual environment, its packages are private, or no such base exists.
    """
    if not (wanted.parent.parent / "pyvenv.cfg").is_file():
        return None
    for packages in sorted(wanted.parent.parent.glob("lib/python3*/site-packages")):
        if not users.may_all_read(packages):
            continue
        for base in (each / packages.parent.name for each in _BASES):
            if base.is_file() and base.resolve() != wanted.resolve():
                executable = _make(base, packages, folder)
                return ReplacementInterpreter(wanted=wanted, executable=executable, readable=(packages,))
    return None


def _make(base: Path, packages: Path, folder: Path) -> Path:
    executable = folder / "bin" / "python"
    executable.parent.mkdir()
    executable.symlink_to(base)
    library = folder / "lib" / base.name
    library.mkdir(parents=True)
    (library / "site-packages").symlink_to(packages.absolute())
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    return executable


async def build_sandbox(choice: SandboxChoice, interpreter: Path, *, offered: Offer | None = None) -> Sandbox:
    """Return a sandbox whose layers have been verified by a trial run of an interpreter.

    Args:
        choice: Required isolation.
        interpreter: Python that will run in the sandbox.
        offered: What the machine offers; None to query it.

    Raises:
        CannotIsolate: The choice is `strict` and a layer is not available, or a layer was applied but is not
            effective. The message names it.
        CannotRun: The interpreter does not run with any layers.
    """
    if choice is SandboxChoice.OFF:
        return ProcessSandbox()
    offered = offered or offer()
    isolation = choose(offered)
    while True:
        sandbox = IsolatedSandbox(isolation, interpreter)
        trouble = await try_out(sandbox, isolation, interpreter)
        if trouble is None:
            break
        if trouble.was_applied:  # otherwise the project could switch a layer off
            raise CannotIsolate(
                f"No project code was run, because the sandbox layer {trouble.layer} does not work for "
                f"{interpreter}: {trouble.reason}. Choose another interpreter with --python, or use "
                f"--sandbox off if you trust the project and its dependencies."
            )
        weaker = weaken(isolation, offered, trouble)
        if weaker is None:
            raise CannotRun(f"Could not run {interpreter} in the sandbox: {trouble.reason}.")
        isolation = weaker
    if choice is SandboxChoice.STRICT:
        require_all(isolation)
    return sandbox


async def for_interpreter(sandbox: Sandbox, interpreter: Path) -> Sandbox:
    """Return a copy of a sandbox for another interpreter.

    Raises:
        CannotRun: The interpreter does not run under the same layers.
    """
    return await sandbox.for_interpreter(interpreter) if isinstance(sandbox, IsolatedSandbox) else sandbox
