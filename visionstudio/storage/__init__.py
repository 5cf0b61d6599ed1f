"""The project on disk."""

from visionstudio.storage.backups import Backup, Salvaged, list_backups, restore, salvage
from visionstudio.storage.paths import is_project, project_folder
from visionstudio.storage.records import Counts, MediaSummary
from visionstudio.storage.runs import RunRecord
from visionstudio.storage.store import ProjectStore

__all__ = [
    "Backup",
    "Counts",
    "MediaSummary",
    "ProjectStore",
    "RunRecord",
    "Salvaged",
    "is_project",
    "list_backups",
    "project_folder",
    "restore",
    "salvage",
]
