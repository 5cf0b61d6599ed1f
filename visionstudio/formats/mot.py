"""MOT Challenge text: tracks of boxes in a sequence; frames, ids and boxes count from 1."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from visionstudio.formats.collecting import Collector, Draft, listed_names, read_text
from visionstudio.formats.dataset import (
    Dataset,
    DatasetAnnotation,
    DatasetItem,
    Imported,
    Losses,
    ReadOptions,
    WriteOptions,
    Written,
)
from visionstudio.formats.expressing import as_box, count_unsaid
from visionstudio.formats.files import PictureRoot, is_picture, safe_name
from visionstudio.formats.output import write_bytes
from visionstudio.formats.rows import RowFault
from visionstudio.formats.taking import as_number, as_side, as_whole, checked_box
from visionstudio.model.annotations import Flags
from visionstudio.model.errors import FormatError
from visionstudio.model.media import MediaKind
from visionstudio.model.shapes import Box

USUAL = "object"
_FILES = ("gt/gt.txt", "det/det.txt", "gt.txt", "det.txt")
_MAX_FRAME = 10_000_000


def read(src: Path, images: Path | None, _options: ReadOptions) -> Imported:
    """Read a text file, a sequence's folder, or a folder of sequences.

    A sequence is its folder of frames (`img1`) where that is there, else the
    video of its name. Classes come from `labels.txt` beside the rows.
    """
    files = list(_texts(src))
    if not files:
        raise FormatError("there is no gt.txt or det.txt", where=str(src))
    folder = src if src.is_dir() else _sequence(src)
    collector = Collector(PictureRoot(images or folder, search=images is not None))
    for file in files:
        with collector.row(file, "file"):
            _read_file(file, collector, images)
    return collector.result(src, what="MOT sequence")


def _texts(src: Path) -> Iterator[Path]:
    if src.is_file():
        yield src
        return
    if not src.is_dir():
        raise FormatError("there is no such file or folder", where=str(src))
    for folder in (src, *(p for p in sorted(src.rglob("*")) if p.is_dir())):
        found = next((folder / f for f in _FILES[:2] if (folder / f).is_file()), None)
        if found is None and folder == src:
            found = next((folder / f for f in _FILES[2:] if (folder / f).is_file()), None)
        if found is not None:
            yield found


def _sequence(file: Path) -> Path:
    return file.parent.parent if file.parent.name in ("gt", "det") else file.parent


def _read_file(file: Path, collector: Collector, images: Path | None) -> None:
    text = read_text(file)
    draft = _video(file, collector, images)
    names = listed_names(file.parent / "labels.txt") or listed_names(_sequence(file) / "labels.txt")
    for name in names:
        with collector.row(file.parent / "labels.txt", name):
            collector.label(name)
    last = 0
    for index, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith(("#", "frame")):
            with collector.row(file, f"line {index}"):
                last = max(last, _row(draft, f"line {index}", line, names, collector))
    draft.frames = max(draft.frames, last)


def _video(file: Path, collector: Collector, images: Path | None) -> Draft:
    folder = _sequence(file)
    info = _info(folder / "seqinfo.ini")
    name = info.get("name") or (folder.name if file.stem in ("gt", "det") else file.stem)
    frames = folder / (safe_name(info.get("imdir", "img1")))
    fields: dict[str, Any] = {
        "kind": MediaKind.FRAMES,
        "width": as_side(info.get("imwidth", 0)),
        "height": as_side(info.get("imheight", 0)),
        "frames": max(as_side(info.get("seqlength", 1)), 1),
    }
    if images is not None and any(is_picture(p.name) for p in images.iterdir()):
        frames = images
    if frames.is_dir() and frames.resolve().is_relative_to(collector.pictures.root):
        draft = collector.found_picture(frames.resolve(), file, **fields)
        if draft.path == ".":
            draft.path = frames.name
    else:
        draft = collector.video(name, file, **fields)
        draft.kind = MediaKind.VIDEO
        if draft.file is None:
            draft.kind, draft.file = _video_file(name, collector)
            draft.path = collector.pictures.relative(draft.file) if draft.file else name
    kept = {k: info[k] for k in ("name", "framerate", "imext") if k in info}
    draft.extra |= {"mot": kept} if kept else {}
    return draft


def _video_file(name: str, collector: Collector) -> tuple[MediaKind, Path | None]:
    for suffix in (".mp4", ".mkv", ".avi", ".mov", ".webm", ".m4v"):
        found = collector.pictures.find(f"{name}{suffix}")
        if found is not None:
            return MediaKind.VIDEO, found
    return MediaKind.VIDEO, None


def _info(file: Path) -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(read_text(file))
        return dict(parser["Sequence"])
    except (RowFault, configparser.Error, KeyError):
        return {}


def _row(draft: Draft, where: str, line: str, names: list[str], collector: Collector) -> int:
    """One box of one frame; the frame's number as the file has it."""
    # An empty column stays one: the others must not move into its place.
    parts = line.rstrip().rstrip(",").split(",") if "," in line else line.split()
    if len(parts) < 6:
        raise RowFault(f"the row has {len(parts)} columns, 6 are the least")
    frame = as_whole(parts[0], "the frame")
    if not 1 <= frame <= _MAX_FRAME:
        raise RowFault(f"frames count from 1, got {frame}")
    track = as_whole(parts[1], "the id")
    left, top, width, height = (as_number(v, "the box") for v in parts[2:6])
    box = checked_box(left - 1, top - 1, left - 1 + width, top - 1 + height, draft.size)
    rest = [as_number(v, f"column {n}") for n, v in enumerate(parts[6:], start=7)]
    fields: dict[str, Any] = {}
    kept: dict[str, float] = {}
    if rest and track < 0:
        fields["score"] = rest[0] if 0 <= rest[0] <= 1 else None
    if rest and fields.get("score") is None and (track < 0 or rest[0] != 1):
        kept["conf"] = rest[0]
    if len(rest) > 2 and len(parts) < 10:
        kept["visibility"] = rest[2]
        if rest[2] < 0.5:
            fields["flags"] = Flags.OCCLUDED
    number = int(rest[1]) if len(rest) > 1 and len(parts) < 10 and rest[1] >= 1 else 0
    label = collector.label(_class_name(number, names))
    extra = {"mot": kept} if kept else {}
    draft.add(
        label,
        box,
        where,
        frame=frame - 1,
        track=track if track >= 0 else None,
        extra=extra,
        **fields,
    )
    return frame


