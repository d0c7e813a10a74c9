"""T9: ids beyond 2**53, padded with zeros, quoted: text from end to end, never a number.

Seen to fail when labeling.row_checks put ids through float().
"""

import csv
import random
from pathlib import Path

from imports import HEADER, bring, climate_store, rejects_of, texts_of
from scale import amount

from labeling.exporting import export
from labeling.row_checks import looks_rounded


def test_ids_are_the_same_after_import_export_and_import(tmp_path: Path, tell) -> None:
    rng = random.Random(9)
    count = amount(1_000, 10_000)
    ids = {str(rng.randrange(2**53, 2**63)) for _ in range(count)}
    ids |= {f"{number:020d}" for number in range(1, 50)}  # zeros in front are part of an id
    rows = [
        f"1,text {n},{one if n % 2 else chr(34) + one + chr(34)}\n" for n, one in enumerate(ids)
    ]
    spoilt = [f"{float(one):.6E}" for one in list(ids)[:200]]
    rows += [f"1,spoilt,{one}\n" for one in spoilt]
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    engine = climate_store(tmp_path / "first")
    report = bring((HEADER + "".join(rows)).encode(), tmp_path / "in.csv", engine)
    refused = len(rejects_of(engine))
    out = tmp_path / "out.csv"
    export(out, engine=engine, project_name="climate", rows="all")
    with out.open(newline="", encoding="utf-8") as file:
        exported = {row["tweetid"] for row in csv.DictReader(file)}
    again = climate_store(tmp_path / "second")
    bring(out.read_bytes(), tmp_path / "again.csv", again)
    lost = {
        "changed in the store": len(ids ^ set(texts_of(engine))),
        "changed in the export": len(ids ^ exported),
        "changed by the second import": len(ids ^ set(texts_of(again))),
        "E notation let in": len(spoilt) - refused,
    }
    engine.dispose()
    again.dispose()
    rounded = ["1" + "0" * 16, "12345678901234000", "1290000000000000000"]
    assert all(looks_rounded(one) for one in rounded)
    tell("ids", done={"ids": len(ids), "E notations": len(spoilt)}, lost=lost)
    assert lost == dict.fromkeys(lost, 0), report
