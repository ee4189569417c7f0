"""How many threads a computation uses: one number, so that results do not depend on workers.

Sums in another order end in other last digits: with one worker on all cores and two workers on
half of them each, most scores of speaker similarity differ by up to 6e-8, and samples of a vocoder
by a step of 16 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

THREADS = 2
"""Of every synthesis and measurement that enters a result, on every machine: more workers use more
cores. What is timed alone (`experiment.stream`) has all of them. Raise the engine's version with
it."""


@contextmanager
def fixed_threads() -> Iterator[None]:
    """Compute with `THREADS` threads in torch, OpenMP and BLAS."""
    import scipy.linalg  # noqa: F401  # its BLAS can be limited only once it is loaded
    import threadpoolctl
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    try:
        with threadpoolctl.threadpool_limits(THREADS, "blas"):
            yield
    finally:
        torch.set_num_threads(before)
