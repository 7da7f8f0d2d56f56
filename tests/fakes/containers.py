"""Containers as Docker makes them by default: by Docker, else by podman under Docker's own rules.

What is needed is got where it can be had: on Debian as root, packages are installed; the base image comes
from the registry, or is made of Debian's packages where there is none. It is kept between runs.
"""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
BASE = "docker.io/library/python:3.13-slim"
IMAGE = "localhost/testsmith-under-test"

_CAPABILITIES = (
    *("CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP"),
    *("SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"),
)
"""What Docker leaves to root by default."""

# Docker keeps its profile inside of its program; as a file it is in this package (Apache-2.0).
_PROFILE_PACKAGE = "golang-github-docker-docker-dev"
_PROFILE_IN_PACKAGE = "./usr/share/gocode/src/github.com/docker/docker/profiles/seccomp/default.json"

_DEBIAN = "trixie"  # the release whose Python is the base image's
_NOT_IN_THE_BASE = ("doc", "man", "locale")


class CannotHave(Exception):
    """Something that is needed cannot be had; the message says what."""


@dataclass(frozen=True)
class Engine:
    """What makes containers.

    Attributes:
        command: The program, and what always stands behind its name.
        like_docker: What a container needs to be as Docker has it by default.
        environment: Variables for the program, beside those that are there.
    """

    command: tuple[str, ...]
    like_docker: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def call(self, *arguments: str, seconds: float = 300.0) -> subprocess.CompletedProcess[str]:
        """Run the program to its end, whatever that is."""
        return subprocess.run(
            (*self.command, *arguments),
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            env={**os.environ, **self.environment},
        )

    def run(
        self, *arguments: str, options: tuple[str, ...] = (), seconds: float = 300.0
    ) -> subprocess.CompletedProcess[str]:
        """Run the image in a new container, as root."""
        name = f"testsmith-{uuid.uuid4()}"
        fixed = ("run", "--rm", "--name", name, "--network", "host", *self.like_docker)
        try:
            return self.call(*fixed, *options, IMAGE, *arguments, seconds=seconds)
        except subprocess.TimeoutExpired:
            self.call("rm", "--force", name)
            raise


def image_store() -> Path:
    """Return the folder in which images are kept between runs."""
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches, "testsmith-containers")


def engine_with_image(store: Path) -> Engine:
    """Return an engine that has the image of the project's own Dockerfile.

    Raises:
        CannotHave: There is none, and none can be had.
    """
    store.mkdir(parents=True, exist_ok=True)
    with _alone(store / "lock"):
        engine = _docker() or _podman(store)
        if engine.call("image", "inspect", BASE).returncode:
            _get_base(engine, store)
        built = engine.call("build", "--network", "host", "--tag", IMAGE, str(ROOT), seconds=600)
    if built.returncode:
        raise CannotHave(f"the image cannot be built: {_last_words(built)}")
    return engine


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Keep other test processes waiting meanwhile."""
    with lock.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield


def _docker() -> Engine | None:
    engine = Engine(("docker",))
    if shutil.which("docker") is None or engine.call("info").returncode:
        return None
    return engine


def _podman(store: Path) -> Engine:
    if os.geteuid() != 0:
        raise CannotHave("there is no Docker, and only root's podman is as Docker is")
    _have_programs("podman", "runc")
    settings = store / "containers.conf"
    settings.write_text(_settings())
    profile = _profile(store)
    capabilities = (option for name in _CAPABILITIES for option in ("--cap-add", name))
    return Engine(
        ("podman", "--root", str(store / "images"), "--runroot", str(store / "state")),
        ("--cap-drop", "all", *capabilities, "--security-opt", f"seccomp={profile}"),
        {"CONTAINERS_CONF_OVERRIDE": str(settings), "PODMAN_IGNORE_CGROUPSV1_WARNING": "1"},
    )


def _settings() -> str:
    """Return settings with which podman runs on all kinds of machines: no limit is raised."""
    limits = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
    kept = ", ".join(f'"{name}={_limit(number)}"' for name, number in limits.items())
    return (
        f'[containers]\ndefault_ulimits = [{kept}]\nnetns = "host"\n'
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
    )


def _limit(number: int) -> str:
    return ":".join(str(value) for value in resource.getrlimit(number))


def _have_programs(*names: str) -> None:
    """Install Debian's packages of these names where their programs are not there."""
    missing = [name for name in names if shutil.which(name) is None]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise CannotHave(f"there is no Docker, and no {' and no '.join(missing)}")
    _apt("update", "--quiet")
    _apt("install", "--quiet", "--yes", "--no-install-recommends", *missing)


def _apt(*arguments: str, folder: Path = ROOT) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ("apt-get", *arguments), capture_output=True, text=True, check=False, env=environment, cwd=folder
    )
    if done.returncode:
        raise CannotHave(f"apt-get {arguments[0]} fails: {_last_words(done)}")


def _profile(store: Path) -> Path:
    """Return the file of Docker's own seccomp profile."""
    profile = store / "docker-seccomp.json"
    if profile.exists():
        return profile
    if shutil.which("apt-get") is None:
        raise CannotHave("Docker's own seccomp profile cannot be had, as there is neither Docker nor apt-get")
    downloads = store / "downloads"
    downloads.mkdir(exist_ok=True)
    _apt("download", "--quiet", _PROFILE_PACKAGE, folder=downloads)
    package = next(downloads.glob(f"{_PROFILE_PACKAGE}_*.deb"))
    files = subprocess.run(("dpkg-deb", "--fsys-tarfile", package), capture_output=True, check=True).stdout
    command = ("tar", "--extract", "--to-stdout", _PROFILE_IN_PACKAGE)
    profile.write_bytes(subprocess.run(command, input=files, capture_output=True, check=True).stdout)
    shutil.rmtree(downloads)
    return profile


def _get_base(engine: Engine, store: Path) -> None:
    """Get the base image from the registry; where that cannot be reached, make one that can stand for it."""
    if not engine.call("pull", "--quiet", BASE).returncode:
        return
    _have_programs("mmdebstrap")
    archive = store / "base.tar"
    done = subprocess.run(_making_of_a_base(archive), capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotHave(f"neither a registry nor Debian's packages can be had: {_last_words(done)}")
    changes = ('CMD ["python3"]', "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin")
    options = (option for change in changes for option in ("--change", change))
    imported = engine.call("import", *options, str(archive), BASE)
    archive.unlink()
    if imported.returncode:
        raise CannotHave(f"the base image cannot be imported: {_last_words(imported)}")


def _making_of_a_base(archive: Path) -> tuple[str, ...]:
    """Return the command that makes a base image of Debian's packages.

    The machine's certificates come in, as its mirrors may need them: this image is never given away.
    """
    certificates = "/etc/ssl/certs/ca-certificates.crt"
    hooks = (
        f'cp {certificates} "$1{certificates}"',
        'ln -s /usr/bin/python3 "$1/usr/local/bin/python"',
    )
    return (
        *("mmdebstrap", "--quiet", "--variant=minbase"),
        "--include=ca-certificates,git,python3,python3-pip,python3-venv",
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _NOT_IN_THE_BASE),
        *(f"--customize-hook={hook}" for hook in hooks),
        *(_DEBIAN, str(archive)),
    )


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stderr or done.stdout).strip().splitlines()[-3:])[-500:]
