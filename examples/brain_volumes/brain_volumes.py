"""Measure a brain in a T1-weighted MRI, and report every step to Milepost.

MILEPOST_URL (without /api/v1) and MILEPOST_API_KEY say where and as whom. See README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import requests

from measures import Measures, Study, measure

CONFIGURATION = Path(__file__).with_name("job_configs.json")


class Milepost:
    """The calls to the server. An answer of 400 or more ends the program and shows its words."""

    def __init__(self, url: str, api_key: str) -> None:
        self.api = url.rstrip("/") + "/api/v1"
        self.session = requests.Session()
        self.session.headers["x-api_key"] = api_key

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        try:
            response = self.session.request(method, self.api + path, json=body, timeout=30)
        except requests.RequestException as error:
            sys.exit(f"{method} {self.api}{path}: {error}")
        if response.status_code >= 400:
            sys.exit(f"{method} {self.api}{path}: {response.status_code} {problem_text(response)}")


def problem_text(response: requests.Response) -> str:
    """What an application/problem+json says, in one line; any other answer as it is."""
    try:
        problem = response.json()
        errors = [f"{error['pointer']}: {error['detail']}" for error in problem.get("errors") or []]
        return "; ".join([problem.get("detail") or problem["title"], *errors])
    except (ValueError, LookupError, TypeError, AttributeError):
        return response.text.strip() or response.reason


@dataclass
class Job:
    """One run. Its events go to the server, if there is one, and are kept for a recording."""

    id: str
    milepost: Milepost | None
    opened: float = field(default_factory=time.monotonic)
    events: list[dict[str, Any]] = field(default_factory=list)

    def event(self, kind: str, tag: str, name: str, measures: Measures | None = None) -> None:
        seconds = round(time.monotonic() - self.opened, 3)
        body = {"kind": kind, "tag": tag, "name": name, "event_metadata": measures}
        print(f"{seconds:7.2f} s  {kind:8}  {name}", flush=True)
        self.events.append({"after_seconds": seconds, "body": body})
        if self.milepost:
            self.milepost.call("POST", "/events", {"provider_job_id": self.id, **body})


def run(job: Job, configuration: dict[str, Any], options: argparse.Namespace) -> None:
    """Run the steps in the order of the configuration; the last one completes the job."""
    steps = configuration["step_configurations"]
    results_url = options.results_url and f"{options.results_url.rstrip('/')}/{job.id}"
    study = Study(options.image, options.results / job.id, results_url)
    for step in steps:
        tag = step["tag"]
        study.note = partial(job.event, "info", tag)
        try:
            measures = measure(tag, study)
        except (Exception, KeyboardInterrupt) as error:
            what = f"{step['name']} failed: {type(error).__name__}: {error}"
            job.event("error", tag, what[:1000])
            sys.exit(1)
        job.event("complete" if step is steps[-1] else "step", tag, step["name"], measures)
        for metadata in step["metadata_configurations"]:
            value = measures[metadata["name"]]
            if value is not None:
                print(f"{'':21} {metadata['name']}: {value} {metadata['units'] or ''}".rstrip())


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--image", type=Path, help="skull-stripped T1 in MNI space, NIfTI [the MNI152 template]")
    add("--job-id", default=time.strftime("brain-%Y%m%d-%H%M%S"), help="[made from the time]")
    add("--customer-id", default=os.environ.get("MILEPOST_CUSTOMER_ID"), help="who may watch")
    add("--results", type=Path, default=Path("results"), help="folder for snapshots and reports")
    add("--results-url", help="where that folder can be seen, for links into it")
    add("--record", type=Path, metavar="FILE", help="write the events and their times to FILE")
    add("--offline", action="store_true", help="tell no server")
    options = parser.parse_args()
    options.url = os.environ.get("MILEPOST_URL")
    options.api_key = os.environ.get("MILEPOST_API_KEY")
    if not options.offline and not (options.url and options.api_key):
        parser.error("set MILEPOST_URL and MILEPOST_API_KEY, or use --offline")
    return options


def main() -> None:
    options = read_options()
    [configuration] = json.loads(CONFIGURATION.read_text(encoding="utf-8"))["job_configs"]
    milepost = None
    if not options.offline:
        milepost = Milepost(options.url, options.api_key)
        milepost.call("GET", "/api-keys/protected")
        milepost.call("POST", "/job_configurations", configuration)
        opening = {"provider_job_id": options.job_id, "customer_id": options.customer_id}
        milepost.call("POST", "/jobs", {**opening, "tag": configuration["tag"]})
    job = Job(options.job_id, milepost)
    run(job, configuration, options)
    if options.record:
        recording = {"configuration": configuration, "events": job.events}
        text = json.dumps(recording, indent=2, ensure_ascii=False)
        options.record.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
