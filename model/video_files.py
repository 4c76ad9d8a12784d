# SPDX-License-Identifier: BSD-3-Clause
"""Which files are videos. Whoever looks into a folder for clips, in training or on a board, goes by this one rule:

- a name that ends as a video's does is one; a name that ends as a picture's, a text's or a sound's does is none;
- any other file is one if it begins as a video container does, so a name without an ending will do;
- nothing hidden counts, nor what file managers and archivers leave behind. Links are followed, never in a circle.
"""

import os
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from shiftcore.errors import UserError

VIDEOS = {
    *(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".3g2", ".avi", ".divx", ".mkv", ".webm", ".mpg", ".mpeg", ".mpe", ".m1v"),
    *(".m2v", ".mp2v", ".vob", ".ts", ".m2ts", ".mts", ".mod", ".tod", ".flv", ".f4v", ".wmv", ".asf", ".ogv", ".ogm"),
    *(".gif", ".mjpeg", ".mjpg", ".h264", ".264", ".h265", ".265", ".hevc", ".dav", ".dv", ".mxf", ".nut", ".ivf"),
    *(".y4m", ".rm", ".rmvb"),
}
PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".heic", ".ico", ".svg"}
OTHERS = {
    *(".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".toml", ".ini", ".cfg"),
    *(".html", ".htm", ".pdf", ".log", ".nfo", ".diz", ".srt", ".ass", ".ssa", ".vtt", ".sub", ".idx", ".sbv", ".m3u"),
    *(".m3u8", ".pls", ".py", ".sh", ".m", ".mat", ".ipynb", ".db", ".npy", ".npz", ".pkl", ".pt", ".h5", ".zip"),
    *(".gz", ".tar", ".rar", ".7z", ".mp3", ".m4a", ".wav", ".aac", ".ogg", ".flac", ".wma", ".part", ".tmp"),
    *(".crdownload", ".md5", ".sha256", ".lnk", ".url", ".thm", ".lrv", ".bin", ".exe", ".dll", ".doc", ".docx"),
}
LEFT_BEHIND = {
    *("__MACOSX", "__pycache__", "@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found"),
}
NAMED = 3  # of what was left out


@dataclass
class Found:
    """What is below a folder, each in the order of its path. `others`: files that are no videos, and folders that are
    not looked into."""

    videos: list[Path] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)


def find(folder: Path) -> Found:
    """The videos below `folder`. Raises OSError for a folder that must not be read."""
    found = Found()
    for path in walk(folder):
        (found.videos if not is_hidden(path.name) and is_video(path) else found.others).append(path)
    return found


def walk(folder: Path) -> list[Path]:
    """Every file below `folder`, hidden ones too, and hidden folders as they are; sorted."""
    return sorted(_walk(folder, (os.path.realpath(folder),)))


def _walk(folder: Path, above: tuple[str, ...]) -> Iterator[Path]:
    for path in folder.iterdir():
        if not path.is_dir() or is_hidden(path.name):
            yield path
        elif (real := os.path.realpath(path)) not in above:  # else a link back: a circle
            yield from _walk(path, (*above, real))


def is_hidden(name: str) -> bool:
    """Whether a file or folder of this name is not meant to be looked at."""
    return name.startswith(".") or name in LEFT_BEHIND


def is_video(path: Path) -> bool:
    """Whether the file at `path` is to be taken for a video: by its name's ending, else by its first bytes."""
    suffix = path.suffix.lower()
    if suffix in VIDEOS or suffix in PICTURES or suffix in OTHERS:
        return suffix in VIDEOS
    return path.is_file() and _begins_as_video(_head(path))


def no_video(path: Path) -> str:
    """What the file at `path` is instead of a video, in words, where FFmpeg would make pictures of it nevertheless; ""
    for all others. Raises OSError."""
    head = _head(path)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") and b"\0" in head[2:4]:
        return "a text"
    if head[:3] == b"\xff\xd8\xff" and path.suffix.lower() not in (".mjpeg", ".mjpg"):
        return "a picture"
    if head[:8] == b"\x89PNG\r\n\x1a\n" or head[:2] == b"BM" or head[:4] in (b"II*\0", b"MM\0*"):
        return "a picture"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "a picture"
    return "a text" if head and not _begins_as_video(head) and _is_text(head) else ""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let a UserError from within begin with `path`."""
    try:
        yield
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def check_file(path: Path) -> None:
    """Raise UserError for a file that is not there, or that is no video though FFmpeg would make pictures of it."""
    if not path.is_file():
        raise UserError(f"{path}: no such video file")
    if what := no_video(path):
        raise UserError(f"{path}: not a readable video ({what})")


def address(path: Path) -> str:
    """How FFmpeg is told of a file, so that a colon in its name is no protocol."""
    return f"file:{path}"


def told(others: Sequence[Path], folder: Path) -> str:
    """One line that names what of `folder` is no video and was left out; "" for nothing."""
    if not others:
        return ""
    names = [str(path.relative_to(folder)) + "/" * path.is_dir() for path in others[:NAMED]]
    more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    return f"{', '.join(map(printable, names))}{more}: no videos, left out"


def printable(text: str) -> str:
    """`text` on one line: what a file's name must not do to a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def same_name(name: str) -> str:
    """`name` as it compares: file systems write accented letters in one or in two characters (NFC, NFD)."""
    return unicodedata.normalize("NFC", name)


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(1024)


def _begins_as_video(head: bytes) -> bool:
    boxes = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp")
    begins = (
        *(b"\x1a\x45\xdf\xa3", b"FLV\x01", b"\0\0\x01\xba", b"\0\0\x01\xb3", b"GIF87a", b"GIF89a", b"DHAV", b".RMF"),
        *(b"OggS", b"DKIF", b"YUV4MPEG2", b"nut/multimedia", b"\x06\x0e\x2b\x34", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
        *(b"\0\0\0\x01\x67", b"\0\0\x01\x67", b"\0\0\0\x01\x09", b"\0\0\0\x01\x40", b"\0\0\0\x01\x46"),
    )
    if head[4:8] in boxes and head[8:12] not in (b"M4A ", b"heic", b"avif"):
        return True
    if head[:4] == b"RIFF":
        return head[8:12] == b"AVI "
    synchronized = any(
        len(head) > 2 * step + first and all(head[first + n * step] == 0x47 for n in range(3))
        for first, step in ((0, 188), (4, 192), (0, 204))
    )
    return synchronized or head.startswith(begins)


def _is_text(head: bytes) -> bool:
    return not any(byte < 32 and byte not in b"\t\n\v\f\r\x1b" for byte in head)
