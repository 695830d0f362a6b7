from __future__ import annotations

import csv
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from cubicasa_async import AsyncCubiCasa
from cubicasa_async.bulk import Mirror, mirror_orders
from cubicasa_async.bulk.mirror.export import FORMATS, export_mirror
from cubicasa_async.errors import ConfigError, StoreError
from cubicasa_async.sandbox import Sandbox
from tests.support.mirrors import kinds
from tests.support.stores import server_schema, target

__all__ = ["server_schema", "target"]


def read(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, as whoever gets it reads them."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows: list[dict[str, Any]] = (
        importlib.import_module("pyarrow.parquet").read_table(path).to_pylist()
    )
    return rows


@pytest.fixture
async def mirrored(client: AsyncCubiCasa, sandbox: Sandbox, target: str) -> str:
    sandbox.world.add_examples(7)
    sandbox.world.add_order(street='5 "Quoted", Rue Église\n', external_id="Ü-1")
    await kinds(mirror_orders(client, target))
    return target


@pytest.mark.parametrize("form", FORMATS)
async def test_the_tables_are_written_whole(
    sandbox: Sandbox, mirrored: str, tmp_path: Path, form: str
) -> None:
    place = tmp_path / "new" / "export"
    async with Mirror(mirrored) as mirror:
        await export_mirror(mirror, place, form)
        written = await export_mirror(mirror, place, form)  # what is there is replaced
    assert sorted(path.name for path in place.iterdir()) == sorted(p.name for p, _ in written)
    assert [path.stem for path, _ in written] == ["orders", "assets", "history", "runs"]
    rows = {path.stem: read(path) for path, _ in written}
    assert {path.stem: count for path, count in written} == {k: len(v) for k, v in rows.items()}
    assert {row["id"] for row in rows["orders"]} == {order.id for order in sandbox.world.orders}
    [odd] = [row for row in rows["orders"] if row["external_id"] == "Ü-1"]
    assert odd["street"] == '5 "Quoted", Rue Église\n'
    times = {str(row["created_at"])[:10] for row in rows["orders"]}
    assert len(times) == 1
    assert {str(row["is_scan_order"]).lower() for row in rows["orders"]} == {"true"}
    assert "raw" not in odd
    assert len(rows["assets"]) > 0


async def test_a_format_that_is_not_known_is_said(mirrored: str, tmp_path: Path) -> None:
    async with Mirror(mirrored) as mirror:
        with pytest.raises(ConfigError, match="'xls' is no format; choose one of csv, jsonl"):
            await export_mirror(mirror, tmp_path, "xls")


async def test_a_place_that_cannot_be_written_is_said(mirrored: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with Mirror(mirrored) as mirror:
        with pytest.raises(StoreError, match="The export cannot be written"):
            await export_mirror(mirror, tmp_path / "file", "csv")


async def test_the_extra_for_parquet_is_named(
    mirrored: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    async with Mirror(mirrored) as mirror:
        with pytest.raises(ConfigError, match=r"cubicasa-async\[parquet\]"):
            await export_mirror(mirror, tmp_path, "parquet")


@pytest.mark.parametrize("form", FORMATS)
async def test_what_cannot_be_written_leaves_no_part_behind(
    mirrored: str, tmp_path: Path, form: str
) -> None:
    (tmp_path / "export" / f"assets.{form}" / "in-the-way").mkdir(parents=True)
    async with Mirror(mirrored) as mirror:
        with pytest.raises(StoreError, match="The export cannot be written"):
            await export_mirror(mirror, tmp_path / "export", form)
    assert {path.name for path in (tmp_path / "export").iterdir()} == {
        f"orders.{form}",
        f"assets.{form}",
    }
