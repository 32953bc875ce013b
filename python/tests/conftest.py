"""A real server on a free port, a provider with a key, and scripts that run in processes of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
BINARY = os.environ.get("MILEPOST_TEST_BINARY", str(ROOT / "target" / "debug" / "milepost"))
PASSWORD = "a lovely bunch of reports"
STEPS = ["load", "left", "right", "report"]


class Server:
    """`milepost serve` over a database of its own, with the provider ada and her configuration `kidney`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.start()
        options = ["--role", "provider", "--email", "ada@lab.example", "--first-name", "Ada", "--last-name", "L"]
        command = [BINARY, "user", "add", *options, "--password-stdin", "--database-url", self.database_url]
        subprocess.run(command, input=PASSWORD, text=True, check=True, capture_output=True, env=self.environment)
        with httpx.Client(base_url=f"{self.url}/api/v1", headers={"Origin": self.url}) as browser:
            browser.post("/login", json={"email": "ada@lab.example", "password": PASSWORD}).raise_for_status()
            self.key = browser.post("/api-keys", json={"note": "tests"}).raise_for_status().json()["key"]
            browser.post("/customers", json={"email": "carol@clinic.example"}).raise_for_status()
        fields = [{"name": "Density", "kind": "number", "units": "HU"}, {"name": "Comment"}]
        steps = [{"tag": tag, "name": tag.title(), "points": 1, "metadata_configurations": fields} for tag in STEPS]
        self.post(
            "/job-configurations",
            {"tag": "kidney", "name": "Kidney", "version": "1.0.0", "step_configurations": steps},
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def database_url(self) -> str:
        return f"sqlite://{self.folder}/milepost.db"

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("MILEPOST_")}

    def start(self) -> None:
        """Starts it, on the same port as before."""
        command = [BINARY, "serve", "--listen", f"127.0.0.1:{self.port}", "--database-url", self.database_url]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=self.environment)
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"url=http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                break
        else:
            raise AssertionError("the server does not start")
        # It must not block on a full pipe.
        subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = httpx.request(
            method, f"{self.url}/api/v1{path}", json=body, headers={"Authorization": f"Bearer {self.key}"}
        )
        return answer.raise_for_status().json()

    def post(self, path: str, body: Any) -> Any:
        return self.call("POST", path, body)

    def job(self, own_id: str) -> Any:
        items = self.call("GET", f"/jobs?provider_job_id={own_id}")["items"]
        return items[0] if items else None

    def events(self, own_id: str) -> list[Any]:
        """All events of a job in the order in which they were recorded."""
        job = self.job(own_id)
        if job is None:
            return []
        events: list[Any] = []
        cursor = ""
        while True:
            page = self.call("GET", f"/jobs/{job['id']}/events?limit=200{cursor}")
            events += page["items"]
            if page["next"] is None:
                return sorted(events, key=lambda event: event["sequence"])
            cursor = f"&cursor={page['next']}"

    def told(self, own_id: str) -> list[tuple[str, str | None, str]]:
        """Kind, step and name of each event."""
        return [(event["kind"], event.get("tag"), event["name"]) for event in self.events(own_id)]


class Script:
    """A script of a provider, in a process of its own."""

    def __init__(self, text: str, folder: Path, environment: dict[str, str]) -> None:
        path = folder / "script.py"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=folder,
        )

    def finish(self, seconds: float = 60) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=seconds)
        return self.process.returncode, out, err


@pytest.fixture
def server(tmp_path: Path) -> Any:
    folder = tmp_path / "server"
    folder.mkdir()
    it = Server(folder)
    yield it
    it.kill()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def run(server: Server, spool: Path, tmp_path: Path) -> Any:
    """Starts a script that reports to the server."""
    started: list[Script] = []

    def start(text: str, **variables: str) -> Script:
        environment = {
            **server.environment,
            "MILEPOST_URL": server.url,
            "MILEPOST_API_KEY": server.key,
            "MILEPOST_SPOOL": str(spool),
            **variables,
        }
        folder = tmp_path / f"script-{len(started)}"
        folder.mkdir()
        started.append(Script(text, folder, environment))
        return started[-1]

    yield start
    for script in started:
        if script.process.poll() is None:
            script.process.kill()
            script.process.wait()


def waiting(spool: Path) -> list[str]:
    """The lines that wait in a spool, without the heads of its files."""
    lines = [line for path in sorted(spool.glob("*.jsonl")) for line in path.read_text().splitlines()[1:]]
    return [line for line in lines if "cancel" not in json.loads(line)]
