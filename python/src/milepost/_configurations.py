"""Kinds of jobs: described in Python or in a file, checked here, registered with the server."""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Literal, Union, cast

import fastjsonschema
import httpx

from milepost._job import settings_or_nothing
from milepost._reporter import TIMEOUT, RefusedError
from milepost._settings import parse_toml

if TYPE_CHECKING:
    from milepost._spool import Body

logger = logging.getLogger("milepost")


@dataclasses.dataclass(frozen=True)
class Metadata:
    """Something that a step measures.

    Attributes:
        name: What reports call it; unique within the step.
        kind: Whether its values are text, numbers or links.
        units: The unit of its values, for people: `ml`, `HU`.
    """

    name: str
    kind: Literal["text", "number", "link"] = "text"
    units: str | None = None


@dataclasses.dataclass(frozen=True)
class StepConfiguration:
    """A step of a kind of job.

    Attributes:
        tag: What reports call it, `[A-Za-z0-9._-]{1,100}`; unique within the configuration.
        name: What people call it.
        points: What finishing it is worth: a whole number from 0 to 1,000,000.
        metadata_configurations: What it measures, in order.
    """

    tag: str
    name: str
    points: int
    metadata_configurations: list[Metadata] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Configuration:
    """A kind of job. What is registered never changes: anything else needs another version.

    Attributes:
        tag: What scripts call it, `[A-Za-z0-9._-]{1,100}`.
        name: What people call it.
        version: SemVer 2.0.
        step_configurations: Its steps, in order.
    """

    tag: str
    name: str
    version: str
    step_configurations: list[StepConfiguration] = dataclasses.field(default_factory=list)


class ConfigurationError(ValueError):
    """A configuration that the server would not take, found before it was sent."""


class ConflictError(Exception):
    """The version is registered with other content.

    Attributes:
        differences: What differs: `pointer`, `registered` and `sent` of each place.
    """

    def __init__(self, tag: str, version: str, differences: list[Body]) -> None:
        told = [f"  {each['pointer']}: {_told(each['registered'])} -> {_told(each['sent'])}" for each in differences]
        super().__init__(
            "\n".join([f"{tag} {version} is registered with other content; give it another version", *told])
        )
        self.differences = differences


#: What `register` takes.
Registrable = Union[Configuration, Mapping[str, Any], str, Path, Iterable[Union[Configuration, Mapping[str, Any]]]]


def load_configurations(path: str | Path) -> list[Body]:
    """Reads configurations from a file and checks them.

    Args:
        path: JSON or TOML (`.toml`): one configuration, a list of them, or `{"job_configs": […]}`.

    Raises:
        ConfigurationError: Something in it is not as it has to be.
        OSError: It cannot be read.
    """
    text = Path(path).read_text(encoding="utf-8")
    try:
        content = parse_toml(text) if Path(path).suffix == ".toml" else json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from None
    return _checked(content, str(path))


def register(
    configurations: Registrable,
    *,
    version_gate: Literal["warn", "refuse"] = "warn",
    url: str | None = None,
    api_key: str | None = None,
) -> list[Body]:
    """Registers kinds of jobs; the same again changes nothing.

    A new version should be a large enough SemVer step for what it changes: major where a step or a field is gone, or
    its points, kind or unit are others, minor where one is new.

    Args:
        configurations: One or several: `milepost.Configuration`, dictionaries, or the path of a file.
        version_gate: What becomes of a version that is too small a step: `warn` registers it and logs a warning,
            `refuse` raises `RefusedError`. What is registered already is never refused.
        url: As for `milepost.job`.
        api_key: As for `milepost.job`.

    Returns:
        What is registered, as the server tells it, with `version_check` on how its version fits; nothing where nothing
        is to be reported.

    Raises:
        ConfigurationError: One of them is not as it has to be; none was sent.
        ConflictError: This version is registered with other content.
        RefusedError: The server does not take it for another reason, or does not take the key.
        httpx.HTTPError: The server cannot be reached.
    """
    if isinstance(configurations, (str, Path)):
        checked = load_configurations(configurations)
    else:
        checked = _checked(_plain(configurations), "")
    settings = settings_or_nothing(url, api_key)
    if settings is None:
        return []
    registered = []
    with httpx.Client(headers={"Authorization": f"Bearer {settings.api_key}"}, timeout=TIMEOUT) as client:
        for configuration in checked:
            asked = {} if version_gate == "warn" else {"version_gate": version_gate}
            answer = client.post(f"{settings.url}/api/v1/job-configurations", params=asked, json=configuration)
            if answer.status_code == httpx.codes.CONFLICT:
                differences = answer.json().get("differences") or []
                raise ConflictError(configuration["tag"], configuration["version"], differences)
            if answer.is_error:
                try:
                    problem = answer.json()
                except ValueError:
                    problem = {"title": f"{answer.status_code} {answer.reason_phrase}"}
                raise RefusedError(problem)
            registered.append(answer.json())
            if warning := (registered[-1].get("version_check") or {}).get("warning"):
                logger.warning("%s %s", configuration["tag"], warning)
    return registered


def _plain(configurations: Any) -> Any:
    if dataclasses.is_dataclass(configurations) and not isinstance(configurations, type):
        return dataclasses.asdict(configurations)
    if isinstance(configurations, Mapping):
        return dict(configurations)
    return [_plain(each) for each in configurations]


def _checked(content: Any, source: str) -> list[Body]:
    """One configuration, several, or `{"job_configs": […]}` as a list in which each fits the schema."""
    if isinstance(content, dict) and "job_configs" in content:
        content = content["job_configs"]
    several = content if isinstance(content, list) else [content]
    for place, configuration in enumerate(several):
        where = f"{source}: " if source else ""
        if isinstance(content, list):
            where += f"configuration {place + 1}: "
        try:
            _schema()(configuration)
        except fastjsonschema.JsonSchemaValueException as error:
            raise ConfigurationError(f"{where}{error.message.removeprefix('data').lstrip('.')}") from None
        _expect_unique(where, configuration)
    return several


def _expect_unique(where: str, configuration: Body) -> None:
    steps = configuration["step_configurations"]
    lists = [("step", "tag", steps)]
    lists += [(f"{step['tag']}: field", "name", step.get("metadata_configurations") or []) for step in steps]
    for what, key, items in lists:
        seen: set[str] = set()
        for item in items:
            if item[key] in seen:
                raise ConfigurationError(f"{where}{what} {item[key]!r} is there twice")
            seen.add(item[key])


@functools.lru_cache(maxsize=1)
def _schema() -> Callable[[Any], Any]:
    """The server's schema, as it is packaged."""
    schema = json.loads(Path(__file__).with_name("configuration.schema.json").read_text(encoding="utf-8"))
    # The compiler knows older drafts by name; nothing in it differs between them. Formats are only hints there.
    del schema["$schema"]
    return cast("Callable[[Any], Any]", fastjsonschema.compile(schema, use_formats=False))


def _told(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
