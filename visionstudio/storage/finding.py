"""Looking for annotations across the whole project."""

from __future__ import annotations

from visionstudio.model.annotations import Annotation
from visionstudio.storage import rows
from visionstudio.storage.reading import ProjectReader, pairs


class ProjectFinder(ProjectReader):
    """What can be asked about all annotations at once. Thread-safe; every call may block."""

    def attribute_usage(self, class_id: int) -> dict[str, int]:
        """How many annotations of a class have a value, by the attribute's name."""
        with self._database.read() as connection:
            return pairs(
                connection,
                "SELECT key, count(*) FROM annotation, json_each(attributes)"
                f" WHERE class_id = {int(class_id)} AND attributes IS NOT NULL GROUP BY key",
            )

    def annotations_with_attributes(self, class_id: int) -> list[Annotation]:
        """The annotations of a class that have any attribute, in every state, by id."""
        sql = f"{rows.ANNOTATION.select} WHERE class_id = ? AND attributes IS NOT NULL ORDER BY id"
        return self._all(sql, rows.annotation_from, (class_id,))
