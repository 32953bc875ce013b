"""What sends the reports: a thread that takes them from the spool to the server, however long that takes."""

from __future__ import annotations

import atexit
import itertools
import json
import logging
import multiprocessing.util
import os
import queue
import random
import signal
import threading
import time
from collections import deque
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Callable, NoReturn

import httpx

from milepost._settings import address
from milepost._spool import (
    Body,
    Entry,
    Kind,
    SpoolFile,
    close_in_child,
    fingerprint,
    is_to_be_opened,
    left_behind,
    timestamp,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from milepost._settings import Settings

logger = logging.getLogger("milepost")


class _NotOurs(logging.Filter):
    """Keeps what the HTTP library tells of our requests out of the script's log."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.threadName != THREAD


for _name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy"):
    logging.getLogger(_name).addFilter(_NotOurs())

#: What is reported within this time, in seconds, goes with one request.
LINGER = 0.05
#: How long a report that may yet be taken back is kept, in seconds.
HOLD = 0.1
#: How long leaving waits for the server, in seconds.
PATIENCE = 5.0
#: Between two looks for what other processes left behind, in seconds.
SWEEP = 60.0
#: Between two tries, in seconds: the first time, and at most.
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
#: A clock that is this far from the server's is corrected, in seconds: the server tells whole ones.
CLOCK_TOLERANCE = 2.0
#: A server that was not reached is tried again no sooner than this, in seconds, whoever waits.
LONG_AGO = 10.0
#: Of a request; the server takes 1 MiB.
MOST_EVENTS, MOST_BYTES = 500, 512 * 1024

#: How many refusals are kept for whoever asks.
MOST_REFUSALS = 100

TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class RefusedError(Exception):
    """The server will not take a report, whatever is tried.

    Attributes:
        problem: What it said, as in RFC 9457: `title`, `detail`, `errors`.
    """

    def __init__(self, problem: Body) -> None:
        super().__init__(explain(problem))
        self.problem = problem


class _TryAgainError(Exception):
    def __init__(
        self, after: float | None = None, *, is_unreachable: bool = False, refusal: RefusedError | None = None
    ) -> None:
        super().__init__()
        self.after = after
        self.is_unreachable = is_unreachable
        #: Of the key: nothing more is tried.
        self.refusal = refusal


class _EarlyError(Exception):
    """Another process is still to open the job."""


class _Bell:
    """Wakes a thread. Unlike an Event, it may be rung by a signal handler that interrupts who rings it."""

    def __init__(self) -> None:
        self._rung: queue.SimpleQueue[None] = queue.SimpleQueue()

    def ring(self) -> None:
        """Ends a wait, or the next one."""
        if self._rung.empty():
            self._rung.put(None)

    def wait(self, seconds: float) -> None:
        """Waits until it is rung."""
        with suppress(queue.Empty):
            self._rung.get(timeout=seconds)


def explain(problem: Body) -> str:
    """A problem in one line.

    >>> explain({"title": "Invalid values", "errors": [{"pointer": "/tag", "detail": "there is no such step"}]})
    'Invalid values; /tag: there is no such step'
    """
    errors = problem.get("errors") or []
    said = [f"{error.get('pointer')}: {error.get('detail')}" for error in errors if isinstance(error, dict)]
    first = problem.get("title") if said else problem.get("detail")
    return "; ".join(str(part) for part in [first or problem.get("title") or "refused", *said])


class Reporter:
    """All reports of this process to one server with one key."""

    def __init__(self, settings: Settings, api_key: str) -> None:
        self._settings = settings
        self._key = api_key
        # Here and not in the thread: what it imports must be whole when the script forks.
        self._client = httpx.Client(
            base_url=f"{settings.url}/api/v1", headers={"Authorization": f"Bearer {api_key}"}, timeout=TIMEOUT
        )
        self._spool = SpoolFile.create(settings.spool, settings.url, api_key)
        self._condition = threading.Condition()
        self._wake = _Bell()
        self._thread: threading.Thread | None = None
        self._settled = 0
        self._held: dict[int, float] = {}
        self._taken_back: set[int] = set()
        #: Held by one thread, whose signal handlers may interrupt it and report: that is done when it is through.
        self._holding = threading.RLock()
        self._is_busy = False
        self._interrupting: deque[Callable[[], object]] = deque()
        self._is_unreachable = False
        self._unreached_at = 0.0
        self._is_awaited = False
        self._is_stopping = False
        self._hurry = _Bell()
        self._clock_offset: float | None = None
        #: How long the answer took that told it, in seconds.
        self._clock_trip = 0.0
        self._refused_key: RefusedError | None = None
        self._dropped = 0
        self._said: set[str] = set()
        self._refusals: dict[int, RefusedError] = {}
        self._last_sweep = -SWEEP
        self._sweeps = 0
        #: Files that wait for another server or key.
        self._others = 0
        #: Files that wait for a job to be opened.
        self._early = 0
        #: Jobs that were not there when something was to be told of them.
        self._missed: set[str] = set()
        if not self._spool.is_on_disk:
            self._say("reports are kept in memory only, not in %s: %s", settings.spool, self._spool.trouble)

    def report(self, kind: Kind, body: Body, *, hold: bool = False) -> int:
        """Lets a report wait for the server.

        Args:
            kind: What is asked of it.
            body: The request's.
            hold: It may be taken back at once: it is not sent in the next moments.

        Returns:
            Its number; 0 if it was dropped, since too much waits already, or is done when what it interrupts is.
        """
        number: int | None = 0
        trouble: RuntimeError | None = None

        def add() -> None:
            nonlocal number, trouble
            number = self._spool.append(kind, body, self._settings.spool_limit)
            if number is None:
                self._dropped += 1
            elif hold:
                self._held[number] = time.monotonic()
            trouble = self._start()

        self._hold(add)
        if trouble:
            self._say("reports wait for the next run: %s", trouble)
        if number is None:
            self._say("too much waits to be reported to %s: what comes now is dropped", self._settings.url)
            return 0
        self._wake.ring()
        return number

    def take_back(self, number: int) -> None:
        """Unless it was sent, which it is not at once."""

        def cancel() -> None:
            self._spool.cancel(number)
            self._held.pop(number, None)
            self._taken_back.add(number)

        self._hold(cancel)
        self._advance(self._settled)

    def let_go(self, number: int) -> None:
        """A report that was held back may be sent."""
        self._held.pop(number, None)

    def wait(self, number: int, seconds: float = PATIENCE) -> bool:
        """Waits until the server has answered for a report and all before.

        Returns:
            Whether it has. An unreachable server is not waited for.
        """
        self._is_awaited = True
        self._try_now()
        try:
            return self._wait_until(lambda: self._settled >= number, seconds)
        finally:
            self._is_awaited = False

    def _wait_until(self, is_done: Callable[[], bool], seconds: float) -> bool:
        until = time.monotonic() + seconds
        with self._condition:
            while not is_done():
                left = until - time.monotonic()
                if left <= 0:
                    # Whoever leaves next does not wait as long again for a server that does not answer.
                    self._note_unreachable()
                    return False
                if self._is_unreachable or self._thread is None or not self._thread.is_alive():
                    return False
                self._condition.wait(left)
        return True

    def _note_unreachable(self) -> None:
        self._is_unreachable = True
        self._unreached_at = time.monotonic()

    def _try_now(self) -> None:
        """Instead of after the pause, unless it was tried just now."""
        if self._is_unreachable and time.monotonic() - self._unreached_at > LONG_AGO:
            self._is_unreachable = False
            self._hurry.ring()
        self._wake.ring()

    def refusal_of(self, number: int) -> RefusedError | None:
        """Why the server did not take a report; None if it did, or has not answered yet."""
        return self._refusals.pop(number, None) or self._refused_key

    def flush(self, seconds: float) -> bool:
        """Sends what waits here and what was left behind; gives whether the server has it all."""
        before = self._sweeps
        self._last_sweep = -SWEEP
        self._hold(self._start)
        self._unreached_at = -LONG_AGO
        self._try_now()
        is_swept = self._wait_until(lambda: self._sweeps != before, seconds)
        return is_swept and self._others == 0 and self._early == 0 and not self._spool.has_unsent()

    def finish(self, seconds: float = PATIENCE) -> None:
        """Sends what waits, for so long, and lets go of the files: the next run sends the rest."""
        self.stop()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(min(seconds, 0.5) if self._is_unreachable else seconds)
        if self._dropped:
            logger.warning("%d reports were dropped, since too much waited already", self._dropped)
        # A thread that is still at it ends with the process, and with it the lock.
        if self._thread is None or not self._thread.is_alive():
            self._spool.remove()

    def stop(self) -> None:
        """Begins to finish: what waits is sent at once."""
        if not self._is_stopping:
            self._is_stopping = True
            self._hurry.ring()
            self._wake.ring()

    def forget(self) -> None:
        """In a child process: the files are the parent's."""
        self._spool.forget()

    def _hold(self, act: Callable[[], object]) -> None:
        """Acts while other threads wait; what interrupts it in this one acts when it is through.

        Not a context manager: what a signal handler raises could come between its lock and the block.
        """
        with self._holding:
            if self._is_busy:
                self._interrupting.append(act)
                return
            try:
                self._is_busy = True
                act()
                while self._interrupting:
                    self._interrupting.popleft()()
                    self._wake.ring()
            finally:
                self._is_busy = False
        if self._interrupting:
            self._hold(lambda: None)

    def _start(self) -> RuntimeError | None:
        """Starts the thread, once; gives why it cannot be. Only for whoever holds `_hold`."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                return error
            self._thread = thread
        return None

    def _run(self) -> None:
        if hasattr(signal, "pthread_sigmask"):
            # They are for the script, which may wait for them. A closed connection is told as an error instead.
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        pause = FIRST_PAUSE
        with self._client as client:
            while True:
                self._wake.wait(SWEEP)
                if not self._is_awaited and not self._is_stopping:
                    time.sleep(LINGER)
                try:
                    self._send_all(client)
                    pause = FIRST_PAUSE
                except _TryAgainError as error:
                    with self._condition:
                        if error.is_unreachable:
                            self._note_unreachable()
                        self._refused_key = error.refusal
                        self._condition.notify_all()
                    if error.refusal or (self._is_stopping and error.is_unreachable):
                        return
                    self._hurry.wait(error.after if error.after is not None else pause * random.uniform(0.5, 1.0))  # noqa: S311
                    pause = min(pause * 2, LONGEST_PAUSE)
                    self._wake.ring()
                    continue
                except Exception:
                    # Whatever is wrong with us must not be wrong with the job.
                    logger.exception(
                        "reporting to %s has ended; what waits is sent by the next run", self._settings.url
                    )
                    with self._condition:
                        self._note_unreachable()
                        self._condition.notify_all()
                    return
                if self._is_stopping and not self._spool.has_unsent():
                    return

    def _send_all(self, client: httpx.Client) -> None:
        self._send_own(client)
        if self._is_stopping or time.monotonic() - self._last_sweep > SWEEP:
            self._send_left_behind(client)
            self._last_sweep = time.monotonic()
            with self._condition:
                self._sweeps += 1
                self._condition.notify_all()

    def _send_own(self, client: httpx.Client) -> None:
        while entries := self._read_own():
            self._send(client, self._spool, entries)

    def _read_own(self) -> list[Entry]:
        """What may be sent: all before a report that may yet be taken back."""
        # Not while others wait for us: there may be much to read.
        entries = self._spool.read()
        with self._holding:
            entries = [entry for entry in entries if entry.number not in self._taken_back]
            now = time.monotonic()
            for number, since in list(self._held.items()):
                if self._is_stopping or now - since > HOLD:
                    del self._held[number]
            first = min(self._held, default=None)
        if first is None:
            return entries
        # Looked at again soon.
        self._wake.ring()
        return [entry for entry in entries if entry.number < first]

    def _send_left_behind(self, client: httpx.Client) -> None:
        self._others = self._early = 0
        for path in left_behind(self._settings.spool):
            spool = None if path == self._spool.path else SpoolFile.take_over(path)
            if spool is None:
                continue
            try:
                if self._is_ours(spool.header):
                    while entries := spool.read():
                        for kind, run in itertools.groupby(entries, key=lambda entry: entry.kind):
                            for part in _parts(run):
                                self._send_run(client, spool, kind, part)
                                # What is reported now does not wait for what is old.
                                self._send_own(client)
                elif spool.has_unsent():
                    self._others += 1
            except _EarlyError:
                self._early += 1
            finally:
                spool.remove()
        if self._others:
            self._say("reports in %s wait for another server or key: %d files", self._settings.spool, self._others)

    def _is_ours(self, header: Body) -> bool:
        """Whether what a file with this first line holds is for the same server and key."""
        if header.get("key") != fingerprint(self._key):
            return False
        try:
            # Whoever wrote it may write the same address in another way.
            return address(str(header.get("url"))) == self._settings.url
        except ValueError:
            return False

    def _send(self, client: httpx.Client, spool: SpoolFile, entries: list[Entry]) -> None:
        for kind, run in itertools.groupby(entries, key=lambda entry: entry.kind):
            for part in _parts(run):
                self._send_run(client, spool, kind, part)

    def _send_run(self, client: httpx.Client, spool: SpoolFile, kind: Kind, entries: list[Entry]) -> None:
        if self._clock_offset is None:
            self._ask(client, "GET", "/server", None, "application/json")
            # Where no answer tells, ours is as good.
            self._clock_offset = self._clock_offset or 0.0
        if kind == "open":
            for entry in entries:
                self._open(client, spool, entry)
        else:
            self._send_events(client, spool, entries)

    def _open(self, client: httpx.Client, spool: SpoolFile, entry: Entry) -> None:
        answer = self._ask(client, "POST", "/jobs", _json(entry.body), "application/json")
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            self._refuse(spool, entry, _problem(answer))
            # Nobody else will open it.
            self._missed.add(entry.job)
        self._settle(spool, entry)

    def _send_events(self, client: httpx.Client, spool: SpoolFile, entries: list[Entry]) -> None:
        lines = b"\n".join(_json(self._event(spool, entry)) for entry in entries)
        answer = self._ask(client, "POST", "/events/batch", lines, "application/x-ndjson")
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            if len(entries) == 1:
                self._refuse(spool, entries[0], _problem(answer))
                self._settle(spool, entries[0])
                return
            # Not the fault of all of them: one by one it shows of which.
            for entry in entries:
                self._send_events(client, spool, [entry])
            return
        items = _items(answer)
        if len(items) != len(entries):
            self._doubt(answer)
        for index, (entry, item) in enumerate(zip(entries, items)):
            status = item["status"]
            if status >= httpx.codes.INTERNAL_SERVER_ERROR or status in _TRY_AGAIN:
                raise _TryAgainError
            if status >= httpx.codes.BAD_REQUEST and _is_without_job(item["problem"]) and self._is_early(spool, entry):
                # It may have been opened just now, and the file that said so be gone: asked once more.
                self._send_events(client, spool, entries[index:])
                return
            if status >= httpx.codes.BAD_REQUEST and not _is_recorded(item["problem"]):
                self._refuse(spool, entry, item["problem"])
            self._settle(spool, entry)

    def _is_early(self, spool: SpoolFile, entry: Entry) -> bool:
        """Whether an event that was left behind came before its job, and is to be asked for once more.

        Raises:
            _EarlyError: Another file is still to open it.
        """
        if spool is self._spool:
            return False
        if is_to_be_opened(self._settings.spool, spool.path, self._is_ours, entry.job):
            raise _EarlyError
        is_first = entry.job not in self._missed
        self._missed.add(entry.job)
        return is_first

    def _event(self, spool: SpoolFile, entry: Entry) -> Body:
        # Whatever the clock said then: it was not later than now.
        now = time.time()
        at = timestamp((min(entry.at, now) if entry.at > 0 else now) + (self._clock_offset or 0.0))
        return {"occurred_at": at, **entry.body, "idempotency_key": f"{spool.stem}-{entry.number}"}

    def _ask(
        self, client: httpx.Client, method: str, path: str, content: bytes | None, media_type: str
    ) -> httpx.Response:
        sent = time.time()
        try:
            answer = client.request(method, path, content=content, headers={"Content-Type": media_type})
        except httpx.RequestError as error:
            self._say("%s cannot be reached (%s); reports are kept and sent later", self._settings.url, error)
            raise _TryAgainError(is_unreachable=True) from None
        received = time.time()
        if received >= sent:
            self._correct_clock(answer, (sent + received) / 2, received - sent)
        self._is_unreachable = False
        status = answer.status_code
        if status >= httpx.codes.INTERNAL_SERVER_ERROR or status in _TRY_AGAIN:
            raise _TryAgainError(_retry_after(answer))
        # What stands between us and the server is not believed, neither that it has a report nor that it never will.
        if not answer.is_success and not str(_problem(answer).get("type", "")).startswith(PROBLEMS):
            self._doubt(answer)
        if answer.is_success and not isinstance(_json_of(answer), dict):
            self._doubt(answer)
        if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            refusal = RefusedError(_problem(answer))
            self._say("%s does not take the key: %s; reports are kept", self._settings.url, refusal)
            raise _TryAgainError(is_unreachable=True, refusal=refusal)
        return answer

    def _doubt(self, answer: httpx.Response) -> NoReturn:
        self._say(
            "%s does not answer as a Milepost server does (%d); reports are kept and sent later",
            self._settings.url,
            answer.status_code,
        )
        raise _TryAgainError(is_unreachable=True)

    def _correct_clock(self, answer: httpx.Response, now: float, trip: float) -> None:
        """Takes the server's time from an answer, which was given half a trip before or after `now` at most."""
        try:
            offset = parsedate_to_datetime(answer.headers["Date"]).timestamp() + 0.5 - now
        except (LookupError, ValueError, TypeError):
            return
        before = self._clock_offset or 0.0
        tolerance = CLOCK_TOLERANCE + trip / 2
        difference = abs(offset - before)
        is_told_better = before != 0 and trip < self._clock_trip and difference > CLOCK_TOLERANCE
        if difference <= tolerance and not is_told_better:
            # Within what the server's whole seconds and the way can tell: it must not swing.
            self._clock_offset = before
            return
        self._clock_trip = trip
        if abs(offset) <= tolerance:
            offset = 0.0
        else:
            self._say("this machine's clock differs from the server's by %.0f s; reports are corrected", -offset)
        self._clock_offset = offset

    def _settle(self, spool: SpoolFile, entry: Entry) -> None:
        with self._holding:
            spool.settle(entry)
        if spool is self._spool:
            self._advance(entry.number)

    def _advance(self, settled: int) -> None:
        """All up to this report are answered for; those behind it that were taken back need no answer."""
        with self._condition:
            settled = max(settled, self._settled)
            while settled + 1 in self._taken_back:
                settled += 1
            self._settled = settled
            self._condition.notify_all()
        with self._holding:
            self._taken_back.difference_update([number for number in tuple(self._taken_back) if number <= settled])

    def _refuse(self, spool: SpoolFile, entry: Entry, problem: Body) -> None:
        spool.refuse(entry, problem)
        refusal = RefusedError(problem)
        if spool is self._spool:
            self._refusals[entry.number] = refusal
            if len(self._refusals) > MOST_REFUSALS:
                self._refusals.pop(next(iter(self._refusals)))
        self._say("the server refuses a report about the job %s: %s", entry.body.get("provider_job_id"), refusal)

    def _say(self, message: str, *values: object) -> None:
        """Warns of something once."""
        text = message % values
        if text not in self._said:
            self._said.add(text)
            logger.warning("%s", text)


#: What the `type` of our server's problems begins with.
PROBLEMS = "urn:milepost:"
#: The name of the thread that sends.
THREAD = "milepost"

_TRY_AGAIN = (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS)


def _parts(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """Entries in requests of a size that the server takes."""
    part: list[Entry] = []
    size = 0
    for entry in entries:
        length = len(entry.line())
        if part and (len(part) >= MOST_EVENTS or size + length > MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(entry)
        size += length
    if part:
        yield part


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _json_of(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None


def _items(answer: httpx.Response) -> list[Body]:
    items = _json_of(answer).get("items")
    return items if isinstance(items, list) and all("status" in item for item in items) else []


def _is_recorded(problem: Body) -> bool:
    """Whether an event is there already under its idempotency key, with its time by another clock."""
    return any(error.get("pointer") == "/idempotency_key" for error in problem.get("errors") or [])


def _is_without_job(problem: Body) -> bool:
    """Whether the event's job is not there."""
    errors = problem.get("errors") or []
    return problem.get("status") == httpx.codes.NOT_FOUND and any(
        error.get("pointer") == "/provider_job_id" for error in errors
    )


def _problem(answer: httpx.Response) -> Body:
    problem = _json_of(answer)
    return problem if isinstance(problem, dict) else {"title": f"{answer.status_code} {answer.reason_phrase}"}


def _retry_after(answer: httpx.Response) -> float | None:
    try:
        return min(max(float(answer.headers["Retry-After"]), 0.0), LONGEST_PAUSE)
    except (LookupError, ValueError):
        return None


_reporters: dict[Settings, Reporter] = {}
_lock = threading.RLock()


def reporter_of(settings: Settings, api_key: str) -> Reporter:
    """The reporter of this process for these settings."""
    reporter = _reporters.get(settings)
    if reporter is None:
        with _lock:
            reporter = _reporters.get(settings)
            if reporter is None:
                made = Reporter(settings, api_key)
                # A signal handler may have reported meanwhile.
                reporter = _reporters.setdefault(settings, made)
                if reporter is not made:
                    made.finish()
                _finish_in_child()
    return reporter


def _finish_in_child() -> None:
    """Processes of `multiprocessing` end without what `atexit` does."""
    if multiprocessing.process.parent_process() is not None:
        multiprocessing.util.Finalize(None, finish_all, exitpriority=10)


def finish_all() -> None:
    """Sends what waits in this process, for a while."""
    with _lock:
        finished = list(_reporters.values())
        _reporters.clear()
    for reporter in finished:
        reporter.stop()
    until = time.monotonic() + PATIENCE
    for reporter in finished:
        reporter.finish(max(0.0, until - time.monotonic()))


def _forget_all() -> None:
    global _lock  # noqa: PLW0603
    # No lock is taken that a thread may hold which is not in the child.
    _lock = threading.RLock()
    close_in_child()
    for reporter in _reporters.values():
        reporter.forget()
    _reporters.clear()


atexit.register(finish_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
