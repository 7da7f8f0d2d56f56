"""The states of a pull request, from a workspace as a checkout leaves it and GitHub's git server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.github.actions_run import ActionsRun, Step
from fakes.github.checkouts import Checkout
from fakes.github.faults import Fault
from fakes.github.git_store import git_environment
from fakes.github.histories import grow, steps
from fakes.github.scene import Scene, scene
from fakes.github.state import Pull
from fakes.listener import listener
from testsmith.git.fetch import (
    CannotFetch,
    Fetched,
    FetchRemote,
    ensure_commits,
    open_checkout,
)
from testsmith.git.repository import Repository
from testsmith.model import UsageFailure
from testsmith.settings import Secret


@pytest.fixture(name="at")
def _at(tmp_path: Path) -> Iterator[Scene]:
    with scene(tmp_path / "github") as made:
        yield made


class Job:
    """A job on a pull request: its workspace, and the bot's own repository for it."""

    def __init__(self, at: Scene, pull: Pull, folder: Path, checkout: Checkout | None = None) -> None:
        step = Step(checkout=checkout or Checkout())
        self.run = ActionsRun(
            at.github, at.events.pull_request(at.shop, pull), at.token, folder / "job", step
        )
        self.pull = pull
        self.remote = FetchRemote(
            server_url=at.github.url, repository="octo/shop", token=Secret(at.token.value)
        )
        self.own = folder / "own"
        self.own.mkdir(parents=True)
        self.waits: list[float] = []

    @property
    def workspace(self) -> Path:
        return self.run.workspace

    def open(self) -> Repository:
        return open_checkout(self.workspace, self.own)

    def fetch(self, repository: Repository | None = None) -> Fetched:
        return ensure_commits(
            repository or self.open(),
            self.remote,
            head_sha=self.pull.head,
            base_sha=self.pull.base,
            number=self.pull.number,
            sleep=self.waits.append,
        )


MakeJob = Callable[..., Job]


@pytest.fixture(name="job")
def _job(at: Scene, tmp_path: Path) -> MakeJob:
    def make(pull: Pull | None = None, checkout: Checkout | None = None) -> Job:
        return Job(at, pull or at.pull, tmp_path, checkout)

    return make


def long_pull(at: Scene, *, ahead: int, behind: int) -> tuple[Pull, str]:
    """Open a pull request of so many commits, and let its base move by so many; return where they parted."""
    parted = grow(at.shop, "main", steps(30, "old.txt"), start=at.shop.branch("main") or "")
    grow(at.shop, "long", steps(ahead, "ahead.txt"), start=parted)
    if behind:
        grow(at.shop, "main", steps(behind, "behind.txt"), start=parted)
    at.github.push(at.shop, "main", at.shop.branch("main") or "")
    return at.github.pull_request(at.shop, head="long"), parted


