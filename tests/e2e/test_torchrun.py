"""Training by torchrun as on two machines: two nodes of one process each, here on one."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.e2e.digits import digits_project
from visionstudio.app.cli import run

SECONDS = 240


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Sixty pictures of three digits."""
    return digits_project(tmp_path, 20)


@pytest.mark.slow
def test_two_nodes_learn_what_one_process_learns(project: Path, tmp_path: Path) -> None:
    arguments = ["train", str(project), "--model", "classifier/simplecnn", "--seed", "3"]
    for value in ("epochs=2", "batch=8", "deterministic=true", "ema=0"):
        arguments += ["--param", value]
    arguments += ["--device", "cpu", "--json"]
    assert run([*arguments, "--out", str(tmp_path / "one")]) == 0

    address = ["--master_addr", "127.0.0.1", "--master_port", str(_free_port())]
    nodes = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "torch.distributed.run", "--nnodes", "2"),
                *("--node_rank", str(rank), "--nproc_per_node", "1", *address),
                *("-m", "visionstudio", *arguments, "--out", str(tmp_path / "two")),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    answers = [node.communicate(timeout=SECONDS) for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], answers[0][1][-2000:] + answers[1][1]
    told = json.loads(answers[0][0])  # the first node answers, the other says nothing
    assert answers[1][0].strip() == ""
    assert told["run"] == str(tmp_path / "two")
    assert told["epochs"] == 2
    one, two = (load_file(tmp_path / n / "best.safetensors") for n in ("one", "two"))
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        np.testing.assert_allclose(two[name], tensor, atol=1e-4, err_msg=name)
