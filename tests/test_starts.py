"""What runs begin with: CUDA's driver beside imports, and no more imports than workers need."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
import torch

from xtts_lab.device import begin_cuda, resolve_device


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_nothing_of_cuda_is_begun_for_another_device(device: str) -> None:
    before = threading.active_count()
    begin_cuda(device)
    assert threading.active_count() == before


def test_what_is_begun_changes_no_answer() -> None:
    begin_cuda("auto")
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")


def test_workers_import_no_tables() -> None:
    code = (
        "import importlib, sys; from xtts_lab.experiment.workers.deaths import PRELOADED\n"
        "[importlib.import_module(name) for name in PRELOADED]\n"
        "print(sorted({'pandas', 'matplotlib', 'jinja2', 'librosa'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
