"""How good results are: COCO's figures, mean IoU of pixel maps, accuracy of labels.

All of them compare plain values, so that files, projects and training runs are
measured by the same code.
"""

from visionstudio.engine.evaluation.coco import (
    evaluate_boxes,
    evaluate_files,
    evaluate_keypoints,
    evaluate_masks,
)
from visionstudio.engine.evaluation.labels import evaluate_labels
from visionstudio.engine.evaluation.semantic import evaluate_semantic

__all__ = [
    "evaluate_boxes",
    "evaluate_files",
    "evaluate_keypoints",
    "evaluate_labels",
    "evaluate_masks",
    "evaluate_semantic",
]
