"""What a shell may put in the place of a half-written value."""

from __future__ import annotations

from collections.abc import Callable

Completer = Callable[[str], list[str]]


def one_of(*values: str) -> Completer:
    """Completes to one of a few words."""

    def found(incomplete: str) -> list[str]:
        return [v for v in values if v.startswith(incomplete)]

    return found


def read_formats(incomplete: str) -> list[str]:
    """Formats that can be read, and 'auto'."""
    from visionstudio.formats.registry import FORMATS, READ_ONLY

    return one_of("auto", *FORMATS, *READ_ONLY)(incomplete)


def written_formats(incomplete: str) -> list[str]:
    """Formats that can be written."""
    from visionstudio.formats.registry import FORMATS

    return one_of(*FORMATS)(incomplete)


def variants(incomplete: str) -> list[str]:
    """Dialects of all formats: in front of a value that is missing click does not tell the rest."""
    from visionstudio.formats.registry import FORMATS

    found = {v for one in FORMATS.values() for v in one.variants if v}
    return one_of(*sorted(found))(incomplete)


def models(incomplete: str) -> list[str]:
    """Ids of models."""
    from visionstudio.engine.discovery import discover
    from visionstudio.engine.model_store import list_models

    infos = [entry.info for entry in list_models(discover())]
    return one_of(*(name for i in infos for name in (i.id, *i.aliases)))(incomplete)
