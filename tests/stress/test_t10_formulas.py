"""T10: no cell of a text column starts a formula in a spreadsheet, and the import gives back
what the export was given.

Seen to fail when labeling.formula escaped without counting the apostrophes that were there.
"""

import csv
import itertools
import random
from pathlib import Path

from imports import climate_store, texts_of
from scale import amount

from labeling.exporting import export
from labeling.formula import escape, unescape
from labeling.importing import import_file

SIGNS = "=+-@\t\r\n＝＋－＠"
BODIES = ["1+1", "cmd|' /C calc'!A0", 'HYPERLINK("http://evil.example","x")', "SUM(A1:A9)", "x"]
BEFORE = ["", "'", "''", " ", "\ufeff"]
CORPUS = ["".join(parts) for parts in itertools.product(BEFORE, SIGNS, BODIES)]


def dangerous(cell: str) -> bool:
    """Tell whether a spreadsheet might run a cell."""
    return cell.startswith(("\t", "\r", "\n")) or cell.lstrip().startswith(tuple("=+-@＝＋－＠"))


def test_texts_come_back_and_no_cell_is_a_formula(tmp_path: Path, tell) -> None:
    rng = random.Random(10)
    alphabet = "'" * 4 + SIGNS * 2 + " ab1\ufeff\u200b"
    strings, mismatches, unsafe = amount(20_000, 300_000), 0, 0
    for _ in range(strings):
        text = "".join(rng.choices(alphabet, k=rng.randint(0, 9)))
        mismatches += unescape(escape(text)) != text
        unsafe += dangerous(escape(text))
    cells, changed, ids = through_files(tmp_path)
    lost = {
        "mismatches": mismatches + changed,
        "dangerous cells": unsafe + cells,
        "ids or labels touched": ids,
    }
    tell("formulas", done={"formulas": len(CORPUS), "random strings": strings}, lost=lost)
    assert lost == dict.fromkeys(lost, 0)


def through_files(tmp_path: Path) -> tuple[int, int, int]:
    """Import, export and import the corpus; count dangerous cells, changed texts, odd ids."""
    expected = {str(number): text for number, text in enumerate(CORPUS) if text.strip()}
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    with source.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["sentiment", "message", "tweetid"])
        writer.writerows(["-1", text, number] for number, text in expected.items())
    stores = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        stores.append(climate_store(tmp_path / name))
    import_file(source, engine=stores[0], project_name="climate")
    export(out, engine=stores[0], project_name="climate", rows="all")
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    import_file(out, engine=stores[1], project_name="climate")
    found = texts_of(stores[1])
    for store in stores:
        store.dispose()
    cells = sum(dangerous(row["message"]) for row in rows)
    odd = sum(row["sentiment"] != "-1" or row["tweetid"] not in expected for row in rows)
    changed = sum(found.get(number) != text for number, text in expected.items())
    return cells, changed, odd
