"""The implementation of the plugins that the host tests install, as source text."""

WORK = '''
import os
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from visionstudio.api import (
    Cancelled, Detections, GeneratedImage, InvalidValue, Masks, TrackState, TrainResult,
    WeightsError,
)


class Blob:
    """Bright pixels as one box; params.mode says what goes wrong."""

    def load(self, params, weights, ctx):
        self.mode, self.ctx = params.mode, ctx
        if params.mode == "load":
            raise RuntimeError("no weights today")

    def unload(self):
        pass

    def predict(self, frames, params, ctx):
        mode = params.mode
        if mode == "raise":
            raise RuntimeError("deliberate")
        if mode == "asked":
            raise InvalidValue("there is no class 'ox'", next_step="choose another")
        if mode == "some" and any(f.max() > 250 for f in frames):
            raise RuntimeError("too bright")
        if mode == "hang":
            time.sleep(1000)
        if mode == "segv":
            import ctypes
            ctypes.string_at(0)
        if mode == "kill":
            os.kill(os.getpid(), 9)
        if mode == "exit":
            os._exit(7)
        if mode == "flood":
            for _ in range(100):
                os.write(1, b"x" * 100_000)
        if mode == "slow":
            for i in range(1000):
                time.sleep(0.02)
                ctx.report(i / 1000)
        if mode == "tick":
            time.sleep(0.05)
        if mode == "memory" and len(frames) > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate")
        if mode == "no_memory":
            raise MemoryError
        if mode == "count":
            return []
        if mode == "many":
            n = 10_000_000
            return [Detections(np.zeros((n, 4)), np.ones(n), np.zeros(n, int), ("x",))]
        return [self.one(f, mode) for f in frames]

    def one(self, frame, mode):
        h, w = frame.shape[:2]
        ys, xs = np.nonzero(frame[:, :, 0] > 127)
        box = [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] if len(xs) else [0, 0, w, h]
        if mode == "outside":
            box = [w + 5, h + 5, w + 9, h + 9]
        if mode == "over":
            box = [-5, -5, w + 9, h + 9]
        if mode == "nan":
            box = [float("nan"), 0, 1, 1]
        if mode == "type":
            return "a blob"
        name = threading.current_thread().name
        main = threading.current_thread() is threading.main_thread()
        classes = (f"pid={os.getpid()} main={main} thread={name}",)
        return Detections([box], [0.9], [0], classes)


class Cut(Blob):
    """Masks that need shared memory."""

    def one(self, frame, mode):
        mask = frame[:, :, 0] > 127
        if mode == "shape":
            mask = mask[1:]
        return Masks(np.stack([mask, ~mask]), [0.9, 0.8], [0, 1], ("on", "off"))


    shown = 0

    def set_image(self, frame, params, ctx):
        self.frame = frame.copy()
        self.shown += 1

    def prepare(self, frame, params, ctx):
        self.ahead = frame.shape

    def prompt(self, prompt, params, ctx):
        mask = np.zeros(self.frame.shape[:2], bool)
        for (x, y), label in zip(prompt.points.astype(int), prompt.labels):
            mask[y, x] = label == 1
        if prompt.box is not None:
            x1, y1, x2, y2 = (int(v) for v in prompt.box)
            mask[y1:y2, x1:x2] = True
        return Masks(mask[None], [0.9], [0], (f"shown {self.shown}",))


class Follow(Blob):
    def start(self, frame, box, ctx):
        self.box = box

    def update(self, frame, ctx):
        if self.mode == "raise":
            raise RuntimeError("deliberate")
        if self.mode == "outside":
            return TrackState((1e5, 1e5, 2e5, 2e5), 0.5)
        return TrackState(self.box, 0.5)


class FollowAll(Blob):
    def update(self, frame, detections, ctx):
        return [(i + 1, TrackState(tuple(b), 0.5)) for i, b in enumerate(detections.boxes)]


class Paint(Blob):
    def generate(self, request, params, ctx):
        for i in range(request.count - (params.mode == "few")):
            rng = np.random.default_rng(ctx.seed + i)
            yield GeneratedImage(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8), ctx.seed + i)

    def edit(self, frame, mask, params, ctx):
        out = frame.copy()
        out[mask] = 7
        return GeneratedImage(out)


class Learn(Blob):
    """A trainer that learns nothing, one report an epoch."""

    def train(self, data, params, ctx):
        from safetensors.numpy import save_file
        import json
        first = 0
        last = ctx.run_folder / "last.ckpt"
        if ctx.resume:
            first = int(last.read_text())
        header = {"format": 1, "model": "detector/learn", "classes": list(data.classes),
                  "class_ids": list(data.class_ids), "data_hash": data.data_hash}
        for epoch in range(first, params.epochs):
            if params.mode == "raise":
                raise RuntimeError("deliberate")
            if params.mode == "memory":
                raise RuntimeError("CUDA out of memory")
            if params.mode == "disk":
                raise OSError(28, "No space left on device")
            if params.mode == "kill" and epoch == 1 and not ctx.resume:
                os.kill(os.getpid(), 9)
            boxes = sum(len(s.target.boxes) for s in data.train)
            value = np.nan if params.mode == "nan" else 1 / (epoch + 1)
            weights = {"w": np.full(3, value, np.float32)}
            if params.mode != "no_weights":
                save_file(weights, ctx.run_folder / "best.safetensors",
                          {"visionstudio": json.dumps(header)})
            last.write_text(str(epoch + 1))
            loss = np.nan if params.mode == "nan_loss" else 1 / (epoch + 1)
            ctx.preview("batch", data.train[0].image)
            ctx.report((epoch + 1) / params.epochs, f"epoch {epoch + 1}",
                       metrics={"loss": loss, "boxes": boxes}, step=epoch)
            if params.mode == "child" and epoch == 0:
                import subprocess
                child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
                (ctx.run_folder / "child.pid").write_text(str(child.pid))
            if params.mode == "slow":
                time.sleep(0.05)
            if params.mode == "deaf":
                time.sleep(600)
            if ctx.should_stop():
                break
        return TrainResult(epoch + 1, {"AP50": 0.5})
'''

MODELS = """(
    spec("detector/blob", "Blob"),
    spec("detector/learn", "Learn", train_params=TrainParams),
    spec("segmenter/cut", "Cut"),
    spec("tracker/follow", "Follow"),
    spec("tracker/all", "FollowAll", output="tracks"),
    spec("generator/paint", "Paint"),
)"""
