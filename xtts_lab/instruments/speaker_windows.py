"""Who speaks, window by window: how a voice holds over a long take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from xtts_lab import audio, config
from xtts_lab.errors import UsageError
from xtts_lab.instruments.base import BaseInstrument
from xtts_lab.types import Audio, Clip, Failure, Json
from xtts_lab.yaml_file import Document, Where

_VERSION = 1


class SpeakerWindows(BaseInstrument):
    """Embed each window of `window_s` seconds by another instrument, `encoder`.

    Windows follow one another without overlap; a rest of under half a window is left out, and so is
    a window in which the encoder finds no voice. A clip of less than one window is one window.

    Output: `encoder`, its name; `windows`, a list of `embedding` and `speech_s`, how much speech
    lies before the middle of the window, in seconds (of audio, where the encoder does not say how
    much of its clip is speech).
    """

    def __init__(
        self, *, encoder: str = "resemblyzer", window_s: float = 5.0, device: str = "auto"
    ) -> None:
        if not 1.0 <= window_s <= 60.0:
            raise UsageError(f"speaker_windows: window_s must be 1 to 60, not {window_s}")
        if encoder == "speaker_windows":
            raise UsageError("speaker_windows: encoder is another instrument, as in resemblyzer")
        self._name, self._window_s, self._device = encoder, window_s, device

    @cached_property
    def _encoder(self) -> Any:
        where = Where(Document("speaker_windows"))
        spec = config.resolve("instruments", {"name": self._name}, where)
        return config.build(
            "instruments", {**spec, "device": self._device} if "device" in spec else spec, where
        )

    @property
    def identity(self) -> Mapping[str, Json]:
        return {"version": _VERSION, "encoder": dict(self._encoder.identity)}

    def measure(self, clips: Sequence[Clip]) -> Iterator[dict[str, Json] | Failure]:
        """Yield the windows of one clip after another."""
        for clip in clips:
            try:
                yield self._windows(clip)
            except audio.AudioError as error:
                yield Failure(str(error))

    def _windows(self, clip: Clip) -> dict[str, Json] | Failure:
        whole = audio.load(clip.path)
        with TemporaryDirectory(prefix="xtts_lab-windows-") as folder:
            parts = [
                Clip(self._saved(part, Path(folder) / f"{place}.wav"), clip.language)
                for place, part in enumerate(cut(whole, self._window_s))
            ]
            heard = list(self._encoder.measure(parts))
        windows: list[Json] = []
        before = 0.0
        for output in heard:
            if isinstance(output, Failure):
                continue
            lasts = float(output.get("speech_s", self._window_s))
            middle = round(before + lasts / 2, 6)
            windows.append({"embedding": output["embedding"], "speech_s": middle})
            before += lasts
        if not windows:
            return Failure(f"{clip.path.name}: {self._name} finds no voice in any window")
        return {"encoder": self._name, "windows": windows}

    def _saved(self, part: Audio, path: Path) -> Path:
        audio.save(path, part)
        return path

    def close(self) -> None:
        """Release what the encoder holds."""
        if "_encoder" in self.__dict__:
            self._encoder.close()


def cut(whole: Audio, seconds: float) -> list[Audio]:
    """Return windows of so many seconds; the last is half as long at least, or all there is."""
    size = round(seconds * whole.sample_rate)
    parts = [
        Audio(whole.samples[start : start + size], whole.sample_rate)
        for start in range(0, len(whole.samples), size)
    ]
    if len(parts) > 1 and len(parts[-1].samples) < size / 2:
        parts.pop()
    return parts
