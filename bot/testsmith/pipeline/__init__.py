"""One run from changes to report. `run` has the phases in order; each has a module of its own."""

from testsmith.pipeline.prepare import workspace_order
from testsmith.pipeline.run import estimate, suggest
from testsmith.pipeline.state import RunDependencies, RunOptions, runs_code

__all__ = ["RunDependencies", "RunOptions", "estimate", "runs_code", "suggest", "workspace_order"]
