"""The tables of project.db, as a list of named migrations.

`user_version` is the number of migrations that have run. Add new ones at the
end and never change one that has been released.
"""

from __future__ import annotations

from dataclasses import dataclass

APPLICATION_ID = 0x56535055
"""'VSPU' in the SQLite header marks the file as ours."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A step from one schema to the next, run in one transaction."""

    name: str
    script: str


_FIRST_TABLES = """
CREATE TABLE media (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    frames INTEGER NOT NULL,
    size INTEGER NOT NULL,
    head_hash TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    verified INTEGER NOT NULL
) STRICT;

CREATE TABLE class (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    colour TEXT NOT NULL,
    place INTEGER NOT NULL,
    attributes TEXT NOT NULL,
    skeleton TEXT
) STRICT;

CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    model TEXT NOT NULL,
    kind TEXT NOT NULL,
    weights_hash TEXT NOT NULL,
    params TEXT NOT NULL,
    inputs TEXT NOT NULL,
    started TEXT NOT NULL
) STRICT;

CREATE TABLE annotation (
    id INTEGER PRIMARY KEY,
    media_id INTEGER NOT NULL REFERENCES media (id) DEFERRABLE INITIALLY DEFERRED,
    frame INTEGER NOT NULL,
    class_id INTEGER NOT NULL REFERENCES class (id) DEFERRABLE INITIALLY DEFERRED,
    state INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    geometry BLOB NOT NULL,
    pts INTEGER,
    track_id INTEGER,
    group_id INTEGER,
    score REAL,
    z INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    attributes TEXT,
    source TEXT NOT NULL,
    run_id INTEGER REFERENCES run (id) DEFERRABLE INITIALLY DEFERRED,
    history TEXT,
    extra TEXT
) STRICT;

-- One picture's annotations, and all counts without touching the rows.
CREATE INDEX annotation_by_frame ON annotation (media_id, frame, state, class_id);

-- The next id of each table. Ids are never reused, so this only ever grows.
CREATE TABLE sequence (
    name TEXT PRIMARY KEY,
    next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per gesture, undo and redo, in the order they happened (see journal.py).
CREATE TABLE journal (
    id INTEGER PRIMARY KEY,
    action TEXT NOT NULL CHECK (action IN ('do', 'undo', 'redo')),
    target INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    title TEXT NOT NULL,
    made TEXT NOT NULL
) STRICT;

CREATE INDEX journal_children ON journal (parent) WHERE action = 'do';

-- What would take the journal's row back, in order, in pieces.
CREATE TABLE journal_part (
    journal_id INTEGER NOT NULL REFERENCES journal (id),
    part INTEGER NOT NULL,
    operations BLOB NOT NULL,
    PRIMARY KEY (journal_id, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE setting (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""

# What an import says about a picture beyond its annotations. Rows of large gestures that are
# undone lie beside their table until they are brought again: moving a million rows from table
# to table takes seconds, writing them into the journal and reading them back half a minute.
_MEDIA_EXTRA = """
ALTER TABLE media ADD COLUMN extra TEXT;

CREATE TABLE undone_annotation (
    id INTEGER PRIMARY KEY,
    media_id INTEGER NOT NULL,
    frame INTEGER NOT NULL,
    class_id INTEGER NOT NULL,
    state INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    geometry BLOB NOT NULL,
    pts INTEGER,
    track_id INTEGER,
    group_id INTEGER,
    score REAL,
    z INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    attributes TEXT,
    source TEXT NOT NULL,
    run_id INTEGER,
    history TEXT,
    extra TEXT
) STRICT;
"""

_MEASUREMENTS = """
CREATE TABLE measurement (
    id INTEGER PRIMARY KEY,
    media_id INTEGER NOT NULL REFERENCES media (id) DEFERRABLE INITIALLY DEFERRED,
    frame INTEGER NOT NULL,
    kind TEXT NOT NULL,
    points TEXT NOT NULL,
    label TEXT NOT NULL,
    value REAL NOT NULL,
    unit TEXT NOT NULL,
    everywhere INTEGER NOT NULL
) STRICT;

CREATE INDEX measurement_by_media ON measurement (media_id);
"""

_TRACKS = """
-- A track's neighbouring rows of any frame, without reading the rows between.
CREATE INDEX annotation_by_track ON annotation (media_id, track_id, frame)
    WHERE track_id IS NOT NULL;
"""

_AUTHORS = """
-- Who made a gesture, as that person is called in the preferences.
ALTER TABLE journal ADD COLUMN author TEXT NOT NULL DEFAULT '';
"""

MIGRATIONS: tuple[Migration, ...] = (
    Migration("first tables", _FIRST_TABLES),
    Migration("media extra, undone annotations", _MEDIA_EXTRA),
    Migration("measurements", _MEASUREMENTS),
    Migration("tracks by frame", _TRACKS),
    Migration("authors", _AUTHORS),
)
