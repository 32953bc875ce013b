"""How long `job.step` keeps a script, beside a line that `logging` writes to a file, in turns.

Called by `make bench-python`; asks for the server's program in MILEPOST_TEST_BINARY.
"""

from __future__ import annotations

import logging
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from conftest import STEPS, Server

import milepost

ROUNDS, CALLS = 5, 2000
#: What a call may take at the median, in microseconds.
WANTED = 50.0


def timed(call: Callable[[int], object]) -> list[float]:
    """What each of many calls takes, in microseconds."""
    taken = []
    for number in range(CALLS):
        begun = time.perf_counter_ns()
        call(number)
        taken.append((time.perf_counter_ns() - begun) / 1000)
        # As a script that works between its steps, for a moment.
        time.sleep(0.0002)
    return taken


def step_of(job: milepost.Job) -> Callable[[int], object]:
    """Reports a step of a job."""
    return lambda number: job.step(STEPS[number % 4], Density=5.1)


def logger_to(path: Path) -> logging.Logger:
    """A logger that writes into a file."""
    logger = logging.getLogger("bench")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(logging.FileHandler(path))
    return logger


def main() -> None:
    """Prints a line for each condition."""
    with tempfile.TemporaryDirectory(dir=Path(__file__).parents[2] / "target") as name:
        folder = Path(name)
        os.environ["MILEPOST_SPOOL"] = str(folder / "spool")
        os.environ["MILEPOST_SPOOL_LIMIT"] = "1024"
        logger = logger_to(folder / "log")
        server = Server(folder)
        logging.getLogger("milepost").setLevel(logging.ERROR)
        taken: dict[str, list[list[float]]] = {"a line of logging": [], "server there": [], "server away": []}
        try:
            for round_number in range(ROUNDS):
                taken["a line of logging"].append(timed(lambda number: logger.info("step %d %f", number, 5.1)))
                job = milepost.job("kidney", id=f"there-{round_number}", url=server.url, api_key=server.key)
                taken["server there"].append(timed(step_of(job)))
                # Nobody listens on the discard port.
                away = milepost.job("kidney", id=f"away-{round_number}", url="http://127.0.0.1:9", api_key=server.key)
                taken["server away"].append(timed(step_of(away)))
        finally:
            server.kill()
        for what, rounds in taken.items():
            medians = sorted(statistics.median(times) for times in rounds)
            p99 = statistics.median(sorted(times)[int(CALLS * 0.99)] for times in rounds)
            reached = "reached" if medians[ROUNDS // 2] <= WANTED else "NOT REACHED"
            print(
                f"job.step, {what:<18} median {medians[ROUNDS // 2]:6.1f} µs"
                f" (rounds {medians[0]:.1f} to {medians[-1]:.1f}), p99 {p99:7.1f} µs"
                f"{'' if what.startswith('a line') else '  ' + reached}"
            )
        print(f"wanted: {WANTED:.0f} µs at the median; {ROUNDS} rounds of {CALLS} calls in turns")


if __name__ == "__main__":
    main()
