"""What Python scripts let a project do: import, export, predict, train, evaluate.

The same as the dialogs and commands do, in this process. `progress(fraction, message)` is
told how far it is and may raise to give up.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from visionstudio.formats.dataset import ReadOptions, WriteOptions
from visionstudio.formats.progress import Progress
from visionstudio.model.errors import Cancelled, InvalidValue
from visionstudio.session.exporting import Exported, Selection, export_project
from visionstudio.session.import_values import Choices, ImportReport, Rule
from visionstudio.session.importing import do_import, format_of, plan_import, read_source

if TYPE_CHECKING:
    from visionstudio.engine.evaluation.evaluation import Evaluation
    from visionstudio.engine.events import Event
    from visionstudio.engine.training.runs import RunInfo
    from visionstudio.session.batch import Outcome
    from visionstudio.storage.store import ProjectStore

AnyPath = str | os.PathLike[str]


class ProjectWork:
    """Long work on a project. Mixed into `Project`."""

    store: ProjectStore
    _step_seen = -1
    """The gesture up to which the kept export is known to be up to date."""

    def import_annotations(
        self,
        format: str,
        src: AnyPath,
        *,
        images: AnyPath | None = None,
        classes: Mapping[str, str | None] | None = None,
        rule: Rule = "skip",
        one_based: bool = False,
        dry: bool = False,
        progress: Progress | None = None,
    ) -> ImportReport:
        """Import a file or folder of annotations, as one step to undo.

        `format` is a name such as 'coco', or 'auto'. `classes` maps a class of the file to
        one of the project, None leaves it out. `rule` is for rows that are there already:
        skip, keep or replace. With `dry` nothing is stored. Raises FormatError, StorageFull.
        """
        source = Path(src)
        reader = format_of(format, source)
        pictures = None if images is None else Path(images)
        options = ReadOptions(one_based=one_based, stream=True)
        imported = read_source(reader, source, pictures, options, progress)
        base = pictures or (source if source.is_dir() else source.parent)
        plan = plan_import(
            self.store,
            imported,
            reader.name,
            base=base.absolute(),
            choices=Choices(rule=rule, classes=classes or {}),
            dry=dry,
            progress=progress,
        )
        return plan.report if dry else do_import(self.store, plan, progress)

    def export_annotations(
        self,
        format: str,
        out: AnyPath,
        *,
        copy_media: bool = False,
        split: str | None = None,
        classes: Collection[str] | None = None,
        progress: Progress | None = None,
    ) -> Exported:
        """Write the labels in a format, all files or none, read them again and compare.

        The answer tells what the format could not express and whether all came back.
        Raises FormatError, StorageFull.
        """
        return export_project(
            self.store,
            format,
            Path(out),
            WriteOptions(copy_media=copy_media, split=split),
            selection=Selection(classes=None if classes is None else frozenset(classes)),
            verify=True,
            progress=progress,
        )

    def keep_export(self, format: str | None, out: AnyPath = "", variant: str = "") -> None:
        """Keep an export up to date for tools that watch its folder; None ends it.

        Written now, whenever labels are saved in the window, and when a script or
        a command that has changed something closes the project. Raises FormatError,
        StorageFull.
        """
        from visionstudio.session.live_export import LiveTarget, set_live_target, write_live

        target = None
        if format is not None:
            target = LiveTarget(format, str(Path(out).absolute()), variant)
        set_live_target(self.store, target)
        if target is not None:
            write_live(self.store, target)
        self._step_seen = self.store.last_step()

    def _follow(self) -> None:
        from visionstudio.session.live_export import SETTING, follow

        if self.store.setting(SETTING):
            follow(self.store, self._step_seen)

    def predict(
        self,
        model: str,
        *,
        media: Collection[int] | None = None,
        weights: AnyPath | None = None,
        params: Mapping[str, Any] | None = None,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> Outcome:
        """Let a model predict and store its results as proposals: one step to undo.

        `media` are the ids of the items that are meant, None all. The answer tells how
        many results there are and which files failed. Raises ModelError, MediaError.
        """
        from visionstudio.engine.discovery import discover
        from visionstudio.session.batch import Batch, check_task

        info = discover().model(model)
        check_task(info)
        file = None if weights is None else Path(weights)
        batch = Batch(info, file, dict(params or {}), device, progress)
        return batch.into_project(self.store, media=media)

    def train(
        self,
        model: str,
        *,
        params: Mapping[str, Any] | None = None,
        holdout: float = 0.2,
        limit: int | None = None,
        minutes: float | None = None,
        seed: int = 0,
        device: str = "auto",
        out: AnyPath | None = None,
        progress: Progress | None = None,
    ) -> RunInfo:
        """Train a model on what is labelled; the answer has its folder, weights and figures.

        `holdout` is the share of pictures to measure on, `minutes` a budget of time, `out`
        the run's folder, by default a new one in the project. Raises TrainingError.
        """
        from visionstudio.engine.discovery import discover
        from visionstudio.engine.events import Failed, Finished
        from visionstudio.engine.events import Progress as ProgressEvent
        from visionstudio.engine.training import build_plan, load_run, run_training
        from visionstudio.session.runs import new_run_folder

        plan = build_plan(
            self.store,
            discover().model(model),
            dict(params or {}),
            holdout=holdout,
            limit=limit,
            minutes=minutes,
            seed=seed,
            device=device,
        )
        run = Path(out) if out is not None else new_run_folder(self.store.folder, model)

        def tell(event: Event) -> None:
            if progress is not None and isinstance(event, ProgressEvent):
                progress(event.fraction, event.message)

        event = run_training(plan, run.absolute(), tell)
        if isinstance(event, Failed):
            raise event.error()
        if not isinstance(event, Finished):
            raise Cancelled("training was interrupted", where=str(run))
        return load_run(run.absolute())

    def evaluate(
        self,
        model: str | None = None,
        *,
        run: AnyPath | None = None,
        weights: AnyPath | None = None,
        split: str | None = None,
        params: Mapping[str, Any] | None = None,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> Evaluation:
        """Measure a model, or a run on the pictures that it held out, on the labels.

        `split` is train, val or all. `metrics` of the answer has the figures. Raises
        InvalidValue when there is nothing to compare with, ModelError.
        """
        from visionstudio.session.subject import Subject

        if (model is None) == (run is None):
            raise InvalidValue("name either a model or a run to evaluate")
        subject = Subject.of(
            self.store.folder,
            model,
            None if weights is None else Path(weights),
            None if run is None else Path(run),
        )
        keys = subject.keys(split)
        return subject.evaluate(self.store, keys, params or {}, device, progress)
