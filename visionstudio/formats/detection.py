"""Which format a file or folder is of, by what is in it."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path

from visionstudio.formats.dataset import SUBSETS
from visionstudio.formats.files import is_picture, walk_files
from visionstudio.formats.imagenet import WNID
from visionstudio.formats.masks import CLASS_FOLDERS, INSTANCE_FOLDERS
from visionstudio.formats.packed import IDX_NAME
from visionstudio.formats.yolo import NAME_FILES

_LOOKED_AT = 3000  # files of a folder
_HEAD = 1 << 16  # bytes of a file's beginning, and of its end
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\Z")

# A JSON file is of the first format all of whose words it holds.
_JSON_WORDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("labelme", ('"shapes"', '"imagePath"')),
    ("labelme", ('"shapes"', '"shape_type"')),
    ("via", ('"_via_img_metadata"',)),
    ("via", ('"filename"', '"regions"', '"shape_attributes"')),
    ("geojson", ('"FeatureCollection"',)),
    ("geojson", ('"Feature"', '"geometry"')),
    ("cityscapes", ('"imgHeight"', '"objects"')),
    ("datumaro", ('"categories"', '"items"')),
    ("labelstudio", ('"from_name"', '"original_width"')),
    ("labelstudio", ('"data"', '"annotations"', '"completed_by"')),
    ("labelstudio", ('"rectanglelabels"',)),
    ("coco", ('"images"', '"annotations"')),
    ("coco", ('"images"', '"categories"')),
    ("coco", ('"annotations"', '"image_id"')),
    ("coco", ('"images"', '"file_name"')),
)


def detect(path: Path) -> str | None:
    """The name of the format that a file or folder is of, None when it is of none."""
    if path.is_dir():
        return _of_folder(path)
    return of_file(path) if path.is_file() else None


def of_file(file: Path) -> str | None:
    """The format of a single file, by its contents."""
    suffix = file.suffix.lower()
    head = _ends(file)
    match suffix:
        case ".json" | ".geojson":
            return next((n for n, words in _JSON_WORDS if all(w in head for w in words)), None)
        case ".xml":
            first = re.search(r"<\s*(annotations?)[\s>/]", head)
            return {"annotations": "cvat", "annotation": "voc"}.get(first[1]) if first else None
        case ".yaml" | ".yml":
            return "yolo" if re.search(r"^names\s*:", head, re.MULTILINE) else None
        case ".csv":
            return "csv"
        case ".txt":
            return _of_rows(file, head)
    return None


def _ends(file: Path) -> str:
    """The beginning and the end of a file as text."""
    try:
        with file.open("rb") as handle:
            head = handle.read(_HEAD)
            size = file.stat().st_size
            if size > 2 * _HEAD:
                handle.seek(size - _HEAD)
            return (head + b"\n" + handle.read(_HEAD)).decode("utf-8", "replace")
    except OSError:
        return ""


def _of_rows(file: Path, head: str) -> str | None:
    """Rows of text: tracks have commas, DOTA a class behind eight numbers, YOLO parts of one."""
    if file.name.lower() in NAME_FILES:
        return None
    lines = [ln for ln in head.splitlines()[:20] if ln.strip()]
    lines = [ln for ln in lines if not ln.startswith(("imagesource:", "gsd:"))]
    if not lines:
        return None
    row = lines[0].replace(",", " ").split()
    numeric = [_NUMBER.match(v) is not None for v in row]
    if len(row) >= 9 and all(numeric[:8]) and not numeric[8]:
        return "dota"
    if is_picture(row[0]) and len(row) > 1:
        return "csv"
    if not all(numeric) or len(row) < 5:
        return None
    if file.name in ("gt.txt", "det.txt") or "," in lines[0] or len(row) in (9, 10):
        beyond = any(abs(float(v)) > 2 for v in row[1:])
        if beyond or file.name in ("gt.txt", "det.txt"):
            return "mot"
    return "yolo" if row[0].isdigit() and all(abs(float(v)) <= 2 for v in row[1:]) else None


def _of_folder(folder: Path) -> str | None:
    files = list(islice(walk_files(folder), _LOOKED_AT))
    names = {p.name.lower() for p in files}
    within = {part.lower() for p in files for part in p.relative_to(folder).parts[:-1]}
    rows = [p for p in files if p.suffix.lower() == ".txt" and p.name.lower() not in NAME_FILES]
    if any(re.search(r"_gt(Fine|Coarse)_(polygons|instanceIds)$", p.stem) for p in files):
        return "cityscapes"
    if "gt.txt" in names or "det.txt" in names:
        return "mot"
    if any(IDX_NAME.match(n) for n in names):
        return "mnist"
    if names & {"batches.meta", "data_batch_1"} or {"train", "test", "meta"} <= names:
        return "cifar"
    if any(WNID.fullmatch(n) for p in files if is_picture(p.name) for n in p.parts):
        return "imagefolder"
    tables = [p for p in files if p.suffix.lower() in (".json", ".geojson", ".xml")]
    # Nearest first: what lies on top describes what lies beneath.
    for file in sorted(tables, key=lambda p: (len(p.parts), p.name))[:20]:
        found = of_file(file)
        if found is not None:
            return found
    for file in rows[:20]:
        found = of_file(file)
        if found in ("dota", "yolo"):
            return found
    if any(p.suffix.lower() in (".yaml", ".yml") and of_file(p) for p in files):
        return "yolo"
    pngs = [p for p in files if p.suffix.lower() == ".png"]
    lists = [p for p in files if p.name == "labels.txt"]
    if lists and all(p.parent.name == "instances" for p in lists) and pngs:
        return "mots"
    if pngs and (within | {folder.name.lower()}) & (CLASS_FOLDERS | INSTANCE_FOLDERS):
        return "masks"
    if any(p.suffix.lower() == ".csv" and p.parent == folder for p in files):
        return "csv"
    if rows and any(is_picture(p.name) for p in files) and names & set(NAME_FILES):
        return "yolo"
    return "imagefolder" if _has_classes(folder, files) else None


def _has_classes(folder: Path, files: list[Path]) -> bool:
    """Whether nearly all files are pictures in folders, two or more of which could be classes."""
    pictures = [p.relative_to(folder).parts[:-1] for p in files if is_picture(p.name)]
    inner = [p[1:] if len(p) > 1 and p[0].lower() in SUBSETS else p for p in pictures if p]
    return 2 * len(inner) > len(files) and len({p[0] for p in inner}) > 1
