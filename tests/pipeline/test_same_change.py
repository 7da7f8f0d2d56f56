"""Which members of a change are asked for, and whose tests are shown, if all use the same changed code."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.git_repository import GitRepository
from fakes.mutants import a_mutant
from fakes.reports import a_member, a_suggestion
from fakes.sweep_tools import idle_tools
from testsmith.languages.mutants import Mutant
from testsmith.model import (
    BaseOutcome,
    Candidate,
    Evidence,
    Label,
    Origin,
    Report,
    Request,
    Result,
    SkipStage,
    Suggestion,
)
from testsmith.pipeline.same_change import shown_elsewhere, with_nearer_ones
from testsmith.pipeline.select import select
from testsmith.pipeline.state import RunOptions, RunState
from testsmith.settings import (
    CacheSettings,
    ModelSettings,
    ProviderChoice,
    SelectionSettings,
    Settings,
    VerificationSettings,
)
from testsmith.verification.gains import Gains
from testsmith.verification.gate import ProvenSuggestion

URLS = """\
def _split(url):
    return url.strip()

def host(url):
    return _split(url)

def port(url):
    return _split(url)

def scheme(url):
    return host(url)

def path(url):
    return _split(url)
"""
TESTS = """\
from urls import path

def test_path():
    assert path("a") == "a"
