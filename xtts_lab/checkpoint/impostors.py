"""Files that are not what their names say: pointers, web pages, error messages, nothing at all."""

from __future__ import annotations

from pathlib import Path

from xtts_lab.errors import UsageError

HEAD = 512
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")


def refuse_impostors(path: Path, *, text: bool = False) -> None:
    """Raise `UsageError` for a file that a download left in the place of a checkpoint's.

    `text` says that the file ought to be text, as JSON is. What cannot be read is the reader's to
    report.
    """
    try:
        if not path.is_file():
            return
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return
    what = _what(head, text)
    if what is not None:
        raise UsageError(f"{path.name}: cannot be read: it {what}")


def _what(head: bytes, text: bool) -> str | None:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        return "is empty; download it again"
    if start.startswith(LFS_POINTER):
        return "is a Git LFS pointer and not the file itself; fetch it with: git lfs pull"
    if start.lower().startswith(MARKUP):
        return "is a web page and not the file itself; download the file, not its page"
    if text or not _is_text(head):
        return None
    said = " ".join(head.decode("utf-8", "replace").split())[:60]
    return f"is text ('{said}') and no checkpoint; download it again"


def _is_text(head: bytes) -> bool:
    try:
        decoded = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # else a character cut at the end
            return False
        decoded = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\n\r\t" for character in decoded)
