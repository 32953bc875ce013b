"""What a script logs, as events of its job."""

from __future__ import annotations

import logging

from milepost._job import Job, current_job
from milepost._reporter import THREAD


class LogHandler(logging.Handler):
    """Reports log records as `info` events of a job: `logging.getLogger().addHandler(milepost.LogHandler())`.

    Args:
        job: The job; the one whose block the record comes from, if absent. Records from elsewhere are left alone.
        step: The step that they are about.
        level: The least level that is reported.
    """

    def __init__(self, job: Job | None = None, *, step: str | None = None, level: int = logging.INFO) -> None:
        super().__init__(level)
        self._job = job
        self._step = step

    def emit(self, record: logging.LogRecord) -> None:
        """Reports a record, unless it is about reporting."""
        job = self._job or current_job()
        if job is None or record.threadName == THREAD or record.name.partition(".")[0] == "milepost":
            return
        try:
            job.info(self.format(record), step=self._step)
        except Exception:  # noqa: BLE001
            self.handleError(record)
