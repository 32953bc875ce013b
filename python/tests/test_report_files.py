"""What other programs find in the server's reports: csv, openpyxl and DuckDB read them, and all say the same."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import duckdb
import httpx
import openpyxl
import pytest
from openpyxl.utils.escape import unescape

from conftest import BINARY

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    '=HYPERLINK("http://evil.example","click")',
    'quotes " and, commas; and\ttabs',
    "two\r\nlines\nand another",
    "脳の体積 🧠 Größe",
    "_x0041_ and \x01 \x1b[2J \x7f",
    "<&>]]>",
    " blanks ",
    "'=1",
    "#comment",
]
FIGURES = ["jobs", "finished", "failed", "steps", "points_earned", "hours"]


def fetch(server: Any, of: str, form: str, **query: str) -> bytes:
    answer = httpx.get(
        f"{server.url}/api/v1/reports/{of}",
        params={"format": form, **query},
        headers={"Authorization": f"Bearer {server.key}"},
        timeout=60,
    )
    return answer.raise_for_status().content


def from_csv(content: bytes, delimiter: str = ",") -> list[dict[str, str]]:
    """The rows, as Python reads CSV: the lines in front that begin with # are no part of it."""
    text = content.decode("utf-8-sig")
    while text.startswith("#"):
        text = text.split("\r\n", 1)[1]
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))


def from_ndjson(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line, parse_float=Decimal) for line in content.decode().splitlines()]


def from_xlsx(content: bytes, folder: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    path = folder / "report.xlsx"
    path.write_bytes(content)
    book = openpyxl.load_workbook(path)
    rows, about = book.worksheets
    for row in rows.iter_rows():
        for cell in row:
            assert cell.data_type in "sn", (cell.coordinate, cell.value)
            assert cell.hyperlink is None
    names, *values = rows.iter_rows(values_only=True)
    said = {str(name): str(value) for name, value in about.iter_rows(values_only=True)}
    # What XML cannot hold is written as the standard has it, which this reader leaves to its users.
    plain = [[unescape(value) if isinstance(value, str) else value for value in row] for row in values]
    return [dict(zip(map(str, names), row)) for row in plain], said


def query_duckdb(sql: str) -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        found = connection.execute(sql)
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row)) for row in found.fetchall()]


