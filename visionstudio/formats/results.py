"""Files of model results: COCO result rows, labels of pictures, maps of class indices.

A `ResultWriter` takes results as they come and writes at the end, in one step;
maps are written at once, each in one step.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
import numpy as np

from visionstudio.api.results import (
    Classification,
    Detections,
    GeneratedImage,
    Masks,
    Result,
    SemanticMap,
    TrackState,
)
from visionstudio.formats import coco_rle
from visionstudio.formats.output import replacing, write_bytes
from visionstudio.formats.rows import RowFault, number, read_json
from visionstudio.model.errors import FormatError, InvalidValue

LABELS_FILE = "labels.json"
MOST_LABELS = 20  # of a picture that a classifier's file lists

Row = dict[str, Any]


def coco_rows(
    result: Detections | Masks,
    image_id: int,
    file_name: str,
    class_ids: Mapping[str, int],
) -> list[Row]:
    """COCO result rows of one frame, best first.

    `class_ids` gives the category id of a class name; a class that it lacks gets
    the model's class index + 1. A mask's box is the one around its pixels.
    """
    rows = []
    for i in np.argsort(-result.scores, kind="stable").tolist():
        index = int(result.indices[i])
        name = result.classes[index]
        row: Row = {
            "image_id": image_id,
            "file_name": file_name,
            "category_id": class_ids.get(name, index + 1),
            "category_name": name,
        }
        if isinstance(result, Masks):
            box = _mask_box(result.masks[i])
            if box is None:
                continue
            row |= {"bbox": box, "segmentation": coco_rle.encode(result.masks[i])}
        else:
            x1, y1, x2, y2 = (float(v) for v in result.boxes[i])
            row["bbox"] = [x1, y1, x2 - x1, y2 - y1]
        row["score"] = float(result.scores[i])
        rows.append(row)
    return rows


def _mask_box(mask: np.ndarray[Any, Any]) -> list[float] | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return None
    x, y = int(columns[0]), int(rows[0])
    return [float(v) for v in (x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y)]


def label_row(result: Classification, file: str) -> Row:
    """A picture's labels, best first."""
    pairs = list(zip(result.labels, result.scores.tolist(), strict=True))[:MOST_LABELS]
    return {"file": file, "labels": [{"label": n, "score": s} for n, s in pairs]}


class Collected(msgspec.Struct, kw_only=True):
    """Results of one run, or of a shard of it, as rows of the file to be.

    `kind` is "coco", "labels", "semantic", or empty where nothing was found; `labels` are
    a semantic map's classes and background.
    """

    kind: str = ""
    rows: list[Any] = msgspec.field(default_factory=list)
    labels: Row = msgspec.field(default_factory=dict)


@dataclass(slots=True)
class ResultWriter:
    """Writes the results of one model run to `out`.

    Boxes and masks become one JSON list, classifications one JSON object; both go
    to `out`, or to `out/results.json` when `out` has no .json suffix. Semantic
    maps become one index PNG for each frame in the folder `out`, with labels.json.
    Maps never get one of the names that are `taken`.
    """

    out: Path
    class_ids: Mapping[str, int]
    taken: set[str] = field(default_factory=set)
    collected: Collected = field(default_factory=Collected)
    count: int = 0

    def add(self, result: Result, image_id: int, file_name: str, frame: int | None = None) -> None:
        """Take the result of a picture, or of a video's frame."""
        match result:
            case Detections() | Masks():
                found = coco_rows(result, image_id, file_name, self.class_ids)
                self._take("coco", found, frame)
            case Classification():
                self._take("labels", [label_row(result, file_name)], frame)
            case SemanticMap():
                self._write_map(result, file_name, frame)
            case TrackState() | GeneratedImage():
                raise InvalidValue(f"a {type(result).__name__} is no prediction of a picture")

    def _take(self, kind: str, rows: list[Row], frame: int | None) -> None:
        self.collected.kind = kind
        self.count += len(rows)
        self.collected.rows += rows if frame is None else [row | {"frame": frame} for row in rows]

    def _write_map(self, result: SemanticMap, file_name: str, frame: int | None) -> None:
        name = map_name(file_name, frame)
        if name in self.taken:
            name = f"{file_name}.png"  # x.jpg and x.png lie side by side
        self.taken.add(name)
        write_bytes(self.out / name, index_png(result.labels))
        self.collected.labels = {
            "classes": [{"index": i, "name": n} for i, n in enumerate(result.classes)],
            "background": result.background,
        }
        self._take("semantic", [{"file": file_name, "map": name}], None)

    def finish(self, kind: str) -> Path:
        """Write what is collected; `kind` ('boxes', 'classes'…) says what an empty run looks like.

        Gives the file that lists the results. Raises StorageFull.
        """
        return write_collected(self.out, [self.collected], kind)


