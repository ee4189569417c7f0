"""The layout of CV3-Eval, in which X-Voice's test set comes too: `zero_shot/<language>/`.

A language's folder holds `text` (`utt what is to be said`), `prompt_wav.scp` (`utt clip`; clips are
named from the folder above `zero_shot`, or from `data/` there), `prompt_text` where the prompts are
transcribed, and `ground_truth/gt_<number>.wav` where the text was recorded. The manifest is the
folder `zero_shot`; languages that are none of ours are left out. Nobody knows who speaks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from xtts_lab.data.formats.records import Record, Source, lines_of
from xtts_lab.errors import UsageError
from xtts_lab.languages import canonical


def read(source: Source) -> Iterator[Record]:
    """Yield the records. Raises `UsageError`, naming file and line, for what cannot be used."""
    folder = source.path
    if not folder.is_dir():
        raise UsageError(f"{folder}: is no folder; name the folder zero_shot of the test set")
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        code = canonical(place.name)
        if code is not None:
            yield from _language(place, code)


def _language(place: Path, code: str) -> Iterator[Record]:
    clips = {utt: clip for _, utt, clip in _table(place / "prompt_wav.scp")}
    file = place / "prompt_text"
    prompts = {utt: text for _, utt, text in _table(file)} if file.is_file() else {}
    for line, utt, text in _table(place / "text"):
        if utt not in clips:
            raise UsageError(f"{place / 'text'}:{line}: '{utt}' has no clip in prompt_wav.scp")
        values: dict[str, object] = {
            "id": f"{code}-{utt.removeprefix(f'{place.name}_')}",
            "text": text,
            "language": code,
            "references": [clips[utt].removeprefix("data/")],
        }
        if utt in prompts:
            values["reference_text"] = prompts[utt]
        recorded = f"ground_truth/gt_{utt.rpartition('_')[2]}.wav"
        if os.path.isfile(place / recorded):  # noqa: PTH113
            values["path"] = f"{place.parent.name}/{place.name}/{recorded}"
        yield Record(line, values)


def _table(file: Path) -> Iterator[tuple[int, str, str]]:
    for line, text in lines_of(file):
        name, _, rest = text.strip().partition(" ") if " " in text else text.strip().partition("\t")
        if not rest.strip():
            raise UsageError(f"{file}:{line}: write a name and, behind a space, what belongs to it")
        yield line, name, rest.strip()
