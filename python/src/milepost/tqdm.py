"""A drop-in for tqdm that reports to the current job: `from milepost.tqdm import tqdm`."""

from __future__ import annotations

import time
from typing import Any

from tqdm import tqdm as _tqdm

from milepost._job import FRACTION_PAUSE, Job, current_job

__all__ = ["tqdm", "trange"]


class tqdm(_tqdm):  # type: ignore[type-arg]  # noqa: N801
    """A progress bar of tqdm whose state is reported, at most once a second; closed at its end, its step is done.

    Args:
        *values: As for tqdm.
        step: The step's tag; without it nothing is reported.
        job: The job; the one whose block this runs in, if absent.
        **named: As for tqdm.
    """

    def __init__(self, *values: Any, step: str | None = None, job: Job | None = None, **named: Any) -> None:
        self._step = step
        self._job = job or current_job()
        self._told = time.monotonic()
        # Our own count: a bar that is not shown has none.
        self._done: float = 0
        self._counts_items = False
        self._is_closed = False
        super().__init__(*values, **named)

    def update(self, n: float | None = 1) -> bool | None:
        """Moves the bar on."""
        if not self._counts_items:
            self._done += n or 0
            self._tell()
        shown: bool | None = super().update(n)
        return shown

    def close(self) -> None:
        """Ends the bar; if all of it is done, so is the step."""
        if self._job and self._step and self.total and self._done >= self.total and not self._is_closed:
            self._job.step(self._step)
        self._is_closed = True
        super().close()

    def __iter__(self) -> Any:
        """Goes through what it was given."""
        self._counts_items = True
        for item in super().__iter__():
            yield item
            self._done += 1
            self._tell()
        self.close()

    def _tell(self) -> None:
        now = time.monotonic()
        if self._job and self._step and self.total and now - self._told >= FRACTION_PAUSE:
            self._told = now
            if self._done < self.total:
                self._job.info(step=self._step, fraction=self._done / self.total)


def trange(*values: int, **named: Any) -> tqdm:
    """`tqdm(range(…), …)`."""
    return tqdm(range(*values), **named)
