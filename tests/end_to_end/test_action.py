"""The action on the example project's pull request: a process with all that GitHub gives to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from fakes.actions_cache import ActionsCacheService
from fakes.endpoint import Endpoint
from fakes.github.actions_run import ActionsRun
from fakes.github.state import Repository
from fakes.shop import COMMAND, FEWER_RUNS, Shop
from storage.stores import archive_of
from testsmith.forge.pr_state import decode

pytestmark = pytest.mark.slow

SIGTERM_AFTER = 7.5
"""Seconds after SIGINT in which a job that is cancelled gets a second signal."""

ALL = {"Cart.add", "Cart.size", "cents", "discounted", "reserve", "shipping"}

HOSTILE = {
    "testsmith/__init__.py": "raise SystemExit('PWNED by testsmith')\n",
    "testsmith/__main__.py": "raise SystemExit('PWNED by testsmith')\n",
    "openai.py": "raise SystemExit('PWNED by openai')\n",
    "github.py": "raise SystemExit('PWNED by github')\n",
    "sitecustomize.py": "import pathlib; pathlib.Path('/tmp/PWNED-sitecustomize').touch()\n",
}

HOSTILE_CONFIG = {
    "core.fsmonitor": "touch {folder}/PWNED-fsmonitor",
    "core.sshCommand": "touch {folder}/PWNED-ssh",
    "core.hooksPath": "{folder}/hooks",
    "core.pager": "touch {folder}/PWNED-pager",
    "diff.external": "touch {folder}/PWNED-diff",
    "credential.helper": "!touch {folder}/PWNED-credential",
    "uploadpack.packObjectsHook": "touch {folder}/PWNED-pack",
    "http.proxy": "http://127.0.0.1:9",
    "url.http://127.0.0.1:9/.insteadOf": "http://",
}


def test_action__reviews_then_is_quiet_then_looks_at_what_changed(hosted: Shop) -> None:
    run = hosted.prepared()
    for path, text in HOSTILE.items():
        (run.workspace / path).parent.mkdir(exist_ok=True)
        (run.workspace / path).write_text(text)
    for key, value in HOSTILE_CONFIG.items():
        text = value.format(folder=hosted.folder)
        subprocess.run(("git", "config", "--local", key, text), cwd=run.workspace, check=True)
    first = run.run(COMMAND)

    assert first.status == 0, first.stdout + first.stderr
    assert hosted.proposed() == ALL
    (review,) = hosted.pull.reviews.values()
    (summary,) = hosted.pull.comments.values()
    assert (review.state, review.commit) == ("COMMENTED", hosted.pull.head)
    assert summary.body.startswith(
        "**TestSmith** proposes tests for the 6 changed functions and asks 1 question."
    )
    assert "```mermaid" in first.summary
    assert (first.outputs["members"], first.outputs["api-calls"]) == ("6", "0")
    report = json.loads((run.workspace / first.outputs["report"]).read_text())
    assert {one["evidence"]["passes"] for one in report["suggestions"]} == {0, 1}
    assert not any(note.startswith("sandbox:") for note in report["notes"])  # no layer is missing
    assert not list(hosted.folder.glob("PWNED*"))
    assert not Path("/tmp/PWNED-sitecustomize").exists()  # noqa: S108 - where the attack would leave its mark
    assert not first.log.all_annotations

    before = len(hosted.github.exchanges)
    second = hosted.run()
    made = [one for one in hosted.github.exchanges[before:] if one.operation != "git"]
    assert (second.outputs["suggestions"], [one for one in made if one.is_write]) == ("0", [])
    assert len(made) <= 8

    tree = hosted.repository.git.run("show", f"{hosted.pull.head}:src/shop/stock.py").decode()
    hosted.github.commit(
        hosted.repository, "change", {"src/shop/stock.py": tree.replace("too few", "missing")}
    )
    third = hosted.run()
    assert json.loads(third.outputs["suggestions"]) == 1
    assert hosted.proposed() == ALL
    state = decode(summary.body)
    assert state
    assert {entry.number for entry in state.entries if entry.member.endswith("reserve")} == {8}


def files_of(repository: Repository, branch: str) -> dict[str, bytes]:
    git = repository.git
    paths = git.run("ls-tree", "-r", "-z", "--name-only", branch).decode().split("\0")[:-1]
    return {path: git.run("show", f"{branch}:{path}") for path in paths}


def notes(run: ActionsRun) -> list[str]:
    """Return what the report says of the cache."""
    report = json.loads((run.workspace / "testsmith-report" / "report.json").read_text())
    return [note for note in report["notes"] if note.startswith("cache: ")]


def test_action__asks_a_model_heeds_base_alone_and_finds_what_it_has_paid_for(hosted: Shop) -> None:
    """Settings and conventions are those of base: a pull request can neither spend nor instruct."""
    only = f'{FEWER_RUNS}include = ["src/shop/cart.py"]\n'
    base = {"TESTSMITH.md": "Conventions of base.\n", "testsmith.toml": only}
    head = {"TESTSMITH.md": "Conventions of head.\n", "testsmith.toml": 'exclude = ["**"]\nmax-members = 1\n'}
    changed = files_of(hosted.repository, "change")
    hosted.github.commit(hosted.repository, "main", dict(base))
    hosted.github.commit(hosted.repository, "steered", {**changed, **head}, start="main")
    hosted.pull = hosted.github.pull_request(hosted.repository, head="steered")
    with Endpoint() as endpoint, ActionsCacheService() as service:
        asking = {"base_url": endpoint.url, "model": "small", "api_key": "sk-secret", "max_comments": "0"}
        hosted.keep_in(service, f"refs/pull/{hosted.pull.number}/merge", "refs/heads/main")
        run = hosted.prepared(**asking)
        paid, told = hosted.finished(run), notes(run)
        calls = len(endpoint.requests)
        hosted.pull.comments.clear()  # nor does the summary comment remember anything
        run = hosted.prepared(**asking)
        known, told = hosted.finished(run), told + notes(run)

    asked = {member for request in endpoint.requests for member in request.members}
    assert asked == {"src/shop/cart.py::Cart.add", "src/shop/cart.py::Cart.size"}
    prompts = json.dumps([request.body for request in endpoint.requests])
    assert "Conventions of base" in prompts
    assert "Conventions of head" not in prompts
    assert paid.outputs["api-calls"] != "0"
    assert hosted.pull.review_comments == {}
    assert told[0].startswith("cache: nothing to restore; saved ")
    assert told[1].startswith("cache: restored ")
    assert len(endpoint.requests) == calls >= 1
    assert known.outputs["api-calls"] == "0"
    assert int(known.outputs["cache-hits"]) >= 1
    everything = json.dumps(
        [paid.stdout, paid.stderr, paid.summary, known.stdout, known.summary, told, paid.outputs]
    )
    assert everything.count("sk-secret") == everything.count("::add-mask::sk-secret")
    assert not [secret for secret in service.secrets() if secret in everything]
    assert service.violations == []


def test_action__a_folder_of_the_workflow_is_read_in_place_of_the_service(hosted: Shop) -> None:
    hosted.github.commit(hosted.repository, "words", {"docs/guide.md": "A guide.\n"}, start="main")
    hosted.pull = hosted.github.pull_request(hosted.repository, head="words")
    archive = archive_of("a", "b")
    with ActionsCacheService() as service:
        hosted.keep_in(service, "refs/pull/1/merge")
        run = hosted.prepared(cache_dir=".testsmith-cache", model="small", base_url="http://127.0.0.1:9/")
        (run.workspace / ".testsmith-cache").mkdir()
        (run.workspace / ".testsmith-cache" / f"{archive.name}.jsonl.gz").write_bytes(archive.data)
        hosted.finished(run)

    assert notes(run) == ["cache: restored 2 entries; nothing new to save"]
    assert service.heard == []


def test_action__a_cancelled_job_has_saved_what_it_paid_for(hosted: Shop) -> None:
    with Endpoint() as endpoint, ActionsCacheService() as service:
        hosted.keep_in(service, "refs/pull/1/merge")
        run = hosted.prepared(base_url=endpoint.url, model="small", include="src/shop/cart.py")
        process = subprocess.Popen(
            COMMAND, cwd=run.workspace, env=run.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        while "CreateCacheEntry" not in service.heard and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        process.communicate(timeout=60)
        seconds = time.monotonic() - started

    assert process.returncode == 128 + signal.SIGINT
    assert len(service.keys()) == 1
    assert hosted.pull.comments == {}
    assert seconds < SIGTERM_AFTER * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
