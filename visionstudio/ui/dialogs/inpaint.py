"""Change a region of a picture: try methods, compare, and take the result as a new picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QMouseEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from visionstudio.engine.registry import ModelInfo
from visionstudio.model.media import MediaItem
from visionstudio.session.jobs import JobState
from visionstudio.session.models import ModelChoice
from visionstudio.session.retouching import Region, Retouch
from visionstudio.session.workbench import Workbench
from visionstudio.ui.forms import ParamForm
from visionstudio.ui.i18n import told, tr

_SOON_MS = 400
_LEAST = 200  # px, a side of the pictures
_CLONE = "clone"  # the method that takes another place of the picture
_WIDE = 3.0, 300  # of the region's size, and px, that are shown to choose that place from


class InpaintDialog(QDialog):
    """One region and one editor. Every change of the settings is tried at once."""

    message = Signal(str, str)

    def __init__(
        self, workbench: Workbench, model: ModelInfo, region: Region, parent: QWidget
    ) -> None:
        super().__init__(parent)
        self.setObjectName("inpaintDialog")
        self.setWindowTitle(tr("Inpaint region"))
        self.resize(QSize(840, 640))
        self._workbench, self._model, self._region = workbench, model, region
        self._retouch: Retouch | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON_MS)
        self._soon.timeout.connect(self.start)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(16)
        layout.addLayout(self._build_pictures(), 1)
        self._form = ParamForm(model.params)
        self._form.changed.connect(lambda _: self._soon.start())
        self._hint = QLabel(tr("Click on the left where to take the place from."))
        self._hint.setObjectName("inpaintHint")
        self._hint.setProperty("role", "secondary")
        layout.addWidget(self._hint)
        layout.addWidget(self._form)
        layout.addLayout(self._build_bottom())
        self._before.picked.connect(self._place_picked)
        self.start()

    def _build_pictures(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setSpacing(8)
        self._before, self._after = _Picture("inpaintBefore"), _Picture("inpaintAfter")
        for column, (text, picture) in enumerate(
            ((tr("Before"), self._before), (tr("After"), self._after))
        ):
            picture.setAccessibleName(text)
            grid.addWidget(QLabel(text), 0, column)
            grid.addWidget(picture, 1, column)
            grid.setColumnStretch(column, 1)
        grid.setRowStretch(1, 1)
        return grid

    def _build_bottom(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self._progress = QProgressBar()
        self._progress.setFixedWidth(160)
        self._progress.setTextVisible(False)
        self._progress.setRange(0, 100)
        self._status = QLabel()
        self._status.setObjectName("inpaintStatus")
        self._status.setWordWrap(True)
        self._again = QPushButton(tr("Another try"))
        self._again.setObjectName("inpaintAgain")
        self._again.clicked.connect(self._next_seed)
        self._add = QPushButton(tr("Add as a new picture"))
        self._add.setObjectName("inpaintAdd")
        self._add.setProperty("role", "primary")
        self._add.clicked.connect(self._add_picture)
        close = QPushButton(tr("Close"))
        close.setObjectName("inpaintClose")
        close.clicked.connect(self.close)
        row.addWidget(self._progress)
        row.addWidget(self._status, 1)
        for button in (self._again, self._add, close):
            button.setAutoDefault(False)
            row.addWidget(button)
        return row

    def _next_seed(self) -> None:
        self._form.set_values({"seed": int(self._form.values()["seed"] or 0) + 1})
        self.start()

    def start(self) -> None:
        """Have the region changed as the settings say; an earlier attempt is given up."""
        self._soon.stop()
        self._give_up()
        self._show_before()
        choice = ModelChoice(self._model, None, self._form.values())
        self._retouch = self._workbench.retouches.start(choice, self._region)
        self._retouch.changed.connect(self._update)
        self._update()

    @property
    def _clones(self) -> bool:
        """Whether a place of this very picture is taken, which can be shown and picked."""
        values = self._form.values()
        return values.get("method") == _CLONE and not values.get("source")

    def _show_before(self) -> None:
        """The region and what is around it; with the place that is taken where one is."""
        clones = self._clones
        self._hint.setVisible(clones)
        self._before.setCursor(Qt.CursorShape.CrossCursor if clones else Qt.CursorShape.ArrowCursor)
        part = self._region.around(*_WIDE) if clones else self._region.around()
        pixels = self._marked(part)
        if clones:
            values = self._form.values()
            offset = int(values["dx"] or 0), int(values["dy"] or 0)
            pixels[_edge(_moved(self._region.mask[part], *offset))] = (255, 255, 255)
        self._before.show_pixels(pixels)

    def _place_picked(self, x: int, y: int) -> None:
        """A click in the picture on the left: that is where the middle of the place lies."""
        if not self._clones:
            return
        part = self._region.around(*_WIDE)
        rows, columns = (np.flatnonzero(self._region.mask.any(axis=a)) for a in (1, 0))
        height, width = self._region.mask.shape
        dx = part[1].start + x - int(columns[0] + columns[-1]) // 2
        dy = part[0].start + y - int(rows[0] + rows[-1]) // 2
        # Near the border: as far as the whole place lies in the picture.
        dx = min(max(dx, -int(columns[0])), width - 1 - int(columns[-1]))
        dy = min(max(dy, -int(rows[0])), height - 1 - int(rows[-1]))
        self._form.set_values({"dx": dx, "dy": dy})
        self.start()

    def _give_up(self) -> None:
        retouch, self._retouch = self._retouch, None
        if retouch is not None:
            retouch.changed.disconnect(self._update)
            if not retouch.job.state.is_final:
                retouch.job.cancel()

    def _update(self) -> None:
        retouch = self._retouch
        if retouch is None:
            return
        job = retouch.job
        running = not job.state.is_final
        self._progress.setVisible(running)
        self._progress.setValue(round(100 * (job.fraction or 0)))
        failed = job.state is JobState.FAILED
        self._status.setText(told(job.message) if failed else "")
        done = retouch.image is not None and not running
        self._add.setEnabled(done and not self._workbench.session.store.read_only)
        self._again.setEnabled(not running)
        self._again.setVisible(self._form.counts("seed"))
        if done and retouch.image is not None:
            self._after.show_pixels(retouch.image[self._region.around()])
        elif failed:
            self._after.show_pixels(None)

    def _marked(self, part: tuple[slice, slice]) -> NDArray[np.uint8]:
        """The region before, with what is outside it a little darker."""
        image, mask = self._region.image[part], self._region.mask[part]
        return np.where(mask[..., None], image, (image * 0.6).astype(np.uint8))

    def _add_picture(self) -> None:
        retouch, session = self._retouch, self._workbench.session
        if retouch is None:
            return
        self._add.setEnabled(False)

        def added(item: MediaItem) -> None:
            session.open_media(item.id)
            text = tr("{name} was added to the project", name=item.name)
            self.message.emit(text, "info")
            self.close()

        self._workbench.retouches.add(retouch, tr("Inpaint region"), added)

    def closeEvent(self, event: object) -> None:
        self._soon.stop()
        self._give_up()
        super().closeEvent(event)  # type: ignore[arg-type]


def _moved(mask: NDArray[np.bool_], dx: int, dy: int) -> NDArray[np.bool_]:
    """The mask (H, W) so much to the right and down; what leaves the picture is gone."""
    rows, columns = np.nonzero(mask)
    rows, columns = rows + dy, columns + dx
    inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    out = np.zeros_like(mask)
    out[rows[inside], columns[inside]] = True
    return out


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels of a mask with a neighbour (of four) outside it."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.asarray(mask & ~inner)


class _Picture(QLabel):
    """Pixels as large as there is room, small ones pixel by pixel. `picked` is a click on one."""

    picked = Signal(int, int)  # column, row

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setMinimumSize(_LEAST, _LEAST)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self._image = QImage()

    def show_pixels(self, rgb: NDArray[np.uint8] | None) -> None:
        """Show (H, W, 3) RGB, or nothing."""
        self._image = QImage()
        if rgb is not None:
            pixels = np.ascontiguousarray(rgb)
            height, width = pixels.shape[:2]
            kind = QImage.Format.Format_RGB888
            self._image = QImage(pixels.data, width, height, 3 * width, kind).copy()
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        shown = self.pixmap().deviceIndependentSize()
        if shown.isEmpty() or event.button() != Qt.MouseButton.LeftButton:
            return
        place = event.position()
        x = (place.x() - (self.width() - shown.width()) / 2) / shown.width()
        y = (place.y() - (self.height() - shown.height()) / 2) / shown.height()
        if 0 <= x < 1 and 0 <= y < 1:
            self.picked.emit(int(x * self._image.width()), int(y * self._image.height()))

    def _fit(self) -> None:
        if self._image.isNull():
            self.clear()
            return
        size = self.contentsRect().size() * self.devicePixelRatioF()
        grows = self._image.width() * 2 < size.width()
        how = Qt.TransformationMode
        pixmap = QPixmap.fromImage(self._image).scaled(
            size,
            Qt.AspectRatioMode.KeepAspectRatio,
            how.FastTransformation if grows else how.SmoothTransformation,
        )
        pixmap.setDevicePixelRatio(self.devicePixelRatioF())
        self.setPixmap(pixmap)
