"""detector/onnx: predicts with a detector that another program exported to ONNX."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from visionstudio.api import (
    Context,
    Detections,
    Facts,
    Frame,
    InvalidValue,
    ModelError,
    WeightsError,
)
from visionstudio_detector.grid import choose
from visionstudio_detector.onnx_heads import Head, Outputs, find_head
from visionstudio_detector.params import OnnxParams
from visionstudio_torch.found import FLOOR, Seen, coco_names, predict_boxes
from visionstudio_torch.onnx_session import first_line, open_session
from visionstudio_torch.transforms import letterbox, resize

MODEL = "detector/onnx"
_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(uint8)": np.uint8}
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)
_SIDE = 640  # where the file leaves the size open


class OnnxDetector:
    """Any exported detector whose head is known, as `Detector`."""

    def __init__(self) -> None:
        self._session: Any = None
        self._head: Head | None = None
        self._size = (0, 0)
        self._channels_last = False
        self._classes: tuple[str, ...] = ()

    def load(self, params: OnnxParams, weights: Path | None, ctx: Context) -> None:
        """Open the file and find out what its outputs mean. Raises WeightsError."""
        if weights is None:
            raise WeightsError(
                "this detector needs a file",
                where=MODEL,
                next_step="choose an ONNX file of a YOLO, SSD, DETR or FastestDet detector",
            )
        session = open_session(weights, ctx)
        entry = session.get_inputs()[0]
        self._session, self._type = session, _TYPES.get(entry.type)
        try:
            self._size, self._channels_last = _input_size(entry.shape, params.image_size)
        except ValueError:
            self._type = None
        if self._type is None or len(session.get_inputs()) != 1:
            said = ", ".join(f"{i.name} {i.shape} {i.type}" for i in session.get_inputs())
            raise WeightsError(
                f"the model does not take one picture ({said})",
                where=str(weights),
                next_step="export the detector with one picture of three channels as input",
            )
        names = _names(params.classes) or _stored_names(session)
        grey = np.full((*self._size, 3), 114, np.uint8)
        try:
            outputs = self._run(self._fed(grey, "0 to 1", "rgb"))
            head = find_head(outputs, self._size[0], len(names))
        except WeightsError as error:
            raise WeightsError(error.what, where=str(weights), next_step=error.next_step) from None
        except Exception as error:  # onnxruntime's errors share no class
            raise WeightsError(
                f"the model cannot be run: {first_line(error)}",
                where=str(weights),
                next_step="set the image size for which it was exported",
            ) from error
        self._head = replace(
            head,
            values=head.values if params.values == "auto" else params.values,
            order=head.order if params.order == "auto" else params.order,
            fit=head.fit if params.fit == "auto" else params.fit,
        )
        if names and len(names) != head.classes:
            raise WeightsError(
                f"there are {len(names)} class names for {head.classes} classes",
                where=str(weights),
                next_step="give one name for each class of the model, or none",
            )
        self._classes = names or coco_names(head.classes)

    def facts(self) -> Facts:
        """Classes, and the size of the input."""
        return Facts(self._classes, self._size)

    def unload(self) -> None:
        self._session = self._head = None

    def predict(
        self, frames: Sequence[Frame], params: OnnxParams, ctx: Context
    ) -> Sequence[Detections]:
        """All boxes with a score of at least 0.05; `threshold` is left to the display."""
        head = self._head
        if head is None:
            raise ModelError("the model is not loaded", where=MODEL)

        def find(images: list[NDArray[np.uint8]]) -> list[dict[str, Tensor]]:
            found = []
            for image in images:
                outputs = self._run(self._fed(image, head.values, head.order))
                boxes, scores = head.read(outputs)
                boxes = boxes * np.tile(self._size[::-1], 2) if head.parts else boxes
                overlap = params.nms_iou if head.suppress else 1.0
                found.append(_choose(boxes, scores, overlap, params.max_detections))
                ctx.report()
            return found

        return predict_boxes(frames, [self._seen(f) for f in frames], find, self._classes, ctx)

    def _seen(self, frame: Frame) -> Seen:
        height, width = self._size
        if self._head is not None and self._head.fit == "letterbox":
            return letterbox(frame, height, width, 114)
        scaling = np.array([[width / frame.shape[1], 0, 0], [0, height / frame.shape[0], 0]])
        return resize(frame, height, width), scaling

    def _fed(self, image: NDArray[np.uint8], values: str, order: str) -> NDArray[Any]:
        """A picture as the session wants it, (1, 3, H, W) or (1, H, W, 3)."""
        x: NDArray[Any] = image[:, :, ::-1] if order == "bgr" else image
        if self._type is not np.uint8:
            x = x.astype(np.float32)
            if values == "ImageNet":
                x = (x / 255 - _MEAN) / _STD
            elif values != "0 to 255":
                x = x / 255 if values == "0 to 1" else (x - 127) / 128
        x = x if self._channels_last else x.transpose(2, 0, 1)
        return np.ascontiguousarray(x[None], self._type)

    def _run(self, batch: NDArray[Any]) -> Outputs:
        session = self._session
        values = session.run(None, {session.get_inputs()[0].name: batch})
        names = [o.name for o in session.get_outputs()]
        arrays = {n: np.asarray(v) for n, v in zip(names, values, strict=True)}
        return {n: v.astype(np.float32) for n, v in arrays.items() if v.dtype.kind in "fiub"}


def _input_size(shape: list[Any], side: int) -> tuple[tuple[int, int], bool]:
    """(height, width) and whether channels come last. ValueError if it is no picture."""
    if len(shape) != 4:
        raise ValueError(shape)
    last = shape[3] == 3 and shape[1] != 3
    if not last and shape[1] not in (3, None) and not isinstance(shape[1], str):
        raise ValueError(shape)
    sides = shape[1:3] if last else shape[2:4]
    height, width = (n if isinstance(n, int) and n > 0 else side or _SIDE for n in sides)
    return (height, width), last


def _names(text: str) -> tuple[str, ...]:
    """Class names from a text with commas or from a file with a name per line."""
    if not text.strip():
        return ()
    path = Path(text).expanduser()
    try:
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            return tuple(line.strip() for line in lines if line.strip())
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InvalidValue(f"the class names cannot be read: {error}", where=text) from error
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _stored_names(session: Any) -> tuple[str, ...]:
    """The class names that exporters of YOLO keep in the file as a Python literal."""
    text = session.get_modelmeta().custom_metadata_map.get("names", "")
    try:
        found = ast.literal_eval(text) if 0 < len(text) < 100_000 else ()
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return ()
    if isinstance(found, dict):
        try:
            found = [found[i] for i in range(len(found))]
        except KeyError:
            return ()
    return tuple(str(n) for n in found) if isinstance(found, list | tuple) else ()


def _choose(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], nms_iou: float, most: int
) -> dict[str, Tensor]:
    usable = np.isfinite(boxes).all(axis=1) & np.isfinite(scores).all(axis=1)
    ordered = usable & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    return choose(
        torch.from_numpy(np.ascontiguousarray(boxes[ordered], np.float32)),
        torch.from_numpy(np.ascontiguousarray(scores[ordered].clip(0, 1), np.float32)),
        FLOOR,
        nms_iou,
        most,
    )
