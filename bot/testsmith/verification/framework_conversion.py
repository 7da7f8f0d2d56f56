"""Convert proven tests to the project's test framework, if that is not pytest, and prove them again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from testsmith.languages.language import Language
from testsmith.languages.python.running.harness import trouble_under_unittest
from testsmith.languages.python.running.workspace import PythonWorkspace
from testsmith.languages.source import CannotParse, SourceTree
from testsmith.languages.tests import CannotConvert
from testsmith.model import Candidate, Member
from testsmith.tasks import gather, in_thread
from testsmith.verification.evidence import RunSubject
from testsmith.verification.gate import Cut, Point, ProvenSuggestion, Verdict

Prove = Callable[[Sequence[RunSubject]], Awaitable[Sequence[Verdict]]]
"""Returns a verdict for each candidate, in the same order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameworkForm:
    """Converts tests to the framework of their members.

    Attributes:
        workspace: PythonWorkspace to run the tests in.
        language: Language of the tests.
        frameworks: Framework by member id.
        tree: Tree of head, whose settings are used to format tests.
        seconds: Time limit of one run.
    """

    workspace: PythonWorkspace
    language: Language
    frameworks: Mapping[str, str]
    tree: SourceTree
    seconds: float

    async def prove(self, subjects: Sequence[RunSubject], prove: Prove) -> list[Verdict]:
        """Return the candidates' verdicts, with green tests converted to the form that would be posted.

        Candidates are first proven in the form that their generator wrote, because the checks support it
        best. Green tests are then converted, proven again, and run by the framework itself.
        """
        verdicts = list(await prove(subjects))
        wanted = {
            at: verdict.green
            for at, verdict in enumerate(verdicts)
            if verdict.green is not None and self._of(verdict.proof.member) != self.language.tests.framework
        }
        converted = {at: await in_thread(self._converted, subjects[at], one) for at, one in wanted.items()}
        again = {
            at: replace(subjects[at], candidate=one)
            for at, one in converted.items()
            if isinstance(one, Candidate) and one.code != wanted[at].candidate.code
        }
        proven = dict(zip(again, await prove(list(again.values())), strict=True)) if again else {}
        for at, one in converted.items():
            verdicts[at] = self._joined(verdicts[at], one if isinstance(one, str) else proven.get(at))
        troubles = await gather(*(self._trouble(verdicts[at]) for at in wanted))
        for at, trouble in zip(wanted, troubles, strict=True):
            verdicts[at] = _without_green(verdicts[at], trouble) if trouble else verdicts[at]
        return verdicts

    def _of(self, member: Member) -> str:
        return self.frameworks[member.id]

    def _converted(self, subject: RunSubject, entry: ProvenSuggestion) -> Candidate | str:
        """Return a candidate's green tests in the framework's form, or why they cannot be converted."""
        candidate, member = entry.candidate, subject.member
        try:
            code = self.language.tests.in_framework(candidate.code, self._of(member), member)
            if code != candidate.code:
                code = self.language.tests.format(code, subject.beside or "", self.tree)
            names = {name.rpartition("::")[2]: name for name in self.language.tests.test_functions(code)}
        except (CannotConvert, CannotParse) as error:
            return f"cannot be written for {self._of(member)}: {error}"
        sayings = tuple(
            replace(one, test=names.get(one.test.rpartition("::")[2], one.test)) for one in candidate.sayings
        )
        return replace(candidate, code=code, sayings=sayings)

    def _joined(self, first: Verdict, second: Verdict | str | None) -> Verdict:
        """Combine two verdicts: questions from the original form, green tests from the converted one."""
        if second is None:
            return first
        if isinstance(second, str):
            return _without_green(first, second)
        asked = tuple(entry for entry in first.entries if not entry.is_green)
        green = () if second.green is None else (second.green,)
        return replace(second, entries=(*green, *asked), cuts=(*first.cuts, *second.cuts))

    async def _trouble(self, verdict: Verdict) -> str:
        if verdict.green is None:
            return ""
        found = await trouble_under_unittest(self.workspace, verdict.green.candidate.code, self.seconds)
        return f"does not pass under `python -m unittest`: {found}" if found else ""


def _without_green(verdict: Verdict, reason: str) -> Verdict:
    green = verdict.green
    names = () if green is None else green.tests
    cuts = tuple(Cut(function=name, point=Point.GAINS, reason=reason) for name in names)
    asked = tuple(entry for entry in verdict.entries if not entry.is_green)
    return replace(verdict, entries=asked, cuts=(*verdict.cuts, *cuts))
