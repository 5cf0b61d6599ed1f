"""Every error that outside data, files, plugins or the machine can cause.

VisionStudioError
├── MediaError          a picture or video cannot be read
├── FormatError         an annotation file cannot be read or written
├── ProjectError        a project folder or its database cannot be used
│   ├── ProjectBusy         another program writes to it
│   ├── ProjectNewer        made by a newer version
│   └── ProjectDamaged      the database does not pass its checks
├── StorageFull         no room, or the folder cannot be written
├── InvalidValue        a value is outside what its type allows
├── ModelError          a model or its weights cannot be used
│   ├── UnknownModel        no plugin offers that id
│   ├── WeightsError        a weights file is missing, damaged or unsafe
│   └── OutOfMemory         the device has no room for the work
├── PluginError         a plugin raised, hung, died or returned nonsense
├── DeviceError         the chosen device is not there
├── TrainingError       a training run cannot start or ended badly
└── Cancelled           the user asked to stop; not a failure
"""

from __future__ import annotations


class VisionStudioError(Exception):
    """What went wrong, where, and what to do next.

    `what` is one plain clause, `where` a file, row or model id, and
    `next_step` tells the person what would help. `str()` joins them into the
    one line that the command line prints after ``error:``.
    """

    def __init__(self, what: str, *, where: str = "", next_step: str = "") -> None:
        super().__init__(what, where, next_step)
        self.what = what
        self.where = where
        self.next_step = next_step

    def __str__(self) -> str:
        text = f"{self.what}, {self.where}" if self.where else self.what
        return f"{text}; {self.next_step}" if self.next_step else text

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.next_step)


def _rebuild(
    kind: type[VisionStudioError], what: str, where: str, next_step: str
) -> VisionStudioError:
    return kind(what, where=where, next_step=next_step)


class MediaError(VisionStudioError):
    """A picture or video cannot be read."""


class FormatError(VisionStudioError):
    """An annotation file cannot be read or written."""


class ProjectError(VisionStudioError):
    """A project folder or its database cannot be used."""


class ProjectBusy(ProjectError):
    """Another program holds the project's writer lock."""


class ProjectOlder(ProjectError):
    """The project's format has to be brought up to date, which needs writing."""


class ProjectNewer(ProjectError):
    """The project was written by a newer version of the program."""


class ProjectDamaged(ProjectError):
    """The project's database does not pass its integrity checks."""


class StorageFull(VisionStudioError):
    """There is no room, or the folder cannot be written."""


class InvalidValue(VisionStudioError, ValueError):
    """A value is outside what its type allows."""


class ModelError(VisionStudioError):
    """A model or its weights cannot be used."""


class UnknownModel(ModelError):
    """No enabled plugin offers that model id."""


class WeightsError(ModelError):
    """A weights file is missing, damaged, unsafe or of another architecture."""


class OutOfMemory(ModelError):
    """The device has no room for the work, even in the smallest chunk."""


class PluginError(VisionStudioError):
    """A plugin raised, hung, died or returned something invalid."""


class DeviceError(VisionStudioError):
    """The chosen device is not there."""


class TrainingError(VisionStudioError):
    """A training run cannot start or ended badly."""


class Cancelled(VisionStudioError):
    """The user asked to stop. Not a failure."""

    def __init__(self, what: str = "cancelled", *, where: str = "", next_step: str = "") -> None:
        super().__init__(what, where=where, next_step=next_step)


def one_line(error: BaseException) -> str:
    """The error as one line for a status bar or stderr, whatever its type."""
    text = str(error) or type(error).__name__
    if not isinstance(error, VisionStudioError):
        text = f"{type(error).__name__}: {text}"
    return " ".join(text.split())
