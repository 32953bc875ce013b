"""Run an example program as a provider would, and check what the server holds afterwards.

Usage: check_example.py URL PROGRAM RESULTS
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import requests


def main() -> None:
    url, program, results = sys.argv[1:]
    session = requests.Session()

    def call(method: str, path: str, **kwargs: Any) -> Any:
        response = session.request(method, f"{url}/api/v1{path}", timeout=30, **kwargs)
        assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
        return response.json()

    call("POST", "/login", json={"email": "lab@example.org", "password": "correct horse battery"})
    key = call("POST", "/api-keys", json={"note": "example"})["key"]
    environment = {**os.environ, "MILEPOST_URL": url, "MILEPOST_API_KEY": key}
    for job_id in ("first", "second"):
        command = [sys.executable, program, "--job-id", job_id, "--results", results]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    for row in call("GET", "/jobs")["items"]:
        check_job(call("GET", f"/jobs/{row['id']}"))


def check_job(job: dict[str, Any]) -> None:
    assert job["status"] == "completed" and job["progress"] == 1, job
    assert job["points"]["done"] == job["points"]["total"] > 0, job["points"]
    assert all(step["status"] == "finished" for step in job["steps"]), job["steps"]
    measured = [field for step in job["steps"] for field in step["metadata"] if field["value"] is not None]
    units = {field["units"] for field in measured if field["kind"] == "number"}
    kinds = {field["kind"] for field in measured}
    assert kinds == {"number", "text", "link"}, kinds
    assert {"ml", "mm", "%"} <= units, units
    [brain] = [field for field in measured if field["name"] == "Brain volume"]
    assert 1500 < brain["value"] < 2200 and brain["units"] == "ml", brain
    print(f"  {job['provider_job_id']}: completed, {len(measured)} measured values in {len(job['steps'])} steps")


if __name__ == "__main__":
    main()
