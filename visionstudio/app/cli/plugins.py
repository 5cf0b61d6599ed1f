"""``plugins``: what is installed, whether it works, on and off."""

from __future__ import annotations

from typing import Annotated

import typer

from visionstudio.app.cli.reply import Reply, columns

app = typer.Typer(help="Plugins: list, check, enable, disable.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The plugin's name.")]


@app.command("list")
def list_() -> Reply:
    """List plugins with their models and what is wrong with them."""
    from visionstudio.engine.discovery import discover

    plugins = [
        {
            "name": p.name,
            "version": p.version,
            "models": list(p.models),
            "enabled": p.enabled,
            "error": p.error,
        }
        for p in discover().plugins
    ]
    rows = [
        (p.name, p.version, "on" if p.enabled else "off", p.error or ", ".join(p.models))
        for p in discover().plugins
    ]
    return Reply({"plugins": plugins}, columns(rows))


@app.command("check")
def check(name: Name) -> Reply:
    """Run the conformance kit on a plugin's models."""
    from visionstudio.engine.conformance import check_plugin
    from visionstudio.engine.discovery import discover

    registry = discover()
    results = check_plugin(registry.plugin(name))
    failed = sum(not r.ok for r in results)
    document = {
        "plugin": name,
        "passed": len(results) - failed,
        "failed": failed,
        "results": [{"check": r.check, "ok": r.ok, "detail": r.detail} for r in results],
    }
    rows = [("ok" if r.ok else "FAILED", r.check, r.detail) for r in results]
    return Reply(document, columns(rows))


@app.command("enable")
def enable(name: Name) -> Reply:
    """Switch a plugin on."""
    return _switch(name, True)


@app.command("disable")
def disable(name: Name) -> Reply:
    """Switch a plugin off."""
    return _switch(name, False)


def _switch(name: str, enabled: bool) -> Reply:
    from visionstudio.engine.discovery import discover
    from visionstudio.engine.switches import set_enabled

    discover().plugin(name)
    set_enabled(name, enabled)
    plugin = discover().plugin(name)
    state = "on" if plugin.enabled else f"off{': ' + plugin.error if plugin.error else ''}"
    return Reply({"plugin": name, "enabled": plugin.enabled}, f"{name} is {state}")
