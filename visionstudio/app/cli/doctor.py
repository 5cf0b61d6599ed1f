"""``doctor``: is everything here that the program needs, and what to do where it is not."""

from __future__ import annotations

from visionstudio.app.cli.reply import Reply, columns


def doctor() -> Reply:
    """Check this installation and say how to mend it."""
    from visionstudio.app.cli.checks import run_checks

    checks = run_checks()
    document = {
        "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail, "fix": c.fix} for c in checks]
    }
    rows = [("ok" if c.ok else "NO", c.name, c.detail) for c in checks]
    fixes = [f"{c.name}: {c.fix}" for c in checks if not c.ok and c.fix]
    return Reply(document, "\n".join([columns(rows), *fixes]))
