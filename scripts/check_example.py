"""Run the versions of an example program as a provider would, and check what the server holds afterwards.

Usage: check_example.py URL FOLDER MILEPOST RESULTS
"""

from __future__ import annotations

import difflib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests


def main() -> None:
    url, folder, milepost, results = sys.argv[1:]
    session = requests.Session()

    def call(method: str, path: str, **kwargs: Any) -> Any:
        response = session.request(method, f"{url}/api/v1{path}", timeout=30, **kwargs)
        assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
        return response.json()

    call("POST", "/login", json={"email": "lab@example.org", "password": "correct horse battery"})
    key = call("POST", "/api-keys", json={"note": "example"})["key"]
    # What would wait for the server is looked for beside the results.
    environment = {**os.environ, "MILEPOST_URL": url, "MILEPOST_API_KEY": key, "MILEPOST_SPOOL": f"{results}/spool"}

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, encoding="utf-8")
        assert done.returncode == 0 and not done.stderr, f"{command}: {done.returncode}\n{done.stderr}"
        return done.stdout

    python = [sys.executable, "-B"]
    to = ["--results", results]
    for job_id in ("first", "second"):
        run(*python, "brain_volumes.py", "--job-id", job_id, *to)
    run(milepost, "config", "push", "job_configs.json")
    printed = run(*python, "plain.py", "plain", *to)
    assert printed == run(*python, "with_package.py", "package", *to), "the package changes the output"
    reporting = ["exec", "--config", "brain_volumes", "--id", "exec", "--rules", "rules.toml"]
    assert printed == run(milepost, *reporting, "--", *python, "plain.py", "exec", *to), "exec changes the output"

    check_few_lines(Path(folder, "plain.py"), Path(folder, "with_package.py"))

    jobs = [call("GET", f"/jobs/{row['id']}") for row in call("GET", "/jobs")["items"]]
    assert {job["provider_job_id"] for job in jobs} == {"first", "second", "package", "exec"}, jobs
    for job in jobs:
        check_job(job)
        # The list is the newest first: that with requests is its end.
        assert measured(job) == measured(jobs[-1]), f"{job['provider_job_id']} measures something else"
    waiting = [path for path in Path(results, "spool").rglob("*") if path.is_file()]
    assert not waiting, f"not all was delivered: {waiting}"


def check_few_lines(plain: Path, reporting: Path) -> None:
    """An import and two lines, as the README says, and nothing else but deeper in a block."""
    texts = ([line.strip() for line in file.read_text(encoding="utf-8").splitlines()] for file in (plain, reporting))
    changed = [line for line in difflib.ndiff(*texts) if line[0] in "+-"]
    assert len(changed) == 3 and all(line[0] == "+" for line in changed), changed


def check_job(job: dict[str, Any]) -> None:
    assert job["status"] == "completed" and job["progress"] == 1, job
    assert job["points"]["done"] == job["points"]["total"] > 0, job["points"]
    assert all(step["status"] == "finished" for step in job["steps"]), job["steps"]
    fields = [field for step in job["steps"] for field in step["metadata"] if field["value"] is not None]
    units = {field["units"] for field in fields if field["kind"] == "number"}
    kinds = {field["kind"] for field in fields}
    assert kinds == {"number", "text", "link"}, kinds
    assert {"ml", "mm", "%"} <= units, units
    [brain] = [field for field in fields if field["name"] == "Brain volume"]
    assert 1500 < brain["value"] < 2200 and brain["units"] == "ml", brain
    print(f"  {job['provider_job_id']}: completed, {len(fields)} measured values in {len(job['steps'])} steps")


def measured(job: dict[str, Any]) -> dict[str, Any]:
    return {f"{step['tag']}: {field['name']}": field["value"] for step in job["steps"] for field in step["metadata"]}


if __name__ == "__main__":
    main()
