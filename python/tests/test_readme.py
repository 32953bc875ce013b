"""What the README shows works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

README = Path(__file__).parents[1] / "README.md"


def test_the_readme_runs(run: Any, server: Any) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        code, out, err = run(block).finish()
        assert (code, out) == (0, ""), err
        assert err in ("", "motion artefacts\n"), err
    assert [(kind, tag) for kind, tag, _ in server.told("case-17")] == [
        ("step", "load"),
        ("step", "left"),
        ("step", "right"),
        ("complete", None),
    ]
    assert ("info", "left", "looks unusual") in server.told("case-18")
    assert [kind for kind, _, _ in server.told("case-19")] == ["step", "info", "complete"]