def map_name(file_name: str, frame: int | None = None) -> str:
    """What the map of a picture, or of a video's frame, is called beneath the results' folder."""
    place = PurePosixPath(file_name).with_suffix("")
    return f"{place}.png" if frame is None else f"{place}/{frame:06d}.png"


def write_collected(out: Path, parts: Iterable[Collected], kind: str) -> Path:
    """Write the file that lists the results of all parts, one after the other; see ResultWriter.

    Parts are asked for one at a time: only one is in memory. Raises StorageFull.
    """
    waiting = iter(parts)
    empty: list[Collected] = []
    for first in waiting:
        empty.append(first)
        if first.kind:
            break
    what = (empty[-1].kind if empty else "") or kind
    labels = empty[-1].labels if empty else {}
    if what == "semantic":
        path, head, tail = out / LABELS_FILE, _opened(labels), b"]}"
    else:
        path = out if out.suffix.lower() == ".json" else out / "results.json"
        is_labels = what in ("labels", "classes")
        head, tail = (b'{"results":[', b"]}") if is_labels else (b"[", b"]")
    with replacing(path) as stream:
        stream.write(head)
        between = b""
        for part in itertools.chain(empty[-1:], waiting):
            for row in part.rows:
                stream.write(between + msgspec.json.encode(row))
                between = b","
        stream.write(tail)
    return path


def _opened(labels: Row) -> bytes:
    """The list of maps up to its first row."""
    content = labels or {"classes": [], "background": 0}
    return msgspec.json.encode(content | {"files": []})[: -len(b"]}")]


def index_png(labels: np.ndarray[Any, Any]) -> bytes:
    """A grey PNG, 8 or 16 bit, whose values are the class indices."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(labels)).save(buffer, "PNG")
    return buffer.getvalue()


def read_labels(path: Path) -> dict[str, Classification]:
    """The labels and scores of each file of a classifier's results. Raises FormatError."""
    data = read_json(path, ("results",))
    if "results" not in data.lists:
        raise FormatError("there is no list 'results'", where=str(path))
    found: dict[str, Classification] = {}
    for row in data.lists["results"]:
        try:
            if row.fault:
                raise RowFault(row.fault)
            labels = row.value["labels"]
            # Where scores are left out the order is all there is.
            scores = [
                number(n.get("score", 1 / (i + 1)), "the score") for i, n in enumerate(labels)
            ]
            names = tuple(str(n["label"]) for n in labels)
            found[str(row.value["file"])] = Classification(names, np.array(scores, np.float32))
        except (RowFault, InvalidValue, KeyError, TypeError, AttributeError) as fault:
            raise FormatError(
                f"this is no row of labels: {fault}", where=f"{path}, {row.where}"
            ) from None
    return found


def read_maps(folder: Path) -> tuple[list[str], dict[str, Path]]:
    """Class names by index, and the map of each file, of a segmenter's results folder.

    Maps that would lie outside the folder are refused. Raises FormatError.
    """
    from visionstudio.formats.files import PictureRoot

    path = folder / LABELS_FILE
    data = read_json(path, ("classes", "files"))
    root = PictureRoot(folder)
    try:
        rows = [row.value for row in data.lists.get("classes", [])]
        names = [str(row["name"]) for row in sorted(rows, key=lambda row: int(row["index"]))]
        maps = {}
        for row in data.lists.get("files", []):
            found = root.find(str(row.value["map"]))
            if found is None:
                raise FormatError("a map is missing", where=f"{path}, {row.where}")
            maps[str(row.value["file"])] = found
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"this is no list of maps: {error}", where=str(path)) from None
    return names, maps
