"""Who follows the tutorial gets what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

TUTORIAL = Path(__file__).parents[2] / "docs" / "TUTORIAL.md"


def test_the_tutorial_works(run: Any, server: Any, tmp_path: Path) -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    assert [language for language, _ in blocks] == ["python", "json", "python"]
    untouched, configuration, reporting = (block for _, block in blocks)
    assert len(untouched.splitlines()) <= 10
    file = tmp_path / "kidneys.json"
    file.write_text(configuration, encoding="utf-8")
    plain = run(untouched).finish()
    [command] = re.findall(r"python -c '(import milepost; milepost.register.*)'", text)
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
