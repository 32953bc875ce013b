"""Kinds of jobs are checked here and registered there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

import milepost

KIDNEY = {
    "tag": "lung",
    "name": "Lung",
    "version": "1.0.0",
    "step_configurations": [{"tag": "load", "name": "Load", "points": 1}],
}


def test_the_packaged_schema_is_the_servers(server: Any) -> None:
    packaged = Path(milepost.__file__).with_name("configuration.schema.json")
    told = httpx.get(f"{server.url}/api/v1/job-configurations/schema").json()
    assert json.loads(packaged.read_text(encoding="utf-8")) == told


def test_a_configuration_is_registered_however_it_is_described(server: Any, tmp_path: Path) -> None:
    described = milepost.Configuration(
        "heart",
        "Heart",
        "1.0.0",
        [milepost.StepConfiguration("load", "Load", 3, [milepost.Metadata("Rate", "number", "1/min")])],
    )
    many = tmp_path / "job_configs.json"
    many.write_text(json.dumps({"job_configs": [KIDNEY, {**KIDNEY, "tag": "liver"}]}), encoding="utf-8")
    toml = tmp_path / "spleen.toml"
    toml.write_text(
        'tag = "spleen"\nname = "Spleen"\nversion = "0.1.0"\n'
        '[[step_configurations]]\ntag = "load"\nname = "Load"\npoints = 1\n',
        encoding="utf-8",
    )
    cases: list[tuple[Any, list[str]]] = [
        (described, ["heart"]),
        (many, ["lung", "liver"]),
        (str(toml), ["spleen"]),
        (KIDNEY, ["lung"]),
    ]
    for what, tags in cases:
        registered = milepost.register(what, url=server.url, api_key=server.key)
        assert [each["tag"] for each in registered] == tags
    [heart] = milepost.register(described, url=server.url, api_key=server.key)
    assert heart["step_configurations"][0]["metadata_configurations"][0]["units"] == "1/min"


def test_a_conflict_tells_what_differs(server: Any) -> None:
    milepost.register(KIDNEY, url=server.url, api_key=server.key)
    changed = {**KIDNEY, "step_configurations": [{"tag": "load", "name": "Load", "points": 2}]}
    with pytest.raises(milepost.ConflictError) as raised:
        milepost.register(changed, url=server.url, api_key=server.key)
    assert str(raised.value).splitlines() == [
        "lung 1.0.0 is registered with other content; give it another version",
        "  /step_configurations/load/points: 1 -> 2",
    ]


def test_a_version_that_is_too_small_a_step_is_logged_or_refused(server: Any, caplog: pytest.LogCaptureFixture) -> None:
    def version(version: str, points: int) -> dict[str, Any]:
        steps = [{"tag": "load", "name": "Load", "points": points}]
        return {**KIDNEY, "version": version, "tag": "bladder", "step_configurations": steps}

    def register(version: dict[str, Any], **options: Any) -> Any:
        [registered] = milepost.register(version, url=server.url, api_key=server.key, **options)
        return registered["version_check"]

    assert register(version("1.0.0", 1)) is None
    with pytest.raises(milepost.RefusedError, match=r"the lowest version that fits is 2\.0\.0"):
        register(version("1.0.1", 2), version_gate="refuse")
    assert not caplog.records
    check = register(version("1.0.1", 2))
    assert (check["needed"], check["taken"], check["fits"], check["suggested"]) == ("major", "patch", False, "2.0.0")
    assert [record.getMessage() for record in caplog.records] == [
        "bladder 1.0.1 is too small a step from 1.0.0: points of step load changed from 1 to 2, "
        "which needs a major step; the lowest version that fits is 2.0.0."
    ]
    caplog.clear()
    assert register(version("2.0.0", 3), version_gate="refuse")["fits"]
    assert register(version("1.0.1", 2), version_gate="refuse") == check
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"version": "1.0"}, "version must match pattern"),
        ({"tag": "a b"}, "tag must match pattern"),
        ({"colour": "red"}, "must not contain {'colour'} properties"),
        ({"step_configurations": [{"tag": "a", "name": "A", "points": -1}]}, "step_configurations[0].points must be"),
        ({"step_configurations": [{"tag": "a", "name": "A", "points": 1}] * 2}, "step 'a' is there twice"),
    ],
)
def test_what_the_server_would_refuse_is_not_sent(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(milepost.ConfigurationError) as raised:
        milepost.register({**KIDNEY, **changes}, url="http://127.0.0.1:1", api_key="none")
    assert told in str(raised.value)


def test_a_key_that_is_not_known_is_told(server: Any) -> None:
    with pytest.raises(milepost.RefusedError):
        milepost.register(KIDNEY, url=server.url, api_key="mp_none")
