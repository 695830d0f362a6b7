"""Rejected rows come as a file that can be corrected and given in again."""

from __future__ import annotations

import csv
import os
import stat
from pathlib import Path

import attrs
import pytest

from cubicasa_async.sandbox import Fault, Sandbox
from tests.support.commands import Result, environment, run
from tests.support.listings import made
from tests.support.waiting import until

HEADER = "ref,street,town,country,email,lat"
GOOD = "R-1,1 Main Street,Springfield,United States,a@example.com,39.78"
BAD = "R-2,2 Main Street,Springfield,United States,nobody,39.78"
WORSE = "R-3,,Springfield,United States,a@example.com,north"
CREATE = "drafts.create"
LIMITED = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
from cubicasa_async.cli import main
main()
"""


@attrs.frozen
class Desk:
    directory: Path
    sandbox: Sandbox

    def write(self, *lines: str, name: str = "rows.csv", encoding: str = "utf-8") -> None:
        (self.directory / name).write_bytes("\r\n".join(lines).encode(encoding))

    def rejected(self, name: str = "rows.csv.rejected.csv", encoding: str = "utf-8-sig") -> str:
        return (self.directory / name).read_bytes().decode(encoding)

    async def imports(self, file: str = "rows.csv", *options: str) -> Result:
        arguments = ("drafts", "import", file, "--settle", "0", *options)
        return await run(*arguments, environ=environment(self.sandbox), cwd=self.directory)

    @property
    def files(self) -> set[str]:
        return {path.name for path in self.directory.iterdir()} - {"rows.csv.journal.lock"}


@pytest.fixture
def desk(tmp_path: Path, sandbox: Sandbox) -> Desk:
    return Desk(tmp_path, sandbox)


async def test_they_have_the_inputs_own_columns_and_a_reason(desk: Desk) -> None:
    desk.write(HEADER, GOOD, BAD, WORSE)
    result = await desk.imports()
    assert result.code == 1
    rows = list(csv.reader(desk.rejected().splitlines()))
    assert rows[0] == [*HEADER.split(","), "reason"]
    assert {tuple(row[:-1]) for row in rows[1:]} == {tuple(r.split(",")) for r in (BAD, WORSE)}
    reasons = {row[0]: row[-1] for row in rows}
    assert reasons["R-2"] == "owner_email: 'nobody' is not an e-mail address"
    assert "street: is required" in reasons["R-3"]
    assert "column 'lat': 'north'" in reasons["R-3"]
    assert "Rejected rows: rows.csv.rejected.csv. Correct them there" in result.err


async def test_corrected_and_given_in_again_they_are_made(desk: Desk) -> None:
    desk.write(HEADER, GOOD, BAD, WORSE)
    await desk.imports()
    text = desk.rejected().replace("nobody", "b@example.com").replace("R-3,,", "R-3,3 Main St,")
    desk.write(*text.replace("north", "1").splitlines(), name="rows.csv.rejected.csv")
    result = await desk.imports("rows.csv.rejected.csv")
    assert (result.code, result.summary["outcomes"]) == (0, {"created": 2})
    assert "is not used" not in result.err, "nothing is said of the reason column"
    assert made(desk.sandbox) == {"R-1": 1, "R-2": 1, "R-3": 1}
    assert "rows.csv.rejected.csv.rejected.csv" not in desk.files


async def test_rows_that_stay_rejected_get_one_reason_not_two(desk: Desk) -> None:
    desk.write(HEADER, BAD)
    await desk.imports()
    await desk.imports("rows.csv.rejected.csv")
    assert desk.rejected() == desk.rejected("rows.csv.rejected.csv.rejected.csv")


async def test_without_any_there_is_no_file(desk: Desk) -> None:
    desk.write(HEADER, GOOD)
    assert (await desk.imports()).code == 0
    assert desk.files == {"rows.csv", "rows.csv.journal"}


async def test_the_file_of_an_earlier_run_is_kept_aside_unless_it_is_the_same(desk: Desk) -> None:
    desk.write(HEADER, GOOD, BAD)
    await desk.imports()
    result = await desk.imports()
    assert desk.files == {"rows.csv", "rows.csv.journal", "rows.csv.rejected.csv"}
    edited = desk.rejected() + "somebody's work"
    desk.write(edited, name="rows.csv.rejected.csv")
    desk.write(HEADER, GOOD, BAD.replace("nobody", "b@example.com"))
    result = await desk.imports()
    assert result.code == 0
    assert "rows.csv.rejected.csv" not in desk.files
    assert desk.rejected("rows.csv.rejected.csv.bak", "utf-8") == edited
    assert "that was there before is rows.csv.rejected.csv.bak now" in result.err


async def test_the_inputs_encoding_and_delimiter_are_kept(desk: Desk) -> None:
    lines = [line.replace(",", ";") for line in (HEADER, GOOD, BAD)]
    lines[2] = lines[2].replace("Springfield", "M\u00fcnchen")
    desk.write(*lines, encoding="cp1252")
    await desk.imports("rows.csv", "--encoding", "cp1252")
    text = desk.rejected(encoding="cp1252")
    assert "R-2;2 Main Street;M\u00fcnchen;" in text
    again = await desk.imports("rows.csv.rejected.csv", "--encoding", "cp1252")
    assert again.summary["outcomes"] == {"rejected": 1}


async def test_cells_without_a_column_are_not_lost(desk: Desk) -> None:
    desk.write(HEADER, GOOD, f"{GOOD},more")
    await desk.imports()
    [_, row] = list(csv.reader(desk.rejected().splitlines()))
    assert row[:6] == GOOD.split(",")
    assert row[7:] == ["more"]
    again = await desk.imports("rows.csv.rejected.csv")
    assert again.summary["outcomes"] == {"rejected": 1}, "there is still one cell too many"


async def test_one_that_the_server_refuses_after_a_lost_answer_is_there_as_it_stood(
    desk: Desk,
) -> None:
    desk.sandbox.faults.add(
        Fault("drop", operation=CREATE, times=1),
        Fault("status", operation=CREATE, status=400, body={"message": "not now"}, skip=1),
    )
    desk.write(HEADER, GOOD)
    result = await desk.imports()
    assert result.summary["outcomes"] == {"rejected": 1}
    [_, row] = list(csv.reader(desk.rejected().splitlines()))
    assert row[:6] == GOOD.split(",")
    assert "not now" in row[6]


async def test_the_input_is_never_replaced(desk: Desk) -> None:
    desk.write(HEADER, BAD)
    for place in ("rows.csv", "./rows.csv", "rows.csv.journal"):
        result = await desk.imports("rows.csv", "--rejected", place)
        assert result.code == 2
        assert "Rejected rows must not replace" in result.err
    assert not len(desk.sandbox.ledger)


@pytest.mark.parametrize("ending", ["-wal", "-shm", ".lock", ""])
async def test_the_journal_and_what_belongs_to_it_are_never_replaced(
    desk: Desk, ending: str
) -> None:
    desk.write(HEADER, BAD)
    for more in ((), ("--dry-run",)):
        result = await desk.imports("rows.csv", "--rejected", f"rows.csv.journal{ending}", *more)
        assert result.code == 2
        assert f"Rejected rows must not replace rows.csv.journal{ending}." in result.err
    assert desk.files == {"rows.csv"}


async def test_a_file_that_would_be_written_first_is_not_the_input(desk: Desk) -> None:
    desk.write(HEADER, BAD, name="rows.part")
    result = await desk.imports("rows.part", "--rejected", "rows")
    assert "Rejected rows must not replace rows.part." in result.err
    assert BAD in desk.rejected("rows.part")


async def test_a_pipe_is_refused_before_anything_is_sent(desk: Desk) -> None:
    desk.write(HEADER, GOOD, BAD)
    os.mkfifo(desk.directory / "pipe")
    result = await desk.imports("rows.csv", "--rejected", "pipe")
    assert result.code == 2
    assert "written to pipe: it is no regular file. Name another" in result.err
    assert stat.S_ISFIFO((desk.directory / "pipe").stat().st_mode)
    assert not len(desk.sandbox.ledger)


async def test_where_a_symbolic_link_points_to_is_replaced_and_the_link_stays(desk: Desk) -> None:
    desk.write(HEADER, BAD)
    (desk.directory / "shared").mkdir()
    desk.write("old", name="shared/faulty.csv")
    (desk.directory / "link.csv").symlink_to("shared/faulty.csv")
    result = await desk.imports("rows.csv", "--rejected", "link.csv")
    assert (desk.directory / "link.csv").is_symlink()
    assert "nobody" in desk.rejected("shared/faulty.csv")
    assert desk.rejected("shared/faulty.csv.bak") == "old"
    assert "that was there before is shared/faulty.csv.bak now" in result.err


async def test_what_somebody_worked_on_is_never_overwritten(desk: Desk) -> None:
    desk.write(HEADER, GOOD, BAD)
    for work in ("first", "second", "third"):
        await desk.imports()
        desk.write(work, name="rows.csv.rejected.csv")
    desk.write(HEADER, GOOD)
    result = await desk.imports()
    assert [desk.rejected(f"rows.csv.rejected.csv.bak{n}") for n in ("", 2, 3)] == [
        "first", "second", "third",
    ]  # fmt: skip
    assert "that was there before is rows.csv.rejected.csv.bak3 now" in result.err


async def test_where_the_disk_is_full_there_is_no_part_and_what_was_there_stays(
    desk: Desk,
) -> None:
    bad = [f"{BAD.replace('R-2', f'R-{number}')},{'x' * 1000}" for number in range(2, 300)]
    desk.write(f"{HEADER},remarks of the owner", *bad)
    desk.write("earlier", name="rows.csv.rejected.csv")
    result = await run(
        *("drafts", "import", "rows.csv"),
        program=("-c", LIMITED),
        environ=environment(desk.sandbox),
        cwd=desk.directory,
    )
    assert result.code == 2
    assert "cannot be written to rows.csv.rejected.csv: File too large." in result.err
    assert "What was there before is kept." in result.err
    assert "Correct them there" not in result.err
    assert desk.files == {"rows.csv", "rows.csv.journal", "rows.csv.rejected.csv"}
    assert desk.rejected() == "earlier"


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
@pytest.mark.parametrize("dry", [(), ("--dry-run", "--rejected", "rows.csv.rejected.csv")])
async def test_a_row_with_the_key_of_another_is_refused_until_it_has_one_of_its_own(
    desk: Desk, encoding: str, dry: tuple[str, ...]
) -> None:
    asked = () if encoding == "utf-8" else ("--encoding", encoding)
    other = GOOD.replace("1 Main Street", "99 \u00d6sterg\u00e5rd")
    desk.write(HEADER, GOOD, other, encoding=encoding)
    await desk.imports("rows.csv", *asked, *dry)
    await desk.imports("rows.csv", *asked, "--no-rejected")
    written = desk.rejected(encoding=encoding if asked else "utf-8-sig")
    [_, row] = list(csv.reader(written.splitlines()))
    assert row[0] != "R-1"
    assert row[6] == (
        "external_id: line 2 has the same one but says something else. "
        "Give the row an external_id of its own, and write 'ref' anew"
    )
    for name in ("rows.csv", "rows.csv.rejected.csv"):  # what is left of it is refused as well
        again = await desk.imports(f"{name}.rejected.csv", *asked)
        assert (again.code, again.summary["outcomes"]) == (1, {"rejected": 1})
        assert "column 'ref': 'R-1': it could not be used as it stood" in again.rows[0]["message"]
        assert "is missing" not in again.rows[0]["message"]
    desk.write(*written.replace(row[0], "R-9").splitlines(), name="new.csv", encoding=encoding)
    assert (await desk.imports("new.csv", *asked)).summary["outcomes"] == {"created": 1}
    assert made(desk.sandbox) == {"R-1": 1, "R-9": 1}


async def test_a_row_whose_derived_key_is_that_of_another_is_refused_until_it_is_changed(
    desk: Desk,
) -> None:
    header, good = f"{HEADER},notes".removeprefix("ref,"), GOOD.removeprefix("R-1,")
    desk.write(header, f"{good},one", f"{good},another")
    await desk.imports("rows.csv", "--derive-key")
    again = await desk.imports("rows.csv.rejected.csv", "--derive-key")
    assert again.summary["outcomes"] == {"rejected": 1}
    assert "column 'street': '1 Main Street': it could not" in again.rows[0]["message"]


async def test_of_a_record_with_too_many_cells_nothing_else_is_said(desk: Desk) -> None:
    desk.write(HEADER, f"{GOOD},more")
    result = await desk.imports()
    assert result.rows[0]["message"] == (
        "the record has 7 cells but the header has 6; a cell with the delimiter in it needs quotes"
    )


async def test_where_it_is_written_may_be_said_and_left_out(desk: Desk) -> None:
    desk.write(HEADER, BAD)
    await desk.imports("rows.csv", "--no-rejected")
    assert desk.files == {"rows.csv", "rows.csv.journal"}
    await desk.imports("rows.csv", "--dry-run")
    assert desk.files == {"rows.csv", "rows.csv.journal"}
    await desk.imports("rows.csv", "--dry-run", "--rejected", "faulty.csv")
    assert "nobody" in desk.rejected("faulty.csv")
    result = await desk.imports("rows.csv", "--rejected", "missing/faulty.csv")
    assert result.code == 2
    assert "cannot be written to missing/faulty.csv: No such file" in result.err
    assert "Traceback" not in result.err


async def test_those_of_json_lines_are_a_table_too(desk: Desk) -> None:
    desk.write(
        '{"external_id": 7, "street": "1 Main St", "city": "X", "country": "Y", '
        '"owner_email": "nobody", "add_ons": ["gla", "express_sla"]}',
        name="rows.jsonl",
    )
    await desk.imports("rows.jsonl")
    text = desk.rejected("rows.jsonl.rejected.csv")
    desk.write(*text.replace("nobody", "a@example.com").splitlines(), name="again.csv")
    result = await desk.imports("again.csv")
    assert result.summary["outcomes"] == {"created": 1}
    [entry] = desk.sandbox.ledger.of(CREATE)
    assert entry.body["add_ons"] == ["gla", "express_sla"]
    assert entry.body["external_id"] == "7"


async def test_a_run_that_is_stopped_leaves_what_it_has(desk: Desk) -> None:
    desk.sandbox.faults.add(Fault("status", operation=CREATE, status=401))
    desk.write(HEADER, BAD, GOOD)
    result = await desk.imports()
    assert result.code == 3
    await until(lambda: "rows.csv.rejected.csv" in desk.files)
    assert "nobody" in desk.rejected()
