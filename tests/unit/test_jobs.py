"""Jobs: progress, time left, exactly one end."""

from __future__ import annotations

import pytest

from visionstudio.model.errors import PluginError
from visionstudio.session import jobs as jobs_module
from visionstudio.session.jobs import Job, Jobs, JobState


def test_a_job_ends_once(jobs: Jobs) -> None:
    seen: list[JobState] = []
    jobs.changed.connect(lambda job: seen.append(job.state))
    job = jobs.start("Predict", lambda: None)
    job.report(0.5, "half")
    job.finish("all")
    job.fail(PluginError("too late"))
    job.report(0.1)
    assert seen == [JobState.WAITING, JobState.RUNNING, JobState.DONE]
    assert (job.fraction, job.message, job.error) == (1.0, "all", None)
    assert jobs.running == []


def test_a_failed_job_says_why(jobs: Jobs) -> None:
    job = jobs.start("Predict", lambda: None)
    job.fail(PluginError("it raised", where="detector/x", next_step="try another"))
    assert job.state is JobState.FAILED
    assert job.message == "it raised, detector/x; try another"


def test_time_left_follows_from_the_time_spent(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(jobs_module.time, "monotonic", lambda: now[0])
    job = Job("Train", lambda: None, jobs.changed, started=100.0)
    now[0] = 110.0
    job.report(0.001)
    assert job.seconds_left() is None
    job.report(0.25)
    assert job.seconds_left() == pytest.approx(30)
    job.report(7)
    assert job.fraction == 1.0
    job.finish()
    now[0] = 500.0
    assert (job.seconds(), job.seconds_left()) == (10.0, None)


def test_clearing_keeps_what_runs(jobs: Jobs) -> None:
    ended = jobs.start("a", lambda: None)
    running = jobs.start("b", lambda: None)
    ended.stop()
    jobs.clear_ended()
    assert jobs.all == [running]


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()
