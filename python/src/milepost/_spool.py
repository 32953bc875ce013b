"""Reports on disk until the server has them: `docs/SPOOL.md` describes the files.

A process appends to one file of its own, whose lock it holds while it lives. The lock of a file whose process is gone
can be taken by whoever sends what is left.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import stat
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Callable, Literal

from milepost._script import is_from_script

if TYPE_CHECKING:
    from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: reports are kept in memory only.
    fcntl = None  # type: ignore[assignment,unused-ignore]

FORMAT = 1
#: A file that is larger begins anew once all of it is sent.
LARGE = 1024 * 1024
#: How many reports are kept in memory while the disk takes none.
KEPT_IN_MEMORY = 10_000
#: Instead of the descriptor of a file that could not be made.
NOWHERE = -1
#: Bytes that are read at once.
PART = 1024 * 1024
#: So far behind an entry it is looked for what takes it back.
AHEAD = 64 * 1024
LONGEST_HEADER = 4096
#: For a pipe that is where a file should be.
NO_WAIT = getattr(os, "O_NONBLOCK", 0)
#: 20 digits and a newline.
OFFSET_BYTES = 21

Kind = Literal["open", "event"]
Body = dict[str, Any]

#: Of all files of ours that are open in this process.
_descriptors: set[int] = set()


def fingerprint(api_key: str) -> str:
    """What tells one key from another without telling the key: 16 hexadecimal digits."""
    return hashlib.sha256(api_key.encode()).hexdigest()[:16]


@dataclass
class Entry:
    """A report that waits.

    Attributes:
        number: Its place in its file, from 1.
        kind: What is asked of the server.
        body: The request's, but for the time and the idempotency key.
        at: When it was reported by this machine's clock, seconds since 1970.
        end: Where the next one begins in the file; for one that is only in memory, where the file ended.
    """

    number: int
    kind: Kind
    body: Body
    at: float
    end: int

    @property
    def job(self) -> str:
        """The provider's own id of the job that it is about."""
        return str(self.body.get("provider_job_id"))

    def line(self) -> bytes:
        """The entry as it is written."""
        return _line({"n": self.number, "at": round(self.at, 6), self.kind: self.body})


@dataclass
class Cancelled:
    """The entry with this number is not to be sent."""

    number: int


