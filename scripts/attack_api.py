"""Lets schemathesis loose on a running server as everybody who may come, and says what it found.

Usage: attack_api.py DATABASE URL FOLDER short|long [WHO…]
Called by scripts/attack. What is asked for is in schemathesis.toml; here is who asks.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

PASSWORD = "correct horse battery"
CONFIGURATION = Path(__file__).parent.parent / "schemathesis.toml"
# Two providers with keys that may write: what one of them makes the other must never read.
PEERS = """
[auth.wfc]
path = "{path}"
peers = ["alice", "bob"]
"""
# So often an id is one that there is.
KNOWN = "\n[dictionaries.{name}]\nvalues = [{values}]\n"
BOUND = """
[[operations]]
include-path-regex = "{path}"
parameters = {{ "{parameter}" = {{ dictionary = "{name}", probability = 0.7 }} }}
"""

# Who asks; how many cases for each operation in the short form and in the long one; the phases of the short form.
ALL = "examples,coverage,fuzzing,stateful"
RUNS = [
    ("write-key", 8, 150, ALL),
    ("read-key", 4, 40, "fuzzing"),
    ("provider", 4, 100, "fuzzing,stateful"),
    ("customer", 4, 60, "fuzzing"),
    ("nobody", 4, 40, "fuzzing"),
]


class Person:
    """Somebody with a session."""

    def __init__(self, url: str, email: str) -> None:
        self.url, self.email = url, email
        self.session = requests.Session()

    def call(self, method: str, path: str, **kwargs: Any) -> Any:
        response = self.session.request(method, f"{self.url}/api/v1{path}", timeout=30, **kwargs)
        assert response.ok, f"{method} {path}: {response.status_code} {response.text}"
        return response.json()

    def sign_in(self) -> "Person":
        self.call("POST", "/login", json={"email": self.email, "password": PASSWORD})
        return self

    def make_key(self, scope: str) -> str:
        return self.call("POST", "/api-keys", json={"note": "test-api", "scope": scope})["key"]


def make_world(provider: Person) -> Person:
    """Gives a provider a customer who watches a job, an invitation that is open, and a job with events."""
    link = provider.call("POST", "/customers", json={"email": f"carol.{provider.email}"})
    customer = Person(provider.url, f"carol.{provider.email}")
    token = link["invitation_url"].rsplit("/", 1)[1]
    accepted = {"first_name": "Carol", "last_name": "Customer", "password": PASSWORD}
    user = customer.call("POST", f"/invitations/{token}/accept", json=accepted)
    provider.call("POST", "/customers", json={"email": f"dave.{provider.email}"})
    steps = [
        {"tag": tag, "name": tag, "points": 1, "metadata_configurations": [{"name": "Density", "kind": "number"}]}
        for tag in ("load", "measure")
    ]
    kind = {"tag": "scan", "name": "Scan", "version": "1.0.0", "step_configurations": steps}
    provider.call("POST", "/job-configurations", json=kind)
    for number in range(3):
        job = {"provider_job_id": f"job-{number}", "tag": "scan", "customer_id": user["id"]}
        provider.call("POST", "/jobs", json=job)
        event = {"provider_job_id": f"job-{number}", "kind": "step", "tag": "load", "event_metadata": {"Density": 1}}
        provider.call("POST", "/events", json=event)
    return customer


def known_ids(provider: Person) -> str:
    """What of alice's the generated paths may name, as configuration."""
    ids = lambda path: ", ".join(json.dumps(row["id"]) for row in provider.call("GET", path)["items"])  # noqa: E731
    parts = [
        ("jobs", "/jobs", "^/api/v1/jobs/\\\\{id"),
        ("configurations", "/job-configurations", "^/api/v1/job-configurations/\\\\{id"),
    ]
    text = "".join(KNOWN.format(name=name, values=ids(path)) for name, path, _ in parts)
    return text + "".join(BOUND.format(name=name, path=regex, parameter="path.id") for name, _, regex in parts)


def cookie_named(document: dict[str, Any], url: str) -> dict[str, Any]:
    """The document with the cookie as a server on this port names it."""
    document["components"]["securitySchemes"]["session"]["name"] = f"milepost-{url.rsplit(':', 1)[1]}"
    return document


def main() -> None:
    database, url, folder, form, *only = sys.argv[1:]
    root = Path(folder)
    schema = root / "openapi.json"
    document = requests.get(f"{url}/api/openapi.json", timeout=30).json()
    schema.write_text(json.dumps(cookie_named(document, url)))
    alice, bob = (Person(url, f"{name}@provider.example").sign_in() for name in ("alice", "bob"))
    carol = make_world(alice)
    make_world(bob)

    keys = [(person.email.split("@")[0], person.make_key("write")) for person in (alice, bob)]
    users = [{"name": name, "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {key}"}]} for name, key in keys]
    peers = root / "peers.json"
    peers.write_text(json.dumps({"auth": users}))
    shows: dict[str, dict[str, str]] = {
        "write-key": {},
        "read-key": {"ATTACK_KEY": alice.make_key("read")},
        "provider": {"ATTACK_EMAIL": alice.email},
        "customer": {"ATTACK_EMAIL": carol.email},
        "nobody": {},
    }
    known = known_ids(alice)
    failed = []
    for who, short, long, phases in [run for run in RUNS if not only or run[0] in only]:
        configuration = root / f"{who}.toml"
        peers_text = PEERS.format(path=peers) if who == "write-key" else ""
        configuration.write_text(CONFIGURATION.read_text() + peers_text + known)
        arguments = [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(configuration)),
            *("run", str(schema), "--url", url, "--max-examples", str(short if form == "short" else long)),
            *(["--seed", "1", "--phases", phases] if form == "short" else []),
        ]
        environment = {**os.environ, "ATTACK_URL": url, "ATTACK_PASSWORD": PASSWORD, **shows[who]}
        environment["PYTHONPATH"] = str(Path(__file__).parent)
        run = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False, cwd=root)
        counts = [line.strip() for line in run.stdout.splitlines() if " generated, " in line]
        outcome = "clean" if run.returncode == 0 else "FAILED"
        print(f"test-api: {who} on {database}: {outcome}: {'; '.join(counts) or 'nothing ran'}", flush=True)
        if run.returncode != 0:
            failed.append(who)
            log = Path("target") / f"test-api-{database}-{who}.log"
            log.write_text(run.stdout + run.stderr)
            print(f"test-api: see {log}", file=sys.stderr)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
