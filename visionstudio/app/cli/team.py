"""``merge``, ``agree``, ``second-pass``, ``assign``, ``statistics``: several people, one job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from visionstudio.app.cli.opening import project_store
from visionstudio.app.cli.project import Folder
from visionstudio.app.cli.reply import ProgressLine, Reply, columns, count

if TYPE_CHECKING:
    from visionstudio.session.team.merging import Difference

Other = Annotated[Path, typer.Argument(metavar="OTHER", help="The folder of the other project.")]
Csv = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write a table too.")]
_LISTED = 20


def merge(
    folder: Folder,
    other: Other,
    take: Annotated[
        Literal["mine", "theirs", "further"],
        typer.Option(
            help="Where both have an object and differ: keep mine, take theirs, or the one that"
            " was checked further."
        ),
    ] = "mine",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be merged.")
    ] = False,
) -> Reply:
    """Merge another project of the same pictures into this one, as one step to undo."""
    from visionstudio.model.labels import LabelClass
    from visionstudio.session.team.merging import do_merge, plan_merge

    progress = ProgressLine()
    with (
        project_store(folder, read_only=dry_run) as store,
        project_store(other, read_only=True) as theirs,
    ):
        plan = plan_merge(store, theirs, progress)
        progress.close()
        names = {c.id: c.name for c in store.classes()}
        fresh = [c.after for c in plan.preparations if isinstance(c.after, LabelClass)]
        names |= {c.id: c.name for c in fresh}
        taken = plan.taken(take)
        if not dry_run:
            do_merge(store, plan, taken)
    conflicts = [
        _conflict(d, names, n in taken) for n, d in enumerate(plan.differences) if d.is_conflict
    ]
    document = {
        "media": plan.media,
        "equal": plan.equal,
        "kept": plan.kept,
        "added": len(plan.added),
        "conflicts": conflicts,
        "notes": list(plan.notes),
    }
    what = "would be added" if dry_run else "added"
    lines = [
        f"{count(plan.media, 'picture')} in both: {plan.equal} objects are equal,"
        f" {plan.kept} are only here, {len(plan.added)} {what},"
        f" {count(len(conflicts), 'conflict')}"
    ]
    for c in conflicts[:_LISTED]:
        side = "theirs" if c["taken"] else "mine"
        differing = ", ".join(c["about"])
        lines.append(f"  {c['file']}: {c['mine']} / {c['theirs']}: {differing}; took {side}")
    if len(conflicts) > _LISTED:
        lines.append(f"  and {len(conflicts) - _LISTED} more: look at them in the window")
    return Reply(document, "\n".join([*lines, *plan.notes]))


def _conflict(difference: Difference, names: dict[int, str], taken: bool) -> dict[str, Any]:
    mine, theirs = difference.mine, difference.theirs
    return {
        "file": difference.media.path,
        "frame": theirs.frame,
        "id": mine.id if mine is not None else None,
        "mine": names.get(mine.class_id, "?") if mine is not None else None,
        "theirs": names.get(theirs.class_id, "?"),
        "iou": round(difference.overlap, 4),
        "about": list(difference.about),
        "taken": taken,
    }


def agree(
    folder: Folder,
    other: Other,
    iou: Annotated[
        float, typer.Option("--iou", min=0.0, max=1.0, help="From which overlap objects are one.")
    ] = 0.5,
    csv: Csv = None,
) -> Reply:
    """Measure how far two people agree on the pictures that both have looked at."""
    from visionstudio.formats.output import write_bytes
    from visionstudio.session.team.agreement import agreement

    progress = ProgressLine()
    with project_store(folder, read_only=True) as store, project_store(other, read_only=True) as b:
        found = agreement(store, b, least=iou, progress=progress)
    progress.close()
    if csv is not None:
        write_bytes(csv, found.to_csv().encode("utf-8"))
    rows = [("class", "mine", "theirs", "both", "F1", "mean IoU", "alpha")]
    rows += [
        (
            c.name, str(c.mine), str(c.theirs), str(c.both),
            f"{c.f1:.3f}", f"{c.overlap:.3f}", f"{c.alpha:.3f}",
        )
        for c in found.classes
    ]  # fmt: skip
    head = f"{count(found.pictures, 'picture')}, Krippendorff's alpha {found.alpha:.3f}"
    return Reply(found.to_document(), f"{head}\n{columns(rows)}")


def second_pass(
    folder: Folder,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder of the new project.")],
    pictures: Annotated[
        int, typer.Option("--count", min=1, help="How many labelled pictures to draw.")
    ] = 50,
    seed: Annotated[int, typer.Option(help="Draws the same ones again.")] = 0,
) -> Reply:
    """Make a project for labelling some of the pictures again, blind: without the labels."""
    from visionstudio.session.team.second_pass import make_second_pass

    with project_store(folder, read_only=True) as store:
        chosen = make_second_pass(store, out, count=pictures, seed=seed)
    text = (
        f"{count(len(chosen), 'picture')} in {out}; afterwards: visionstudio agree {folder} {out}"
    )
    return Reply({"dir": str(out), "media": len(chosen), "seed": seed}, text)


def assign(
    folder: Folder,
    people: Annotated[
        list[str] | None, typer.Argument(metavar="NAME…", help="Who shares the pictures out.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what has been verified or assigned already.")
    ] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Take all names away.")] = False,
    seed: Annotated[int, typer.Option(help="Of the random shares.")] = 0,
) -> Reply:
    """Share pictures out among people by chance, or tell who has how many."""
    from visionstudio.model.edits import Edit
    from visionstudio.session.team.assigning import assign as assigning
    from visionstudio.session.team.assigning import assigned_to, share_out
    from visionstudio.session.team.statistics import statistics

    names = people or []
    with project_store(folder, read_only=not (names or clear)) as store:
        edits: list[Edit | None] = []
        media = store.media()
        if clear:
            edits.append(assigning(media, ""))
        elif len(names) == 1:
            free = [m for m in media if everything or not (m.verified or assigned_to(m))]
            edits.append(assigning(free, names[0]))
        elif names:
            free = [m for m in media if everything or not (m.verified or assigned_to(m))]
            shares = share_out(free, names, seed=seed)
            edits += [assigning(items, who) for who, items in shares.items()]
        changes = tuple(c for e in edits if e is not None for c in e.changes)
        if changes:
            store.apply(Edit(f"Assign {count(len(changes), 'picture')}", changes))
        assigned = statistics(store).assigned
    document = {
        "changed": len(changes),
        "assigned": {who: {"media": n, "verified": done} for who, (n, done) in assigned.items()},
    }
    rows = [(who, f"{done} of {n} verified") for who, (n, done) in assigned.items()]
    if names and not changes:
        rows.append(("nothing is left to assign", "--all takes verified and assigned ones too"))
    return Reply(document, columns(rows) or "nothing is assigned to anybody")


def statistics(folder: Folder, csv: Csv = None) -> Reply:
    """Count and measure what is labelled: classes, sizes, progress, people's time."""
    from visionstudio.formats.output import write_bytes
    from visionstudio.session.team.statistics import statistics as gather

    progress = ProgressLine()
    with project_store(folder, read_only=True) as store:
        found = gather(store, progress)
    progress.close()
    if csv is not None:
        write_bytes(csv, found.to_csv().encode("utf-8"))
    document = found.to_document()
    head = (
        f"{count(found.media, 'item')}, {found.verified} verified, {found.labelled} with labels,"
        f" {count(found.labels, 'label')}"
    )
    rows = [("class", "labels", "pictures", "side px", "aspect")]
    for c in document["classes"]:
        side, aspect = c["side"][1], c["aspect"][1]
        rows.append(
            (
                c["name"],
                str(c["count"]),
                str(c["pictures"]),
                "" if side is None else f"{side:.0f}",
                "" if aspect is None else f"{aspect:.2f}",
            )
        )
    people = [
        (p.name, f"{p.gestures} step{'s' if p.gestures != 1 else ''}", f"{p.seconds / 60:.0f} min")
        for p in found.people
    ]
    return Reply(document, "\n".join(filter(None, [head, columns(rows), columns(people)])))
