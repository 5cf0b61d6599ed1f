"""How good results are: figures, and the cases behind them.

`analyse` compares results of any task with a `Truth`; `analyse_objects`, `analyse_labels`
and `analyse_maps` compare plain values; the `evaluate_…` functions give figures only. Files,
projects and training runs are measured by the same code.
"""

from visionstudio.engine.evaluation.analysis import Collector, analyse, analyse_file
from visionstudio.engine.evaluation.coco import (
    evaluate_boxes,
    evaluate_files,
    evaluate_keypoints,
    evaluate_masks,
)
from visionstudio.engine.evaluation.evaluation import (
    Evaluation,
    load_evaluation,
    save_evaluation,
)
from visionstudio.engine.evaluation.labels import evaluate_labels
from visionstudio.engine.evaluation.semantic import evaluate_semantic
from visionstudio.engine.evaluation.truth import Truth

__all__ = [
    "Collector",
    "Evaluation",
    "Truth",
    "analyse",
    "analyse_file",
    "evaluate_boxes",
    "evaluate_files",
    "evaluate_keypoints",
    "evaluate_labels",
    "evaluate_masks",
    "evaluate_semantic",
    "load_evaluation",
    "save_evaluation",
]
