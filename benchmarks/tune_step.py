"""How the decoding kernels should cut their work: each alone, on all layers' weights in turn.

    python benchmarks/tune_step.py

Microseconds a launch inside a graph, so that launch gaps count; one row, bfloat16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import torch

from xtts_lab.inference.fast.engine import DecodingEngine
from xtts_lab.inference.fast.step import DecodingStep, Tuning
from xtts_lab.inference.generate import Prompt
from xtts_lab.inference.graph import Graphed
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.model import ModelConfig
from xtts_lab.nn.gpt import Gpt


def main() -> None:
    torch.manual_seed(0)
    gpt = Gpt(ModelConfig().gpt).to("cuda").eval()
    prompt = Prompt(torch.randn(32, 1024), torch.randint(3, 250, (45,)), 0, SamplingOptions(), 200)
    engine = DecodingEngine(
        gpt, prompt.sampling, steps=200, prompt=128, dtype=torch.bfloat16,
        tuning=Tuning(splits=16), banned=gpt.config.stop_audio,
    )  # fmt: skip
    engine.start([prompt])
    engine.advance(180)
    for name, tuning, call, launches in candidates(engine.step):
        try:
            taken = microseconds(call, launches)
        except Exception as error:
            print(f"{name:28} {tuning} failed: {str(error)[:100]}", flush=True)
            continue
        print(f"{name:28} {taken:7.2f} us a launch", flush=True)


def candidates(
    step: DecodingStep,
) -> Iterator[tuple[str, Tuning, Callable[[], None], int]]:
    """Every kernel with every cut; `only_` of a step launches one kernel for each layer."""
    layers = list(enumerate(step.weights.layers))
    for pdl, (rows, warps) in product(
        (False, True), ((1, 1), (2, 1), (4, 2), (4, 4), (8, 4), (8, 8), (16, 8))
    ):
        cut = replace(
            step.tuning, qkv_rows=rows, out_rows=rows, up_rows=rows, down_rows=max(rows // 4, 1),
            head_rows=rows, warps=warps, pdl=pdl,
        )  # fmt: skip
        one = replace(step, tuning=cut)
        for kernel in ("qkv", "out", "up", "down"):
            run = getattr(one, f"launch_{kernel}")

            def each(run: Callable[..., None] = run) -> None:
                for index, layer in layers:
                    run(index, layer)

            yield f"{kernel} rows {rows} warps {warps} pdl {pdl}", cut, each, len(layers)
    for pdl, splits, block, warps in product((True,), (4, 8, 16), (16, 32), (1, 2, 4)):
        cut = replace(step.tuning, splits=splits, block_keys=block, attention_warps=warps, pdl=pdl)
        one = replace(step, tuning=cut)

        def scans(one: DecodingStep = one) -> None:
            for index, _ in layers:
                one.launch_attention(one.state.cache.layer(index))

        yield f"attention {splits} x {block} warps {warps} pdl {pdl}", cut, scans, len(layers)
    for warps in (2, 4, 8, 16):
        cut = replace(step.tuning, draw_warps=warps)
        yield f"draw warps {warps}", cut, replace(step, tuning=cut).launch_draw, 1


def microseconds(call: Callable[[], None], launches: int) -> float:
    """Median of replays of a graph of `call`, per launch."""
    graph = Graphed(call, torch.device("cuda"))
    times = []
    for _ in range(12):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        for _ in range(10):
            graph()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) * 100 / launches)
    return sorted(times)[len(times) // 2]


if __name__ == "__main__":
    main()
