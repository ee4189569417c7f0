"""Training: one recipe a stage, one loop for all of them.

A config names a stage of the registry and its settings (`spec.py`); the loop (`loop.py`) trains it,
resumably, into a run folder (`folder.py`); a folder of configs is shared out over devices
(`jobs.py`). Stages live in rooms of their own below this one.
"""