def from_parquet(content: bytes, folder: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    path = folder / "report.parquet"
    path.write_bytes(content)
    rows = query_duckdb(f"select * from read_parquet('{path}')")
    said = query_duckdb(f"select key, value from parquet_kv_metadata('{path}')")
    return rows, {bytes(one["key"]).decode(): bytes(one["value"]).decode() for one in said}


@pytest.fixture
def lab(server: Any) -> Any:
    """Jobs and events with whatever people can write into them."""
    server.post("/job-configurations", {"tag": "-odd", "name": "=1+1", "version": "1.0.0", "step_configurations": []})
    for number, text in enumerate(HOSTILE):
        own_id = f"{text[:100]} {number}"
        job = {"tag": "-odd", "provider_job_id": own_id, "provider_job_name": text}
        server.post("/jobs", job if number % 2 else {**job, "customer_email": "carol@clinic.example"})
        metadata = {"Density": -5, "Ratio": 0.1, "Huge": 1e300, "Comment": text, text: True}
        for kind in ("info", "error", "complete"):
            server.post("/events", {"provider_job_id": own_id, "kind": kind, "name": text, "event_metadata": metadata})
    for number in range(7):
        own_id = f"kidney-{number}"
        server.post("/jobs", {"tag": "kidney", "provider_job_id": own_id, "customer_email": "carol@clinic.example"})
        for second, step in enumerate(["load", "left", "right", "report"]):
            occurred_at = f"2026-03-{27 + number % 4:02}T0{second}:00:{number:02}.{number}25+01:00"
            event = {"provider_job_id": own_id, "kind": "step", "tag": step, "occurred_at": occurred_at}
            server.post("/events", event)
        server.post("/events", {"provider_job_id": own_id, "kind": "info", "tag": "load", "fraction": 0.3})
    return server


def defused(text: str) -> str:
    return f"'{text}" if text.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def test_every_reader_finds_the_same_events(lab: Any, tmp_path: Path) -> None:
    query = {"zone": "Europe/Berlin"}
    told = from_ndjson(fetch(lab, "events", "ndjson", **query))
    assert len(told) == len(HOSTILE) * 3 + 7 * 5
    assert {row["event_name"] for row in told} >= set(HOSTILE)
    columns, said = from_parquet(fetch(lab, "events", "parquet", **query), tmp_path)
    assert said["milepost.report"] == "events"
    assert said["milepost.zone"] == "Europe/Berlin"
    sheet, about = from_xlsx(fetch(lab, "events", "xlsx", **query), tmp_path)
    assert about["zone"] == "Europe/Berlin"
    assert about["made_at"].endswith(("+01:00", "+02:00"))
    table = from_csv(fetch(lab, "events", "csv", **query))
    excel = from_csv(fetch(lab, "events", "excel", **query), ";")
    for rows in (columns, sheet, table, excel):
        assert len(rows) == len(told)
        assert [list(row) for row in rows] == [list(row) for row in told]
    for row, column, cell, text, in_excel in zip(told, columns, sheet, table, excel):
        for name, value in row.items():
            if name == "event_metadata":
                for written in (column[name], cell[name], text[name]):
                    assert written is value or (written or None) is value or json.loads(
                        written, parse_float=Decimal) == value  # fmt: skip
            elif name.endswith("_at"):
                at = datetime.fromisoformat(value)
                assert column[name] == at
                assert cell[name] == text[name] == in_excel[name] == value
                assert at.utcoffset() is not None
            elif value is None:
                assert (column[name], cell[name], text[name], in_excel[name]) == (None, None, "", "")
            elif isinstance(value, str):
                assert column[name] == value
                assert cell[name] == value
                assert text[name] == in_excel[name] == defused(value)
            else:
                assert column[name] == value
                assert Decimal(str(cell[name])) == Decimal(text[name]) == value
                assert Decimal(in_excel[name].replace(",", ".")) == value


def test_all_forms_add_up_to_the_totals(lab: Any, tmp_path: Path) -> None:
    for query in (
        {},
        {"zone": "Europe/Berlin", "by_version": "true"},
        {"zone": "Asia/Kathmandu", "status": "completed"},
    ):
        report = json.loads(fetch(lab, "usage", "json", **query), parse_float=Decimal)
        totals = {name: Decimal(report["totals"][name]) for name in FIGURES}
        assert totals["points_earned"] == totals["steps"] > 0
        assert totals["hours"] > 0
        columns, said = from_parquet(fetch(lab, "usage", "parquet", **query), tmp_path)
        assert said["milepost.report"] == "usage"
        sheet, _ = from_xlsx(fetch(lab, "usage", "xlsx", **query), tmp_path)
        excel = from_csv(fetch(lab, "usage", "excel", **query), ";")
        forms = {
            "json": report["items"],
            "ndjson": from_ndjson(fetch(lab, "usage", "ndjson", **query)),
            "csv": from_csv(fetch(lab, "usage", "csv", **query)),
            "excel": [{name: value.replace(",", ".") for name, value in row.items()} for row in excel],
            "xlsx": sheet,
            "parquet": columns,
        }
        for form, rows in forms.items():
            sums = {name: sum(Decimal(str(row[name])) for row in rows) for name in FIGURES}
            assert sums == totals, form
        assert [row["month"] for row in columns] == [row["month"] for row in sheet] == [
            row["month"] for row in report["items"]]  # fmt: skip
        kind = query_duckdb(f"select typeof(hours) as kind from read_parquet('{tmp_path}/report.parquet') limit 1")
        assert kind == [{"kind": "DECIMAL(18,4)"}]


def test_an_empty_report_is_a_file_as_well(server: Any, tmp_path: Path) -> None:
    for of in ("events", "usage"):
        query = {"from": "2001-01-01", "to": "2001-12-31"}
        assert from_csv(fetch(server, of, "csv", **query)) == []
        assert fetch(server, of, "ndjson", **query) == b""
        assert from_xlsx(fetch(server, of, "xlsx", **query), tmp_path)[0] == []
        assert from_parquet(fetch(server, of, "parquet", **query), tmp_path)[0] == []


def test_a_cell_holds_no_more_than_a_cell_does(server: Any, tmp_path: Path) -> None:
    server.post("/jobs", {"tag": "kidney", "provider_job_id": "long"})
    fields = {f"field {number}": "x" * 4000 for number in range(14)}
    server.post("/events", {"provider_job_id": "long", "kind": "info", "event_metadata": fields})
    rows, about = from_xlsx(fetch(server, "events", "xlsx"), tmp_path)
    cut = rows[0]["event_metadata"]
    assert cut.endswith("…")
    assert about["cells cut at 32,767 characters, the most a cell holds"] == "1"
    rows, _ = from_parquet(fetch(server, "events", "parquet"), tmp_path)
    assert json.loads(rows[0]["event_metadata"]) == fields


def test_the_command_line_writes_the_same_file(lab: Any, tmp_path: Path) -> None:
    path = tmp_path / "usage.parquet"
    environment = {**lab.environment, "MILEPOST_URL": lab.url, "MILEPOST_API_KEY": lab.key}
    command = [BINARY, "report", "usage", "--zone", "Europe/Berlin", "--output", str(path)]
    subprocess.run(command, env=environment, check=True, timeout=60)
    written = from_parquet(path.read_bytes(), tmp_path)[0]
    assert written == from_parquet(fetch(lab, "usage", "parquet", zone="Europe/Berlin"), tmp_path)[0]
    assert written
