"""Checkpoints on disk and on the hub <-> modules.

`load` takes a published folder, a community fine-tune or our own export; `export` writes ours;
`random_checkpoint` makes one in the published format for tests and demonstrations. Weights are read
with `weights_only=True` or as safetensors: nothing in a checkpoint is ever executed.
"""

from __future__ import annotations

from xtts_lab.checkpoint.hub import locate
from xtts_lab.checkpoint.loading import Checkpoint, load
from xtts_lab.checkpoint.native import export
from xtts_lab.checkpoint.random_weights import random_checkpoint
from xtts_lab.checkpoint.speakers import load_speakers

__all__ = ["Checkpoint", "export", "load", "load_speakers", "locate", "random_checkpoint"]
