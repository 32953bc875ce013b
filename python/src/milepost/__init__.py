"""Report the steps of a job to Milepost in two lines, without ever getting in its way.

>>> import milepost
>>> with milepost.job("kidney", id="case-17") as job:  # doctest: +SKIP
...     job.step("left", Density=5.1)
"""

from milepost._configurations import (
    Configuration,
    ConfigurationError,
    ConflictError,
    Metadata,
    StepConfiguration,
    load_configurations,
    register,
)
from milepost._job import Job, Step, current_job, flush, job, tracked
from milepost._logging import LogHandler
from milepost._reporter import RefusedError

__all__ = [
    "Configuration",
    "ConfigurationError",
    "ConflictError",
    "Job",
    "LogHandler",
    "Metadata",
    "RefusedError",
    "Step",
    "StepConfiguration",
    "current_job",
    "flush",
    "job",
    "load_configurations",
    "register",
    "tracked",
]
__version__ = "0.1.0"
