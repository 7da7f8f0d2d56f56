"""How a run divides its time, in fractions of the time left when a phase begins."""

GENERATION = 0.6
"""Generation; the rest is for verification."""

ENGINE = 0.3
"""The offline engine if the model follows or uses its observations."""

OBSERVATIONS = 0.05
"""Wait for observations if the engine has already run."""

BASELINE = 0.7
"""Limit after which the baseline is canceled, if its own limit did not apply."""

BASELINE_ON_BASE = 0.3
"""Limit after which the baseline run on base is canceled."""

GOALS = 0.05
"""Wait for mutants that the project's own tests leave alive, before the model is asked for tests."""

OWN_TESTS = 0.25
"""The project's own tests on base, and again with mutants of changed lines."""

OTHER_TESTS = 5.0
"""Seconds after which no test of the project begins that does not seem to be about a member."""

MUTANTS_FOR_MODEL = 10.0
"""Seconds for the project's own tests with mutants of changed lines, if only a model uses the results."""

_PREPARATION = 5
"""Members whose tests take about as long as the preparation of a project, such as its installation."""


def share_of_project(members: int, all_members: int, projects: int) -> float:
    """Return the share of the time left for one of several projects.

    Args:
        members: Its members.
        all_members: Those of all projects that are left, its own included.
        projects: Number of these projects.
    """
    return (members + _PREPARATION) / (all_members + _PREPARATION * projects)
