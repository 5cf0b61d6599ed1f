"""Large arrays between processes: shared memory, made and removed by who sends.

The sender copies an array into a segment and sends its name, dtype and shape;
the receiver checks them, copies the array out, and says that the segment is
free, upon which the sender uses it again.
"""

from __future__ import annotations

import contextlib
import math
import sys
import threading
from multiprocessing import resource_tracker, shared_memory
from typing import Any

import msgspec
import numpy as np

from visionstudio.model.errors import InvalidValue, OutOfMemory

INLINE_BYTES = 32 * 1024
FREE_BYTES = 256 * 2**20
WAITING_BYTES = 2**30
WAIT_SECONDS = 60.0

_DTYPES = {"bool", "uint8", "uint16", "uint32", "int32", "int64", "float32", "float64"}

Array = np.ndarray[Any, Any]


class PackedArray(msgspec.Struct, frozen=True):
    """An array in a message: its bytes, or the name of the segment that holds them."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes = b""
    segment: str = ""

    def size(self) -> int:
        """How many bytes the array has. InvalidValue for a dtype or shape that cannot be."""
        if self.dtype not in _DTYPES or min(self.shape, default=0) < 0:
            raise InvalidValue(f"no array has dtype {self.dtype} and shape {self.shape}")
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class Sender:
    """Puts arrays into segments of its own. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._free: list[shared_memory.SharedMemory] = []
        self._used: dict[str, shared_memory.SharedMemory] = {}

    def pack(self, array: Array) -> PackedArray:
        """The array as part of a message. Waits while the receiver is far behind."""
        values = np.ascontiguousarray(array)
        if values.nbytes <= INLINE_BYTES:
            return PackedArray(values.dtype.name, values.shape, values.tobytes())
        segment = self._segment(values.nbytes)
        view: Array = np.ndarray(values.shape, values.dtype, buffer=segment.buf)
        view[...] = values
        return PackedArray(values.dtype.name, values.shape, segment=segment.name)

    def _segment(self, size: int) -> shared_memory.SharedMemory:
        with self._changed:
            caught_up = self._changed.wait_for(
                lambda: not self._used or self._bytes(self._used.values()) + size <= WAITING_BYTES,
                WAIT_SECONDS,
            )
            if not caught_up:
                raise OutOfMemory("results are not taken as fast as they come")
            fitting = [s for s in self._free if s.size >= size]
            if fitting:
                segment = min(fitting, key=lambda s: s.size)
                self._free.remove(segment)
            else:
                segment = self._create(size)
            self._used[segment.name] = segment
            return segment

    @staticmethod
    def _bytes(segments: Any) -> int:
        return sum(s.size for s in segments)

    @staticmethod
    def _create(size: int) -> shared_memory.SharedMemory:
        try:
            return shared_memory.SharedMemory(create=True, size=size)
        except OSError as error:
            raise OutOfMemory(f"no shared memory of {size} bytes: {error.strerror}") from error

    def released(self, name: str) -> None:
        """The receiver has copied what the segment held."""
        with self._changed:
            segment = self._used.pop(name, None)
            if segment is not None:
                self._free.append(segment)
            while self._bytes(self._free) > FREE_BYTES:
                _remove(self._free.pop(0))
            self._changed.notify_all()

    def close(self) -> None:
        """Remove all segments."""
        with self._changed:
            for segment in [*self._free, *self._used.values()]:
                _remove(segment)
            self._free.clear()
            self._used.clear()
            self._changed.notify_all()


def _remove(segment: shared_memory.SharedMemory) -> None:
    with contextlib.suppress(OSError, BufferError):
        segment.close()
    with contextlib.suppress(OSError):
        segment.unlink()


def unpack(packed: PackedArray) -> Array:
    """A copy of the array. InvalidValue when bytes or segment do not fit the shape."""
    size = packed.size()
    if not packed.segment:
        if len(packed.data) != size:
            raise InvalidValue(f"an array of shape {packed.shape} came with {len(packed.data)} B")
        return np.frombuffer(packed.data, packed.dtype).reshape(packed.shape)
    segment = _attach(packed.segment)
    try:
        if segment.size < size:
            raise InvalidValue(f"a segment of {segment.size} B cannot hold shape {packed.shape}")
        shared: Array = np.ndarray(packed.shape, packed.dtype, buffer=segment.buf)
        values = shared.copy()
        del shared  # a view would keep the segment open
        return values
    finally:
        segment.close()


def _attach(name: str) -> shared_memory.SharedMemory:
    try:
        if sys.version_info >= (3, 13):
            return shared_memory.SharedMemory(name, track=False)
        segment = shared_memory.SharedMemory(name)
    except OSError as error:
        raise InvalidValue(f"shared memory '{name}' is gone") from error
    if sys.platform != "win32":
        # Before 3.13 attaching also registers, and our tracker would remove what is not ours.
        resource_tracker.unregister(f"/{name.lstrip('/')}", "shared_memory")
    return segment
