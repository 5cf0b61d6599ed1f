"""The sample project: real pictures for every task, labelled, without a download.

Beneath the project's folder lie ``coins/`` (masks for detector and segmenter, some
pictures left unlabelled), ``digits/`` (tags for classifier and generator, some left
untagged), ``photographs/`` (for the classifier that knows ImageNet) and ``video/`` (a
clip for the tracker, its ground truth beside it).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from visionstudio.app import sample_pictures as pictures
from visionstudio.model import edits
from visionstudio.model.annotations import Annotation, State
from visionstudio.model.errors import ProjectError, StorageFull
from visionstudio.model.labels import LabelClass, colour_for
from visionstudio.model.media import MediaItem
from visionstudio.model.shapes import Mask, Shape, Tag
from visionstudio.session.library import add_media, probe_media
from visionstudio.settings.folders import data_folder
from visionstudio.storage.paths import absolute, is_project
from visionstudio.storage.store import ProjectStore

MEDIA = ("coins", "digits", "photographs", "video")
CLIP, CLIP_TRUTH = Path("video/clip.mp4"), Path("video/clip_truth.txt")
DIGITS = 800
UNLABELLED_COINS, UNTAGGED_DIGITS = 5, 50
COIN = "coin"
_MARK = "sample"  # the project setting that tells a sample project from others
_VERSION = 1

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample project on disk. `roi` is x1, y1, x2, y2 of the clip's object in frame 0."""

    folder: Path
    clip: Path
    truth: Path
    roi: tuple[float, float, float, float]


def default_folder() -> Path:
    """Where the sample project lies unless told otherwise."""
    return data_folder() / "sample"


def build_sample(folder: Path, told: Told = lambda _: None) -> Sample:
    """The sample project in `folder`, built there in a few seconds unless it is there already.

    It is built beside and then put in place, so that it is never half there. Raises
    ProjectError when the folder holds something else, StorageFull.
    """
    folder = absolute(folder)
    if not _is_sample(folder):
        _check_free(folder)
        part = folder.with_name(folder.name + ".part")
        told(f"building the sample project in {folder}")
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            _write_media(part)
            _make_project(part)
            if folder.is_dir():
                folder.rmdir()
            part.replace(folder)
        except OSError as error:
            raise StorageFull(
                "the sample project cannot be written",
                where=f"{folder}: {error.strerror or error}",
                next_step="make room, or choose another folder with --dir",
            ) from error
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return Sample(folder, folder / CLIP, folder / CLIP_TRUTH, _first_box(folder / CLIP_TRUTH))


def _is_sample(folder: Path) -> bool:
    if not is_project(folder):
        return False
    with ProjectStore.open(folder, read_only=True) as store:
        if store.setting(_MARK) is not None:
            return True
    raise ProjectError(
        "another project is there",
        where=str(folder),
        next_step="choose another folder with --dir",
    )


def _check_free(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ProjectError(
            "something else is there",
            where=str(folder),
            next_step="choose an empty or new folder with --dir",
        )


def _first_box(truth: Path) -> tuple[float, float, float, float]:
    x, y, w, h = (float(v) for v in truth.read_text(encoding="ascii").split("\n", 1)[0].split(","))
    return x, y, x + w, y + h


def _write_media(folder: Path) -> None:
    import cv2

    for part in MEDIA:
        (folder / part).mkdir()

    def save(name: str, image: pictures.Picture) -> None:
        _, data = cv2.imencode(".png", image[..., ::-1])
        (folder / name).write_bytes(data.tobytes())

    for name, image in pictures.photographs().items():
        save(f"photographs/{name}.png", image)
    for n, coins in enumerate(pictures.coin_pictures()):
        save(_coin_name(n), coins.image)
    for n, (image, _) in enumerate(pictures.digit_pictures(DIGITS)):
        save(_digit_name(n), image)
    frames = list(pictures.clip())
    pictures.write_clip(folder / CLIP, (image for image, _ in frames))
    lines = (",".join(f"{v:g}" for v in box or (float("nan"),) * 4) for _, box in frames)
    (folder / CLIP_TRUTH).write_text("\n".join(lines) + "\n", encoding="ascii")


def _coin_name(n: int) -> str:
    return f"coins/coins{n:02d}.png"


def _digit_name(n: int) -> str:
    return f"digits/digit{n:04d}.png"


def _make_project(folder: Path) -> None:
    with ProjectStore.create(folder) as store:
        add_media(store, [folder / part for part in MEDIA])
        for _ in probe_media(store, store.media()):
            pass
        _label(store)
        store.set_setting(_MARK, _VERSION)


def _label(store: ProjectStore) -> None:
    """One gesture with all classes and labels."""
    media = {item.path: item for item in store.media()}
    names = [COIN, *"0123456789"]
    first = store.reserve_ids("class", len(names))
    classes = [
        LabelClass(id=first + i, name=name, colour=colour_for(i), order=i)
        for i, name in enumerate(names)
    ]
    ids = {c.name: c.id for c in classes}
    drawn: list[tuple[MediaItem, int, Shape]] = []
    for n, coins in enumerate(pictures.coin_pictures()):
        if n < pictures.COIN_PICTURES - UNLABELLED_COINS:
            item = media[_coin_name(n)]
            drawn += [(item, ids[COIN], Mask.from_array(mask)) for mask in coins.masks]
    for n, (_, digit) in enumerate(pictures.digit_pictures(DIGITS - UNTAGGED_DIGITS)):
        drawn.append((media[_digit_name(n)], ids[str(digit)], Tag()))
    start = store.reserve_ids("annotation", len(drawn))
    rows = [
        Annotation(
            id=start + i,
            media_id=item.id,
            class_id=class_id,
            shape=shape,
            state=State.VERIFIED,
            source="import:recipe",
        )
        for i, (item, class_id, shape) in enumerate(drawn)
    ]
    labelled = {item.id: item for item, _, _ in drawn}
    verified = [(item, replace(item, verified=True)) for item in labelled.values()]
    changes = (*edits.add("", classes), *edits.add("", rows), *edits.replace("", verified))
    store.apply(edits.Edit("Label the sample project", changes))


def unlabelled(store: ProjectStore, folder: str) -> list[MediaItem]:
    """The pictures of one of the sample's folders that nobody has labelled."""
    summaries = store.summaries()
    return [
        item
        for item in store.media()
        if item.path.startswith(f"{folder}/")
        and (item.id not in summaries or not summaries[item.id].labels)
    ]
