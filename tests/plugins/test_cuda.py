"""A smoke test of the lane of a CUDA GPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from visionstudio.engine.devices import list_devices
from visionstudio.engine.events import Finished, FrameResult
from visionstudio.engine.host import ProcessHost, run
from visionstudio.engine.requests import Devices, FrameRef, Predict, Unload

pytestmark = pytest.mark.cuda


def test_prediction_on_the_gpu() -> None:
    if not any(d.id.startswith("cuda") for d in list_devices()):
        pytest.skip("no CUDA GPU here")
    import skimage

    path = Path(skimage.__file__).parent / "data" / "chelsea.png"
    refs = tuple(FrameRef(str(i), str(path)) for i in range(40))
    host = ProcessHost()
    try:
        (*_, devices) = run(host, Devices())
        assert isinstance(devices, Finished)
        assert devices.device == "cuda:0"
        events = list(run(host, Predict(model="classifier/efficientnet_lite0", frames=refs)))
        final = events[-1]
        assert isinstance(final, Finished)
        assert final.device == "cuda:0"
        assert final.summary == {"results": 40, "failed": 0}
        (first, *_) = [e.result for e in events if isinstance(e, FrameResult)]
        assert "cat" in first.labels[0]
        (*_, unloaded) = run(host, Unload())
        assert isinstance(unloaded, Finished)
    finally:
        host.close()
