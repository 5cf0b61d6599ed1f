"""Hostile VOC files: bombs and entities are refused, bad objects are told, the rest imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from visionstudio.formats import voc
from visionstudio.formats.dataset import Imported, ReadOptions

BOX = "<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>"


def an_object(*corners: object, name: str = "cell") -> str:
    return f"<object><name>{name}</name>{BOX.format(*corners)}</object>"


def xml(*objects: str, filename: str = "a.jpg") -> str:
    return (
        f"<annotation><filename>{filename}</filename><size><width>100</width>"
        f"<height>80</height></size>{''.join(objects)}</annotation>"
    )


GOOD = an_object(1, 2, 30, 40)


def read(folder: Path, **files: str) -> Imported:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.xml").write_text(text, encoding="utf-8")
    return voc.read(folder, None, ReadOptions())


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (an_object(5, 5, 5, 9), "the box is empty"),
        (an_object(9, 5, 5, 9), "negative size"),
        (an_object("nan", 5, 9, 9), "not finite"),
        (an_object("1e999", 5, 9, 9), "not finite"),
        (an_object("five", 5, 9, 9), "no number"),
        (an_object("", 5, 9, 9), "no number"),
        (an_object(500, 500, 510, 510), "outside the picture"),
        (an_object(1, 2, 3, 4, name=""), "no name"),
        ("<object><name>cell</name></object>", "no <bndbox>"),
        ("<object><name>cell</name><bndbox><xmin>1</xmin></bndbox></object>", "missing"),
        (
            f"<object><name>c</name>{BOX.format(1, 2, 3, 4)}{'<x>' * 50}{'</x>' * 50}</object>",
            "deep",
        ),
    ],
)
def test_a_bad_object_is_told_and_the_rest_imported(tmp_path: Path, bad: str, reason: str) -> None:
    imported = read(tmp_path, a=xml(GOOD, bad, GOOD))
    assert imported.dataset.annotation_count == 2
    (skipped,) = imported.skipped
    assert (Path(skipped.file).name, skipped.where) == ("a.xml", "object 2")
    assert reason in skipped.reason


BOMB = (
    '<!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]><annotation><filename>&i;</filename></annotation>"
)
EXTERNAL = (
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file://{}">]><annotation><filename>&x;</filename></annotation>'
)


def test_bombs_and_entities_are_refused_and_nothing_is_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret words")
    dtd = '<!DOCTYPE annotation SYSTEM "http://127.0.0.1:9/x.dtd"><annotation/>'
    imported = read(
        tmp_path / "set", a=xml(GOOD), bomb=BOMB, external=EXTERNAL.format(secret), dtd=dtd
    )
    assert imported.dataset.annotation_count == 1
    assert len(imported.skipped) == 3
    assert {s.where for s in imported.skipped} == {"file"}
    assert all("refused" in s.reason for s in imported.skipped)
    assert "secret words" not in str(imported)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no xml",
        "<annotation>",
        "<annotation><object></annotation>",
        "<annotation>\x01</annotation>",
        '<?xml version="1.0" encoding="klingon"?><annotation/>',
        "<html/>",
        "<annotation>" + "<a>" * 100_000,
    ],
)
def test_a_broken_file_is_one_row_and_the_others_are_read(tmp_path: Path, text: str) -> None:
    imported = read(tmp_path, a=xml(GOOD), b=text)
    assert imported.dataset.annotation_count == 1
    (skipped,) = imported.skipped
    assert (Path(skipped.file).name, skipped.where) == ("b.xml", "file")


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", "..\\..\\x.jpg", "NUL"])
def test_a_picture_outside_is_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (item,) = read(tmp_path / "set", q=xml(GOOD, filename=name)).dataset.items
    assert item.file is None
    assert item.outside == name


def test_other_encodings_are_read(tmp_path: Path) -> None:
    text = xml(an_object(1, 2, 3, 4, name="Käfer"))
    (tmp_path / "a.xml").write_bytes(
        f'<?xml version="1.0" encoding="ISO-8859-1"?>{text}'.encode("latin-1")
    )
    imported = voc.read(tmp_path, None, ReadOptions())
    assert imported.dataset.classes[0].name == "Käfer"
