"""What asking for a real change costs, packed into few calls, against one call a member, and CoverUp.

All ask the same endpoint, whose answers are short, and as long each way. CoverUp asks by segments of whole
files that no test reaches; so it is given the files that the change touches, without any tests, and we are
asked for all members of the same files. It is given its best: each first answer counts as good
(`--max-attempts 1`), so that no failed or useless test leads to another call.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.calls import ask
from bench.engine import kept_environment
from bench.figures import Figure
from bench.pulls import PAIRS, pull_request
from bench.subjects import NotToBeHad
from fakes.endpoint import Body, Endpoint, Received, answer_all, code_for, members_in

COVERUP = ("coverup==0.6.3", "pytest==8.4.2", "freezegun")
"""CoverUp, and what the project needs to be imported in its environment."""

COVERUP_MODEL = "openai/gpt-4.1-mini"
"""A name that it takes without asking for the tokenizer, which it would download."""

MOST_SECONDS = 900.0


def measure_packing(folder: Path) -> Iterator[Figure]:
    """Measure the first pair of releases."""
    name, old, new = PAIRS[0]
    try:
        repository = pull_request(folder / name, name, old, new)
    except NotToBeHad as reason:
        print(f"not measured: {name} from {old} to {new}: {reason}")
        return
    what = f"{name} {old} to {new}"
    ways = {"packed": (), "one call a member": ("--max-output-tokens", "300")}
    files: set[str] = set()
    for number, (way, arguments) in enumerate(ways.items()):
        cache = ("--cache-dir", str(folder / f"cache-{number}"), "--head", "change")
        with Endpoint() as endpoint:
            estimate = ask(repository, endpoint.url, *cache, *arguments, "--estimate").report
            report = ask(repository, endpoint.url, *cache, *arguments).report
            files |= {member["path"] for member in report["members"]}
            yield from _figures(f"{what}, {len(report['members'])} members, {way}", endpoint)
        yield _same_first_part(f"{what}, {way}", endpoint.requests)
        for one in estimate["skipped"]:
            print(f"not estimated: {one['member'] or one['path']}: {one['reason']}")
        yield from _estimated(f"{what}, {way}", estimate["stats"], report["stats"])
    yield from _whole_files(f"the {len(files)} files of {what}", repository, sorted(files), folder)


def _whole_files(what: str, repository: Path, files: Sequence[str], folder: Path) -> Iterator[Figure]:
    with Endpoint() as endpoint:
        cache = ("--cache-dir", str(folder / "cache-files"))
        report = ask(repository, endpoint.url, *cache, "--all", *files).report
        yield from _figures(f"{what}, {len(report['members'])} members, packed", endpoint)
    try:
        coverup = kept_environment(*COVERUP).parent / "coverup"
        with Endpoint(answer=_answer) as endpoint:
            _CoverUp(coverup, repository, folder).ask(endpoint.url, files)
            yield from _figures(f"{what}, {len(endpoint.requests)} segments, CoverUp", endpoint)
    except NotToBeHad as reason:
        print(f"not measured: CoverUp: {reason}")


def _answer(body: Body) -> str:
    """Answer whoever asks, as long for a segment as for a member."""
    return answer_all(body) if members_in(body) else f"```python\n{code_for('a/segment.py::segment')}```"


@dataclass(frozen=True, slots=True)
class _CoverUp:
    """CoverUp in an environment of its own, and what it is run on."""

    program: Path
    repository: Path
    folder: Path

    def ask(self, url: str, files: Sequence[str]) -> None:
        """Have it ask for all that no test reaches of some files.

        Raises:
            NotToBeHad: It does not run through.
        """
        tests = self.folder / "coverup-tests"
        tests.mkdir()
        variables = {
            **{name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")},
            "OPENAI_API_KEY": "none",
            "OPENAI_API_BASE": url,
            "OPENAI_BASE_URL": url,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        asking = ("--model", COVERUP_MODEL, "--max-attempts", "1", "--no-repeat-tests", "--no-checkpoint")
        # The project's own settings turn a warning of the tool's coverage measurement into an error.
        lenient = ("--pytest-args", "-o filterwarnings= -o addopts=")
        where = ("--tests-dir", str(tests), "--package-dir", str(Path(files[0]).parent))
        log = ("--log-file", str(self.folder / "coverup.log"))
        done = subprocess.run(
            (str(self.program), *asking, *lenient, *where, *log, *files),
            cwd=self.repository,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=MOST_SECONDS,
        )
        if done.returncode:
            lines = (done.stderr.strip() or done.stdout.strip() or "it says nothing").splitlines()
            raise NotToBeHad(f"it ended with {done.returncode}: {lines[-1][:300]}")


def _figures(what: str, endpoint: Endpoint) -> Iterator[Figure]:
    yield Figure(name=what, value=len(endpoint.requests), unit="calls")
    yield Figure(name=what, value=endpoint.prompt_tokens, unit="prompt tok.")
    yield Figure(name=what, value=endpoint.completion_tokens, unit="answer tok.")


def _same_first_part(what: str, requests: Sequence[Received]) -> Figure:
    systems = [str(one.body["messages"][0]["content"]) for one in requests]
    texts = [message["content"] for one in requests for message in one.body["messages"]]
    share = _same(systems) * len(systems) / sum(map(len, texts))
    return Figure(name=f"{what}: same first part", value=100 * share, unit="% of prompts")


def _estimated(what: str, estimated: dict[str, int], counted: dict[str, int]) -> Iterator[Figure]:
    """Compare the estimate's calls and prompts with the real ones; answers are short here."""
    for figure, name in {"api_calls": "calls", "prompt_tokens": "prompt tokens"}.items():
        share = estimated[figure] / counted[figure]
        yield Figure(name=f"{what}: {name} by --estimate", value=share, unit="times", most=1.2, least=0.8)


def _same(texts: Sequence[str]) -> int:
    """Return how many characters all texts begin with alike."""
    return next(
        (place for place, here in enumerate(zip(*texts, strict=False)) if len(set(here)) > 1),
        min(map(len, texts)),
    )
