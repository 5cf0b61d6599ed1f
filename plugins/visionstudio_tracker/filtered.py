"""Trackers whose motion is a filter's: Kalman on matched looks, particles on colours."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from visionstudio.api import Context, Frame, InvalidValue, TrackState, WeightsError
from visionstudio_tracker.appearance import Appearance, Look, Rect, look_at, visible_part
from visionstudio_tracker.background import Background
from visionstudio_tracker.bootstrap import BootstrapFilter
from visionstudio_tracker.kalman import KalmanFilter, motion
from visionstudio_tracker.params import KalmanParams, ParticleParams
from visionstudio_tracker.regions import BoxTuple, check_region, check_same_size
from visionstudio_tracker.search import find_again

SCALES = (0.95, 1.0, 1.05)  # of the object between two frames
GATE = 9.21  # chi-squared, 2 degrees of freedom, 99 %
FAR = 8.0  # sizes of the object that a search reaches at most


PATIENCE = 5  # frames without the object after which it is searched elsewhere, too


class Memory:
    """What a filter does not know of its object: its looks, what was there before it, where it
    was seen last. It tells a box that is parked on the background, and finds the object again."""

    def __init__(self, frame: Frame, rect: Rect) -> None:
        self.appearance = Appearance(_look(frame, rect))
        self._background = Background(rect)
        self._background.remember(frame, rect)
        self._seen = rect
        self._lost = 0

    def parked(self, frame: Frame, rect: Rect) -> bool:
        """Whether the region shows what was there without the object."""
        look = look_at(frame, rect)
        return look is None or self._background.shows(frame, rect, self.appearance.difference(look))

    def saw(self, frame: Frame, rect: Rect, score: float) -> None:
        """It is there: learn how it looks, and what is around it."""
        _, visible = visible_part(rect, frame.shape[1], frame.shape[0])
        look = look_at(frame, rect)
        if look is not None:
            self.appearance.learn(look, score, visible)
        self._background.remember(frame, rect)
        self._seen, self._lost = rect, 0

    def missed(self, frame: Frame) -> Rect | None:
        """It is not where it is expected: where else, once that has been so for a while."""
        self._lost += 1
        if self._lost < PATIENCE:
            return None
        found = find_again(frame, self.appearance, self._background, self._seen, self._lost)
        return found.rect if found is not None else None


class KalmanTracker:
    """Predicts where the object will be and measures where it looks like it (x, y).

    The measurement is the best normalised cross-correlation with the object's looks
    in a window as wide as the prediction is uncertain. Without one, or where it shows the
    background, the filter goes on by itself and the object is Lost until it is measured or
    found again.
    """

    def __init__(self) -> None:
        self._params = KalmanParams()
        self._filter: KalmanFilter | None = None

    def load(self, params: KalmanParams, weights: Path | None, ctx: Context) -> None:
        if weights is not None:
            raise WeightsError("tracker/kalman learns from the drawn box and takes no weights")
        self._params = params

    def unload(self) -> None:
        self._filter = None

    def start(self, frame: Frame, box: BoxTuple, ctx: Context) -> None:
        """Learn the object in `box`, x1, y1, x2, y2. Raises InvalidValue for a bad box."""
        self._shape = check_same_size(frame, None)
        x, y, w, h = check_region(box, frame.shape[1], frame.shape[0])
        self._memory = Memory(frame, (x, y, w, h))
        self._begin((x, y, w, h))

    def _begin(self, rect: Rect) -> None:
        x, y, w, h = rect
        self._size = (float(w), float(h))
        unit = (w * h) ** 0.5
        self._filter = motion(
            (x + w / 2, y + h / 2),
            order=2 if self._params.model == "velocity" else 3,
            process=self._params.process_noise * unit,
            measurement=self._params.measurement_noise * unit,
            unknown=unit / 2,
        )

    def update(self, frame: Frame, ctx: Context) -> TrackState:
        """Where the object is in the next frame. Raises InvalidValue when its size changed."""
        if self._filter is None:
            raise InvalidValue("tracking has not started", next_step="call start with a box")
        check_same_size(frame, self._shape)
        self._filter.predict()
        expected, spread = self._filter.innovation()
        found = self._measure(frame, expected, spread)
        if (
            found is None
            or found[1] < self._params.min_score
            or self._memory.parked(frame, found[0])
        ):
            return self._missed(frame, 0.0 if found is None else found[1])
        (x, y, w, h), score = found
        self._filter.update((x + w / 2, y + h / 2))
        self._size = (w, h)
        self._memory.saw(frame, (x, y, w, h), score)
        cx, cy = self._filter.innovation()[0]
        return TrackState((cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), score)

    def _missed(self, frame: Frame, score: float) -> TrackState:
        again = self._memory.missed(frame)
        if again is None:
            return TrackState(None, score, lost=True)
        x, y, w, h = again
        self._begin(again)
        score = self._memory.appearance.similarity(look_at(frame, again))
        self._memory.saw(frame, again, score)
        return TrackState((x, y, x + w, y + h), score)

    def _measure(
        self, frame: Frame, centre: NDArray[np.float64], spread: NDArray[np.float64]
    ) -> tuple[Rect, float] | None:
        """The region in the gate that looks most like the object, and how much."""
        reach = np.minimum(np.sqrt(GATE * np.diag(spread)), FAR * max(self._size))
        best: tuple[Rect, float] | None = None
        for scale in SCALES:
            w, h = (max(round(s * scale), 4) for s in self._size)
            x1, y1 = (int(v) for v in centre - reach - (w / 2, h / 2))
            x2, y2 = (int(v) for v in centre + reach + (w / 2, h / 2) + 1)
            place, _ = visible_part((x1, y1, x2 - x1, y2 - y1), frame.shape[1], frame.shape[0])
            if place[2] < w or place[3] < h:
                continue
            rect = _best_match(frame, place, self._memory.appearance, (w, h))
            score = self._memory.appearance.similarity(look_at(frame, rect))
            if best is None or score > best[1]:
                best = rect, score
        return best


def _best_match(frame: Frame, place: Rect, known: Appearance, size: tuple[int, int]) -> Rect:
    """Where in `place` a region of `size` correlates best with one of the known looks."""
    x, y, w, h = place
    area = frame[y : y + h, x : x + w]
    best, rect = -2.0, (x, y, *size)
    for look in (known.first, known.recent):
        template = cv2.resize(look.picture, size, interpolation=cv2.INTER_LINEAR)
        match = cv2.matchTemplate(area, template.astype(np.uint8), cv2.TM_CCOEFF_NORMED)
        _, value, _, (column, row) = cv2.minMaxLoc(np.nan_to_num(match, nan=-1))
        if value > best:
            best, rect = value, (x + column, y + row, *size)
    return rect


def _look(frame: Frame, rect: Rect) -> Look:
    look = look_at(frame, rect)
    if look is None:
        raise InvalidValue("the region lies outside the frame")
    return look


SIDE = 12  # samples of a region in each direction
SHARPNESS = 20.0  # of the likelihood; Pérez et al. 2002, eq. 8
HUES, LEVELS = 8, 4  # bins: hue × saturation where there is colour, else value


class ParticleTracker:
    """Many guesses of place and size, weighed by the colours they see.

    Pérez, Hue, Vermaak, Gangnet: Color-Based Probabilistic Tracking, ECCV 2002. The
    state is centre, velocity and log size; the region is read on a grid in one go for
    all particles. Lost when the region at the mean does not have the object's colours.
    """

    def __init__(self) -> None:
        self._params = ParticleParams()
        self._filter: BootstrapFilter | None = None

    def load(self, params: ParticleParams, weights: Path | None, ctx: Context) -> None:
        if weights is not None:
            raise WeightsError("tracker/particle learns from the drawn box and takes no weights")
        self._params = params

    def unload(self) -> None:
        self._filter = None

    def start(self, frame: Frame, box: BoxTuple, ctx: Context) -> None:
        """Learn the colours in `box`, x1, y1, x2, y2. Raises InvalidValue for a bad box."""
        self._shape = check_same_size(frame, None)
        x, y, w, h = check_region(box, frame.shape[1], frame.shape[0])
        self._size = np.array([w, h], dtype=np.float64)
        self._spread = self._params.spread * (w * h) ** 0.5
        self._memory = Memory(frame, (x, y, w, h))
        first = np.array([x + w / 2, y + h / 2, 0.0, 0.0, 0.0])
        self._rng = np.random.default_rng(ctx.seed)
        self._begin(first)
        self._colours = _colours(colour_bins(frame), first[None], self._size)[0]

    def _begin(self, state: NDArray[np.float64]) -> None:
        particles = np.repeat(state[None], self._params.particles, axis=0)
        self._filter = BootstrapFilter(particles, self._rng)

    def update(self, frame: Frame, ctx: Context) -> TrackState:
        """Where the object is in the next frame. Raises InvalidValue when its size changed."""
        if self._filter is None:
            raise InvalidValue("tracking has not started", next_step="call start with a box")
        check_same_size(frame, self._shape)
        bins = colour_bins(frame)
        self._filter.predict(self._move)
        seen = _similarity(_colours(bins, self._filter.particles, self._size), self._colours)
        self._filter.weigh(-SHARPNESS * (1.0 - seen))
        mean = self._filter.mean()
        score = float(_similarity(_colours(bins, mean[None], self._size), self._colours)[0])
        self._filter.resample()
        half = self._size / 2 * np.exp(mean[4])
        box = (*(mean[:2] - half), *(mean[:2] + half))
        height, width = frame.shape[:2]
        inside = box[0] < width and box[1] < height and box[2] > 0 and box[3] > 0
        x1, y1, x2, y2 = (round(float(v)) for v in box)
        rect = (x1, y1, x2 - x1, y2 - y1)
        if score < self._params.min_score or not inside or self._memory.parked(frame, rect):
            return self._missed(frame, score)
        similar = self._memory.appearance.similarity(look_at(frame, rect))
        self._memory.saw(frame, rect, similar)
        return TrackState(box, score)

    def _missed(self, frame: Frame, score: float) -> TrackState:
        again = self._memory.missed(frame)
        if again is None:
            return TrackState(None, score, lost=True)
        x, y, w, h = again
        grown = 0.5 * np.log(w * h / self._size.prod())
        self._begin(np.array([x + w / 2, y + h / 2, 0.0, 0.0, grown]))
        score = self._memory.appearance.similarity(look_at(frame, again))
        self._memory.saw(frame, again, score)
        return TrackState((x, y, x + w, y + h), score)

    def _move(
        self, particles: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float64]:
        moved = particles.copy()
        noise = rng.normal(size=(len(moved), 3)) * (self._spread, self._spread, 0.02)
        moved[:, 2:4] = 0.7 * moved[:, 2:4] + noise[:, :2]
        moved[:, :2] += moved[:, 2:4]
        moved[:, 4] = np.clip(moved[:, 4] + noise[:, 2], -1.5, 1.5)
        return moved


def colour_bins(frame: Frame) -> NDArray[np.uint8]:
    """The colour bin of every pixel, (H, W): hue and saturation, or value where it is grey."""
    hsv = cv2.cvtColor(frame, cv2.COLOR_RGB2HSV)
    hue, saturation, value = hsv[..., 0], hsv[..., 1], hsv[..., 2]
    colour = (hue // (180 // HUES + 1)) * LEVELS + saturation // (256 // LEVELS)
    grey = HUES * LEVELS + value // (256 // LEVELS)
    is_grey = (saturation < 26) | (value < 51)  # a tenth, a fifth: no hue can be told
    return np.where(is_grey, grey, colour).astype(np.uint8)


def _colours(
    bins: NDArray[np.uint8], states: NDArray[np.float64], size: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Histograms (n, bins) of the regions of n states; outside the frame counts as nothing."""
    count = (HUES + 1) * LEVELS + 1
    grid = (np.arange(SIDE) + 0.5) / SIDE - 0.5
    scale = np.exp(states[:, 4:5])
    columns = np.floor(states[:, 0:1] + grid * size[0] * scale).astype(np.int64)
    rows = np.floor(states[:, 1:2] + grid * size[1] * scale).astype(np.int64)
    height, width = bins.shape
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[
        :, None, :
    ]
    seen = bins[rows.clip(0, height - 1)[:, :, None], columns.clip(0, width - 1)[:, None, :]]
    codes = np.where(inside, seen, count - 1).reshape(len(states), -1)
    flat = codes + np.arange(len(states))[:, None] * count
    counts = np.bincount(flat.ravel(), minlength=len(states) * count).reshape(-1, count)
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def _similarity(histograms: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bhattacharyya coefficients (n,), 0 to 1; what lies outside the frame fits nothing."""
    alike = np.sqrt(histograms[:, :-1] * known[:-1]).sum(axis=1)
    return np.asarray(np.minimum(alike, 1.0))