"""
CHANGED = URLS.replace(".strip()", '.strip("/")')
INSTEAD = "`{}`, which uses the same changed code, was chosen instead"
FIRST, SECOND = a_mutant(2), a_mutant(3)


class Model:
    """Is asked nothing."""

    async def generate(self, request: Request) -> Result:
        raise NotImplementedError(request)

    def generate_batch(self, requests: Sequence[Request]) -> AsyncGenerator[Result, None]:
        raise NotImplementedError(requests)


@pytest.fixture
def project(tmp_path: Path) -> GitRepository:
    made = GitRepository.create(tmp_path / "project")
    made.commit({"urls.py": URLS, "tests/test_urls.py": TESTS})
    made.git("checkout", "-q", "-b", "topic")
    return made


def _selected(
    project: GitRepository, *only: str, model: Model | None = None, options: RunOptions | None = None
) -> RunState:
    selection = SelectionSettings(base="main", head="topic", only=only)
    settings = Settings(
        folder=project.folder,
        provider=ProviderChoice.OFFLINE if model is None else ProviderChoice.OPENAI,
        selection=selection,
        model=ModelSettings(),
        cache=CacheSettings(folder=project.folder.parent / "cache"),
        verification=VerificationSettings(),
    )
    return select(settings, replace(idle_tools().run, model=model), options or RunOptions())


def _asked(run: RunState) -> list[str]:
    return [member.name for member in run.members]


def _green(
    name: str, *guarded: Mutant, fails: int = 1, misses_own_change: bool = False
) -> tuple[str, ProvenSuggestion]:
    member = f"urls.py::{name}"
    code = f"def test_{name}(): ...\n"
    return member, ProvenSuggestion(
        candidate=Candidate(member=member, code=code, origin=Origin.MODEL),
        tests=(f"test_{name}",),
        label=Label.NEW_BEHAVIOR,
        evidence=Evidence(passes=5, runs=5, base=BaseOutcome.FAILS, fail_to_pass=fails),
        gains=Gains(killed=frozenset(guarded), guarded=frozenset(guarded), fails_on_base=bool(fails)),
        misses_own_change=misses_own_change,
    )


def _elsewhere(run: RunState, *greens: tuple[str, ProvenSuggestion]) -> dict[str, str]:
    found = shown_elsewhere(run, dict(greens))
    return {member.removeprefix("urls.py::"): one.reason for member, one in found.items()}


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("Fix :meth:`~urls.scheme` and `port()`", ["port", "scheme"]),
        ("Strip scheme, port and slashes", ["host", "path"]),
    ],
)
def test_select__asks_first_for_the_members_that_the_authors_name_as_code(
    project: GitRepository, said: str, asked: list[str]
) -> None:
    project.commit({"urls.py": CHANGED, "CHANGES.md": f"{said}.\n"})

    assert _asked(_selected(project, model=Model())) == asked


def test_select__asks_a_model_for_the_two_nearest_members_of_one_private_change(
    project: GitRepository,
) -> None:
    project.commit({"urls.py": CHANGED})
    run = _selected(project, model=Model())
    assert _asked(run) == ["host", "path"]  # both call it; one is tested, the other comes first
    assert {(one.member, one.stage, one.reason) for one in run.skipped} == {
        (f"urls.py::{name}", SkipStage.CHANGES, INSTEAD.format("path")) for name in ("port", "scheme")
    }


def test_select__of_equally_near_members_the_one_with_the_name_of_what_changed(
    project: GitRepository,
) -> None:
    more = "def split(url):\n    return _split(url)\n"
    project.git("checkout", "-q", "main")
    project.commit({"urls.py": URLS + more})
    project.git("checkout", "-q", "-B", "topic")
    project.commit({"urls.py": CHANGED + more})
    run = _selected(project, model=Model())
    assert _asked(run) == ["path", "split"]
    assert {one.reason for one in run.skipped} == {INSTEAD.format("split")}


def test_select__asks_first_for_what_the_tests_of_the_changed_file_call(project: GitRepository) -> None:
    files = {
        "web/__init__.py": "",
        "web/urls.py": "from web._parts import split\n\ndef host(url):\n    return split(url)\n\n"
        "def port(url):\n    return split(url)\n\ndef both(url):\n    return host(url), port(url)\n",
        "tests/test_host.py": "from web.urls import host, port\n\ndef test_x():\n    host('a'), port('a')\n",
        "tests/test_parts.py": "from web.urls import both\n\ndef test_both():\n    both('a')\n",
    }
    project.git("checkout", "-q", "main")
    project.commit({**files, "web/_parts.py": "def split(url):\n    return url.strip()\n"})
    project.git("checkout", "-q", "-B", "topic")
    project.commit({"web/_parts.py": "def split(url):\n    return url.strip('/')\n"})
    run = _selected(project, model=Model())
    assert _asked(run) == ["host", "both"]  # `both` is farther, but tested as what changed is
    assert {one.reason for one in run.skipped} == {INSTEAD.format("both")}


def test_select__the_offline_engine_looks_at_more_of_them(project: GitRepository) -> None:
    project.commit({"urls.py": CHANGED})
    assert _asked(_selected(project)) == ["host", "port", "scheme", "path"]


def _with_test_of_private_change(project: GitRepository) -> None:
    project.git("checkout", "-q", "main")
    project.commit({"tests/test_split.py": "from urls import _split\n\ndef test_split():\n    _split('a')\n"})
    project.git("checkout", "-q", "-B", "topic")
    project.commit({"urls.py": CHANGED})


def test_select__asks_a_model_only_for_the_private_function_if_tests_use_it(project: GitRepository) -> None:
    _with_test_of_private_change(project)
    run = _selected(project, model=Model())
    assert _asked(run) == ["_split"]
    assert run.requests["urls.py::_split"].test_path == "tests/test_split.py"
    assert {one.reason for one in run.skipped} == {INSTEAD.format("_split")}
    assert _asked(_selected(project, "port", model=Model())) == ["port"]


def test_select__the_offline_engine_keeps_to_the_public_functions(project: GitRepository) -> None:
    _with_test_of_private_change(project)
    assert _asked(_selected(project)) == ["_split", "host", "port", "scheme", "path"]


def test_select__the_offline_engine_looks_at_a_private_function_that_nothing_public_uses(
    project: GitRepository,
) -> None:
    source = "def _strip(url):\n    return url\n\ndef _host(url):\n    return _strip(url)\n"
    test = "from urls import _host\n\ndef test_host():\n    assert _host('a')\n"
    project.git("checkout", "-q", "main")
    project.commit({"urls.py": source, "tests/test_urls.py": test})
    project.git("checkout", "-q", "-B", "topic")
    project.commit({"urls.py": source.replace("return url\n", "return url.strip()\n")})
    assert _asked(_selected(project)) == ["_host"]


def test_shown_elsewhere__keeps_the_private_function_before_what_uses_it(project: GitRepository) -> None:
    _with_test_of_private_change(project)
    run = _selected(project)
    found = _elsewhere(run, _green("path", FIRST), _green("_split", FIRST))
    assert found == {"path": "the same change is shown through `_split`"}


def test_select__members_that_someone_chose_are_kept(project: GitRepository) -> None:
    project.commit({"urls.py": CHANGED})
    assert _asked(_selected(project, "scheme", "port", "path", model=Model())) == ["port", "scheme", "path"]
    by_command = RunOptions(is_chosen=True, is_unchanged=lambda member, _: not member.endswith("scheme"))
    assert _asked(_selected(project, model=Model(), options=by_command)) == ["scheme"]


def test_select__a_result_that_is_known_stays(project: GitRepository) -> None:
    project.commit({"urls.py": CHANGED})
    known = RunOptions(is_unchanged=lambda member, _: member.endswith(("path", "port")))
    run = _selected(project, model=Model(), options=known)
    assert _asked(run) == ["host"]
    assert run.sources.keys() == {"urls.py::host", "urls.py::path", "urls.py::port"}


def test_select__every_changed_definition_has_its_own_nearest_members(project: GitRepository) -> None:
    more = "def _join(one):\n    return one\n\ndef joined(one):\n    return _join(one)\n"
    project.git("checkout", "-q", "main")
    project.commit({"urls.py": URLS + more})
    project.git("checkout", "-q", "-B", "topic")
    project.commit({"urls.py": CHANGED + more.replace("return one", "return [one]")})
    assert _asked(_selected(project, model=Model())) == ["host", "path", "joined"]


def _reasons_at_the_end(run: RunState, *suggestions: Suggestion) -> set[str]:
    report = Report(members=run.search.found, suggestions=suggestions, skipped=run.skipped)
    return {one.reason for one in with_nearer_ones(run, report).skipped}


def _suggestion(name: str, evidence: Evidence | None) -> Suggestion:
    return a_suggestion(a_member(name, "urls.py"), evidence=evidence)


def test_with_nearer_ones__a_member_that_is_left_out_names_the_one_whose_tests_are_kept(
    project: GitRepository,
) -> None:
    project.commit({"urls.py": CHANGED})
    run = _selected(project, model=Model())
    proven = Evidence(passes=5, runs=5, base=BaseOutcome.FAILS, fail_to_pass=1)

    assert _reasons_at_the_end(run) == {INSTEAD.format("path")}
    assert _reasons_at_the_end(run, _suggestion("path", None)) == {INSTEAD.format("path")}
    assert _reasons_at_the_end(run, _suggestion("path", proven)) == {
        "the same change is shown through `path`"
    }
    assert _reasons_at_the_end(run, _suggestion("host", proven)) == {
        "the same change is shown through `host`"
    }


def test_with_nearer_ones__tests_of_what_changed_itself_may_show_another_change(
    project: GitRepository,
) -> None:
    project.commit({"urls.py": CHANGED.replace("def path(url):\n", "def path(url):\n    url = url or ''\n")})
    run = _selected(project, model=Model())
    proven = Evidence(passes=5, runs=5, base=BaseOutcome.FAILS, fail_to_pass=1)

    assert _reasons_at_the_end(run, _suggestion("path", proven)) == {INSTEAD.format("path")}


def test_shown_elsewhere__names_one_whose_tests_kill_the_same_mutants(project: GitRepository) -> None:
    project.commit({"urls.py": CHANGED})
    run = _selected(project)
    greens = [_green("path", FIRST), _green("port", SECOND), _green("scheme", SECOND)]
    assert _elsewhere(run, *greens) == {"scheme": "the same change is shown through `port`"}


def test_shown_elsewhere__keeps_the_nearest_of_equal_ones(project: GitRepository) -> None:
    project.commit({"urls.py": CHANGED})
    run = _selected(project)
    found = _elsewhere(run, _green("host"), _green("scheme"), _green("path"))
    assert found == dict.fromkeys(("host", "scheme"), "the same change is shown through `path`")


def test_shown_elsewhere__keeps_what_fails_on_base_before_what_is_nearer(project: GitRepository) -> None:
    project.commit({"urls.py": CHANGED})
    run = _selected(project)
    assert _elsewhere(run, _green("path", FIRST, fails=0), _green("scheme", FIRST)).keys() == {"path"}


def test_shown_elsewhere__keeps_another_that_guards_more_of_the_change(project: GitRepository) -> None:
    project.commit({"urls.py": CHANGED})
    run = _selected(project)
    greens = [_green("path", FIRST), _green("port", SECOND), _green("host", FIRST)]
    assert _elsewhere(run, *greens).keys() == {"host"}


def test_shown_elsewhere__a_changed_member_keeps_what_shows_its_own_change(project: GitRepository) -> None:
    project.commit({"urls.py": CHANGED.replace("def port(url):\n", "def port(url):\n    url = url or ''\n")})
    run = _selected(project)
    assert _elsewhere(run, _green("port"), _green("path")) == {"path": INSTEAD.format("port")}
    assert _elsewhere(run, _green("port", FIRST), _green("path", FIRST)) == {
        "path": "the same change is shown through `port`"
    }
    assert _elsewhere(run, _green("port", FIRST, fails=0), _green("path", FIRST)) == {}
    assert _elsewhere(run, _green("port", misses_own_change=True), _green("path", FIRST)).keys() == {"port"}


def test_shown_elsewhere__leaves_alone_what_someone_chose(project: GitRepository) -> None:
    project.commit({"urls.py": CHANGED})
    assert _elsewhere(_selected(project, "urls.py"), _green("host"), _green("path")) == {}