def everything(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder, for one look and another to be compared."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_states(repository: Repository, fetched: Fetched, pull: Pull, parted: str) -> None:
    """All there is to know of the two states can be read, offline."""
    assert (fetched.head, fetched.merge_base) == (pull.head, parted)
    assert repository.merge_base(pull.base, pull.head) == parted
    for commit in (fetched.head, fetched.merge_base):
        tree = repository.commit_tree(commit)
        assert all(tree.read(path) is not None for path in tree.paths())
    repository.diff(fetched.merge_base, fetched.head)


@pytest.mark.parametrize("persist", [True, False])
def test_ensure_commits__default_checkout(at: Scene, job: MakeJob, persist: bool) -> None:
    made = job(checkout=Checkout(persist_credentials=persist))
    before = everything(made.workspace)
    repository = made.open()
    fetched = made.fetch(repository)
    assert_states(repository, fetched, at.pull, at.shop.branch("main") or "")
    assert fetched.fetches == 1
    assert repository.root == made.workspace.resolve()
    assert repository.commit_tree(fetched.head).read("tea.py") == b"kind = 'green'\ncups = 2\n"
    assert everything(made.workspace) == before


@pytest.mark.parametrize(
    ("checkout", "fetches"),
    [
        (Checkout(depth=0), 0),
        (Checkout(depth=2), 1),
        (Checkout(depth=3), 0),
        (Checkout(ref="main"), 1),
        (Checkout(ref="main", depth=0), 0),
    ],
)
def test_ensure_commits__other_checkouts(at: Scene, job: MakeJob, checkout: Checkout, fetches: int) -> None:
    at.github.commit(at.shop, "main", {"other.py": "other = 1\n"})
    made = job(checkout=checkout)
    repository = made.open()
    fetched = made.fetch(repository)
    parted = at.shop.git.merge_base(at.pull.base, at.pull.head) or ""
    assert_states(repository, fetched, at.pull, parted)
    assert fetched.fetches == fetches


def test_ensure_commits__without_a_checkout(at: Scene, job: MakeJob) -> None:
    made = job()
    shutil.rmtree(made.workspace)
    made.workspace.mkdir()
    repository = made.open()
    assert_states(repository, made.fetch(repository), at.pull, at.shop.branch("main") or "")


@pytest.mark.parametrize(
    ("ahead", "behind", "fetches"), [(3, 60, 2), (60, 3, 2), (1, 0, 1), (40, 40, 1), (300, 60, 3)]
)
def test_ensure_commits__long_histories(
    at: Scene, job: MakeJob, ahead: int, behind: int, fetches: int
) -> None:
    pull, parted = long_pull(at, ahead=ahead, behind=behind)
    made = job(pull)
    repository = made.open()
    fetched = made.fetch(repository)
    assert_states(repository, fetched, pull, parted)
    assert fetched.fetches == fetches


def test_ensure_commits__whole_history_stays_whole(at: Scene, job: MakeJob) -> None:
    made = job(checkout=Checkout(depth=0))
    pull, parted = long_pull(at, ahead=60, behind=60)
    made.pull = pull
    repository = made.open()
    fetched = made.fetch(repository)
    assert_states(repository, fetched, pull, parted)
    assert fetched.fetches == 1
    assert repository.git.line("rev-parse", "--is-shallow-repository") == "false"


def test_ensure_commits__a_cut_does_not_hide_where_they_parted(at: Scene, job: MakeJob) -> None:
    """Behind the cut lies a later common commit than the one that is in sight."""
    shop, start = at.shop, at.shop.branch("main") or ""
    common = grow(shop, "main", [*steps(5), *steps(100, "long.txt")], start=start)
    old = shop.git.text("rev-parse", f"{start}~0").strip()
    for branch, file in (("left", "left.txt"), ("right", "right.txt")):
        grow(shop, branch, steps(80, file), start=common)
        tip = shop.branch(branch) or ""
        merged = shop.git.store_commit(
            f"{shop.git.commit(tip).tree}", (tip, old), "Merge the old one", shop.git.commit(tip).author
        )
        shop.git.set_ref(f"refs/heads/{branch}", merged)
    pull = at.github.pull_request(shop, head="left", base="right")
    made = job(pull)
    repository = made.open()
    fetched = made.fetch(repository)
    assert_states(repository, fetched, pull, common)
    assert fetched.fetches == 2


def test_ensure_commits__criss_cross_merges(at: Scene, job: MakeJob) -> None:
    shop, start = at.shop, at.shop.branch("main") or ""
    parted = grow(shop, "main", steps(5), start=start)
    one, other = (grow(shop, name, steps(3, f"{name}.txt"), start=parted) for name in ("one", "other"))
    tree = shop.git.merged_tree(one, other) or ""
    author = shop.git.commit(one).author
    for branch, parents in (("one", (one, other)), ("other", (other, one))):
        crossed = shop.git.store_commit(tree, parents, "Cross", author)
        grow(shop, branch, steps(30, f"{branch}.txt"), start=crossed)
    pull = at.github.pull_request(shop, head="one", base="other")
    made = job(pull)
    repository = made.open()
    fetched = made.fetch(repository)
    assert fetched.merge_base in {one, other}
    assert_states(repository, fetched, pull, fetched.merge_base)


def test_ensure_commits__base_was_merged_into_head(at: Scene, job: MakeJob) -> None:
    pull, _ = long_pull(at, ahead=30, behind=30)
    git = at.shop.git
    tree, author = git.merged_tree(pull.head, pull.base) or "", git.commit(pull.head).author
    at.github.push(at.shop, pull.head_branch, git.store_commit(tree, (pull.head, pull.base), "Merge", author))
    made = job(pull)
    repository = made.open()
    assert_states(repository, made.fetch(repository), pull, pull.base)


def test_ensure_commits__no_commit_in_common(at: Scene, job: MakeJob) -> None:
    made = job()
    author = at.shop.git.commit(at.pull.head).author
    orphan = at.shop.git.store_commit(at.shop.git.commit(at.pull.head).tree, (), "Begin anew", author)
    at.github.push(at.shop, "change", orphan)
    with pytest.raises(CannotFetch, match="have no commit in common"):
        made.fetch()


def test_ensure_commits__head_was_forced_since_the_checkout(at: Scene, job: MakeJob) -> None:
    made = job()
    at.github.commit(at.shop, "change", {"new.py": "new = 1\n"}, start="main")
    repository = made.open()
    assert_states(repository, made.fetch(repository), at.pull, at.shop.branch("main") or "")


def test_ensure_commits__head_of_the_event_is_gone(at: Scene, job: MakeJob) -> None:
    made = job()
    gone = "1" * 40
    repository = made.open()
    with pytest.raises(CannotFetch, match="no longer has one of them"):
        ensure_commits(repository, made.remote, head_sha=gone, base_sha=at.pull.base, number=1)


@pytest.mark.parametrize("is_deleted", [False, True])
def test_ensure_commits__forks(at: Scene, job: MakeJob, is_deleted: bool) -> None:
    fork = at.github.fork(at.shop, "bea")
    at.github.commit(fork, "theirs", {"theirs.py": "theirs = 1\n"}, start="main")
    pull = at.github.pull_request(at.shop, head="theirs", source=fork)
    if is_deleted:
        at.github.delete(fork)
    made = job(pull)
    repository = made.open()
    assert_states(repository, made.fetch(repository), pull, at.shop.branch("main") or "")


def test_ensure_commits__partial_clone_is_fetched_whole(at: Scene, job: MakeJob) -> None:
    made = job(checkout=None)
    shutil.rmtree(made.workspace)
    at.shop.git.run(
        *("clone", "-q", "--filter=blob:none", "--no-checkout", f"{at.github.url}/octo/shop.git"),
        str(made.workspace),
    )
    assert list((made.workspace / ".git" / "objects" / "pack").glob("*.promisor"))
    repository = made.open()
    assert_states(repository, made.fetch(repository), at.pull, at.shop.branch("main") or "")


def test_ensure_commits__what_the_workspace_has_is_not_fetched_again(at: Scene, job: MakeJob) -> None:
    large = bytes(range(256)) * 8000
    at.github.commit(at.shop, "main", {"large.bin": large})
    at.github.commit(at.shop, "change", {"small.py": "small = 1\n"}, start="main")
    made = job()
    repository = made.open()
    assert_states(repository, made.fetch(repository), at.pull, at.shop.branch("main") or "")
    assert sum(len(content) for content in everything(made.own).values()) < 20_000


def test_ensure_commits__tags_tell_the_version(at: Scene, job: MakeJob) -> None:
    at.shop.git.set_ref("refs/tags/v1.2", at.shop.branch("main") or "")
    repository = job(checkout=Checkout(depth=0)).open()
    assert repository.git.line("describe", "--tags").startswith("v1.2-")


@pytest.mark.parametrize("is_private", [False, True])
def test_ensure_commits__token_that_may_not_read(at: Scene, job: MakeJob, is_private: bool) -> None:
    made = job()
    at.shop.is_private = is_private
    made.remote = replace(made.remote, token=Secret(at.grant({"pull_requests": "write"}).value))
    if is_private:
        with pytest.raises(CannotFetch, match="Grant `contents: read`"):
            made.fetch()
        assert made.waits == []
    else:
        made.fetch()


def test_ensure_commits__token_that_is_none(at: Scene, job: MakeJob) -> None:
    made = job()
    repository = made.open()
    at.shop.is_private = True
    for token in (Secret("wrong"), None):
        made.remote = replace(made.remote, token=token)
        with pytest.raises(CannotFetch, match="does not accept the token"):
            made.fetch(repository)


def test_ensure_commits__server_is_down(job: MakeJob) -> None:
    made = job()
    made.remote = replace(made.remote, server_url="http://127.0.0.1:9")
    with pytest.raises(CannotFetch, match="unable to access") as failed:
        made.fetch()
    assert str(failed.value).startswith("Could not fetch the pull request's commits from http://127.0.0.1:9/")
    assert str(failed.value).endswith("Run the job again, or set `fetch-depth: 0` for actions/checkout.")
    assert made.waits == [1.0, 3.0]


def test_ensure_commits__server_that_does_not_answer(job: MakeJob) -> None:
    made = job()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        made.remote = replace(made.remote, server_url=address, seconds=0.3)
        with pytest.raises(CannotFetch, match=r"longer than 0\.3 s"):
            made.fetch()
    assert made.waits == []


def test_ensure_commits__what_passes_is_tried_again(at: Scene, job: MakeJob) -> None:
    made = job()
    at.github.fail(Fault(request="git-upload-pack$", status=502, times=1))
    at.github.fail(Fault(request="info/refs", status=0, times=1))
    made.fetch()
    assert made.waits == [1.0, 3.0]


def test_ensure_commits__server_that_hands_out_references_alone(at: Scene, job: MakeJob) -> None:
    """As servers of old do: an older head is had by what the pull request's reference names now."""
    made = job()
    head, base = at.pull.head, at.pull.base
    at.github.commit(at.shop, "change", {"later.py": "later = 1\n"})
    at.shop.git.run("config", "uploadpack.allowAnySHA1InWant", "false")
    repository = made.open()
    repository.git.run("config", "protocol.version", "0")
    fetched = ensure_commits(repository, made.remote, head_sha=head, base_sha=base, number=1)
    assert (fetched.head, fetched.merge_base) == (head, base)


@pytest.mark.parametrize("name", ["main", "--upload-pack=touch", "HEAD", "", "a" * 39])
def test_ensure_commits__only_object_ids(job: MakeJob, name: str) -> None:
    made = job()
    with pytest.raises(CannotFetch, match="not object ids"):
        ensure_commits(made.open(), made.remote, head_sha=name, base_sha="0" * 40, number=1)


@pytest.mark.parametrize("address", ["file:///", "ssh://127.0.0.1", "ext::sh -c 'touch /tmp/ran'", "git://a"])
def test_ensure_commits__only_over_http(job: MakeJob, address: str) -> None:
    made = job()
    made.remote = replace(made.remote, server_url=address)
    with pytest.raises(CannotFetch, match="not allowed"):
        made.fetch()


def test_ensure_commits__example_in_less_than_a_second(job: MakeJob) -> None:
    made = job()
    started = time.monotonic()
    made.fetch()
    assert time.monotonic() - started < 1.0


def test_ensure_commits__token_is_told_to_nobody_else(
    job: MakeJob, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What git starts, it tells in its trace: no command line holds the token; none is for the workspace."""
    made = job(checkout=Checkout(persist_credentials=False))
    repository = made.open()
    trace = tmp_path / "trace"
    variables = {**repository.git.environment, "GIT_TRACE": str(trace)}
    made.fetch(replace(repository, git=replace(repository.git, environment=variables)))
    told = trace.read_text()
    assert "remote-http" in told
    assert "--git-dir=" not in told
    places = [told, caplog.text, repr(made.remote), *map(str, everything(tmp_path / "own").values())]
    places += [str(content) for content in everything(made.workspace).values()]
    assert not any(secret in place for secret in made.remote.secrets() for place in places)


def test_ensure_commits__by_the_proxy_that_the_environment_names(job: MakeJob) -> None:
    made = job()
    with listener() as proxy:
        environment = {"http_proxy": proxy.url, "GIT_TRACE": "2", "GIT_SSH_COMMAND": "false"}
        made.remote = replace(made.remote, server_url="http://github.invalid", environment=environment)
        with pytest.raises(CannotFetch):
            made.fetch()
        assert proxy.heard[0].startswith("GET http://github.invalid/octo/shop.git/info/refs")
    assert set(made.remote.variables()) & set(environment) == {"http_proxy"}


def test_ensure_commits__token_is_not_sent_on(job: MakeJob) -> None:
    made = job()
    with listener() as other, listener() as moved:
        moved.sends_to = other.url
        made.remote = replace(made.remote, server_url=moved.url)
        with pytest.raises(CannotFetch, match="another address"):
            made.fetch()
        assert moved.heard
        assert not other.heard


def hostile_settings(command: str, elsewhere: str, server: str) -> dict[str, str]:
    """Return settings of git that start a program, or lead to another server."""
    return {
        "core.sshCommand": command,
        "core.gitProxy": command,
        "core.askPass": command,
        "core.fsmonitor": command,
        "core.pager": command,
        "core.editor": command,
        "core.alternateRefsCommand": command,
        "core.hooksPath": "hostile-hooks",
        "core.attributesFile": "hostile-attributes",
        "core.worktree": "/nonexistent/elsewhere",
        "credential.helper": f"!{command}",
        "diff.external": command,
        "diff.hostile.command": command,
        "diff.hostile.textconv": command,
        "filter.hostile.clean": command,
        "filter.hostile.smudge": command,
        "filter.hostile.process": command,
        "uploadpack.packObjectsHook": command,
        "remote.origin.uploadpack": command,
        "remote.origin.proxy": elsewhere,
        "http.proxy": elsewhere,
        f"http.{server}/.proxy": elsewhere,
        f"http.{server}/.extraheader": "AUTHORIZATION: basic c3RvbGVu",
        "http.sslVerify": "false",
        "http.cookieFile": "/etc/passwd",
        f"url.{elsewhere}/.insteadOf": f"{server}/",
        "protocol.ext.allow": "always",
        "include.path": "hostile-include",
        "submodule.lib.url": f"ext::{command}",
        "submodule.lib.update": f"!{command}",
        "fetch.recurseSubmodules": "true",
        "gpg.program": command,
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "safe.directory": "/nonexistent",
    }


def test_ensure_commits__hostile_configuration(at: Scene, job: MakeJob, tmp_path: Path) -> None:
    """No setting of the workspace starts a program, or leads the token astray."""
    at.github.commit(at.shop, "change", {".gitattributes": "* diff=hostile filter=hostile\n"})
    made = job()
    trace = tmp_path / "trace"
    command = f"touch {trace}"
    config = made.workspace / ".git" / "config"
    with listener() as elsewhere:
        for key, value in hostile_settings(command, elsewhere.url, at.github.url).items():
            at.shop.git.run("config", "--file", str(config), "--add", key, value)
        hooks = made.workspace / "hostile-hooks"
        hooks.mkdir()
        for folder in (hooks, made.workspace / ".git" / "hooks"):
            for name in ("reference-transaction", "post-checkout", "pre-auto-gc", "post-index-change"):
                (folder / name).write_text(f"#!/bin/sh\n{command}\n")
                (folder / name).chmod(0o755)
        (made.workspace / ".git" / "hostile-include").write_text(f"[core]\n\tsshCommand = {command}\n")
        before = everything(made.workspace)
        sent: list[str] = []
        at.github.answering.before_each.append(lambda one: sent.append(one.headers.get("authorization", "")))
        repository = made.open()
        assert_states(repository, made.fetch(repository), at.pull, at.shop.branch("main") or "")
        assert set(sent) == {f"basic {made.remote.secrets()[1]}"}
        assert everything(made.workspace) == before
        assert not elsewhere.heard
        assert not trace.exists()
        plain_git(made.workspace)
        assert elsewhere.heard
        assert trace.exists()


def plain_git(workspace: Path) -> None:
    """Do as anybody would: what the settings ask for does happen then."""
    for arguments in (("status",), ("ls-remote", "origin")):
        variables = git_environment(GIT_DIR=f"{workspace}/.git", GIT_WORK_TREE=str(workspace))
        subprocess.run(("git", *arguments), cwd=workspace, check=False, capture_output=True, env=variables)


@pytest.mark.parametrize(
    "config",
    [
        b"[core\n",
        b"\0" * 100,
        b"[core]\n\trepositoryformatversion = 9\n",
        b"[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = sha256\n",
    ],
)
def test_ensure_commits__workspace_whose_configuration_cannot_be_read(
    at: Scene, job: MakeJob, config: bytes
) -> None:
    made = job()
    (made.workspace / ".git" / "config").write_bytes(config)
    repository = made.open()
    assert_states(repository, made.fetch(repository), at.pull, at.shop.branch("main") or "")


def test_ensure_commits__hostile_files_in_the_git_folder(at: Scene, job: MakeJob, tmp_path: Path) -> None:
    made = job()
    folder = made.workspace / ".git"
    (folder / "shallow").write_text(f"rubbish\n{'f' * 40}\n{at.pull.merge_commit}\n")
    (folder / "objects" / "info" / "alternates").write_text(f"/dev/zero\n{tmp_path}\n../../..\n")
    (folder / "refs" / "tags" / "broken").write_text("1" * 40 + "\n")
    (folder / "refs" / "replace").mkdir()
    (folder / "refs" / "replace" / at.pull.head).write_text(f"{at.pull.merge_commit}\n")
    repository = made.open()
    assert_states(repository, made.fetch(repository), at.pull, at.shop.branch("main") or "")


def test_ensure_commits__hostile_home(
    at: Scene, job: MakeJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f'[url "http://127.0.0.1:9/"]\n\tinsteadOf = {at.github.url}/\n')
    (home / ".netrc").write_text("default login thief password secret\n")
    monkeypatch.setenv("HOME", str(home))
    made = job()
    at.shop.is_private = True
    repository = made.open()
    assert_states(repository, made.fetch(repository), at.pull, at.shop.branch("main") or "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a folder away")
def test_ensure_commits__workspace_of_somebody_else(at: Scene, job: MakeJob) -> None:
    made = job()
    for path in (made.workspace, *made.workspace.rglob("*")):
        os.lchown(path, 12345, 12345)
    repository = made.open()
    assert repository.resolve("HEAD") == at.pull.merge_commit
    assert_states(repository, made.fetch(repository), at.pull, at.shop.branch("main") or "")
    with pytest.raises(UsageFailure):
        Repository.open(made.workspace)


@pytest.mark.parametrize("name", ["a b", 'a"b', "a\\b", "a\nb", "a:b", "ä", "a\tb"])
def test_open_checkout__odd_paths(at: Scene, tmp_path: Path, name: str) -> None:
    made = Job(at, at.pull, tmp_path / name)
    repository = made.open()
    assert repository.resolve("HEAD") == at.pull.merge_commit
    assert repository.commit_tree("HEAD").read("tea.py") is not None
