"""Containers as Docker makes them by default: by Docker, else by podman under Docker's own rules.

What is needed is got where it can be had: on Debian as root, packages are installed; the base image comes
from the registry, or is made of Debian's packages where there is none. It is kept between runs. Podman takes
its rules from the environment alone, so that `make image` and what speaks Docker's protocol obey them, too.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote

ROOT = Path(__file__).parents[2]
BASE = "docker.io/library/python:3.13-slim"
"""What the base image is called here, wherever it came from."""

IMAGE = "testsmith"
"""What `make image` calls it."""

RUNNER = 1001
"""The user that owns the workspace on GitHub's machines, while actions in containers are root."""

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
_AS_IN_IMAGES = (
    'Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";'
    'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };'
)
"""The apt settings of Debian's images: no caches and no packages stay in a layer."""


class CannotHave(Exception):
    """Something that is needed cannot be had; the message says what."""


@dataclass(frozen=True)
class Engine:
    """What makes containers.

    Attributes:
        program: `docker` or `podman`.
        environment: Variables for the program, beside those that are there.
        image: The image of the project's own Dockerfile, by its digest: another checkout builds one, too.
        base: What its Dockerfile is built on; empty for the pinned base, if there is a registry.
    """

    program: str
    environment: Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    base: str = ""

    def call(self, *arguments: str, seconds: float = 300.0) -> subprocess.CompletedProcess[str]:
        """Run the program to its end, whatever that is."""
        return self._finished((self.program, *arguments), seconds)

    def make(self, target: str, seconds: float = 600.0) -> subprocess.CompletedProcess[str]:
        """Run one of the words that a developer types."""
        return self._finished(("make", "--directory", str(ROOT), target, f"BASE={self.base}"), seconds)

    def _finished(self, command: tuple[str, ...], seconds: float) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=seconds, env=self.variables
        )

    @property
    def variables(self) -> dict[str, str]:
        """The whole environment of what uses it."""
        return {**os.environ, **self.environment}

    @property
    def dockerfile(self) -> str:
        """The Dockerfile on that base, for those who build it without arguments."""
        text = (ROOT / "Dockerfile").read_text()
        return text.replace("ARG BASE=pinned", f"ARG BASE={self.base or 'pinned'}")

    def run(
        self, *arguments: str, options: tuple[str, ...] = (), seconds: float = 300.0
    ) -> subprocess.CompletedProcess[str]:
        """Run the image in a new container, as root."""
        name = f"testsmith-{uuid.uuid4()}"
        fixed = ("run", "--rm", "--name", name, "--network", "host")
        try:
            return self.call(*fixed, *options, self.image, *arguments, seconds=seconds)
        except subprocess.TimeoutExpired:
            self.call("rm", "--force", name)
            raise

    @contextmanager
    def served(self) -> Iterator[dict[str, str]]:
        """Give the variables by which a program that speaks Docker's protocol finds this engine."""
        if self.program == "docker":  # its daemon is there already
            yield {}
            return
        with tempfile.TemporaryDirectory(prefix="podman-") as folder:  # a socket's path has to be short
            socket = Path(folder, "podman.sock")
            command = (self.program, "system", "service", "--time=0", f"unix://{socket}")
            with subprocess.Popen(command, env=self.variables, stderr=subprocess.DEVNULL) as service:
                try:
                    _wait_for(socket)
                    yield {"DOCKER_HOST": f"unix://{socket}"}
                finally:
                    service.terminate()


def _wait_for(path: Path, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > deadline:
            raise AssertionError(f"nothing has made {path} in {seconds} s")
        time.sleep(0.02)


def give_to_runner(folder: Path) -> None:
    """Make all of a folder the runner's, where that can be done."""
    if os.geteuid() == 0:
        for place, folders, files in os.walk(folder):
            for name in (".", *folders, *files):
                os.chown(Path(place, name), RUNNER, RUNNER, follow_symlinks=False)


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
    with alone(store / "lock"):
        engine = _docker() or _podman(store)
        if engine.call("image", "inspect", BASE).returncode:
            _get_base(engine, store)
        if engine.call("image", "inspect", _pinned_base()).returncode:
            engine = replace(engine, base=BASE)
        built = engine.make("image")
        if built.returncode:
            raise AssertionError(f"`make image` fails: {_last_words(built)}")
        told = engine.call("image", "inspect", "--format", "{{.Id}}", IMAGE)
    return replace(engine, image=told.stdout.strip())


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Keep other test processes waiting meanwhile."""
    with lock.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        yield


def _docker() -> Engine | None:
    engine = Engine("docker")
    if shutil.which("docker") is None or engine.call("info").returncode:
        return None
    return engine


def _podman(store: Path) -> Engine:
    if os.geteuid() != 0:
        raise CannotHave("there is no Docker, and only root's podman is as Docker is")
    _have_programs("podman", "runc")
    settings, storage = store / "containers.conf", store / "storage.conf"
    settings.write_text(_settings(_profile(store)))
    storage.write_text(_STORAGE.format(images=store / "images", state=store / "state"))
    variables = {
        "CONTAINERS_CONF_OVERRIDE": str(settings),
        "CONTAINERS_STORAGE_CONF": str(storage),
        "PODMAN_IGNORE_CGROUPSV1_WARNING": "1",
    }
    return Engine("podman", variables)


_STORAGE = """[storage]
driver = "overlay"
graphroot = "{images}"
runroot = "{state}"
"""


def _settings(profile: Path) -> str:
    """Return settings by which podman is as Docker is, and runs on all kinds of machines.

    No limit is raised, since not everybody may.
    """
    limits = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
    kept = [f"{name}={_limit(number)}" for name, number in limits.items()]
    return (
        f"[containers]\ndefault_capabilities = {json.dumps(_CAPABILITIES)}\n"
        f'default_ulimits = {json.dumps(kept)}\nseccomp_profile = "{profile}"\nnetns = "host"\n'
        '[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\nstop_timeout = 1\n'
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


def _pinned_base() -> str:
    """Return the base image that the project's Dockerfile names, by its digest."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("FROM "))


def _get_base(engine: Engine, store: Path) -> None:
    """Get the base image from the registry; where that cannot be reached, make one that can stand for it."""
    if not engine.call("pull", "--quiet", _pinned_base()).returncode:
        engine.call("tag", _pinned_base(), BASE)
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
        f'echo {quote(_AS_IN_IMAGES)} > "$1/etc/apt/apt.conf.d/docker-clean"',
    )
    return (
        *("mmdebstrap", "--quiet", "--variant=minbase"),
        "--include=ca-certificates,python3,python3-pip,python3-venv",
        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in _NOT_IN_THE_BASE),
        *(f"--customize-hook={hook}" for hook in hooks),
        *(_DEBIAN, str(archive)),
    )


def _last_words(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stderr or done.stdout).strip().splitlines()[-3:])[-500:]
