"""Strangers' YAML: plain data only, no tags, no aliases that multiply, no depth without end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from visionstudio.formats.rows import RowFault, plain

MAX_BYTES = 8 << 20
MAX_ALIASES = 16
MAX_DEPTH = 32


class _Loader(yaml.SafeLoader):
    """YAML's safe subset with few aliases: ten of each other's tens make a billion."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._aliases = 0
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            self._aliases += 1
            if self._aliases > MAX_ALIASES:
                raise RowFault(f"it has more than {MAX_ALIASES} aliases")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RowFault("it is nested too deeply")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def read_yaml(file: Path) -> dict[str, Any]:
    """The mapping that a YAML file holds. Raises RowFault for anything else."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise RowFault(f"the file is larger than {MAX_BYTES >> 20} MB")
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise RowFault("the file is not UTF-8 text") from None
    except OSError as error:
        raise RowFault(f"cannot read the file: {error.strerror or error}") from None
    loader = None
    try:
        loader = _Loader(text)
        value = loader.get_single_data()
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        # TypeError: a mapping as the key of another
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RowFault(f"this is no valid YAML: {reason}") from None
    finally:
        if loader is not None:
            loader.dispose()
    if not isinstance(value, dict):
        raise RowFault("the YAML is no mapping of names to values")
    return value


def plain_field(value: Any, what: str) -> Any:
    """A field that is only kept, with its keys as text. Raises RowFault for what cannot be."""
    if isinstance(value, dict):
        return {str(k): plain_field(v, what) for k, v in value.items()}
    return plain(value, what)
