"""The few functions of libespeak-ng that we call, through ctypes. Standard library only.

Signatures from `speak_lib.h` and `espeak_ng.h` of espeak-ng 1.52.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: samples go to the callback, in this thread
UTF8 = 1  # espeakCHARS_UTF8; without espeakSSML and espeakPHONEMES text is plain text
RATE = 1  # espeakRATE
IPA = 2  # espeakPHONEMES_IPA
CHUNK_MS = 90  # one chunk fits one frame of the protocol
_MARKS = {
    **dict.fromkeys(",،、，", ","), **dict.fromkeys(";；؛", ";"), **dict.fromkeys(":：", ":"),
    **dict.fromkeys(".。", "."), **dict.fromkeys("!！", "!"), **dict.fromkeys("?？؟", "?"),
    **dict.fromkeys("—–", "—"), "…": "…",
}  # fmt: skip
"""What ends a clause in any of the languages, as one of , ; : . ! ? — …"""
_BESIDE_MARKS = " \n\"'»”’)]}«“‘([{¿¡"
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class Library:
    """libespeak-ng, initialised. `data` is a folder named `espeak-ng-data`."""

    def __init__(self, library: Path, data: Path) -> None:
        self._lib = ctypes.CDLL(str(library))
        self._lib.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._data = data
        # espeak-ng keeps the path in 160 bytes, so it is given a short one.
        os.chdir(data.parent)
        self.sample_rate = int(self._lib.espeak_Initialize(SYNCHRONOUS, CHUNK_MS, b".", 0))
        if self.sample_rate <= 0:
            raise RuntimeError(f"espeak-ng cannot read its data in {data}")

    def set_voice(self, voice: str, variant: str) -> None:
        """Select the voice of a language file below `lang/`, changed by the lines of `variant`.

        Both are joined in a nameless file. The samples are those of `voice+variant` with a file
        in `voices/!v`, without a data folder of one's own, the scan of all voices, or its limit
        of 349 entries.
        """
        lines = (self._data / "lang" / voice).read_bytes()
        descriptor = _nameless_file(lines + b"\n" + variant.encode())
        status = self._lib.espeak_ng_SetVoiceByFile(b"/dev/fd/%d" % descriptor)
        if status != 0:
            raise RuntimeError(f"espeak-ng does not accept the voice {voice} (status {status:#x})")

    def synthesise(self, text: str, rate: int, sink: Callable[[bytes], None]) -> None:
        """Speak, handing PCM int16 to `sink` as it is made; `rate` in words a minute."""
        failures: list[BaseException] = []

        def on_samples(samples: int | None, count: int, _events: int | None) -> int:
            try:
                if samples and count:
                    sink(ctypes.string_at(samples, 2 * count))
            except BaseException as error:  # must not cross the C frames below
                failures.append(error)
            return len(failures)

        callback = _CALLBACK(on_samples)
        self._lib.espeak_SetSynthCallback(callback)
        # Initialisation seeds the noise of consonants and breath with the time of day.
        self._lib.espeak_ng_SetRandSeed(ctypes.c_long(0))
        self._lib.espeak_SetParameter(RATE, rate, 0)
        body = text.encode()
        size = ctypes.c_size_t(len(body) + 1)
        status = self._lib.espeak_Synth(body, size, 0, 1, 0, UTF8, None, None)
        if failures:
            raise failures[0]
        if status != 0:
            raise RuntimeError(f"espeak-ng cannot speak this text (status {status})")

    def phonemes(self, text: str, punctuation: bool = False) -> str:
        """Return IPA, one line a clause; with `punctuation`, each ends with its own mark if any."""
        encoded = text.encode()
        body = ctypes.create_string_buffer(encoded)
        start = ctypes.addressof(body)
        position = ctypes.c_void_p(start)
        clauses = []
        consumed = 0
        while position.value:
            clause = self._lib.espeak_TextToPhonemes(ctypes.byref(position), UTF8, IPA)
            end = position.value - start if position.value else len(encoded)
            mark = _closing_mark(encoded[consumed:end], bool(position.value)) if punctuation else ""
            clauses.append((clause or b"").decode("utf-8", "replace").strip() + mark)
            consumed = end
        return "\n".join(clause for clause in clauses if clause)


def _closing_mark(read: bytes, more: bool) -> str:
    """Return the punctuation that ended a clause, empty where the text simply ended.

    Where there is `more`, espeak-ng has read the first character of the next clause, too.
    """
    text = read.decode("utf-8", "replace").rstrip()
    text = (text[:-1] if more else text).rstrip(_BESIDE_MARKS)
    return _MARKS.get(text[-1:], "")


def _nameless_file(content: bytes) -> int:
    """Return the descriptor of a file without a name, open until the process ends."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("espeak-voice")  # no disk: temporary folders may be full
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.write(descriptor, content)
    return descriptor
