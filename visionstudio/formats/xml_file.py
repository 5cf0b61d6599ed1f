"""Strangers' XML: parsed whole, without document types, entities or anything fetched."""

from __future__ import annotations

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as SafeTree

from visionstudio.formats.progress import tick
from visionstudio.formats.rows import RowFault


def parse_xml(file: Path, root: str, limit: int) -> Element:
    """The root element, which must be a `root`; `limit` is the file's size in bytes.

    Raises RowFault for bombs, entities, document types, and other files.
    """
    tick(None, file.name)
    try:
        if file.stat().st_size > limit:
            raise RowFault(f"the file is larger than {limit >> 20} MB")
        tree: Element = SafeTree.fromstring(file.read_bytes(), forbid_dtd=True)
    except OSError as error:
        raise RowFault(f"cannot read the file: {error.strerror or error}") from None
    except ParseError as error:
        raise RowFault(f"this is no valid XML: {error}") from None
    except DefusedXmlException:
        raise RowFault("it holds a document type or entities, which are refused") from None
    except (ValueError, LookupError) as error:  # an encoding that does not exist or not fit
        raise RowFault(f"this is no valid XML: {error}") from None
    if tree.tag != root:
        raise RowFault(f"the XML begins with <{tree.tag[:40]}>, not <{root}>")
    return tree


def xml_text(value: str) -> str:
    """Without the characters that XML 1.0 cannot hold: controls and halves of characters."""
    return "".join(
        c
        for c in value
        if (c >= " " or c in "\t\n\r") and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff"
    )
