"""Operations on check runs and workflow runs."""

from __future__ import annotations

from fakes.github.clock import stamp
from fakes.github.errata import Json
from fakes.github.operations.room import Room
from fakes.github.state import CheckRun, Repository, WorkflowRun
from fakes.github.wire import Answer, Asked, Refused, not_found

_FIELD_LIMIT = 65_535
_SUITE = 7


class Checks(Room):
    """Check runs and workflow runs."""

    def checks__create(self, asked: Asked) -> Answer:
        repository = self.repository(asked)
        if repository.git.resolve(asked.told("head_sha")) is None:
            raise Refused(422, "Validation Failed", [f"No commit found for SHA: {asked.told('head_sha')}"])
        run = CheckRun(id=self.world.next_id(), at=self.now, told={"status": "queued"})
        self._tell(run, asked)
        repository.check_runs[run.id] = run
        return Answer(status=201, body=self._view(repository, run))

    def checks__get(self, asked: Asked) -> Answer:
        return Answer(body=self._view(self.repository(asked), self._found(asked)))

    def checks__update(self, asked: Asked) -> Answer:
        run = self._found(asked)
        self._tell(run, asked)
        return Answer(body=self._view(self.repository(asked), run))

    def checks__list_for_ref(self, asked: Asked) -> Answer:
        repository = self.repository(asked)
        sha = repository.branch(asked.parameters["ref"]) or repository.git.resolve(asked.parameters["ref"])
        found = [run for run in repository.check_runs.values() if run.told["head_sha"] == sha]
        if "check_name" in asked.query:
            found = [run for run in found if run.told["name"] == asked.query["check_name"]]
        shown = [self._view(repository, run) for run in found]
        return Answer(body={"total_count": len(shown), "check_runs": shown})

    def _tell(self, run: CheckRun, asked: Asked) -> None:
        output = asked.told("output") or {}
        for field in ("summary", "text"):
            if len(output.get(field) or "") > _FIELD_LIMIT:
                raise Refused(
                    422, f"Invalid request.\n\nOnly {_FIELD_LIMIT} characters are allowed; {field}."
                )
        run.told |= asked.body or {}
        if asked.told("conclusion"):
            run.told["status"] = "completed"

    def _found(self, asked: Asked) -> CheckRun:
        found = self.repository(asked).check_runs.get(asked.number("check_run_id"))
        if found is None:
            raise not_found()
        return found

    def _view(self, repository: Repository, run: CheckRun) -> Json:
        told = run.told
        output = told.get("output") if isinstance(told.get("output"), dict) else {}
        assert isinstance(output, dict)
        done = told.get("status") == "completed"
        url = f"{self.views.repository_url(repository)}/check-runs/{run.id}"
        return self.views.make(
            "check-run",
            id=run.id,
            node_id=f"CR_{run.id}",
            url=url,
            html_url=f"{self.world.url}/{repository.full_name}/runs/{run.id}",
            details_url=told.get("details_url"),
            head_sha=told["head_sha"],
            name=told["name"],
            status=told["status"],
            conclusion=told.get("conclusion"),
            external_id=told.get("external_id", ""),
            started_at=told.get("started_at") or stamp(run.at),
            completed_at=(told.get("completed_at") or stamp(self.now)) if done else None,
            check_suite={"id": _SUITE},
            output={
                "title": output.get("title"),
                "summary": output.get("summary"),
                "text": output.get("text"),
                "annotations_count": len(output.get("annotations", [])),
                "annotations_url": f"{url}/annotations",
            },
        )

    def actions__list_workflow_runs_for_repo(self, asked: Asked) -> Answer:
        repository, query = self.repository(asked), asked.query
        found = [run for run in repository.workflow_runs.values() if _matches(run, query)]
        shown = [self._workflow_run(repository, run) for run in reversed(found)]
        return Answer(body={"total_count": len(shown), "workflow_runs": shown})

    def _workflow_run(self, repository: Repository, run: WorkflowRun) -> Json:
        url = f"{self.views.repository_url(repository)}/actions/runs/{run.id}"
        return self.views.make(
            "workflow-run",
            id=run.id,
            node_id=f"WFR_{run.id}",
            url=url,
            event=run.event,
            head_branch=run.branch,
            head_sha=run.sha,
            status=run.status,
            conclusion=run.conclusion,
            created_at=stamp(run.at),
            updated_at=stamp(run.at),
            repository=self.views.repository(repository, "minimal-repository"),
            head_repository=self.views.repository(repository, "minimal-repository"),
        )


def _matches(run: WorkflowRun, query: dict[str, str]) -> bool:
    pairs = (("event", run.event), ("branch", run.branch), ("head_sha", run.sha))
    if any(key in query and query[key] != value for key, value in pairs):
        return False
    return query.get("status", run.status) in (run.status, run.conclusion)
