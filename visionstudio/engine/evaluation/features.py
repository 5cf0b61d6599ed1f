"""Features of pictures by a network, for comparing sets of them. Imports torch when it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from visionstudio.model.errors import WeightsError

_CHUNK = 32
_BUILT_IN_SIDE, _INCEPTION_SIDE = 224, 299

Image = NDArray[np.uint8]


def picture_features(
    pictures: Iterable[Image],
    inception: Path | None = None,
    tell: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """(n, d) features: of the built-in EfficientNet-Lite0, or of an Inception v3 file.

    The file is torchvision's state dict of `inception_v3`, as .pth or safetensors. `tell` gets
    the number of pictures so far. Raises WeightsError.
    """
    import torch

    side, embed = _built_in() if inception is None else _inception(inception)
    rows: list[NDArray[np.float64]] = []
    source = iter(pictures)
    with torch.inference_mode():
        while chunk := list(islice(source, _CHUNK)):
            batch = torch.from_numpy(np.stack([_resized(p, side) for p in chunk]))
            found = embed(batch.permute(0, 3, 1, 2))
            rows += [np.asarray(r, np.float64) for r in found.double().cpu().numpy()]
            if tell is not None:
                tell(len(rows))
    return np.stack(rows) if rows else np.zeros((0, 1))


def _resized(picture: Image, side: int) -> Image:
    import cv2

    shrinks = max(picture.shape[:2]) > side
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (side, side), interpolation=method), np.uint8)


def _built_in() -> tuple[int, Callable[[Any], Any]]:
    from visionstudio_torch import backbone

    net: Any = backbone.classifier(1000).eval()

    def embed(batch: Any) -> Any:
        return net.forward_head(net.forward_features(backbone.normalise(batch)), pre_logits=True)

    return _BUILT_IN_SIDE, embed


def _inception(path: Path) -> tuple[int, Callable[[Any], Any]]:
    import torch
    from safetensors.torch import load_file
    from torchvision.models import inception_v3

    advice = "give torchvision's weights of inception_v3"
    try:
        if path.suffix == ".safetensors":
            state = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        net = inception_v3(weights=None, aux_logits=True, init_weights=False)
        own = net.state_dict()
        head = ("fc.", "AuxLogits.")  # not needed for features
        fitting = {n: t for n, t in state.items() if n in own and own[n].shape == t.shape}
        missing = [n for n in own if n not in fitting and not n.startswith(head)]
    except Exception as error:  # what is raised depends on where a file is damaged
        raise WeightsError(
            f"the Inception file cannot be read ({type(error).__name__})",
            where=str(path),
            next_step=advice,
        ) from error
    if missing:
        raise WeightsError(
            f"this is no Inception v3: it has no tensor '{missing[0]}'",
            where=str(path),
            next_step=advice,
        )
    net.load_state_dict({**own, **fitting})
    net.fc = torch.nn.Identity()
    net.eval()

    def embed(batch: Any) -> Any:
        return net(batch.float() / 127.5 - 1)

    return _INCEPTION_SIDE, embed
