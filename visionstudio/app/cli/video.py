"""``video``: parts of a video as a clip, as pictures, or with the annotations on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from visionstudio.app.cli.opening import project_store
from visionstudio.app.cli.reply import ProgressLine, Reply, count

if TYPE_CHECKING:
    from visionstudio.model.media import MediaItem
    from visionstudio.session.video_export import Product
    from visionstudio.storage.store import ProjectStore

app = typer.Typer(
    help="Write a clip of a video, its frames, or the video with its annotations.",
    no_args_is_help=True,
)

Source = Annotated[
    Path, typer.Argument(metavar="SRC", help="A video, a folder of frames, or a project.")
]
Target = Annotated[Path, typer.Argument(metavar="OUT", help="The file, or the folder for frames.")]
Start = Annotated[int | None, typer.Option(metavar="N", help="The first frame, from 0.")]
End = Annotated[int | None, typer.Option(metavar="N", help="The last frame.")]
Item = Annotated[
    str | None, typer.Option("--item", metavar="NAME", help="Which video of the project.")
]
Threshold = Annotated[
    float, typer.Option("--threshold", help="Proposals below this score are not drawn.")
]
Plain = Annotated[bool, typer.Option("--no-names", help="Outlines without names and scores.")]
LabelsOnly = Annotated[bool, typer.Option("--labels-only", help="Draw no proposals.")]


@app.command("clip")
def clip(
    src: Source, out: Target, start: Start = None, end: End = None, item: Item = None
) -> Reply:
    """Cut a clip between two frames, encoded anew so that it begins exactly there."""
    from visionstudio.session.video_export import Product

    return _write(src, out, Product.CLIP, item, first=start, last=end)


@app.command("frames")
def frames(
    src: Source,
    out: Target,
    start: Start = None,
    end: End = None,
    item: Item = None,
    step: Annotated[int, typer.Option(metavar="N", help="Every Nth frame.")] = 1,
    picture: Annotated[str, typer.Option(metavar="png|jpg", help="The kind of picture.")] = "png",
    overlays: Annotated[bool, typer.Option("--overlays", help="With the annotations.")] = False,
    threshold: Threshold = 0.5,
    labels_only: LabelsOnly = False,
    no_names: Plain = False,
) -> Reply:
    """Write frames as pictures, with or without the annotations on them."""
    from visionstudio.session.video_export import Product

    return _write(
        src, out, Product.FRAMES, item, first=start, last=end, step=step, picture=picture,
        overlays=overlays, labels=not no_names, threshold=None if labels_only else threshold,
    )  # fmt: skip


@app.command("annotated")
def annotated(
    src: Source,
    out: Target,
    start: Start = None,
    end: End = None,
    item: Item = None,
    threshold: Threshold = 0.5,
    labels_only: LabelsOnly = False,
    no_names: Plain = False,
) -> Reply:
    """Write a project's video with its annotations on it."""
    from visionstudio.session.video_export import Product

    return _write(
        src, out, Product.ANNOTATED, item, first=start, last=end, labels=not no_names,
        threshold=None if labels_only else threshold,
    )  # fmt: skip


def _write(src: Path, out: Path, product: Product, item: str | None, **options: Any) -> Reply:
    from visionstudio.media.scan import find_media
    from visionstudio.model.errors import InvalidValue
    from visionstudio.session.video_export import (
        NOTHING,
        Product,
        VideoOrder,
        drawn_on,
        export_video,
    )

    order = VideoOrder(product, out, **options)
    drawn, path = NOTHING, src
    needs_labels = product is Product.ANNOTATED or order.overlays
    if (src / "project.db").is_file():
        with project_store(src, read_only=True) as store:
            one = chosen_video(store, item)
            path = store.path_of(one)
            if needs_labels:
                drawn = drawn_on(store, one.id, order)
    elif needs_labels:
        raise InvalidValue(
            "there are no annotations to draw",
            where=str(src),
            next_step="give the project that the video is in",
        )
    else:
        find_media([src])  # says when there is no such path
    line = ProgressLine()
    try:
        made = export_video(path, order, drawn, line)
    finally:
        line.close()
    document = {"files": made.files, "frames": made.frames, "damaged": list(made.damaged)}
    if product is not Product.FRAMES:
        document["sound"] = made.sound
    text = f"{count(made.frames, 'frame')}: {out}"
    if made.damaged:
        text += f"\n{count(len(made.damaged), 'damaged frame')} left out"
    return Reply(document, text)


def chosen_video(store: ProjectStore, name: str | None) -> MediaItem:
    """A project's video by its name or path; its only one without. Raises InvalidValue."""
    from visionstudio.model.errors import InvalidValue
    from visionstudio.model.media import MediaKind

    videos = [i for i in store.media() if i.kind is not MediaKind.IMAGE]
    found = [i for i in videos if name is None or name in (i.path, Path(i.path).name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(i.path for i in videos[:5])
    what = "holds no video" if not videos else "holds several videos"
    if name is not None:
        what = f"has no video '{name}'" if not found else f"has several videos '{name}'"
    raise InvalidValue(
        f"the project {what}",
        where=str(store.folder),
        next_step=f"give --item with one of: {names}" if videos else "add a video first",
    )
