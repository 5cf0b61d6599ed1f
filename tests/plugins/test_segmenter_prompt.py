"""segmenter/prompt: what clicks and boxes find, with and without a network's two ONNX files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from visionstudio.api import ModelError, Prompt, WeightsError
from visionstudio_segmenter import classical
from visionstudio_segmenter.params import PromptParams
from visionstudio_segmenter.prompt import PromptModel, prompt_of
from visionstudio_segmenter.sam import Sam

SIDE = 64  # of the tiny encoder's picture


def prompt(
    *points: tuple[float, float, int], box: tuple[float, float, float, float] | None = None
) -> Prompt:
    xy = np.array([p[:2] for p in points], np.float64).reshape(-1, 2)
    return Prompt(xy, np.array([p[2] for p in points], np.int64), box)


def iou(found: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> float:
    return float((found & wanted).sum() / max((found | wanted).sum(), 1))


def coins() -> tuple[NDArray[np.uint8], list[tuple[float, float, float, float]]]:
    """scikit-image's coins and the boxes around four of them."""
    from skimage import data

    grey = data.coins()
    boxes = [(305.0, 16, 365, 72), (192, 30, 240, 73), (25, 104, 67, 145), (276, 239, 326, 289)]
    return np.stack([grey] * 3, axis=-1), boxes


