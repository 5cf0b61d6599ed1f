"""SAM-family networks as two ONNX files: an encoder run once per picture, a decoder per prompt.

Kirillov et al., Segment Anything (2023). The decoder has the inputs and outputs of the public
export: image_embeddings, point_coords, point_labels, mask_input, has_mask_input, orig_im_size
→ masks, iou_predictions, low_res_masks. What else a decoder wants is taken from an output of
the encoder of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from visionstudio.api import Context, ModelError, Prompt, WeightsError
from visionstudio_torch.onnx_session import first_line, open_session

Values = dict[str, NDArray[Any]]
_MEAN = np.array([123.675, 116.28, 103.53], np.float32)  # of RGB in [0, 255], as SAM was trained
_STD = np.array([58.395, 57.12, 57.375], np.float32)
_SIDE = 1024
_PROMPT = ("point_coords", "point_labels")
_GIVEN = (*_PROMPT, "mask_input", "has_mask_input", "orig_im_size")
_OUTPUTS = ("masks", "iou_predictions")
_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}


class Sam:
    """An encoder and a decoder. Raises WeightsError for files that are none."""

    def __init__(self, encoder: Path, decoder: Path, ctx: Context) -> None:
        self._encoder = open_session(encoder, ctx)
        self._decoder = open_session(decoder, ctx)
        inputs = self._encoder.get_inputs()
        self._wanted = {i.name: i for i in self._decoder.get_inputs()}
        outputs = {o.name for o in self._decoder.get_outputs()}
        missing = [n for n in _PROMPT if n not in self._wanted]
        missing += [n for n in _OUTPUTS if n not in outputs]
        if missing:
            raise WeightsError(
                f"this is no decoder of the SAM family: it has no '{missing[0]}'",
                where=str(decoder),
                next_step="give the decoder as param decoder, the encoder as weights",
            )
        if len(inputs) != 1 or len(inputs[0].shape) not in (3, 4):
            raise WeightsError(
                "this is no picture encoder: it has to take one picture",
                where=str(encoder),
                next_step="give the encoder as weights, the decoder as param decoder",
            )
        self._input = inputs[0]
        given = {o.name for o in self._encoder.get_outputs()}
        free = [n for n in self._wanted if n not in _GIVEN and n not in given]
        # The embedding may have another name on its way out; anything else must fit by name.
        if len(free) > 1 or (free and not given):
            raise WeightsError(
                f"encoder and decoder do not belong together: nothing gives '{free[-1]}'",
                where=f"{encoder.name}, {decoder.name}",
                next_step="give two files of one export",
            )

    def embed(self, frame: NDArray[np.uint8]) -> Values:
        """What the decoder needs to know of a picture (H, W, 3) uint8, by the decoder's names."""
        made = self._run(self._encoder, {self._input.name: self._picture(frame)})
        names = [o.name for o in self._encoder.get_outputs()]
        values = dict(zip(names, made, strict=True))
        for name in self._wanted:
            if name not in _GIVEN and name not in values:
                values[name] = made[0]
        return {n: v for n, v in values.items() if n in self._wanted}

    def _picture(self, frame: NDArray[np.uint8]) -> NDArray[Any]:
        """Longest side as the encoder wants it; in rank 4 also normalised and padded."""
        shape = self._input.shape
        dtype = _DTYPES.get(self._input.type, np.float32)
        side = self._side()
        height, width = frame.shape[:2]
        scale = side / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = np.asarray(cv2.resize(frame, size, interpolation=method))
        if len(shape) == 3:  # normalises and pads by itself
            return small.astype(dtype)
        values = small.astype(np.float32)
        if dtype != np.uint8:
            values = (values - _MEAN) / _STD
        padded = np.zeros((side, side, 3), np.float32)
        padded[: size[1], : size[0]] = values
        return padded.transpose(2, 0, 1)[None].astype(dtype)

    def _side(self) -> int:
        sizes = [n for n in self._input.shape if isinstance(n, int) and n > 4]
        return max(sizes, default=_SIDE)

    def segment(
        self, known: Mapping[str, NDArray[Any]], prompt: Prompt, height: int, width: int
    ) -> tuple[NDArray[np.bool_], float]:
        """The mask (height, width) of a prompt and its predicted IoU; the best of several."""
        scale = self._side() / max(height, width)
        points = [tuple(p) for p in prompt.points]
        labels = [1 if label > 0 else 0 for label in prompt.labels]
        if prompt.box is not None:
            x1, y1, x2, y2 = prompt.box
            points += [(x1, y1), (x2, y2)]
            labels += [2, 3]  # its corners
        else:
            points.append((0.0, 0.0))
            labels.append(-1)  # says that there is no box
        given: Values = {
            "point_coords": np.array(points, np.float64)[None] * scale,
            "point_labels": np.array(labels)[None],
            "mask_input": np.zeros((1, 1, 256, 256)),
            "has_mask_input": np.zeros(1),
            "orig_im_size": np.array([height, width]),
        }
        feed = {
            n: given[n].astype(_DTYPES.get(i.type, np.float32)) if n in given else known[n]
            for n, i in self._wanted.items()
        }
        names = [o.name for o in self._decoder.get_outputs()]
        found = dict(zip(names, self._run(self._decoder, feed), strict=True))
        scores = np.asarray(found["iou_predictions"], np.float64).reshape(-1)
        masks = np.asarray(found["masks"], np.float32)
        masks = masks.reshape(-1, *masks.shape[-2:])
        if len(scores) != len(masks) or not len(masks) or not np.isfinite(scores).all():
            raise ModelError(
                f"the decoder gave {len(masks)} masks and {len(scores)} scores",
                next_step="give two files of one export",
            )
        best = int(np.argmax(scores))
        return _fitted(masks[best], height, width) > 0, float(np.clip(scores[best], 0, 1))

    def _run(self, session: Any, feed: Values) -> list[NDArray[Any]]:
        try:
            made: list[NDArray[Any]] = session.run(None, feed)
        except Exception as error:  # onnxruntime's errors share no class
            raise ModelError(
                f"the network cannot work: {first_line(error)}",
                next_step="give an encoder and a decoder of one export",
            ) from error
        return made


def _fitted(logits: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Logits in the picture's size; those of a decoder that leaves its padding in are cropped."""
    if logits.shape == (height, width):
        return logits
    side = logits.shape[0]
    scale = side / max(height, width)
    part = logits[: max(1, round(height * scale)), : max(1, round(width * scale))]
    return np.asarray(cv2.resize(np.ascontiguousarray(part), (width, height)), np.float32)
