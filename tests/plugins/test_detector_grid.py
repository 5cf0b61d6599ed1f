"""detector/yolov5 and yolov3: their published facts, public checkpoints, learning, odd data."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from tests.plugins.pictures import odd_samples, squares
from visionstudio.api import ModelError, TrainingError, WeightsError
from visionstudio.engine import model_store
from visionstudio.engine.discovery import discover
from visionstudio.engine.weights import read_header, usable_weights
from visionstudio_detector.darknet import count_floats, read_darknet, write_darknet
from visionstudio_detector.grid import GridNet, detect
from visionstudio_detector.grid_detector import GridDetector
from visionstudio_detector.grid_loss import GridLoss, to_best_anchor, to_near_cells
from visionstudio_detector.params import DetectParams, GridTrainParams
from visionstudio_detector.yolov3 import FAMILY
from visionstudio_detector.yolov3_network import YoloV3Net
from visionstudio_detector.yolov5 import YoloV5N
from visionstudio_detector.yolov5_network import ANCHORS, SIZES, YoloV5Net
from visionstudio_torch.transforms import letterbox, letterbox_size, to_tensor
from visionstudio_torch.weights import WeightsInfo, read_info, save_weights

SMALL = GridTrainParams(epochs=1, batch=2, image_size=64)


@pytest.mark.parametrize(
    ("size", "parameters", "tensors"),
    [
        ("n", 1_872_157, 349),
        ("s", 7_235_389, 349),
        ("m", 21_190_557, 481),
        ("l", 46_563_709, 613),
        ("x", 86_749_405, 745),
    ],
)
def test_the_published_sizes(size: str, parameters: int, tensors: int) -> None:
    with torch.device("meta"):
        net = YoloV5Net(80, size)
    assert sum(p.numel() for p in net.parameters()) == parameters
    assert len(net.state_dict()) == tensors
    if size != "n":
        return
    shapes = [tuple(o.shape) for o in net(torch.empty(1, 3, 448, 640, device="meta"))]
    assert shapes == [(1, 3, 56, 80, 85), (1, 3, 28, 40, 85), (1, 3, 14, 20, 85)]


@pytest.mark.parametrize(
    ("picture", "seen"),
    [((480, 640), (480, 640)), ((333, 500), (448, 640)), ((1080, 1920), (384, 640))],
)
def test_the_published_letterboxes(picture: tuple[int, int], seen: tuple[int, int]) -> None:
    assert letterbox_size(*picture, 640) == seen
    image, matrix = letterbox(np.zeros((*picture, 3), np.uint8), *seen, 114)
    assert image.shape[:2] == seen
    corner = matrix @ (picture[1], picture[0], 1)
    # What is left over lies in equal parts on both sides.
    np.testing.assert_allclose(corner + matrix[:, 2], seen[::-1], atol=1)


def random_objects(count: int, seed: int) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    middle, size = rng.uniform(0, 128, (count, 2)), rng.uniform(3, 120, (count, 2))
    boxes = np.concatenate([middle - size / 2, middle + size / 2], axis=1)
    ahead = np.stack([rng.integers(0, 2, count), rng.integers(0, 5, count)], axis=1)
    return torch.tensor(np.concatenate([ahead, boxes], axis=1), dtype=torch.float32)


def places(goals: list[Any]) -> set[tuple[float, ...]]:
    found = set()
    for scale, goal in enumerate(goals):
        rows = zip(*(p.tolist() for p in goal.places), goal.labels.tolist(), strict=True)
        found |= {
            (scale, *row, round(float(b[0]), 3)) for row, b in zip(rows, goal.boxes, strict=True)
        }
    return found


def test_objects_go_to_the_cells_that_the_descriptions_say() -> None:
    """Both assignments, against plain loops over objects, anchors and cells."""
    objects = random_objects(60, 1)
    anchors, strides = torch.tensor(ANCHORS, dtype=torch.float32), (8, 16, 32)
    grids = [(16, 16), (8, 8), (4, 4)]
    near, best = set(), set()
    for picture, label, x1, y1, x2, y2 in objects.tolist():
        x, y, w, h = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
        overlaps = {}
        for scale, stride in enumerate(strides):
            side = 128 // stride
            column, row = int(x / stride), int(y / stride)
            for a, (aw, ah) in enumerate(ANCHORS[scale]):
                inner = min(w, aw) * min(h, ah)
                overlaps[scale, a] = inner / (w * h + aw * ah - inner)
                if max(w / aw, aw / w, h / ah, ah / h) < 4:
                    left = -1 if x / stride - column < 0.5 else 1
                    up = -1 if y / stride - row < 0.5 else 1
                    for i, j in ((column, row), (column + left, row), (column, row + up)):
                        if 0 <= i < side and 0 <= j < side:
                            near.add((scale, picture, a, j, i, label, round(x1, 3)))
        scale, a = max(overlaps, key=lambda k: overlaps[k])
        stride = strides[scale]
        best.add((scale, picture, a, int(y / stride), int(x / stride), label, round(x1, 3)))
    assert places(to_near_cells(objects, anchors, strides, grids)) == near
    assert places(to_best_anchor(objects, anchors, strides, grids)) == best
    nothing = objects[:0]
    assert places(to_near_cells(nothing, anchors, strides, grids)) == set()
    assert places(to_best_anchor(nothing, anchors, strides, grids)) == set()


def test_a_perfect_answer_has_almost_no_loss_and_is_found_again() -> None:
    """Logits that say exactly what the targets are: the decoding is the loss's own."""
    net = YoloV5Net(3, "n").eval()
    box = torch.tensor([[30.0, 40, 62, 88]])
    target = {"boxes": box, "labels": torch.tensor([2]), "ignore": torch.zeros(0, 4)}
    outputs = [torch.full((1, 3, 128 // s, 128 // s, 8), -12.0) for s in net.strides]
    x, y, w, h = 46.0, 64.0, 32.0, 48.0
    objects = torch.tensor([[0.0, 2, 30, 40, 62, 88]])
    grids = [(o.shape[2], o.shape[3]) for o in outputs]
    for scale, goal in enumerate(to_near_cells(objects, net.anchor_sizes(), net.strides, grids)):
        for _, a, row, column in zip(*(p.tolist() for p in goal.places), strict=True):
            stride, (aw, ah) = net.strides[scale], ANCHORS[scale][a]
            part = torch.tensor(
                [
                    (x / stride - column + 0.5) / 2,
                    (y / stride - row + 0.5) / 2,
                    (w / aw) ** 0.5 / 2,
                    (h / ah) ** 0.5 / 2,
                ]
            ).clamp(1e-6, 1 - 1e-6)
            outputs[scale][0, a, row, column] = torch.tensor([0.0] * 4 + [12, -12, -12, 12])
            outputs[scale][0, a, row, column, :4] = torch.logit(part)
    losses = GridLoss(to_near_cells)(net, outputs, [target])
    assert all(0 <= float(v) < 1e-3 for v in losses.values())
    net.forward = lambda _images: outputs  # type: ignore[method-assign]
    (found,) = detect(net, torch.zeros(1, 3, 128, 128), 0.05, 0.5, 10)
    torch.testing.assert_close(found["boxes"], box, atol=0.05, rtol=0)
    assert found["labels"].tolist() == [2]
    # The same boxes are faults where nothing is labelled, and neither where it is a crowd.
    empty = {"boxes": box[:0], "labels": torch.zeros(0, dtype=torch.int64)}
    wrong = GridLoss(to_near_cells)(net, outputs, [{**empty, "ignore": torch.zeros(0, 4)}])
    crowd = GridLoss(to_near_cells)(net, outputs, [{**empty, "ignore": box}])
    assert float(wrong["object_loss"]) > 0.05
    assert float(crowd["object_loss"]) < 1e-3


def published_file(path: Path, net: YoloV5Net, names: list[str]) -> Path:
    """A checkpoint as the public ones are: pickled modules of classes that are not here."""
    made: dict[str, type] = {}
    homes = {name: types.ModuleType(name) for name in ("models", "models.yolo", "models.common")}

    def stand_in(home: str, name: str) -> type:
        if name not in made:
            made[name] = type(name, (nn.Module,), {"__module__": home})
            setattr(homes[home], name, made[name])
        return made[name]

    public = {"Heads": "Detect", "Join": "Concat"}
    for module in list(net.modules()):
        name = type(module).__name__
        if type(module).__module__.startswith("visionstudio"):
            home = "models.yolo" if name in ("Heads", "YoloV5Net") else "models.common"
            name = "DetectionModel" if name == "YoloV5Net" else public.get(name, name)
            module.__class__ = stand_in(home, name)
    vars(net).update(names=dict(enumerate(names)), yaml={"nc": len(names)}, nc=len(names))
    vars(net).update(stride=torch.tensor([8.0, 16, 32]), inplace=True)
    content = {"epoch": -1, "best_fitness": None, "model": net.half(), "ema": None}
    before = {name: sys.modules.get(name) for name in homes}
    sys.modules.update(homes)
    try:
        torch.save({**content, "updates": None, "optimizer": None, "date": "2022-08-17"}, path)
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
    return path


def speaking_net(classes: int) -> YoloV5Net:
    """An untrained net that finds many boxes."""
    torch.manual_seed(0)
    net = YoloV5Net(classes, "n").eval()
    with torch.no_grad():
        for layer in net.heads.m:
            layer.bias.view(3, -1)[:, 4:] = 1.0
    return net


def test_public_checkpoints_load_without_running_anything(
    tmp_path: Path, train_context: Callable[..., Any]
) -> None:
    net = speaking_net(4)
    names = ["ant", "bee", "cat", "dog"]
    path = published_file(tmp_path / "yolov5n.pt", net, names)
    model, ctx = YoloV5N(), train_context()
    weights = usable_weights(path, "detector/yolov5-n")
    model.load(DetectParams(), weights, ctx)
    (found,) = model.predict([squares(1, 128).image], DetectParams(), ctx)
    assert found.classes == tuple(names)
    assert len(found.boxes) > 5
    # The tensors themselves: an untrained network's boxes are too alike to compare in order.
    stored, published = load_file(weights), net.half().float().state_dict()
    for name, tensor in published.items():
        if name in stored:
            assert torch.equal(stored[name].float(), tensor.float()), name
    assert published.keys() - stored.keys() <= {n for n in published if "num_batches" in n}
    imported = model_store.import_weights(path, discover())
    assert imported.architecture == "detector/yolov5-n"
    assert imported.classes == tuple(names)
    assert read_header(imported.weights).extra["name"] == "yolov5n"
    model.load(DetectParams(), imported.weights, ctx)
    assert discover().model("detector/yolov5-s").id == "detector/yolov5"
    with pytest.raises(WeightsError, match="are for 'detector/yolov5-n'"):
        usable_weights(imported.weights, "detector/yolov5-m")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "best.safetensors"
    info = WeightsInfo("detector/yolov5-n", ("a", "b"), (1, 2), input_size=(96, 96))
    save_weights(path, speaking_net(2).state_dict(), info)
    return path


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (500, 3), (37, 91), (480, 640)])
def test_any_size_gives_boxes_inside(
    shape: tuple[int, int], trained: Path, train_context: Callable[..., Any]
) -> None:
    model, ctx = YoloV5N(), train_context()
    model.load(DetectParams(), trained, ctx)
    frame = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    frame.flags.writeable = False
    (found,) = model.predict([frame], DetectParams(), ctx)
    np.testing.assert_array_equal(found.within(*shape).boxes, found.boxes)
    assert shape[0] * shape[1] < 100 or len(found.boxes) > 0
    # Alone as among others, and no more than asked for.
    other = squares(1, 96).image
    together = model.predict([other, frame, other], DetectParams(max_detections=3), ctx)
    assert all(len(one.boxes) <= 3 for one in together)
    np.testing.assert_allclose(together[1].boxes, found.boxes[:3], atol=1e-2)


def learned(
    model: GridDetector, params: GridTrainParams, make: Callable[..., Any], data: Any
) -> dict[str, float]:
    result = model.train(data, params, make())
    info = read_info(make().run_folder / "best.safetensors")
    assert info.classes == data.classes
    assert info.input_size == (params.image_size, params.image_size)
    return result.metrics


@pytest.mark.slow
def test_it_learns_to_find_shapes(train_context: Callable[..., Any], memory_data: Any) -> None:
    samples = [squares(i) for i in range(8)]
    data = memory_data(("square", "disc"), samples, samples)
    params = replace(SMALL, epochs=60, batch=4, image_size=96, lr=4e-3, scale=0.0, translate=0.05)
    figures = learned(YoloV5N(), params, train_context, data)
    assert figures["AP50"] > 0.9


def test_odd_training_data(train_context: Callable[..., Any], memory_data: Any) -> None:
    """No box, boxes without area, outside or crowds, a single pixel, a huge picture, one class."""
    ctx, odd = train_context(), odd_samples()
    data = memory_data(("a",), odd, odd)
    result = YoloV5N().train(data, replace(SMALL, flip="both"), ctx)
    assert result.epochs == 1
    assert all(np.isfinite(list(m.values())).all() for _, m in ctx.metrics)
    assert ctx.previews["validation"].shape[2] == 3


def test_what_training_starts_from(
    trained: Path, train_context: Callable[..., Any], memory_data: Any
) -> None:
    data = memory_data(("x", "y", "z"), [squares(0, 64)])
    params = replace(SMALL, weights=str(trained), freeze=True)
    ctx = train_context()
    YoloV5N().train(data, params, ctx)
    # A frozen backbone is what it was; the head is for other classes.
    before = torch.load(ctx.run_folder / "last.ckpt", weights_only=True)["model"]
    name = "model.3.conv.weight"
    assert torch.equal(before[name], speaking_net(2).state_dict()[name])
    assert read_info(ctx.run_folder / "best.safetensors").classes == ("x", "y", "z")
    with pytest.raises(TrainingError, match="cannot be frozen"):
        YoloV5N().train(data, replace(SMALL, freeze=True), train_context())
    with pytest.raises(TrainingError, match="no class"):
        YoloV5N().train(memory_data((), [squares(0)]), SMALL, train_context())


def test_weights_that_do_not_fit(
    trained: Path, tmp_path: Path, train_context: Callable[..., Any]
) -> None:
    model, ctx = YoloV5N(), train_context()
    with pytest.raises(WeightsError, match="no weights yet"):
        model.load(DetectParams(), None, ctx)
    with pytest.raises(ModelError, match="not loaded"):
        model.predict([squares(0).image], DetectParams(), ctx)
    other = tmp_path / "other.safetensors"
    save_file(nn.Linear(3, 3).state_dict(), other)
    with pytest.raises(WeightsError, match="holds no weights of this detector"):
        model.load(DetectParams(), usable_weights(other, "detector/yolov5-n"), ctx)
    state = YoloV5Net(2, "n").state_dict()
    state["model.9.cv2.conv.weight"] = torch.zeros(3, 3)
    save_weights(other, state, WeightsInfo("detector/yolov5-n", ("a", "b"), input_size=(64, 64)))
    with pytest.raises(WeightsError, match=r"'model.9.cv2.conv.weight' has shape \(3, 3\)"):
        model.load(DetectParams(), other, ctx)
    assert set(SIZES) == set("nsmlx")
    assert issubclass(YoloV5Net, GridNet)


def test_yolov3_has_the_published_size_and_reads_what_darknet_writes(
    tmp_path: Path, train_context: Callable[..., Any]
) -> None:
    with torch.device("meta"):
        net = YoloV3Net(80)
    assert sum(p.numel() for p in net.parameters()) == 61_949_149
    assert count_floats(net) == 62_001_757
    torch.manual_seed(0)
    small = partial(YoloV3Net, width=0.125)
    net = small(3)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    path = tmp_path / "yolov3.weights"
    write_darknet(net, path, seen=64)
    content = path.read_bytes()
    assert np.frombuffer(content[:12], "<i4").tolist() == [0, 2, 0]
    assert np.frombuffer(content[12:20], "<i8").tolist() == [64]
    # The first layer: bias, scale, mean and variance of 8 channels, then 8·3·3·3 weights.
    values = np.frombuffer(content[20:], "<f4")
    assert len(values) == count_floats(net)
    first = [net.stem.bn.bias, net.stem.bn.weight, net.stem.bn.running_mean]
    first += [net.stem.bn.running_var, net.stem.conv.weight]
    expected = torch.cat([t.detach().flatten() for t in first])
    np.testing.assert_array_equal(values[: len(expected)], expected.numpy())
    state = read_darknet(path, small)
    assert all(torch.equal(state[name], tensor) for name, tensor in net.state_dict().items())

    class Small(GridDetector):
        def __init__(self) -> None:
            super().__init__(replace(FAMILY, build=small))

    model, ctx = Small(), train_context()
    model.load(DetectParams(), usable_weights(path, "detector/yolov3"), ctx)
    (found,) = model.predict([squares(1).image], DetectParams(), ctx)
    assert found.classes == ("class 1", "class 2", "class 3")
    seen, _ = letterbox(squares(1).image, 416, 416, 127)
    with torch.no_grad():
        (alone,) = detect(net.eval(), to_tensor(seen)[None], 0.05, 0.5, 100)
    np.testing.assert_allclose(found.scores, alone["scores"].numpy(), atol=1e-4)
    for damage in (content[:-4], content[:-2], content[:7], content + bytes(8)):
        path.write_bytes(damage)
        with pytest.raises(WeightsError, match=r"yolov3\.weights"):
            model.load(DetectParams(), path, ctx)
    path.write_bytes(content[:-4] + np.float32(np.nan).tobytes())
    with pytest.raises(WeightsError, match="no numbers"):
        model.load(DetectParams(), path, ctx)


@pytest.mark.slow
def test_yolov3_learns_to_find_shapes(train_context: Callable[..., Any], memory_data: Any) -> None:
    """With a quarter of the channels, which is enough for squares and discs."""
    samples = [squares(i) for i in range(8)]
    data = memory_data(("square", "disc"), samples, samples)
    params = replace(SMALL, epochs=100, batch=4, image_size=96, scale=0.0, translate=0.05)
    model = GridDetector(replace(FAMILY, build=partial(YoloV3Net, width=0.25)))
    assert learned(model, params, train_context, data)["AP50"] > 0.8