def scene(height: int = 300, width: int = 420) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A grainy ellipse on grainy ground, and its mask."""
    rng = np.random.default_rng(0)
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (200, 140), (70, 45), 20, 0, 360, 1, -1)
    image = rng.integers(60, 100, (height, width, 3), np.uint8)
    image[mask > 0] = rng.integers(150, 200, (int(mask.sum()), 3))
    return image, mask > 0


@pytest.fixture
def model(train_context: Callable[..., Any]) -> PromptModel:
    made = PromptModel()
    made.load(PromptParams(), None, train_context())
    return made


@pytest.mark.parametrize("method", ["auto", "grabcut", "watershed", "random walker"])
def test_a_box_finds_the_object_in_it(method: str) -> None:
    image, wanted = scene()
    found = classical.segment(image, prompt(box=(120, 80, 280, 200)), method)
    whole = np.zeros_like(wanted)
    area = found.area
    whole[area.y1 : area.y2, area.x1 : area.x2] = found.mask
    assert iou(whole, wanted) > 0.9
    assert 0 < found.score <= 1


def test_a_click_finds_a_coin_and_a_second_one_takes_away(
    model: PromptModel, train_context: Callable[..., Any]
) -> None:
    image, boxes = coins()
    ctx = train_context()
    model.set_image(image, PromptParams(), ctx)
    for x1, y1, x2, y2 in boxes:
        (mask,) = model.prompt(prompt(((x1 + x2) / 2, (y1 + y2) / 2, 1)), PromptParams(), ctx).masks
        disc = np.zeros(image.shape[:2], np.uint8)
        middle = round((x1 + x2) / 2), round((y1 + y2) / 2)
        cv2.ellipse(disc, middle, (round((x2 - x1) / 2), round((y2 - y1) / 2)), 0, 0, 360, 1, -1)
        assert iou(mask, disc > 0) > 0.85
    image, wanted = scene()
    model.set_image(image, PromptParams(), ctx)
    (with_hole,) = model.prompt(prompt((170, 130, 1), (240, 150, 0)), PromptParams(), ctx).masks
    assert with_hole[130, 170]
    assert not with_hole[150, 240]
    assert not (with_hole & ~wanted).sum() > 0.05 * wanted.sum()


def test_large_pictures_are_reduced_and_keep_their_size() -> None:
    image, wanted = scene()
    image = np.asarray(cv2.resize(image, None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST))
    found = classical.segment(image, prompt(box=(960, 640, 2240, 1600)))
    whole = np.zeros(image.shape[:2], bool)
    area = found.area
    whole[area.y1 : area.y2, area.x1 : area.x2] = found.mask
    large = cv2.resize(wanted.astype(np.uint8), None, fx=8, fy=8, interpolation=cv2.INTER_NEAREST)
    assert iou(whole, large > 0) > 0.9


@pytest.mark.parametrize("method", ["auto", "grabcut", "watershed", "random walker"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (3, 2), (40, 40)])
def test_pictures_of_one_colour_and_of_any_size(
    method: str, shape: tuple[int, int], model: PromptModel, train_context: Callable[..., Any]
) -> None:
    ctx = train_context()
    flat = np.full((*shape, 3), 90, np.uint8)
    params = PromptParams(method=method)
    model.set_image(flat, params, ctx)
    height, width = shape
    corner = (float(width), float(height), 1)
    for one in (
        prompt((0.5, 0.5, 1)),
        prompt(corner),
        prompt(box=(0, 0, width, height)),
        prompt((0.5, 0.5, 0), box=(-50, -50, width + 50, height + 50)),
    ):
        found = model.prompt(one, params, ctx)
        assert found.masks.shape[1:] == (shape if len(found.masks) else found.masks.shape[1:])


def test_prompts_as_parameters(model: PromptModel, train_context: Callable[..., Any]) -> None:
    image, wanted = scene()
    ctx = train_context()
    (found,) = model.predict([image], PromptParams(box="120,80,280,200"), ctx)
    assert iou(found.masks[0], wanted) > 0.9
    (found,) = model.predict([image], PromptParams(points="200,140; 10,10,0"), ctx)
    assert iou(found.masks[0], wanted) > 0.8
    (middle,) = model.predict([image], PromptParams(), ctx)
    assert middle.masks[0][140, 200]
    said = prompt_of(PromptParams(points="1,2;3,4,0", box="5,6,7,8"), 10, 10)
    assert said.points.tolist() == [[1, 2], [3, 4]]
    assert said.labels.tolist() == [1, 0]
    assert said.box == (5, 6, 7, 8)
    for wrong in ({"points": "1"}, {"points": "a,b"}, {"box": "1,2,3"}, {"box": "1,2,3,nan"}):
        with pytest.raises(ModelError, match="numbers"):
            model.predict([image], PromptParams(**wrong), ctx)
    with pytest.raises(ModelError, match="outside"):
        model.predict([image], PromptParams(points="1000,5"), ctx)
    with pytest.raises(ModelError, match="no area"):
        model.predict([image], PromptParams(box="-9,-9,-2,-2"), ctx)
    with pytest.raises(ModelError, match="where the object is"):
        model.prompt(prompt((5, 5, 0)), PromptParams(), ctx)
    with pytest.raises(ModelError, match="no picture"):
        PromptModel().prompt(prompt((5, 5, 1)), PromptParams(), ctx)


def save(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any]) -> Path:
    graph = helper.make_graph(nodes, "tiny", inputs, outputs)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def value(name: str, shape: list[Any], kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name: str, values: list[Any], kind: int = TensorProto.FLOAT) -> Any:
    tensor = helper.make_tensor(name, kind, [len(values)], values)
    return helper.make_node("Constant", [], [name], value=tensor)


def encoder(path: Path, shape: list[Any] | None = None) -> Path:
    """The embedding is the picture itself."""
    sizes = shape or [1, 3, SIDE, SIDE]
    node = helper.make_node("Identity", ["images"], ["image_embeddings"])
    outputs = [value("image_embeddings", sizes)]
    return save(path, [node], [value("images", sizes)], outputs)


def decoder(path: Path) -> Path:
    """Two masks: what is bright, and all or nothing as the first point lies right of 32.

    The first one's score is (10 + sum of the labels) / 20, the second's .6.
    """
    nodes = [
        constant("zero", [0], TensorProto.INT64),
        constant("ten", [10.0]),
        constant("twenty", [20.0]),
        constant("other", [0.6]),
        constant("border", [32.0]),
        constant("side", [1, 1, SIDE, SIDE], TensorProto.INT64),
        constant("scores", [1, 2], TensorProto.INT64),
        helper.make_node("Gather", ["image_embeddings", "zero"], ["bright"], axis=1),
        helper.make_node("Gather", ["point_coords", "zero"], ["first"], axis=1),
        helper.make_node("Gather", ["first", "zero"], ["x"], axis=2),
        helper.make_node("Sub", ["x", "border"], ["beyond"]),
        helper.make_node("Reshape", ["beyond", "one4"], ["point"]),
        constant("one4", [1, 1, 1, 1], TensorProto.INT64),
        helper.make_node("Expand", ["point", "side"], ["plane"]),
        helper.make_node("Concat", ["bright", "plane"], ["masks"], axis=1),
        helper.make_node("ReduceSum", ["point_labels"], ["sum"], keepdims=0),
        helper.make_node("Add", ["sum", "ten"], ["more"]),
        helper.make_node("Div", ["more", "twenty"], ["score"]),
        helper.make_node("Concat", ["score", "other"], ["both"], axis=0),
        helper.make_node("Reshape", ["both", "scores"], ["iou_predictions"]),
        helper.make_node("Identity", ["mask_input"], ["low_res_masks"]),
        helper.make_node("Add", ["has_mask_input", "zero_f"], ["unused"]),
        constant("zero_f", [0.0]),
        helper.make_node("ReduceSum", ["orig_im_size"], ["size_sum"], keepdims=0),
    ]
    nodes.sort(key=lambda n: n.op_type != "Constant")
    inputs = [
        value("image_embeddings", [1, 3, SIDE, SIDE]),
        value("point_coords", [1, "n", 2]),
        value("point_labels", [1, "n"]),
        value("mask_input", [1, 1, 256, 256]),
        value("has_mask_input", [1]),
        value("orig_im_size", [2]),
    ]
    outputs = [
        value("masks", [1, 2, SIDE, SIDE]),
        value("iou_predictions", [1, 2]),
        value("low_res_masks", [1, 1, 256, 256]),
    ]
    return save(path, nodes, inputs, outputs)


def test_a_network_embeds_once_and_answers_prompts(
    tmp_path: Path, train_context: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ctx = train_context()
    decoder(tmp_path / "tiny_decoder.onnx")
    model = PromptModel()
    model.load(PromptParams(), encoder(tmp_path / "tiny_encoder.onnx"), ctx)
    image, wanted = scene(300, 420)  # reduced to 46 x 64 and padded
    sam = model._sam
    assert sam is not None
    embedded = []
    embed = sam.embed
    monkeypatch.setattr(sam, "embed", lambda frame: embedded.append(frame.shape) or embed(frame))
    other = np.ascontiguousarray(image[::-1])
    model.prepare(other, PromptParams(), ctx)
    model.set_image(image, PromptParams(), ctx)
    model.set_image(other, PromptParams(), ctx)
    model.set_image(image.copy(), PromptParams(), ctx)
    assert len(embedded) == 2
    found = model.prompt(prompt(box=(120, 80, 280, 200)), PromptParams(), ctx)
    assert found.scores[0] == pytest.approx(0.75)  # labels 2 and 3 say that it is a box
    assert iou(found.masks[0], wanted) > 0.85
    right = model.prompt(prompt((220, 10, 1)), PromptParams(), ctx)
    assert right.scores[0] == pytest.approx(0.6)
    assert right.masks[0].all()
    left = model.prompt(prompt((200, 10, 1)), PromptParams(), ctx)
    assert len(left.masks) == 0
    model.unload()


def test_an_encoder_that_prepares_the_picture_itself_gets_its_pixels(
    tmp_path: Path, train_context: Callable[..., Any]
) -> None:
    node = helper.make_node("Identity", ["input_image"], ["image_embeddings"])
    first = save(
        tmp_path / "hwc_encoder.onnx",
        [node],
        [value("input_image", ["h", "w", 3])],
        [value("image_embeddings", ["h", "w", 3])],
    )
    sam = Sam(first, decoder(tmp_path / "decoder.onnx"), train_context())
    image, _ = scene()
    pixels = sam.embed(image)["image_embeddings"]
    assert pixels.shape == (731, 1024, 3)  # the longest side is 1,024, nothing is padded
    assert pixels.mean() == pytest.approx(image.mean(), rel=0.01)


def test_files_that_are_no_pair_are_refused(
    tmp_path: Path, train_context: Callable[..., Any]
) -> None:
    ctx = train_context()
    first, second = encoder(tmp_path / "a_encoder.onnx"), decoder(tmp_path / "b.onnx")
    with pytest.raises(WeightsError, match="not known"):
        PromptModel().load(PromptParams(), first, ctx)
    params = PromptParams(encoder=str(first), decoder=str(second))
    PromptModel().load(params, None, ctx)
    with pytest.raises(WeightsError, match="no decoder of the SAM family"):
        PromptModel().load(PromptParams(decoder=str(first)), first, ctx)
    with pytest.raises(WeightsError, match="no picture encoder"):
        PromptModel().load(PromptParams(decoder=str(second)), second, ctx)
    with pytest.raises(WeightsError, match="needs its encoder"):
        PromptModel().load(PromptParams(decoder=str(second)), None, ctx)
    with pytest.raises(WeightsError, match="does not exist"):
        PromptModel().load(PromptParams(decoder="none.onnx"), first, ctx)
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(WeightsError, match=r"no ONNX model.*bad\.onnx"):
        PromptModel().load(PromptParams(decoder=str(tmp_path / "bad.onnx")), first, ctx)
    small = encoder(tmp_path / "small_encoder.onnx", [1, 3, 32, 32])
    model = PromptModel()
    model.load(PromptParams(decoder=str(second)), small, ctx)
    model.set_image(scene()[0], PromptParams(), ctx)
    with pytest.raises(ModelError, match="cannot work"):
        model.prompt(prompt((5, 5, 1)), PromptParams(), ctx)
