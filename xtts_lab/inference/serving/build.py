"""A server of streams for a model: on the decoding engine where that is asked for and can be."""

from __future__ import annotations

from xtts_lab.inference.decoding import check_decoder_serves
from xtts_lab.inference.limits import check_count
from xtts_lab.inference.sampling import SamplingOptions
from xtts_lab.inference.serving.rows import PlainRows, Rows
from xtts_lab.inference.serving.schedule import Schedule
from xtts_lab.inference.serving.server import StreamServer
from xtts_lab.inference.serving.voicing import StreamVocoder
from xtts_lab.inference.speech import memory_of
from xtts_lab.model import XttsModel


def stream_server(
    model: XttsModel,
    streams: int,
    schedule: Schedule,
    sampling: SamplingOptions,
    *,
    fast: bool,
    memory_gb: float | None = None,
) -> StreamServer:
    """Serve up to `streams` at once; fewer where the memory holds fewer. `fast`: by the engine.

    What the engine does not know (guidance, `coqui_compat`) the plain path does, row by row.
    `UsageError` for a vocoder that cannot stream.
    """
    check_count("streams", streams)
    check_decoder_serves(model)
    vocoder = StreamVocoder(model)
    if not fast or sampling.coqui_compat or sampling.guidance != 1.0:
        return StreamServer(PlainRows(model.gpt, streams), vocoder, schedule)
    vocoder.warm(schedule)
    return StreamServer(_engine_rows(model, streams, sampling, memory_gb), vocoder, schedule)


def _engine_rows(
    model: XttsModel, streams: int, sampling: SamplingOptions, memory_gb: float | None
) -> Rows:
    from xtts_lab.inference.fast.engine import DecodingEngine, row_bytes
    from xtts_lab.inference.fast.rows import EngineRows, warmed_prefix

    config, dtype = model.gpt.config, model.gpt.audio_embedding.weight.dtype
    size = row_bytes(config, config.text_positions + config.audio_positions, dtype)
    rows = max(min(streams, memory_of(model.device, memory_gb) // size), 1)
    made = EngineRows(DecodingEngine(model.gpt, sampling, rows=rows, dtype=dtype))
    made.warm(prefix=warmed_prefix(model))
    return made
