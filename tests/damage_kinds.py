"""What happens to files: each kind of damage as a function of a path. Shared with the benchmark."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path], None]


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def last_byte_lost(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes() or b"\0")
    data[len(data) * 2 // 3] ^= 0x10
    path.write_bytes(bytes(data))


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 3)


def zeros(path: Path) -> None:
    path.write_bytes(bytes(len(path.read_bytes())))


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() * 2)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def full_folder(path: Path) -> None:
    folder(path)
    (path / "thing").write_text("something")


def dangling_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nowhere"))


def link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def swapped(path: Path) -> None:
    """Take the content of the next file of the kind, in this folder or beside it."""
    kin = sorted(p for p in path.parent.parent.rglob(f"*{path.suffix}") if p.is_file())
    others = [p for p in kin if p.read_bytes() != path.read_bytes()]
    path.write_bytes(others[0].read_bytes() if others else b"other")


def lost(path: Path) -> None:
    path.unlink()


def unreadable(path: Path) -> None:
    path.chmod(0)


def _record(change: Callable[[dict[str, object]], object]) -> Damage:
    def damage(path: Path) -> None:
        record = json.loads(path.read_text())
        path.write_text(json.dumps(change(record)))

    return damage


def _without(name: str) -> Callable[[dict[str, object]], object]:
    return lambda record: {k: v for k, v in record.items() if k != name}


def _with(**values: object) -> Callable[[dict[str, object]], object]:
    return lambda record: {**record, **values}


ANY_FILE: dict[str, Damage] = {
    f.__name__: f
    for f in (
        cut, last_byte_lost, flipped, emptied, garbage, zeros, longer, folder, full_folder,
        dangling_link, link_to_itself, swapped, lost, unreadable,
    )
}  # fmt: skip
RECORDS: dict[str, Damage] = {
    "no digest": _record(_without("digest")),
    "a list": _record(lambda record: [record]),
    "null": _record(lambda _: None),
    "a number": _record(lambda _: 7),
    "no keys": _record(lambda _: {}),
    "a key less": _record(lambda r: dict(list(r.items())[1:])),
    "a key more": _record(_with(surprise=1)),
    "NaN": _record(_with(duration_s=float("nan"), output=float("nan"), seconds=float("nan"))),
    "infinite": _record(_with(duration_s=float("inf"), output=float("inf"), seconds=1e999)),
    "another number": _record(_with(duration_s=9.0, output={"rms_dbfs": 0.0}, seconds=0.0)),
    "nested": lambda path: path.write_text("[" * 100_000 + "]" * 100_000) and None,
    "not UTF-8": lambda path: path.write_bytes(b'{"id": "\xff\xfe"}') and None,
}

if os.geteuid() == 0:  # to whom every file is readable
    del ANY_FILE["unreadable"]


def restore(path: Path, content: bytes) -> None:
    """Put a file back, whatever stands in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()
    path.write_bytes(content)
