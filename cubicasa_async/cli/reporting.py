"""What an import shows while it runs, and what it says at its end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console

from cubicasa_async.bulk.outcomes import WITHOUT_ROW, Rejected, RowOutcome, Unknown
from cubicasa_async.bulk.progress import Progress
from cubicasa_async.bulk.rejected import RejectedRows
from cubicasa_async.cli import output
from cubicasa_async.cli.common import INCOMPLETE, INTERRUPTED
from cubicasa_async.cli.stopping import Stop
from cubicasa_async.errors import ConfigError, CubiCasaError, InvalidInputError, JournalError

_LISTED = 200
_TELL_THEMSELVES = (ConfigError, InvalidInputError, JournalError)
"""Errors that say what is to be done: the same command may never work."""

_LONG_WAIT = 2.0
_SAME = timedelta(seconds=1)
_FINISHING = "Finishing what is under way. Press Ctrl-C again to stop at once."


class Report:
    """Takes the outcomes of a run, shows them, and tells the command's exit code.

    Args:
        rows: How many rows there are.
        as_json: Write a JSON line for each outcome, and one for the summary.
        kinds: The outcomes that the summary counts.
        journal: The job's journal, without any password; None if nothing is sent.
        rejected: Where rejected rows are written down, if anywhere.
    """

    def __init__(
        self,
        rows: int,
        *,
        as_json: bool,
        kinds: Iterable[type[RowOutcome]],
        journal: str | None,
        rejected: RejectedRows | None,
    ) -> None:
        self._rows = rows
        self._as_json = as_json
        self._kinds = tuple(kinds)
        self._journal = journal
        self._rejected = rejected
        self._counts: Counter[str] = Counter()
        self._listed: list[RowOutcome] = []
        self._waits = _Waits()
        self._console = Console(stderr=as_json)
        self._bar = output.JobBar(Console(stderr=True), rows)

    def finishing(self) -> None:
        """Say that the job was asked to end."""
        self._bar.say(_FINISHING)

    def progress(self, progress: Progress) -> None:
        """Show how far the job has come."""
        self._bar.show(progress)
        if (until := self._waits.told(progress)) is None:
            return
        self._bar.say(
            "Waiting for rows of another worker. If it shows no sign of life, they are taken over "
            f"at {output.shown_time(until)}."
        )
        if self._as_json:
            output.json_line({"type": "waiting", "until": until.isoformat()})

    async def take(self, outcomes: AsyncGenerator[RowOutcome], stop: Stop | None = None) -> int:
        """Take all outcomes; the exit code.

        Raises:
            CubiCasaError: The run ended with it; the summary was printed.
            OSError: The output cannot be written; if there is more, that was said.
        """
        stopped: CubiCasaError | None = None
        with self._bar:
            try:
                async with aclosing(outcomes):
                    async for outcome in outcomes:
                        self._take(outcome)
            except CubiCasaError as exc:
                stopped = exc
            except BrokenPipeError:  # whoever read it wants no more
                raise
            except OSError:
                self._console = Console(stderr=True)
                earlier, unwritten = self._finish_rejected()
                self._say_summary(earlier, again=True)
                if unwritten is not None:
                    self._say(str(unwritten))
                raise
            except asyncio.CancelledError:
                if stop is None or not stop.at_once:
                    raise
        unwritten = self._sum_up(again=not isinstance(stopped, _TELL_THEMSELVES))
        if stopped is not None and unwritten is not None:
            self._say(str(unwritten))
        if error := stopped or unwritten:
            raise error
        if stop is not None and stop.is_set():
            self._console.print("Interrupted. Run the same command again; it goes on from here.")
            return INTERRUPTED
        return INCOMPLETE if self._counts[Rejected.kind] or self._counts[Unknown.kind] else 0

    def _take(self, outcome: RowOutcome) -> None:
        self._counts[outcome.kind] += 1
        self._bar.done(self._of_rows())
        if self._as_json:
            output.json_line(output.outcome_fields(outcome))
        elif outcome.message and len(self._listed) < _LISTED:
            self._listed.append(outcome)
        if self._rejected is not None and isinstance(outcome, Rejected):
            try:
                self._rejected.add(outcome)
            except OSError as exc:
                raise _unwritable(self._rejected, exc) from None

    def _of_rows(self) -> int:
        """How many rows have an outcome. A draft without a row counts for none."""
        return self._counts.total() - sum(self._counts[cls.kind] for cls in WITHOUT_ROW)

    def _sum_up(self, *, again: bool) -> ConfigError | None:
        """Say what became of the rows; gives what hindered writing down the rejected ones."""
        earlier, unwritten = self._finish_rejected()
        if self._as_json:
            summary = {"type": "summary", "rows": self._rows, "outcomes": dict(self._counts)}
            output.json_line({**summary, "not reached": self._unreached, "journal": self._journal})
        elif self._listed:
            self._console.print(output.outcome_table(self._listed))
            if len(self._listed) == _LISTED:
                self._say("There may be more; --json lists every row.")
        self._say_summary(earlier, again=again)
        return unwritten

    def _finish_rejected(self) -> tuple[Path | None, ConfigError | None]:
        """Where the file of rejected rows is now that was there before, and what went wrong."""
        if self._rejected is None:
            return None, None
        try:
            return self._rejected.finish(), None
        except OSError as exc:
            return None, _unwritable(self._rejected, exc)

    @property
    def _unreached(self) -> int:
        return max(0, self._rows - self._of_rows())

    def _say_summary(self, earlier: Path | None, *, again: bool) -> None:
        """Say how it went; `again` if the same command goes on from there."""
        self._say(f"Of {self._rows} rows: {output.counted(self._counts, self._kinds)}.")
        if self._unreached:
            advice = " Run the same command again." if again else ""
            self._say(f"{self._unreached} rows were not reached.{advice}")
        if self._rejected is not None and self._rejected.count:
            place = output.shown_path(self._rejected.path)
            self._say(f"Rejected rows: {place}. Correct them there, and import that file.")
        if earlier is not None:
            place = output.shown_path(earlier)
            self._say(f"The file of rejected rows that was there before is {place} now.")
        if self._journal is not None:
            self._say(f"Journal: {self._journal}")

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)


class _Waits:
    """When to tell that rows of another worker are waited for: not of the few last moments."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._told: datetime | None = None

    def told(self, progress: Progress) -> datetime | None:
        """Until when, if that is to be told now; once for each sign of life of the other."""
        if progress.until is None:
            self._since = None
            return None
        self._since = progress.elapsed if self._since is None else self._since
        if progress.elapsed - self._since < _LONG_WAIT:
            return None
        if self._told is not None and progress.until - self._told < _SAME:
            return None
        self._told = progress.until
        return progress.until


def _unwritable(rejected: RejectedRows, exc: OSError) -> ConfigError:
    return ConfigError(
        f"Rejected rows cannot be written to {rejected.path}: {exc.strerror}. What was there "
        "before is kept. Name another file with --rejected, or leave it out with --no-rejected."
    )
