"""What a finished run is worth: its weights on the held-out pictures, for its report."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from visionstudio.api.params import build
from visionstudio.engine.checking import check_count, check_result
from visionstudio.engine.context import JobContext
from visionstudio.engine.evaluation import Collector, save_evaluation
from visionstudio.engine.evaluation.analysis import OUTPUTS
from visionstudio.engine.evaluation.truth import Truth
from visionstudio.engine.frames import FrameReader
from visionstudio.engine.implementations import find_spec, implementation
from visionstudio.engine.requests import FrameRef
from visionstudio.engine.training.plan import PlanPicture, TrainPlan
from visionstudio.formats.dataset import Dataset, DatasetAnnotation, DatasetClass, DatasetItem
from visionstudio.model import shape_codec
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import Cancelled, VisionStudioError

log = logging.getLogger(__name__)
_CHUNK = 8
SHARE, MOST_SECONDS = 0.06, 60.0
"""Of a time budget, and at most, what is kept for measuring at the end."""


def reserve(seconds: float | None) -> float:
    """How many seconds of a budget are kept for measuring."""
    return 0.0 if seconds is None else min(SHARE * seconds, MOST_SECONDS)


def plan_truth(plan: TrainPlan) -> Truth:
    """The held-out pictures of a plan with their labels as ground truth."""
    items, keys, kinds = [], {}, {}
    for number, picture in enumerate(plan.of("val"), start=1):
        items.append(_item(number, picture, plan))
        keys[number] = picture.media_id, picture.frame
        kinds[number] = picture.kind
    classes = tuple(DatasetClass(name=c.name, id=c.id) for c in plan.classes)
    return Truth(Dataset(classes, tuple(items)), keys, kinds)


def _item(number: int, picture: PlanPicture, plan: TrainPlan) -> DatasetItem:
    return DatasetItem(
        path=picture.name,
        id=number,
        width=picture.width,
        height=picture.height,
        file=Path(picture.path),
        annotations=tuple(
            DatasetAnnotation(
                label=plan.classes[target.index].name,
                shape=shape_codec.decode(target.kind, target.shape),
                z=z,
                flags=Flags.CROWD if target.ignore else Flags.NONE,
            )
            for z, target in enumerate(picture.targets)
        ),
    )


def measure_run(plan: TrainPlan, folder: Path, ctx: JobContext, until: float | None) -> bool:
    """Predict on the held-out pictures and leave evaluation.json; False if there was no time.

    `until` is a monotonic time by which to end, with the pictures that were seen. What
    goes wrong is logged: the run is good without.
    """
    truth = plan_truth(plan)
    if plan.output not in OUTPUTS or not truth.dataset.items:
        return False
    try:
        collector = Collector(truth, plan.output)
        _predict(plan, folder, collector, ctx, until)
        if not len(collector):
            return False
        collector.drop_unseen()
        found = collector.evaluate()
        found = msgspec.structs.replace(found, model=plan.model, split="val")
        save_evaluation(folder, found)
    except (VisionStudioError, OSError) as error:
        log.warning("the run was not measured: %s", error)
        return False
    except Exception:
        log.exception("measuring the run")
        return False
    return True


def _predict(
    plan: TrainPlan, folder: Path, collector: Collector, ctx: JobContext, until: float | None
) -> None:
    spec = find_spec(plan.manifest, plan.model, plan.plugin)
    params: Any = build(spec.params, {})
    model: Any = implementation(plan.factory)()
    model.load(params, folder / "best.safetensors", ctx)
    reader = FrameReader()
    frames = collector.truth.frames()
    begins = list(range(0, len(frames), _CHUNK))
    if until is not None:  # where time is short, a part of every class and clip
        random.Random(plan.seed).shuffle(begins)
    try:
        for done, first in enumerate(begins):
            if until is not None and time.monotonic() > until:
                break
            seen = done * _CHUNK
            ctx.report(seen / len(frames), f"measuring picture {seen + 1} of {len(frames)}")
            _predict_chunk(model, params, frames[first : first + _CHUNK], reader, collector, ctx)
    finally:
        reader.close()
        model.unload()


def _predict_chunk(
    model: Any,
    params: Any,
    refs: Sequence[FrameRef],
    reader: FrameReader,
    collector: Collector,
    ctx: JobContext,
) -> None:
    output = collector.output
    pairs = []
    for ref in refs:
        try:
            pairs.append((ref, reader.read(ref)))
        except Cancelled:
            raise
        except VisionStudioError as error:
            log.warning("not measured: %s", error)
    if not pairs:
        return
    results = check_count(model.predict([f for _, f in pairs], params, ctx), len(pairs))
    for (ref, frame), result in zip(pairs, results, strict=True):
        collector.add(int(ref.key), check_result(result, frame, output))