def _class_name(number: int, names: list[str]) -> str:
    if number == 0:
        return names[0] if len(names) == 1 else USUAL
    if names and number <= len(names):
        return names[number - 1]
    if names:
        raise RowFault(f"no class has the number {number}")
    return f"class_{number}"


def write(dataset: Dataset, out: Path, _options: WriteOptions) -> Written:
    """Write `NAME/gt/gt.txt`, `gt/labels.txt` and `seqinfo.ini` for every video."""
    losses = Losses()
    names = [c.name for c in dataset.classes]
    files: list[Path] = []
    count = 0
    taken: set[str] = set()
    for item in dataset.items:
        if item.kind is MediaKind.IMAGE:
            losses.add("annotations of pictures are left out", len(item.annotations))
            continue
        name = _free(safe_name(PurePosixPath(item.path).stem or item.path), taken)
        rows = [r for a in item.annotations if (r := _text(a, names, losses)) is not None]
        count += len(rows)
        rows.sort(key=lambda r: r[:2])
        text = "".join(f"{line}\n" for *_, line in rows)
        folder = out / name
        write_bytes(folder / "gt" / "gt.txt", text.encode("ascii"))
        labels = "".join(f"{' '.join(n.split())}\n" for n in names)
        write_bytes(folder / "gt" / "labels.txt", labels.encode("utf-8"))
        write_bytes(folder / "seqinfo.ini", _seqinfo(item, name).encode("utf-8"))
        files += [folder / f for f in ("gt/gt.txt", "gt/labels.txt", "seqinfo.ini")]
    return Written(tuple(files), count, losses.all())


def _free(name: str, taken: set[str]) -> str:
    found, n = name, 2
    while found in taken:
        found, n = f"{name}_{n}", n + 1
    taken.add(found)
    return found


def _text(
    annotation: DatasetAnnotation, names: list[str], losses: Losses
) -> tuple[int, int, str] | None:
    if annotation.flags & Flags.OUTSIDE:
        losses.add("frames in which a track's object is outside are left out")
        return None
    box = as_box(annotation.shape, losses)
    if box is None:
        return None
    count_unsaid(
        annotation, losses, score=annotation.track is None, track=True, flags=Flags.OCCLUDED
    )
    kept = annotation.extra.get("mot", {})
    track = -1 if annotation.track is None else annotation.track
    conf = annotation.score if track < 0 and annotation.score is not None else kept.get("conf", 1)
    seen = kept.get("visibility", 0 if annotation.flags & Flags.OCCLUDED else 1)
    values = [annotation.frame + 1, track, *_ltwh(box), conf]
    values += [names.index(annotation.label) + 1, seen]
    return annotation.frame, track, ",".join(_number(v) for v in values)


def _ltwh(box: Box) -> tuple[float, float, float, float]:
    return box.x1 + 1, box.y1 + 1, box.width, box.height


def _number(value: float) -> str:
    if float(value).is_integer():
        return str(int(value))
    return f"{value:.6f}".rstrip("0")


def _seqinfo(item: DatasetItem, name: str) -> str:
    kept = item.extra.get("mot", {})
    fields = {
        "name": kept.get("name", name),
        "imDir": "img1",
        "frameRate": kept.get("framerate", "25"),
        "seqLength": item.frames,
        "imWidth": item.width,
        "imHeight": item.height,
        "imExt": kept.get("imext", ".jpg"),
    }
    return "[Sequence]\n" + "".join(f"{k}={v}\n" for k, v in fields.items())
