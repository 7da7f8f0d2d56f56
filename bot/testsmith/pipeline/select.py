"""Find the members to look at, and build their requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial

from testsmith import __version__
from testsmith.changes.intent import intent_of
from testsmith.changes.members import MemberSearch, find_members
from testsmith.changes.trusted_files import TrustedTree
from testsmith.deadline import Deadline
from testsmith.faults import is_fault, skipped_by_fault
from testsmith.git.repository import Repository
from testsmith.languages.language import Language, of_project
from testsmith.languages.source import SourceTree
from testsmith.model import Member, Request, Skipped, SkipStage
from testsmith.pipeline.same_change import farther_members, not_chosen
from testsmith.pipeline.state import RunDependencies, RunOptions, RunState, asks_for_hard_alone
from testsmith.settings import ProviderChoice, ReasoningEffort, Settings, Strategy
from testsmith.storage.keys import FingerprintInputs, source_digest


def select(settings: Settings, clients: RunDependencies, options: RunOptions) -> RunState:
    """Find the members and build their requests, without members whose result is already known."""
    repository = options.repository or Repository.open(settings.folder)
    if options.paths:
        selection = replace(
            settings.selection, base=None, all_paths=options.paths, only=options.only, refuses_unknown=False
        )
        settings = replace(settings, selection=selection)
    if options.candidates is not None:  # no generator is called
        settings, clients = replace(settings, provider=ProviderChoice.OFFLINE), replace(clients, model=None)
    search = options.search
    if search is None:
        clients.progress.phase("finding changed functions", 1, 0.05)
        search = find_members(repository, settings.selection, clients.languages)
    clients = replace(clients, languages=of_project(clients.languages, search.head_tree))
    intent, hint = _intent(repository, search, options), options.hint or settings.hint
    requests, lost = _requests(search, clients.languages, options, intent)
    requests = {member: replace(one, intent=intent, hint=hint) for member, one in requests.items()}
    sources, unchanged = dict[str, str](), set[str]()
    if options.is_unchanged is not None:
        sources = _sources(settings, search, requests, clients.languages)
        unchanged = {member for member, source in sources.items() if options.is_unchanged(member, source)}
    run = RunState(
        settings=settings,
        clients=clients,
        options=options,
        repository=repository,
        search=search,
        requests=requests,
        sources=sources,
        deadline=Deadline.after(settings.budget.max_minutes, clients.clock),
    )
    known = run.without(requests.keys() - unchanged).all_skipped(SkipStage.CHANGES, options.reason)
    farther = {member: near for member, near in farther_members(run).items() if member not in unchanged}
    left_out = [not_chosen(requests[member].member, near[0]) for member, near in farther.items()]
    return replace(
        run.without(unchanged | farther.keys()),
        sources={member: source for member, source in sources.items() if member not in farther},
        skipped=(*known, *lost, *left_out),
        farther=farther,
    )


def _intent(repository: Repository, search: MemberSearch, options: RunOptions) -> str:
    """Return what the authors say about a change; nothing if there is none."""
    if search.base is None:
        return ""
    paths = {path for file in search.files for path in (file.base_path, file.head_path) if path}
    messages = repository.messages(search.base, search.head, paths)
    return intent_of(options.texts, messages, search.documents)


def _requests(
    search: MemberSearch, languages: Sequence[Language], options: RunOptions, intent: str
) -> tuple[dict[str, Request], list[Skipped]]:
    """Return the request for each member, by its id, and the members for which none could be built."""
    tree = search.head_tree if options.trusted is None else TrustedTree(search.head_tree, options.trusted)
    found: list[Request | Skipped] = []
    by_project: dict[tuple[str, str], list[Member]] = {}
    for member in search.members:
        by_project.setdefault((member.language, search.projects.of(member.path)), []).append(member)
    for (name, project), members in by_project.items():
        language = next(one for one in languages if one.name == name)
        try:
            found += list(language.source.requests(tree, members, project, intent))
        except Exception as error:
            if not is_fault(error):
                raise
            found += [_request(language, tree, member, project, intent) for member in members]
    requests = {
        one.member.id: replace(one, repair=options.repairs.get(one.member.id))
        for one in found
        if isinstance(one, Request)
    }
    return requests, [one for one in found if isinstance(one, Skipped)]


def _request(
    language: Language, tree: SourceTree, member: Member, project: str, intent: str
) -> Request | Skipped:
    try:
        [request] = language.source.requests(tree, [member], project, intent)
    except Exception as error:  # noqa: BLE001 - re-raised if it ends the run
        return skipped_by_fault(member, error)
    return request


def _sources(
    settings: Settings,
    search: MemberSearch,
    requests: Mapping[str, Request],
    languages: Sequence[Language],
) -> dict[str, str]:
    """Return, by member id, the digest of everything its result depends on."""
    verification = settings.verification
    rules = {
        "enabled": verification.enabled,
        "runs": verification.runs,
        "max_mutants": verification.max_mutants,
        "unchanged_behaviour": verification.unchanged_behaviour,
        "repairs": verification.repairs,
        "sandbox": verification.sandbox,
        "setup_command": verification.setup_command,
        "test_command": verification.test_command,
    }
    inputs = FingerprintInputs(
        version=__version__,
        generators=_description_of_generators(settings),
        rules=tuple((rule, str(value)) for rule, value in rules.items()),
    )
    base_text = cache(_nothing if search.base_tree is None else search.base_tree.read)
    own_tests = {
        language.name: cache(partial(_tests_of_others, search.head_tree, language)) for language in languages
    }
    return {
        member: source_digest(
            request,
            inputs,
            base=base_text(request.member.path),
            own_tests=own_tests[request.member.language](request.test_path),
        )
        for member, request in requests.items()
    }


def _nothing(_path: str) -> None:
    """Read a file of a base that is not there."""


def _tests_of_others(tree: SourceTree, language: Language, path: str) -> str:
    """Return a test file's content without the bot's own tests, which do not influence the result."""
    data = tree.read(path)
    return "" if data is None else language.tests.beside_marked(data.decode(errors="replace"))


def _description_of_generators(settings: Settings) -> str:
    """Return a description of the generators, for the digest. Default settings add nothing to it."""
    model = settings.model
    words = f"{settings.provider} {model.base_url or ''} {model.model}"
    if model.reasoning_effort is not ReasoningEffort.LOWEST:
        words += f" {model.reasoning_effort}"
    if model.strategy is not Strategy.WRITE:
        words += f" {model.strategy}"
    return f"{words} {model.model_for}" if asks_for_hard_alone(settings) else words
