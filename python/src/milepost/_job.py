"""A job as a script sees it: steps that are done, what they measured, how far they are."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import enum
import functools
import inspect
import logging
import math
import os
import secrets
import threading
import time
import traceback as tracebacks
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sized
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, TypeVar, Union, cast

from milepost._reporter import PATIENCE, RefusedError, Reporter, reporter_of
from milepost._script import is_from_script
from milepost._settings import Settings, load_settings

if TYPE_CHECKING:
    from types import TracebackType

    from milepost._spool import Body, Kind

logger = logging.getLogger("milepost")

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

#: What a step measures: text, a number, a yes or no, or nothing.
Value = Union[str, int, float, bool, None]

#: Between two reports of how far a step is, in seconds.
FRACTION_PAUSE = 1.0
#: The longest text of an event, in characters: the server takes 4 KiB.
LONGEST_NAME = 1000
#: Of any text, in bytes.
LONGEST_TEXT = 4096
#: Above this a double does not tell one whole number from the next.
LARGEST_WHOLE = 2**53

_current: contextvars.ContextVar[Job | None] = contextvars.ContextVar("milepost_job", default=None)
_warned: set[str] = set()


def current_job() -> Job | None:
    """The job whose `with` block, or decorated function, this code runs in."""
    return _current.get()


class Step:
    """A step of a job that was reported, or, as a block, is reported when the block ends.

    Within the block, `step["Density"] = 5.1` sets what it measured.
    """

    def __init__(self, job: Job, tag: str, metadata: dict[str, Any], number: int) -> None:
        self._job = job
        self._number = number
        self.tag = tag
        self.metadata = metadata

    def __setitem__(self, name: str, value: Any) -> None:
        """Sets what the step measured: text, a number, a yes or no, or None."""
        self.metadata[name] = value

    def fraction(self, fraction: float) -> None:
        """Reports how much of the step is done, 0..1."""
        self._job.info(step=self.tag, fraction=fraction)

    def __enter__(self) -> Step:
        self._job._take_back(self._number)  # noqa: SLF001
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if error is None:
            self._job._event("step", tag=self.tag, metadata=self.metadata)  # noqa: SLF001
        elif not _is_well(error):
            self._job._fail(error, self.tag)  # noqa: SLF001

    async def __aenter__(self) -> Step:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, at)


class Job:
    """A job. As a block it is opened, and completed or failed when the block ends; see `milepost.job`."""

    def __init__(
        self,
        tag: str,
        *,
        id: str | None = None,  # noqa: A002
        customer: str | None = None,
        name: str | None = None,
        version: str | None = None,
        strict: bool = False,
        traceback: bool = False,
        url: str | None = None,
        api_key: str | None = None,
    ) -> None:
        self.tag = _text(tag)
        self.id = ("" if id is None else _text(id)) or (
            f"{self.tag}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(4)}"
        )
        self._opening = _without_none(
            {
                "tag": self.tag,
                "provider_job_id": self.id,
                "provider_job_name": None if name is None else _text(name),
                "version": None if version is None else _text(version),
                **_customer(customer),
            }
        )
        self._strict = strict
        self._with_traceback = traceback
        self._opened_by: int | None = None
        #: Of each process: a child that is forked while a thread opens the job has none that is held.
        self._opening_locks: dict[int, threading.RLock] = {}
        self._entered_by: int | None = None
        self._failed_with: BaseException | None = None
        self._token: contextvars.Token[Job | None] | None = None
        self._last = 0
        self._told: dict[str, float] = {}
        self._has_own_key = bool(api_key)
        self._settings = settings_or_nothing(url, api_key)

    def open(self) -> Job:
        """Opens it; entering its block, and the first report, do so too. A job that is there is taken up again."""
        # A child process sends by itself, maybe before its parent has: it opens the job too.
        process = os.getpid()
        if self._opened_by != process:
            # `setdefault` is atomic.
            with self._opening_locks.setdefault(process, threading.RLock()):
                if self._opened_by != process:
                    self._last = 0
                    self._report("open", self._opening)
                    # Not before: what another thread reports would overtake it.
                    self._opened_by = process
        return self

    def step(self, tag: str, /, **metadata: Any) -> Step:
        """Reports that a step is done.

        Args:
            tag: The step, as the configuration calls it.
            **metadata: What it measured, by the names in the configuration, in their units: text, numbers, yes or no.

        Returns:
            The step; `with job.step("left") as step:` reports it when the block ends instead.
        """
        number = self._event("step", tag=tag, metadata=metadata, hold=True)
        return Step(self, tag, metadata, number)

    def info(
        self,
        text: str | None = None,
        *,
        step: str | None = None,
        fraction: float | None = None,
        **metadata: Any,
    ) -> None:
        """Reports something on the way.

        Args:
            text: For people.
            step: The step that it is about.
            fraction: How much of this step is done, 0..1.
            **metadata: What was measured.
        """
        self._event("info", tag=step, name=text, metadata=metadata, fraction=fraction)

    def error(self, text: str, *, step: str | None = None, **metadata: Any) -> None:
        """Reports that something failed.

        Args:
            text: What, for people.
            step: The step that failed.
            **metadata: What was measured.
        """
        self._event("error", tag=step, name=text, metadata=metadata)

    def complete(self, text: str | None = None, **metadata: Any) -> None:
        """Reports that the job is done; leaving its block does so too."""
        self._event("complete", name=text, metadata=metadata)

    def track(self, iterable: Iterable[T], step: str, total: int | None = None) -> Iterator[T]:
        """Goes through something and reports how far it is, at most once a second; at the end the step is done.

        Args:
            iterable: What to go through.
            step: The step's tag.
            total: How many there are, if `len` does not tell.
        """
        if total is None and isinstance(iterable, Sized):
            # Some have a length and do not know it, such as a DataLoader of an IterableDataset.
            with contextlib.suppress(Exception):
                total = len(iterable)
        for done, item in enumerate(iterable, 1):
            yield item
            self._tell_fraction(step, done, total)
        self._event("step", tag=step)

    async def atrack(self, iterable: AsyncIterable[T], step: str, total: int | None = None) -> AsyncIterator[T]:
        """The same for what is gone through by `async for`."""
        done = 0
        async for item in iterable:
            yield item
            done += 1
            self._tell_fraction(step, done, total)
        self._event("step", tag=step)

    def _tell_fraction(self, step: str, done: int, total: int | None) -> None:
        if not total or done >= total:
            return
        now = time.monotonic()
        if now - self._told.get(step, -FRACTION_PAUSE) >= FRACTION_PAUSE:
            self._told[step] = now
            self.info(step=step, fraction=done / total)

    def wait(self, seconds: float = PATIENCE) -> bool:
        """Waits for the server to have all that was reported.

        Args:
            seconds: How long at most. A server that cannot be reached is not waited for.

        Returns:
            Whether it has.
        """
        if self._opened_by != os.getpid():
            return True
        reporter = self._reporter()
        return reporter is None or reporter.wait(self._last, seconds)

    def __getstate__(self) -> dict[str, Any]:
        """For another process: without what belongs to this one, and without a key that it finds where we did."""
        settings = self._settings
        if settings is not None and not self._has_own_key:
            settings = replace(settings, api_key=None)
        own: dict[str, Any] = {
            "_token": None,
            "_failed_with": None,
            "_last": 0,
            "_opening_locks": {},
            "_entered_by": None,
        }
        return {**self.__dict__, **own, "_settings": settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """In the other process."""
        self.__dict__.update(state)
        if self._settings is not None and self._settings.api_key is None:
            found = settings_or_nothing(self._settings.url, None)
            self._settings = None if found is None else replace(self._settings, api_key=found.api_key)

    def __enter__(self) -> Job:
        self._enter()
        return self.open()

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._leave(error)
        if not self._strict:
            self.wait()

    async def __aenter__(self) -> Job:
        self._enter()
        await asyncio.to_thread(self.open)
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._leave(error)
        if not self._strict:
            await asyncio.to_thread(self.wait)

    def _enter(self) -> None:
        self._token = _current.set(self)
        self._entered_by = os.getpid()

    def _leave(self, error: BaseException | None) -> None:
        token, self._token = self._token, None
        try:
            if self._entered_by != os.getpid():
                # A child that was forked within the block: its end is not the job's.
                pass
            elif error is None or _is_well(error):
                self._event("complete")
            else:
                self._fail(error, None)
        finally:
            # A generator may be left in another context than it was entered in.
            with contextlib.suppress(ValueError):
                if token is not None:
                    _current.reset(token)

    def _fail(self, error: BaseException, tag: str | None) -> None:
        """Reports an exception, once, however many blocks it leaves."""
        if error is self._failed_with:
            return
        self._failed_with = error
        said = _text(error)
        text = f"{type(error).__name__}: {said}" if said else type(error).__name__
        if self._with_traceback:
            text += "\n" + "".join(tracebacks.format_exception(type(error), error, error.__traceback__))
        try:
            self._event("error", tag=tag, name=text)
        except (RefusedError, TimeoutError):
            logger.exception("what failed could not be reported")

    def _event(
        self,
        kind: str,
        *,
        tag: str | None = None,
        name: str | None = None,
        metadata: dict[str, Any] | None = None,
        fraction: float | None = None,
        hold: bool = False,
    ) -> int:
        self.open()
        if self._settings is None:
            return 0
        body: Body = {"provider_job_id": self.id, "kind": kind}
        if tag is not None:
            body["tag"] = _text(tag)
        if name is not None:
            name = _text(name)
            body["name"] = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
        if metadata:
            body["event_metadata"] = {_text(name): _value(value) for name, value in metadata.items()}
        if fraction is not None:
            part = _value(fraction)
            if isinstance(part, (int, float)):
                body["fraction"] = min(max(float(part), 0.0), 1.0)
        return self._report("event", body, hold=hold)

    def _report(self, kind: Kind, body: Body, *, hold: bool = False) -> int:
        try:
            return self._report_or_raise(kind, body, hold=hold)
        except Exception as error:
            if self._strict or is_from_script(error):
                raise
            # Whatever is wrong with the reports, the script goes on.
            warn_once(f"a report is lost: {type(error).__name__}: {error}")
            return 0

    def _report_or_raise(self, kind: Kind, body: Body, *, hold: bool) -> int:
        reporter = self._reporter()
        if reporter is None:
            return 0
        # Of a step that was not known to be no block until now.
        self._expect_taken(reporter)
        number = reporter.report(kind, body, hold=hold)
        self._last = number or self._last
        if not hold:
            self._expect_taken(reporter)
        return number

    def _expect_taken(self, reporter: Reporter) -> None:
        """Where it is strict, raises what became of the last report."""
        if not self._strict:
            return
        reporter.let_go(self._last)
        is_taken = reporter.wait(self._last, 6 * PATIENCE)
        refusal = reporter.refusal_of(self._last)
        if refusal is not None:
            raise refusal
        if not is_taken:
            raise TimeoutError(f"{self._settings.url if self._settings else ''} does not take the report")

    def _take_back(self, number: int) -> None:
        reporter = self._reporter()
        if reporter is not None and number:
            reporter.take_back(number)
            self._last = number - 1

    def _reporter(self) -> Reporter | None:
        if self._settings is None or self._settings.api_key is None:
            return None
        try:
            return reporter_of(self._settings, self._settings.api_key)
        except Exception as error:
            if self._strict or is_from_script(error):
                raise
            # A proxy or certificates that the HTTP library does not know.
            warn_once(f"nothing is reported: {type(error).__name__}: {error}")
            self._settings = None
            return None


def job(
    tag: str,
    *,
    id: str | None = None,  # noqa: A002
    customer: str | None = None,
    name: str | None = None,
    version: str | None = None,
    strict: bool = False,
    traceback: bool = False,
    url: str | None = None,
    api_key: str | None = None,
) -> Job:
    """A job of this script: `with milepost.job("kidney", id="case-17") as job:`.

    Leaving the block well completes it; leaving it with an exception reports the exception's text and raises it again.
    Nothing that happens to the reports stops the script, unless it is strict.

    Args:
        tag: The configuration.
        id: The provider's own id of the job; made up if absent. One that is there already is taken up again.
        customer: Who may watch it: an e-mail address or a customer's id.
        name: What people call it; the configuration's name if absent.
        version: The version of the configuration; the newest if absent.
        strict: Each report waits for the server, and raises what is wrong with it: `RefusedError`, `TimeoutError`.
        traceback: With an exception's text, report where it came from.
        url: The server; `MILEPOST_URL` or what `milepost login` saved, if absent.
        api_key: The key; `MILEPOST_API_KEY` or what `milepost login` saved, if absent.
    """
    return Job(
        tag,
        id=id,
        customer=customer,
        name=name,
        version=version,
        strict=strict,
        traceback=traceback,
        url=url,
        api_key=api_key,
    )


def tracked(tag: str, *, id: str | Callable[..., str] | None = None, **options: Any) -> Callable[[F], F]:  # noqa: A002
    """Makes each call of a function a job: `@milepost.tracked("kidney")`, for `async def` too.

    Args:
        tag: The configuration.
        id: The job's id, or what makes it of the function's arguments.
        **options: As for `milepost.job`.
    """

    def decorate(function: F) -> F:
        def begin(*values: Any, **named: Any) -> Job:
            return Job(tag, id=id(*values, **named) if callable(id) else id, **options)

        @functools.wraps(function)
        def call(*values: Any, **named: Any) -> Any:
            with begin(*values, **named):
                return function(*values, **named)

        @functools.wraps(function)
        def call_generator(*values: Any, **named: Any) -> Any:
            with begin(*values, **named):
                return (yield from function(*values, **named))

        @functools.wraps(function)
        async def call_async(*values: Any, **named: Any) -> Any:
            async with begin(*values, **named):
                return await function(*values, **named)

        if inspect.iscoroutinefunction(function):
            return cast("F", call_async)
        return cast("F", call_generator if inspect.isgeneratorfunction(function) else call)

    return decorate


def flush(seconds: float = 60.0) -> bool:
    """Sends what earlier runs could not, and what waits of this one.

    Args:
        seconds: How long at most. A server that cannot be reached is not waited for.

    Returns:
        Whether the server has all of it. What another running process reports is left to that one.
    """
    settings = settings_or_nothing(None, None)
    if settings is None or settings.api_key is None:
        return False
    return reporter_of(settings, settings.api_key).flush(seconds)


def settings_or_nothing(url: str | None, api_key: str | None) -> Settings | None:
    """The settings; None, with one warning, where nothing is to be reported."""
    try:
        settings = load_settings(url, api_key)
    except Exception as error:
        if is_from_script(error):
            raise
        # Such as a RuntimeError: there is no home folder.
        warn_once(f"nothing is reported: {error}")
        return None
    if settings.is_disabled:
        warn_once("nothing is reported: MILEPOST_DISABLED is set")
    elif not settings.api_key:
        warn_once("nothing is reported: there is no key: set MILEPOST_API_KEY")
    else:
        return settings
    return None


def warn_once(text: str) -> None:
    """Warns of something, the first time."""
    if text not in _warned:
        _warned.add(text)
        logger.warning("%s", text)


def _customer(customer: str | None) -> Body:
    if customer is None:
        return {}
    customer = _text(customer)
    try:
        return {"customer_id": str(uuid.UUID(customer))}
    except ValueError:
        return {"customer_email": customer}


def _without_none(body: Body) -> Body:
    return {name: value for name, value in body.items() if value is not None}


def _is_well(error: BaseException) -> bool:
    """Whether this is no failure: the script ends, or nobody goes on with a generator."""
    return isinstance(error, GeneratorExit) or (isinstance(error, SystemExit) and error.code in (None, 0))


def _text(value: Any) -> str:
    r"""What somebody gave as a text, as one that the server takes.

    >>> _text("a\x00b"), len(_text("x" * 5000))
    ('ab', 4096)
    """
    if type(value) is str:
        # Not below: what a signal handler raises would be taken for what the value does.
        text = value
    else:
        try:
            text = str(value.value if isinstance(value, enum.Enum) else value)
        except Exception:  # noqa: BLE001
            text = f"<{type(value).__name__}>"
    return text.replace("\x00", "").encode("utf-8", "replace")[:LONGEST_TEXT].decode("utf-8", "ignore")


def _value(value: Any) -> Value:
    """A value as JSON has it: numbers of other libraries become ours, what is no number becomes None."""
    if value is None or isinstance(value, (bool, str)):
        return _text(value) if isinstance(value, str) else value
    number = value
    if type(value) is not float:
        try:
            # Of numpy and its like.
            item = value if isinstance(value, (int, float)) else getattr(value, "item", lambda: value)()
            if isinstance(item, (bool, str)):
                return _value(item)
            if isinstance(item, int) and abs(item) <= LARGEST_WHOLE:
                return item
            number = float(item)
        except OverflowError:
            return None
        except Exception:  # noqa: BLE001
            return _text(value)
    return number if math.isfinite(number) else None
