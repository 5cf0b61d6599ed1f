"""Prediction through the vision host against the bare torch loop, in alternation.

The bare side decodes and predicts in a worker thread of this process, with the
same network, thread count and priority as the host's lane. Throughput through
the host shall be at least 0.95 of it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import cv2
import numpy as np
import torch
from _timing import alternate, show

from visionstudio.engine.devices import cpu_threads
from visionstudio.engine.events import Finished
from visionstudio.engine.host import ProcessHost, run
from visionstudio.engine.requests import FrameRef, Predict
from visionstudio.media.image import read_rgb

LEAST = 0.95
ROUNDS = 9

PLUGIN = """
from dataclasses import dataclass
from visionstudio.api import Manifest, ModelSpec

@dataclass(frozen=True)
class Params:
    pass

MANIFEST = Manifest("bench", "1", (ModelSpec(
    "classifier/bench", "classifier", "Bench", "A small network.", "Apache-2.0",
    "bench_network:Model", Params, ready=True),))
"""

NETWORK = '''
import cv2
import numpy as np
import torch
from torch import nn

from visionstudio.api import Classification


class Model:
    """Four convolutions on a 224 x 224 copy of the frame: some milliseconds on one thread."""

    def load(self, params, weights, ctx):
        torch.manual_seed(0)
        layers = []
        for size, width in ((3, 24), (24, 48), (48, 96), (96, 96)):
            layers += [nn.Conv2d(size, width, 3, 2, 1), nn.ReLU()]
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 10)]
        self.net = nn.Sequential(*layers).eval()

    def unload(self):
        self.net = None

    def predict(self, frames, params, ctx):
        return [self.one(frame) for frame in frames]

    def one(self, frame):
        small = cv2.resize(frame, (224, 224), interpolation=cv2.INTER_AREA)
        with torch.inference_mode():
            x = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
            scores = self.net(x).softmax(1)[0].numpy()
        return Classification(tuple("0123456789"), np.clip(scores, 0, 1))
'''


def pictures(folder: Path, count: int, size: tuple[int, int]) -> tuple[FrameRef, ...]:
    """Noise pictures of (height, width) as JPEG."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (size[0] // 8, size[1] // 8, 3), dtype=np.uint8)
    picture = cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC)
    refs = []
    for i in range(count):
        path = folder / f"{size[0]}-{i}.jpg"
        cv2.imwrite(str(path), np.roll(picture, i, axis=1))
        refs.append(FrameRef(str(i), str(path)))
    return tuple(refs)


def through_host(host: ProcessHost, refs: tuple[FrameRef, ...]) -> None:
    events = list(run(host, Predict(model="classifier/bench", frames=refs, device="cpu")))
    final = events[-1]
    if not isinstance(final, Finished) or final.summary["results"] != len(refs):
        raise SystemExit(f"the host failed: {final}")


def bare(model: object, refs: tuple[FrameRef, ...]) -> None:
    """The loop one would write by hand, in a worker thread of the host's priority."""

    def work() -> None:
        if sys.platform == "linux":
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 5)
        torch.set_num_threads(cpu_threads())
        for ref in refs:
            model.one(read_rgb(Path(ref.path)))  # type: ignore[attr-defined]

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["VISIONSTUDIO_HOME"] = str(folder / "home")
        (folder / "bench_plugin.py").write_text(PLUGIN, encoding="utf-8")
        (folder / "bench_network.py").write_text(NETWORK, encoding="utf-8")
        info = folder / "bench-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench\nVersion: 1\n")
        (info / "entry_points.txt").write_text(
            "[visionstudio.plugins]\nbench = bench_plugin:MANIFEST\n"
        )
        sys.path.insert(0, str(folder))
        from bench_network import Model  # type: ignore[import-not-found]

        model = Model()
        model.load(None, None, None)
        host = ProcessHost()
        try:
            for size, count in (((240, 320), 200), ((1080, 1920), 60)):
                refs = pictures(folder, count, size)
                ours, limit = alternate(
                    lambda refs=refs: through_host(host, refs),
                    lambda refs=refs: bare(model, refs),
                    ROUNDS,
                )
                show(f"predict {size[1]}x{size[0]}, per frame", ours / count, limit / count, "bare")
                kept = "kept" if limit / ours >= LEAST else "MISSED"
                print(f"    throughput {limit / ours:.3f} of the bare loop (≥ {LEAST}: {kept})")
        finally:
            host.close()


if __name__ == "__main__":
    main()
