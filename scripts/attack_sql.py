"""Lets sqlmap loose on everything of the API that becomes part of a query: filters, cursors, ids in paths, JSON fields.

Usage: attack_sql.py DATABASE URL FOLDER
Called by scripts/attack. Needs sqlmap: as root on Debian it is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from attack_api import Person, make_world

FILTERS = (
    "status=running&id={job}&tag=scan&version=1.0.0&customer={customer}&provider_job_id=job-1&text=job"
    "&from=2020-01-01T00:00:00Z&to=2030-01-01T00:00:00Z&last_event_to=2030-01-01T00:00:00Z&sort=-created_at"
    "&steps=true&limit=2&cursor={cursor}"
)
EVENT = '{"provider_job_id": "job-1*", "kind": "info*", "tag": "load*", "name": "x*", "idempotency_key": "k*", '
EVENT += '"event_metadata": {"a*": "b*"}}'


def find_sqlmap() -> str:
    if shutil.which("sqlmap") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "sqlmap"], check=True)
    found = shutil.which("sqlmap")
    if found is None:
        sys.exit("test-sql: install sqlmap: sudo apt-get install sqlmap")
    return found


def main() -> None:
    database, url, folder = sys.argv[1:]
    sqlmap = find_sqlmap()
    alice = Person(url, "alice@provider.example").sign_in()
    carol = make_world(alice)
    key = alice.make_key("write")
    cookie = "; ".join(f"{name}={value}" for name, value in alice.session.cookies.items())
    page = alice.call("GET", "/jobs", params={"limit": 1})
    job = page["items"][0]
    filters = FILTERS.format(job=job["id"], customer=job["customer_id"], cursor=page["next"])
    events = alice.call("GET", f"/jobs/{job['id']}/events")["items"]
    for number in range(2):
        alice.call("POST", "/events", json={"provider_job_id": job["provider_job_id"], "kind": "info", "name": "x"})
        alice.make_key("read")
    cursor = alice.call("GET", f"/jobs/{job['id']}/events", params={"limit": 1})["next"]
    keys_cursor = alice.call("GET", "/api-keys", params={"limit": 1})["next"]
    assert events and cursor and keys_cursor and carol.email

    targets: list[tuple[str, str | None]] = [
        (f"/jobs?{filters}", None),
        (f"/jobs/{job['id']}*", None),
        (f"/jobs/{job['id']}*/events?order=asc*&kind=step,info*&limit=2*&cursor={cursor}*", None),
        ("/job-configurations?tag=scan&version=1.0.0&limit=2", None),
        (f"/job-configurations/{job['job_configuration_id']}*", None),
        (f"/api-keys?limit=1&cursor={keys_cursor}", None),
        ("/customers?limit=1", None),
        ("/jobs/summary?since=2020-01-01T00:00:00Z", None),
        ("/analytics/jobs?from=2026-01-01&to=2026-01-31&zone=Europe/Berlin&by=day&tag=scan&version=1.0.0&customer=none", None),
        ("/analytics/metadata?tag=scan*&step=load*&from=2026-01-01&customer=carol@customer.example*", None),
        ("/invitations/token*", None),
        ("/audit-log?action=sign_in&limit=2", None),
        ("/login", '{"email": "alice@provider.example*", "password": "wrong*"}'),
        ("/events", EVENT),
        ("/jobs", '{"provider_job_id": "job-1*", "tag": "scan*", "version": "1.0.0*", "customer_email": "a@b.example*"}'),
        ("/customers", '{"email": "erin@customer.example*"}'),
    ]
    failed = False
    for path, body in targets:
        needs_session = path.startswith(("/api-keys", "/customers", "/audit-log"))
        headers = [f"Cookie: {cookie}" if needs_session else f"Authorization: Bearer {key}"]
        headers += ["Content-Type: application/json"] if body else []
        arguments = [
            *(sqlmap, "-u", f"{url}/api/v1{path}", "--batch", "--level", "3", "--risk", "2", "--flush-session"),
            *("--dbms", "PostgreSQL" if database == "postgres" else "SQLite", "--disable-coloring"),
            *("--headers", "\n".join(headers), "--output-dir", f"{folder}/sqlmap", "--time-sec", "3"),
            *("--skip", "user-agent,referer,host,cookie", "--ignore-code", "401,404"),
            *(["--data", body] if body else []),
        ]
        run = subprocess.run(arguments, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        name = re.sub(r"[^a-z-]+", "-", path.split("?")[0].lower()).strip("-")
        log = Path("target") / f"test-sql-{database}-{name}.log"
        log.write_text(run.stdout + run.stderr)
        # What does not even get that far has shown nothing.
        is_clean = "all tested parameters do not appear to be injectable" in run.stdout
        is_clean = is_clean and "sqlmap identified the following injection point" not in run.stdout
        failed |= not is_clean
        shown_outcome = "nothing found" if is_clean else f"FAILED, see {log}"
        print(f"test-sql: {path.split('?')[0]} on {database}: {shown_outcome}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
