"""Everything that works on one open project, made together and closed together."""

from __future__ import annotations

from visionstudio.session.evaluations import Evaluations
from visionstudio.session.exchange import Exchange
from visionstudio.session.generations import Generations
from visionstudio.session.jobs import Jobs
from visionstudio.session.live_export import LiveExport
from visionstudio.session.models import Models
from visionstudio.session.predictions import Predictions
from visionstudio.session.project import ProjectSession
from visionstudio.session.prompting import Prompts
from visionstudio.session.retouching import Retouches
from visionstudio.session.shape_work import ShapeWork
from visionstudio.session.team.work import TeamWork
from visionstudio.session.track_edits import TrackEdits
from visionstudio.session.tracker_comparison import TrackerComparison
from visionstudio.session.tracks import Tracks
from visionstudio.session.training import Trainings


class Workbench:
    """A session with what runs models for it. Models and jobs outlive the project."""

    def __init__(self, session: ProjectSession, models: Models, jobs: Jobs) -> None:
        self.session = session
        self.models = models
        self.jobs = jobs
        self.predictions = Predictions(session, models, jobs)
        self.prompts = Prompts(session, models)
        self.trainings = Trainings(session, models, jobs)
        self.evaluations = Evaluations(session, models, jobs)
        self.tracks = Tracks(session, models, jobs)
        self.track_edits = TrackEdits(session)
        self.tracker_comparison = TrackerComparison(session, models, jobs)
        self.shape_work = ShapeWork(session, jobs)
        self.generations = Generations(session, models, jobs)
        self.retouches = Retouches(session, models, jobs)
        self.live_export = LiveExport(session)
        self.exchange = Exchange(session, jobs)
        self.team = TeamWork(session, jobs)

    def close(self) -> None:
        """Stop what still works for the project and wait until all edits are stored."""
        for job in self.jobs.running:
            job.cancel()
        self.exchange.close()
        self.generations.close()
        self.tracker_comparison.close()
        self.live_export.close()
        self.team.close()
        self.trainings.close()
        self.shape_work.close()
        self.session.close()
