"""What the stress tests did and lost: one table on the terminal, one JSON file."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Row:
    """One stress test. done: what was done how often; lost: what must stay 0; notes: figures."""

    test: str
    what: str = ""
    done: dict[str, Any] = field(default_factory=dict)
    lost: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0

    @property
    def result(self) -> str:
        if self.failed:
            return "FAILED"
        return "passed" if self.passed else "skipped"


class Results:
    """The rows of one run, by test number."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.rows: dict[str, Row] = {}

    def row(self, test: str) -> Row:
        return self.rows.setdefault(test, Row(test))

    def table(self) -> str:
        """Return the table, in order of the test numbers."""
        cells = [("test", "result", "s", "done", "lost")]
        for row in self._sorted():
            cells.append(
                (
                    f"{row.test} {row.what}".strip(),
                    row.result,
                    f"{row.seconds:.0f}",
                    _words({**row.done, **row.notes}),
                    _words(row.lost) or "-",
                )
            )
        widths = [max(len(line[place]) for line in cells) for place in range(3)]
        return "\n".join(
            "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False))])
            + f"  {line[3]}  |  {line[4]}"
            for line in cells
        )

    def write(self, path: Path) -> None:
        """Write all rows as one JSON object."""
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [{**asdict(row), "result": row.result} for row in self._sorted()]
        path.write_text(json.dumps({"mode": self.mode, "tests": rows}, indent=1, default=str))

    def _sorted(self) -> list[Row]:
        return sorted(self.rows.values(), key=lambda row: int(row.test[1:]))


def _words(values: dict[str, Any]) -> str:
    return ", ".join(
        f"{value:,} {name}" if isinstance(value, int) else f"{name} {value}"
        for name, value in values.items()
    )