class SpoolFile:
    """A file of reports whose lock is ours.

    Every method may be called from any thread.
    """

    def __init__(self, path: Path, descriptor: int, header: Body, size: int) -> None:
        self.path = path
        self.header = header
        self._descriptor = descriptor
        self._lock = threading.RLock()
        self._begin = len(_line(header))
        self._size = size
        self._number = 0
        self._in_memory: deque[Entry] = deque()
        self._taken_back: set[int] = set()
        #: Why there is no file.
        self.trouble: OSError | None = None
        self._offsets = NOWHERE
        self._sent = 0
        if descriptor != NOWHERE:
            with contextlib.suppress(OSError):
                self._offsets = _open_private(self._offsets_path, os.O_RDWR | os.O_CREAT)
            self._sent = self._read_sent()

    @classmethod
    def create(cls, folder: Path, url: str, api_key: str) -> SpoolFile:
        """Begins a file of this process; where there is no room for one, all is kept in memory."""
        header = {"spool": FORMAT, "url": url, "key": fingerprint(api_key)}
        name = f"{int(time.time() * 1000):013d}-{os.getpid()}-{secrets.token_hex(4)}.jsonl"
        # Under another name until its lock is held: nobody may take it for one that was left behind.
        draft = folder / f".{name}"
        descriptor = NOWHERE
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _expect_own(folder)
            descriptor = _open_private(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND)
            if not _try_lock(descriptor):
                raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))  # noqa: TRY301
            if os.write(descriptor, _line(header)) < len(_line(header)):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301
            draft.rename(folder / name)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink()
            if descriptor != NOWHERE:
                _close(descriptor)
            if is_from_script(error):
                raise
            spool = cls(folder / name, NOWHERE, header, len(_line(header)))
            spool.trouble = error
            return spool
        return cls(folder / name, descriptor, header, len(_line(header)))

    @property
    def is_on_disk(self) -> bool:
        """Whether there is a file at all."""
        return self._descriptor != NOWHERE

    @classmethod
    def take_over(cls, path: Path) -> SpoolFile | None:
        """The file of a process that is gone; None if there is none, or somebody else has it."""
        try:
            descriptor = _open_private(path, os.O_RDWR | os.O_APPEND | NO_WAIT)
        except OSError:
            return None
        if stat.S_ISREG(os.fstat(descriptor).st_mode) and _try_lock(descriptor):
            # Not before: whoever had the lock may have written to it until then, or deleted it.
            found = os.fstat(descriptor)
            with contextlib.suppress(ValueError, RecursionError, OSError):
                header, begin = _read_header(descriptor)
                if found.st_nlink > 0:
                    spool = cls(path, descriptor, header, found.st_size)
                    spool._begin = begin
                    return spool
        _close(descriptor)
        return None

    @property
    def stem(self) -> str:
        """What its entries' idempotency keys begin with."""
        return self.path.stem

    def append(self, kind: Kind, body: Body, limit: int) -> int | None:
        """Adds a report and gives its number; None if as much waits as may.

        What the disk does not take is kept in memory.
        """
        with self._lock:
            if self._size - self._sent > limit or len(self._in_memory) >= KEPT_IN_MEMORY:
                return None
            self._number += 1
            entry = Entry(self._number, kind, body, time.time(), self._size)
            # Behind one that is in memory, all are: they are sent in their order.
            if self._in_memory or not self._write(entry.line()):
                self._in_memory.append(entry)
            return entry.number

    def cancel(self, number: int) -> None:
        """Takes a report back, unless it has been sent."""
        with self._lock:
            for entry in self._in_memory:
                if entry.number == number:
                    self._in_memory.remove(entry)
                    return
            if not self._write(_line({"cancel": number})):
                self._taken_back.add(number)

    def _write(self, line: bytes) -> bool:
        if self._descriptor == NOWHERE:
            return False
        try:
            written = os.write(self._descriptor, line)
        except OSError as error:
            # Such as a TimeoutError.
            if is_from_script(error):
                raise
            written = 0
        if written == len(line):
            self._size += written
            return True
        with contextlib.suppress(OSError):
            self._size = self._measure() - written
            os.ftruncate(self._descriptor, self._size)
        return False

    def _measure(self) -> int:
        """The file's size. What we have counted is less where a signal handler raised between a write and its count."""
        return os.fstat(self._descriptor).st_size if self._descriptor != NOWHERE else self._size

    def read(self) -> list[Entry]:
        """The next reports to send, in order, at most about 1 MiB of them; none: all are sent."""
        while True:
            begin = max(self._sent, self._begin)
            entries, end = self._read_part(begin)
            if entries or end == begin:
                break
            with self._lock:
                self._note_sent(end)
        with self._lock:
            return entries if entries or self._read_lines(end) else list(self._in_memory)[:1000]

    def _read_part(self, begin: int) -> tuple[list[Entry], int]:
        """The entries of the next lines that were not taken back, and where these lines end."""
        entries: list[Entry] = []
        cancelled = self._taken_back.copy()
        end = begin
        for line in self._read_lines(begin):
            parsed = _parse(line, end + len(line))
            if isinstance(parsed, Cancelled):
                cancelled.add(parsed.number)
            # Behind a part is only looked for what takes its last ones back.
            if end < begin + PART:
                end += len(line)
                if isinstance(parsed, Entry):
                    entries.append(parsed)
        return [entry for entry in entries if entry.number not in cancelled], end

    def _read_lines(self, at: int) -> list[bytes]:
        """Whole lines: a process that is killed while it writes leaves half of one, of which nobody was told."""
        part = b""
        with contextlib.suppress(OSError):
            while b"\n" not in part:
                more = os.pread(self._descriptor, PART + AHEAD, at + len(part)) if self._descriptor != NOWHERE else b""
                part += more
                if not more:
                    break
        return [line for line in part.splitlines(keepends=True) if line.endswith(b"\n")]

    def settle(self, entry: Entry) -> None:
        """Notes that the server has answered for this report and all before."""
        with self._lock:
            if self._in_memory and self._in_memory[0].number <= entry.number:
                while self._in_memory and self._in_memory[0].number <= entry.number:
                    self._in_memory.popleft()
                return
            self._note_sent(entry.end)
            if self._sent >= self._size > LARGE and not self._in_memory:
                with contextlib.suppress(OSError):
                    self._size = self._measure()
                    # In this order: killed between both, it is sent again, which the server recognises.
                    if self._sent >= self._size and self._note_sent(self._begin):
                        os.ftruncate(self._descriptor, self._begin)
                        self._size = self._begin

    def has_unsent(self) -> bool:
        """Whether anything waits."""
        with self._lock:
            sent = max(self._sent, self._begin)
            # Half a line that a killed process left does not wait for anything.
            return bool(self._in_memory) or bool(self._read_lines(sent))

    def remove(self) -> bool:
        """Deletes the file if nothing waits in it; gives its lock back in any case. It must not be used afterwards."""
        waits = self.has_unsent()
        if not waits:
            with contextlib.suppress(OSError):
                self._offsets_path.unlink()
            with contextlib.suppress(OSError):
                self.path.unlink()
        self.close()
        return not waits

    def close(self) -> None:
        """Lets go of the file, as a process that ends does."""
        with self._lock:
            descriptors = (self._offsets, self._descriptor)
            # Their numbers may soon be those of the script's own files.
            self._offsets = self._descriptor = NOWHERE
        for descriptor in descriptors:
            if descriptor != NOWHERE:
                with contextlib.suppress(OSError):
                    _close(descriptor)

    def forget(self) -> None:
        """In a child process: no file is used. Takes no lock: a thread may hold it that is not in the child."""
        self._offsets = self._descriptor = NOWHERE

    def refuse(self, entry: Entry, problem: Any) -> None:
        """Sets a report aside that the server will never take, with its reason."""
        folder = self.path.parent / "refused"
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = _open_private(folder / self.path.name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            try:
                os.write(descriptor, _line({"at": round(entry.at, 6), entry.kind: entry.body, "problem": problem}))
            finally:
                _close(descriptor)

    @property
    def _offsets_path(self) -> Path:
        return self.path.with_suffix(".sent")

    def _read_sent(self) -> int:
        try:
            sent = int(os.pread(self._offsets, 20, 0))
        except (OSError, ValueError):
            return 0
        # What cannot be is not believed: sent again, it is recognised.
        return sent if 0 <= sent <= self._size else 0

    def _note_sent(self, offset: int) -> bool:
        self._sent = offset
        if self._offsets == NOWHERE:
            return False
        try:
            return os.pwrite(self._offsets, f"{offset:020d}\n".encode("ascii"), 0) == OFFSET_BYTES
        except OSError:
            return False


def left_behind(folder: Path) -> list[Path]:
    """The files in which reports may wait, oldest first, those of living processes among them.

    In a folder where others may put files there are none to be believed.
    """
    try:
        _expect_own(folder)
        return sorted(path for path in folder.iterdir() if path.suffix == ".jsonl" and path.name[0] != ".")
    except OSError:
        return []


def is_to_be_opened(folder: Path, but: Path, is_ours: Callable[[Body], bool], job: str) -> bool:
    """Whether a file other than `but` is still to open this job, mostly that of a living process."""
    return any(_opens(path, is_ours, job) for path in left_behind(folder) if path != but)


def _opens(path: Path, is_ours: Callable[[Body], bool], job: str) -> bool:
    try:
        descriptor = _open_private(path, os.O_RDONLY | NO_WAIT)
    except OSError:
        return False
    try:
        header, begin = _read_header(descriptor)
        if not is_ours(header):
            return False
        with contextlib.suppress(ValueError, OSError):
            begin = max(begin, int(path.with_suffix(".sent").read_bytes()))
        entries = [_parse(line, 0) for line in os.pread(descriptor, PART, begin).splitlines()]
    except (ValueError, RecursionError, OSError, OverflowError):
        return False
    finally:
        _close(descriptor)
    return any(isinstance(entry, Entry) and entry.kind == "open" and entry.job == job for entry in entries)


def _read_header(descriptor: int) -> tuple[Body, int]:
    """What a file is for, and where its entries begin.

    Raises:
        ValueError: It is none of ours.
    """
    first, end, _ = os.pread(descriptor, LONGEST_HEADER, 0).partition(b"\n")
    header = json.loads(first)
    if not end or not isinstance(header, dict) or header.get("spool") != FORMAT:
        raise ValueError("another first line")
    return header, len(first) + 1


def timestamp(seconds: float) -> str:
    """RFC 3339 in UTC.

    >>> timestamp(0.25)
    '1970-01-01T00:00:00.250000+00:00'
    """
    return datetime.fromtimestamp(seconds, tz=timezone.utc).isoformat(timespec="microseconds")


def _parse(line: bytes, end: int) -> Entry | Cancelled | None:
    """A line of a file; None if nobody can tell what it says."""
    try:
        said = json.loads(line)
        if "cancel" in said:
            return Cancelled(int(said["cancel"]))
        kind: Kind = "open" if "open" in said else "event"
        body = said[kind]
        return Entry(int(said["n"]), kind, body, float(said["at"]), end) if isinstance(body, dict) else None
    except (ValueError, LookupError, TypeError):
        return None


def _line(value: Body) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"


def _open_private(path: Path, flags: int) -> int:
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0), 0o600)
    _descriptors.add(descriptor)
    return descriptor


def _close(descriptor: int) -> None:
    _descriptors.discard(descriptor)
    os.close(descriptor)


def close_in_child() -> None:
    """In a child process: closes all files, which are the parent's; open, they would keep their locks.

    Takes no lock: a thread may hold it that is not in the child.
    """
    while _descriptors:
        with contextlib.suppress(OSError):
            os.close(_descriptors.pop())


def _expect_own(folder: Path) -> None:
    """Where others may put files, they may make us write into those of ours.

    Raises:
        OSError: The folder belongs to somebody else, or others may write into it.
    """
    found = folder.stat()
    if hasattr(os, "geteuid") and (found.st_uid != os.geteuid() or found.st_mode & 0o022):
        raise PermissionError(errno.EPERM, "it must belong to you, and others must not write into it", str(folder))


def _try_lock(descriptor: int) -> bool:
    if fcntl is None:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
