"""detector/onnx: heads found by their shapes, real photographs, files that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
import skimage
from onnx import TensorProto, helper, numpy_helper

from visionstudio.api import Detections, InvalidValue, ModelError, WeightsError
from visionstudio_detector.onnx_detector import OnnxDetector
from visionstudio_detector.params import OnnxParams

# Two objects in a 100×200 frame, as classes 2 and 0.
BOXES = np.array([[20.0, 10, 60, 50], [120, 40, 180, 90]])
LABELS = np.array([2, 0])
SCORES = np.array([0.9, 0.6], np.float32)


def graph(
    path: Path,
    outputs: dict[str, np.ndarray],
    shape: tuple[Any, ...] = (1, 3, 128, 128),
    names: str = "",
    kind: int = TensorProto.FLOAT,
) -> Path:
    """An ONNX model that always answers the same."""
    nodes, infos = [], []
    for name, value in outputs.items():
        array = np.ascontiguousarray(value)
        nodes.append(helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array)))
        of = helper.np_dtype_to_tensor_dtype(array.dtype)
        infos.append(helper.make_tensor_value_info(name, of, array.shape))
    entry = helper.make_tensor_value_info("images", kind, shape)
    model = helper.make_model(
        helper.make_graph(nodes, "detector", [entry], infos),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    if names:
        helper.set_model_props(model, {"names": names})
    onnx.save(model, path)
    return path


def letterboxed() -> np.ndarray:
    """The boxes in a letterbox of 128×128: 200 px become 128, 32 px of padding above."""
    return (BOXES * 0.64 + [0, 32, 0, 32]).astype(np.float32)


def stretched() -> np.ndarray:
    return (BOXES / [200, 100, 200, 100]).astype(np.float32)


def centred(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], axis=1)


def one_hot(width: int, first: int = 0) -> np.ndarray:
    out = np.zeros((2, width), np.float32)
    out[np.arange(2), LABELS + first] = SCORES
    return out


def rows(*columns: np.ndarray, count: int) -> np.ndarray:
    """The two rows, then again a little worse, then many of nothing: (1, count, K)."""
    top = np.concatenate(columns, axis=1).astype(np.float32)
    weaker = top.copy()
    weaker[:, 4:] *= 0.9
    out = np.zeros((1, count, top.shape[1]), np.float32)
    out[0, :4] = np.concatenate([top, weaker])
    return out


def yolov5() -> dict[str, np.ndarray]:
    sure = np.ones((2, 1))
    return {"output0": rows(centred(letterboxed()), sure, one_hot(3), count=60)}


def yolov8() -> dict[str, np.ndarray]:
    return {
        "output0": rows(centred(letterboxed()), one_hot(3), count=60)[0].T[None].astype(np.float32)
    }


def yolo_ended() -> dict[str, np.ndarray]:
    found = np.zeros((1, 20, 6), np.float32)
    found[0, :2] = np.concatenate([letterboxed(), SCORES[:, None], LABELS[:, None]], axis=1)
    return {"output0": found}


def rt_detr() -> dict[str, np.ndarray]:
    out = np.zeros((1, 30, 7), np.float32)
    out[0, :2] = np.concatenate([centred(stretched()), one_hot(3)], axis=1)
    return {"output0": out}


def ssd() -> dict[str, np.ndarray]:
    chances = np.zeros((1, 40, 4), np.float32)
    chances[0, :, 0] = 1
    chances[0, :2] = one_hot(4, first=1)
    chances[0, :2, 0] = 1 - SCORES
    boxes = np.zeros((1, 40, 4), np.float32)
    boxes[0, :2] = stretched()
    return {"scores": chances, "boxes": boxes}


def detr() -> dict[str, np.ndarray]:
    """Logits whose softmax over three classes and "no object" are the scores."""
    logits = np.full((1, 25, 4), -20.0, np.float32)
    logits[0, :, 3] = 0
    logits[0, [0, 1], LABELS] = np.log(SCORES / (1 - SCORES))
    boxes = np.full((1, 25, 4), 0.5, np.float32)
    boxes[0, :2] = centred(stretched())
    return {"logits": logits, "pred_boxes": boxes}


def torchvision_style() -> dict[str, np.ndarray]:
    return {"boxes": letterboxed(), "labels": LABELS + 1, "scores": SCORES}


def tensorflow_style() -> dict[str, np.ndarray]:
    boxes = (letterboxed() / 128)[:, [1, 0, 3, 2]]
    return {
        "detection_boxes": boxes[None].astype(np.float32),
        "detection_classes": (LABELS + 1)[None].astype(np.float32),
        "detection_scores": SCORES[None],
        "num_detections": np.array([2.0], np.float32),
    }


@pytest.mark.parametrize(
    "make",
    [yolov5, yolov8, yolo_ended, rt_detr, ssd, detr, torchvision_style, tensorflow_style],
)
def test_heads_are_found_by_their_shapes(
    make: Callable[[], dict[str, np.ndarray]], tmp_path: Path, train_context: Callable[..., Any]
) -> None:
    path = graph(tmp_path / "model.onnx", make(), names="{0: 'ant', 1: 'bee', 2: 'cat'}")
    model, ctx = OnnxDetector(), train_context()
    model.load(OnnxParams(), path, ctx)
    frame = np.zeros((100, 200, 3), np.uint8)
    found: Detections
    (found,) = model.predict([frame], OnnxParams(), ctx)
    assert found.classes == ("ant", "bee", "cat")
    np.testing.assert_allclose(found.boxes, BOXES, atol=0.5)
    np.testing.assert_allclose(found.scores, SCORES, atol=1e-3)
    assert found.indices.tolist() == LABELS.tolist()
    (one,) = model.predict([frame], OnnxParams(max_detections=1), ctx)
    assert one.indices.tolist() == [2]


def seeing(path: Path, kind: int, shape: tuple[Any, ...], red: int) -> Path:
    """A YOLOv5-like model whose one box scores the mean of the channel at `red`."""
    axes = numpy_helper.from_array(np.array([0, 1, 2, 3], np.int64), "axes")
    last = len(shape) - 1 if shape[-1] == 3 else 1
    pick = numpy_helper.from_array(np.array([red], np.int64), "pick")
    box = np.zeros((1, 60, 8), np.float32)
    box[0, 0, :6] = [32, 32, 20, 20, 1, 1]
    where = np.zeros((1, 60, 8), np.float32)
    where[0, 0, 4] = 1
    nodes = [
        helper.make_node("Cast", ["images"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Gather", ["real", "pick"], ["red"], axis=last),
        helper.make_node("ReduceMean", ["red", "axes"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["where", "mean"], ["part"]),
        helper.make_node("Mul", ["box", "keep"], ["rest"]),
        helper.make_node("Add", ["rest", "part"], ["output0"]),
    ]
    values = {"box": box, "where": where, "keep": 1 - where}
    store = [axes, pick, *(numpy_helper.from_array(v, n) for n, v in values.items())]
    entry = helper.make_tensor_value_info("images", kind, shape)
    out = helper.make_tensor_value_info("output0", TensorProto.FLOAT, (1, 60, 8))
    body = helper.make_graph(nodes, "g", [entry], [out], initializer=store)
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(body, opset_imports=opset, ir_version=8), path)
    return path


@pytest.mark.parametrize(
    ("kind", "shape", "params", "red", "expected"),
    [
        (TensorProto.FLOAT, (1, 3, 64, 64), {}, 0, 200 / 255),
        (TensorProto.FLOAT, ("n", 3, "h", "w"), {"image_size": 64}, 0, 200 / 255),
        (TensorProto.FLOAT, (1, 64, 64, 3), {}, 0, 200 / 255),
        (TensorProto.FLOAT16, (1, 3, 64, 64), {}, 0, 200 / 255),
        (TensorProto.FLOAT, (1, 3, 64, 64), {"order": "bgr"}, 2, 200 / 255),
        (TensorProto.FLOAT, (1, 3, 64, 64), {"values": "-1 to 1"}, 0, 73 / 128),
        (TensorProto.FLOAT, (1, 3, 64, 64), {"values": "ImageNet"}, 2, (150 / 255 - 0.406) / 0.225),
    ],
)
def test_a_model_sees_the_picture_as_it_wants_it(
    kind: int,
    shape: tuple[Any, ...],
    params: dict[str, Any],
    red: int,
    expected: float,
    tmp_path: Path,
    train_context: Callable[..., Any],
) -> None:
    model, ctx = OnnxDetector(), train_context()
    chosen = OnnxParams(classes="a, b, c", **params)
    model.load(chosen, seeing(tmp_path / "model.onnx", kind, shape, red), ctx)
    frame = np.full((64, 64, 3), (200, 100, 150), np.uint8)
    (found,) = model.predict([frame], chosen, ctx)
    assert found.classes == ("a", "b", "c")
    assert found.scores[0] == pytest.approx(min(1.0, expected), abs=2e-3)
    np.testing.assert_allclose(found.boxes, [[22, 22, 42, 42]], atol=0.1)


def test_files_that_cannot_be_used(tmp_path: Path, train_context: Callable[..., Any]) -> None:
    model, ctx = OnnxDetector(), train_context()
    with pytest.raises(WeightsError, match="needs a file"):
        model.load(OnnxParams(), None, ctx)
    with pytest.raises(ModelError, match="not loaded"):
        model.predict([np.zeros((4, 4, 3), np.uint8)], OnnxParams(), ctx)
    path = graph(tmp_path / "model.onnx", yolov5())
    for wrong in (path.read_bytes()[:-40], b"", b"PK\x03\x04 no model"):
        bad = tmp_path / "bad.onnx"
        bad.write_bytes(wrong)
        with pytest.raises(WeightsError, match=r"no ONNX model.*bad\.onnx"):
            model.load(OnnxParams(), bad, ctx)
    classifier = graph(tmp_path / "classifier.onnx", {"logits": np.zeros((1, 10), np.float32)})
    with pytest.raises(WeightsError, match=r"no known kind of detector \(logits 1×10\)"):
        model.load(OnnxParams(), classifier, ctx)
    grey = graph(tmp_path / "grey.onnx", yolov5(), shape=(1, 1, 64, 64))
    with pytest.raises(WeightsError, match="does not take one picture"):
        model.load(OnnxParams(), grey, ctx)
    with pytest.raises(WeightsError, match="2 class names for 3 classes"):
        model.load(OnnxParams(classes="one, two"), path, ctx)
    (tmp_path / "names.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidValue, match="class names cannot be read"):
        model.load(OnnxParams(classes=str(tmp_path / "names.txt")), path, ctx)
    (tmp_path / "names.txt").write_text("one\ntwo\n\nthree\n", encoding="utf-8")
    model.load(OnnxParams(classes=str(tmp_path / "names.txt")), path, ctx)
    nan = yolov5()
    nan["output0"][0, 2:, :] = np.nan
    model.load(OnnxParams(), graph(tmp_path / "nan.onnx", nan), ctx)
    (found,) = model.predict([np.zeros((100, 200, 3), np.uint8)], OnnxParams(), ctx)
    assert len(found.boxes) == 2
    # Names in a file are read, never run.
    odd = graph(tmp_path / "odd.onnx", yolov5(), names="__import__('os').getcwd()")
    model.load(OnnxParams(), odd, ctx)
    (found,) = model.predict([np.zeros((100, 200, 3), np.uint8)], OnnxParams(), ctx)
    assert found.classes == ("class 1", "class 2", "class 3")


@pytest.mark.shared_data
def test_fastestdet_finds_what_is_in_photographs(
    shared_data: Path, train_context: Callable[..., Any]
) -> None:
    folder = shared_data / "weights" / "fastestdet" / "example" / "onnx-runtime"
    model, ctx = OnnxDetector(), train_context()
    model.load(OnnxParams(), folder / "FastestDet.onnx", ctx)
    data = Path(skimage.__file__).parent / "data"
    best = {}
    for name in ("astronaut.png", "chelsea.png", "motorcycle_left.png"):
        picture = cv2.cvtColor(cv2.imread(str(data / name)), cv2.COLOR_BGR2RGB)
        (found,) = model.predict([picture], OnnxParams(), ctx)
        best[name] = found.classes[found.indices[0]]
        assert found.scores[0] > 0.7
    assert list(best.values()) == ["person", "cat", "motorcycle"]
