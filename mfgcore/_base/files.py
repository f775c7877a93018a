"""Files that are written whole or not at all, by one writer, and that say if they are damaged.

A file `run.nc` is written as ``.run.nc.partial.nc`` beside it, by the one who holds the lock of
``.run.nc.lock``; what an interrupted run keeps is ``run.nc.checkpoint``. No output may have a name
of these forms, so nobody's output is another's temporary file. Symbolic links are followed: what
is written is the file that they lead to. What cannot be written there is kept :func:`elsewhere`.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from mfgcore._base.errors import RunFileError, shorten

StrPath = str | os.PathLike[str]
CHECKPOINT = ".checkpoint"
TRIED_BYTES = 2**26  # at most, of what is tried before a run
NO_SUCH_CALL = (errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
_OWN_NAMES = re.compile(rf".*{CHECKPOINT}|\..*\.(lock|partial\.[^.]*|partial)")
_SEAL = b"\nmfgcore blake2b "  # before the digest of all bytes before it, at the end of a file
_SEAL_SIZE = len(_SEAL) + 65
# locks of this process: how often, and of which descriptor
_held: dict[tuple[int, Path], tuple[int, int]] = {}


def refuse(path: StrPath, what: str) -> NoReturn:
    """Raise a RunFileError that names a file."""
    raise RunFileError(f"{shorten(str(path))}: {what}")


def reason(error: BaseException) -> str:
    """What an operating system or library error says, in one line."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]


def checkpoint_of(output: StrPath) -> Path:
    """The file in which an interrupted run is kept; Path."""
    return Path(f"{output}{CHECKPOINT}")


def check_writable(path: StrPath, needed: float = 0) -> Path:
    """Fail now rather than after a long run if a file cannot be written; the file itself, no link.

    `needed` bytes must be free.

    Raises
    ------
    RunFileError
        If its folder does not exist, does not let us write or is full; if it is anything but a
        regular file or a new name; if the name is too long, or one of our own.
    """
    given, path = path, Path(os.path.realpath(path))
    try:
        if path.is_dir():
            refuse(given, "is a folder, a file is needed")
        if not path.parent.is_dir():
            refuse(given, "its folder does not exist")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            refuse(given, "its folder is not writable")
        if path.exists() and not path.is_file():
            refuse(given, "is no regular file, and would be replaced by one")
        if _OWN_NAMES.fullmatch(path.name):
            refuse(given, "mfgcore gives such names to what it keeps beside an output")
        longest = _partial(checkpoint_of(path)).name
        excess = len(os.fsencode(longest)) - os.pathconf(path.parent, "PC_NAME_MAX")
        if excess > 0:
            refuse(given, f"its name is too long by {excess} bytes")
        free = os.statvfs(path.parent)
    except OSError as error:
        refuse(given, f"cannot be written: {reason(error)}")
    if free.f_bavail * free.f_frsize < needed:
        megabytes = free.f_bavail * free.f_frsize / 1e6, needed / 1e6
        refuse(given, "{:.1f} MB are free, {:.1f} MB are needed".format(*megabytes))
    if needed:
        _try_to_write(given, path, int(min(needed, TRIED_BYTES)))
    return path


def _try_to_write(given, path, size):
    """Take so many bytes beside a file and give them back: quotas are in no other answer."""
    trial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        try:
            with trial.open("wb") as file:
                try:
                    os.posix_fallocate(file.fileno(), 0, size)
                except (AttributeError, OSError) as error:  # not every system has it
                    if getattr(error, "errno", errno.ENOSYS) not in NO_SUCH_CALL:
                        raise
                    file.write(bytes(size))
                file.flush()
                os.fsync(file.fileno())
        finally:
            trial.unlink(missing_ok=True)
    except OSError as error:
        refuse(given, f"cannot be written: {reason(error)}")


def elsewhere(path: StrPath) -> list[Path]:
    """Where is kept what cannot be written where it belongs; a cache, or else a temporary file."""
    path = Path(os.path.realpath(path))
    name = f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}-{path.name[-100:]}"
    cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    temporary = Path(tempfile.gettempdir()) / f"mfgcore-{os.getuid()}"
    return [Path(cache) / "mfgcore" / "kept" / name, temporary / name]


def kept_elsewhere(path: StrPath) -> list[Path]:
    """What is kept elsewhere for a file, if anything is; list of path."""
    with contextlib.suppress(OSError):
        return [place for place in elsewhere(path) if place.is_file() and _is_own(place.parent)]
    return []


