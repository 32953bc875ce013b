"""Who follows the tutorial gets what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

from conftest import BINARY

TUTORIAL = Path(__file__).parents[2] / "docs" / "TUTORIAL.md"
TEXT = TUTORIAL.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", TEXT, flags=re.MULTILINE | re.DOTALL)


def test_the_tutorial_works(run: Any, server: Any, tmp_path: Path) -> None:
    assert [language for language, _ in BLOCKS] == ["python", "json", "python", "sh", "toml"]
    untouched, configuration, reporting = (block for _, block in BLOCKS[:3])
    assert len(untouched.splitlines()) <= 10
    file = tmp_path / "kidneys.json"
    file.write_text(configuration, encoding="utf-8")
    plain = run(untouched).finish()
    [command] = re.findall(r"python -c '(import milepost; milepost.register.*)'", TEXT)
    assert run(command.replace("kidneys.json", str(file))).finish() == (0, "", "")
    code, out, err = run(reporting).finish()
    assert (code, err) == (plain[0], plain[2]) == (0, "")
    assert re.fullmatch(r"mean volume: 1\d\d ml\n", out)
    job = server.job("case-1")
    assert (job["status"], job["progress"]) == ("completed", 1.0)
    events = server.events("case-1")
    fractions = [event["fraction"] for event in events if event["kind"] == "info"]
    assert len(fractions) >= 3
    assert 140 < next(event for event in events if event["tag"] == "report")["event_metadata"]["Mean volume"] < 160


def test_its_unchanged_program_shows_its_steps(server: Any, spool: Path, tmp_path: Path) -> None:
    for name, (_, content) in zip(("kidneys.json", "kidneys.sh", "rules.toml"), (BLOCKS[1], *BLOCKS[3:])):
        (tmp_path / name).write_text(content, encoding="utf-8")
    variables = {"MILEPOST_URL": server.url, "MILEPOST_API_KEY": server.key, "MILEPOST_SPOOL": str(spool)}

    def milepost(command: str) -> tuple[str, str]:
        arguments = [BINARY, *shlex.split(command)]
        environment = {**server.environment, **variables}
        done = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return done.stdout, done.stderr

    [pushing] = re.findall(r"`milepost (config push .*)`", TEXT)
    milepost(pushing)
    [reporting] = re.findall(r"^    milepost (exec .*)$", TEXT, flags=re.MULTILINE)
    out, err = milepost(reporting)
    assert (out.splitlines()[-1], err) == ("mean volume: 151 ml", "")
    job = server.job("case-3")
    assert (job["status"], job["points"]) == ("completed", {"done": 10, "total": 10})
    events = server.events("case-3")
    assert sum(event["fraction"] is not None for event in events) >= 5
    assert next(event for event in events if event["tag"] == "report")["event_metadata"] == {"Mean volume": 151}
