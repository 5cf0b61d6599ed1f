"""All that a plugin may import.

A plugin writes a `Manifest` with `ModelSpec` entries, parameter dataclasses
with `param`, and classes that answer the calls in `visionstudio.api.tasks`
with the results defined here.
"""

from visionstudio.api.context import Context, TrainContext
from visionstudio.api.data import Sample, Target, TrainingData
from visionstudio.api.manifest import (
    ENTRY_POINT_GROUP,
    TASKS,
    Manifest,
    ModelSpec,
    Task,
    WeightsSpec,
)
from visionstudio.api.params import ParamSpec, build, describe, param, validate
from visionstudio.api.results import (
    Classification,
    Detections,
    GeneratedImage,
    Masks,
    Result,
    SemanticMap,
    TrackState,
)
from visionstudio.api.tasks import (
    Exportable,
    Facts,
    Frame,
    GenerateRequest,
    ModelInput,
    Prompt,
    TrainResult,
)
from visionstudio.model.errors import (
    Cancelled,
    InvalidValue,
    ModelError,
    OutOfMemory,
    TrainingError,
    VisionStudioError,
    WeightsError,
)
from visionstudio.model.geometry import box_iou

__all__ = [
    "ENTRY_POINT_GROUP",
    "TASKS",
    "Cancelled",
    "Classification",
    "Context",
    "Detections",
    "Exportable",
    "Facts",
    "Frame",
    "GenerateRequest",
    "GeneratedImage",
    "InvalidValue",
    "Manifest",
    "Masks",
    "ModelError",
    "ModelInput",
    "ModelSpec",
    "OutOfMemory",
    "ParamSpec",
    "Prompt",
    "Result",
    "Sample",
    "SemanticMap",
    "Target",
    "Task",
    "TrackState",
    "TrainContext",
    "TrainResult",
    "TrainingData",
    "TrainingError",
    "VisionStudioError",
    "WeightsError",
    "WeightsSpec",
    "box_iou",
    "build",
    "describe",
    "param",
    "validate",
]