def forget_kept(path: StrPath) -> None:
    """Delete what is kept elsewhere for a file."""
    for place in kept_elsewhere(path):
        with contextlib.suppress(OSError):
            place.unlink()


def keep_elsewhere(path: StrPath, write: Callable[[Path], object]) -> Path | None:
    """Write what belongs to a file elsewhere; where that was possible, if it was anywhere."""
    for place in elsewhere(path):
        with contextlib.suppress(OSError, RunFileError):
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_own(place.parent):
                write(place)
                return place
    return None


def _is_own(folder):
    """Whether a folder is of this user, and not one that somebody else put there."""
    return folder.stat().st_uid == os.getuid()


def _partial(path):
    return path.with_name(f".{path.name}.partial{path.suffix}")


@contextlib.contextmanager
def only_writer(path: StrPath) -> Iterator[None]:
    """Hold a file's lock, so that no other process writes it; within one process, again and again.

    Raises
    ------
    RunFileError
        At once, if another process holds it.
    """
    path = Path(os.path.realpath(path))
    lock = path.with_name(f".{path.name}.lock")
    key = (os.getpid(), lock)
    count, descriptor = _held.get(key, (0, None))
    if descriptor is None:
        descriptor = _locked(path, lock)
    _held[key] = count + 1, descriptor
    try:
        yield
    finally:
        if count:
            _held[key] = count, descriptor
        else:
            del _held[key]
            with contextlib.suppress(OSError):
                lock.unlink()  # before it is let go: nobody can take what is about to vanish
            os.close(descriptor)


def _locked(path, lock):
    while True:
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            refuse(path, f"cannot be written: {reason(error)}")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), lock.stat()):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            refuse(path, "another process is writing it")
        except FileNotFoundError:
            pass  # its holder has just removed it
        except OSError:  # a file system without locks: better a run than none
            return descriptor
        os.close(descriptor)


@contextlib.contextmanager
def atomic_path(path: StrPath, sealed: bool = False) -> Iterator[Path]:
    """A temporary path beside `path` that is renamed to it at the end, or removed on failure.

    It has the ending of `path`, from which libraries guess the format. Where `sealed`, a checksum
    is added; see :func:`verify_checksum`.

    Raises
    ------
    RunFileError
        If the file cannot be written, or another process is writing it.
    """
    given, path = path, Path(os.path.realpath(path))
    temporary = _partial(path)
    with only_writer(path):
        try:
            yield temporary
            with temporary.open("r+b") as file:
                if sealed:
                    digest = _digest(file)
                    file.write(_SEAL + digest + b"\n")
                    file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync_folder(path.parent)
        except OSError as error:
            why = reason(error) if path.parent.is_dir() else "its folder is gone"
            refuse(given, f"cannot be written: {why}")
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def write_text(path: StrPath, text: str) -> None:
    """Write a text file by :func:`atomic_path`, whose errors it has."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _sync_folder(folder):
    """The new name, too, is to outlast a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    with contextlib.suppress(OSError):  # some file systems cannot, and the file itself is safe
        os.fsync(descriptor)
    os.close(descriptor)


def _digest(file, size=None):
    """Digest of the next bytes of a file, all that are left by default."""
    digest = hashlib.blake2b(digest_size=32)
    left = float("inf") if size is None else size
    while left > 0 and (block := file.read(int(min(left, 1 << 20)))):
        digest.update(block)
        left -= len(block)
    return digest.hexdigest().encode()


def verify_checksum(path: StrPath) -> int:
    """Refuse, by a RunFileError, a file without its checksum; the number of bytes before it."""
    try:
        if Path(path).exists() and not Path(path).is_file():
            refuse(path, "is no regular file")
        with Path(path).open("rb") as file:
            size = os.fstat(file.fileno()).st_size - _SEAL_SIZE
            digest = _digest(file, size)
            seal = file.read()
    except FileNotFoundError:
        refuse(path, "there is no such file")
    except OSError as error:
        refuse(path, f"cannot be read: {reason(error)}")
    if size < 0 or not seal.startswith(_SEAL):
        why = "it is not whole, another program had it open for writing, or it was not made by"
        refuse(path, f"has no checksum: {why} this version of mfgcore")
    if seal != _SEAL + digest + b"\n":
        what = "delete it and run again (or close it, if another program has it open for writing)"
        refuse(path, f"is damaged: its checksum is another; {what}")
    return size


def read_checksummed(path: StrPath) -> bytes:
    """Content of a file before its checksum; errors are those of :func:`verify_checksum`."""
    size = verify_checksum(path)
    with Path(path).open("rb") as file:
        return file.read(size)
