"""What runs begin with: CUDA's driver beside imports, and no more imports than workers need."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

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
        "import importlib, sys; from xtts_lab.experiment.workers.starts import PRELOADED\n"
        "[importlib.import_module(name) for name in PRELOADED]\n"
        "print(sorted({'pandas', 'matplotlib', 'jinja2', 'librosa'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc")
@pytest.mark.parametrize("policy", ["", "active"])
def test_threads_of_workers_do_not_spin_for_long_unless_asked_to(policy: str) -> None:
    code = (
        "import os; from multiprocessing import forkserver, get_context; from pathlib import Path\n"
        "from xtts_lab.experiment.workers.starts import make_ready; make_ready()\n"
        "process = get_context('forkserver').Process(target=os.getpid)\n"
        "process.start(); process.join()  # by then the server is what it will be\n"
        "server = Path(f'/proc/{forkserver._forkserver._forkserver_pid}/environ').read_bytes()\n"
        "print(b'GOMP_SPINCOUNT=' in server, 'GOMP_SPINCOUNT' in os.environ)"
    )
    known = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_WAIT", "GOMP"))}
    known |= {"OMP_WAIT_POLICY": policy} if policy else {}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=known, capture_output=True, text=True, check=True)
    assert done.stdout == f"{not policy} False\n"
