"""The command line and the package share a spool: what one leaves behind the other delivers, once and in order."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

from conftest import BINARY, waiting

if TYPE_CHECKING:
    from pathlib import Path

RULES = """
[[rule]]
name = "a step is done"
match = '^(?<step>[a-z]+): (?<Density>[0-9.]+) HU'
event = "step"
"""
OF_THE_SCRIPT = ["load: 1.5 HU", "left: 2 HU", "right: 3 HU"]


def command_line(server: Any, spool: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `milepost` as a script does."""
    environment = {
        **server.environment,
        "MILEPOST_URL": server.url,
        "MILEPOST_API_KEY": server.key,
        "MILEPOST_SPOOL": str(spool),
    }
    return subprocess.run(
        [BINARY, *arguments], env=environment, cwd=spool.parent, capture_output=True, text=True, check=False, timeout=60
    )


def exec_script(server: Any, spool: Path, job: str) -> subprocess.CompletedProcess[str]:
    (spool.parent / "rules.toml").write_text(RULES, encoding="utf-8")
    script = "; ".join(f"echo '{line}'" for line in OF_THE_SCRIPT)
    own = ["exec", "--config", "kidney", "--id", job, "--rules", "rules.toml", "--", "sh", "-c", script]
    return command_line(server, spool, *own)


def test_what_the_command_line_leaves_behind_a_script_delivers(run: Any, server: Any, spool: Path) -> None:
    server.kill()
    ended = exec_script(server, spool, "left-by-exec")
    assert (ended.returncode, ended.stdout.splitlines()) == (0, OF_THE_SCRIPT)
    for step in ("load", "left"):
        assert command_line(server, spool, "event", "step", step, "--job", "left-by-event").returncode == 0
    assert len(waiting(spool)) == 7
    server.start()
    server.post("/jobs", {"tag": "kidney", "provider_job_id": "left-by-event"})
    assert run("import milepost; assert milepost.flush()").finish() == (0, "", "")
    assert [(kind, tag) for kind, tag, _ in server.told("left-by-exec")] == [
        ("step", "load"), ("step", "left"), ("step", "right"), ("complete", None),
    ]  # fmt: skip
    measured = [event["event_metadata"] for event in server.events("left-by-exec")]
    assert measured[:3] == [{"Density": 1.5}, {"Density": 2}, {"Density": 3}]
    assert [tag for _, tag, _ in server.told("left-by-event")] == ["load", "left"]
    assert list(spool.glob("*.jsonl")) == []


def test_what_a_script_leaves_behind_the_command_line_delivers(run: Any, server: Any, spool: Path) -> None:
    server.kill()
    script = run("""
        import milepost
        with milepost.job("kidney", id="left-by-script", name="Größe \\ud800") as job:
            job.step("load", Density=1.5, Comment="half a character: \\ud800")
            with job.step("left") as step:
                step["Density"] = 2
            job.info("on the way", step="right", fraction=0.5)
    """)
    assert script.finish()[0] == 0
    server.start()
    flushed = command_line(server, spool, "flush")
    assert (flushed.returncode, flushed.stdout, flushed.stderr) == (0, "5 reports sent\n", "")
    assert [(kind, tag) for kind, tag, _ in server.told("left-by-script")] == [
        ("step", "load"), ("step", "left"), ("info", "right"), ("complete", None),
    ]  # fmt: skip
    assert list(spool.glob("*.jsonl")) == []


def test_a_script_and_commands_report_side_by_side(run: Any, server: Any) -> None:
    script = run("""
        import os, subprocess, milepost
        with milepost.job("kidney", id="together") as job:
            job.step("load")
            job.wait()
            subprocess.run([os.environ["BINARY"], "event", "step", "left", "--job", "together"], check=True)
            job.step("right")
    """, BINARY=BINARY)  # fmt: skip
    assert script.finish() == (0, "", "")
    assert [tag for _, tag, _ in server.told("together")] == ["load", "left", "right", None]


def test_an_address_that_is_written_in_another_way_is_the_same_server(run: Any, server: Any, spool: Path) -> None:
    server.kill()
    written = f"HTTP://LocalHost:{server.port}/"
    assert (
        run('import milepost\nwith milepost.job("kidney", id="written"): pass', MILEPOST_URL=written).finish()[0] == 0
    )
    server.start()
    environment = {**server.environment, "MILEPOST_API_KEY": server.key, "MILEPOST_SPOOL": str(spool)}
    flushed = subprocess.run(
        [BINARY, "flush", "--url", f"http://localhost:{server.port}"],
        env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (flushed.returncode, flushed.stdout, flushed.stderr) == (0, "2 reports sent\n", "")
    assert [kind for kind, _, _ in server.told("written")] == ["complete"]
