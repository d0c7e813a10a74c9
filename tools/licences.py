"""List the licence of everything that runs: `python tools/licences.py` writes docs/licences.md.

`--check` compares instead, and fails for a licence that is not permissive or not known.
"""

import argparse
import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", re.MULTILINE)
# Words of a licence's name, each permissive. MPL-2.0 asks for the source of its own files only.
PERMISSIVE = re.compile(
    r"\b(MIT|MIT-CMU|BSD|0BSD|Apache|ISC|PSF|Python Software Foundation|HPND|Unlicense|Zlib|zlib|"
    r"MPL-2\.0|Mozilla Public License 2\.0|CC0|CNRI-Python|BSL|Public Domain)\b"
)
COPYLEFT = re.compile(r"\b(A?GPL|LGPL|GNU|SSPL|EUPL|CC-BY-NC|proprietary)\b", re.IGNORECASE)
# What the packages' own metadata says badly, looked up in the licence file that they ship.
KNOWN: dict[str, str] = {"pysqlite3": "Zlib"}
HEAD = """# Licences

Everything that `requirements.lock` installs, as its own metadata says (made by
`python tools/licences.py`; a test compares). All are permissive but those of certifi and, in part,
tqdm, which are under the MPL-2.0: weak copyleft, which asks for the source of their own files only,
where changed ones are passed on. What is for other platforms only, and CUDA's libraries
(`requirements-cuda.lock`: NVIDIA's own licence, needed by PyPI's build of torch for Linux only),
are not listed. Model weights: see [dependencies](decisions/0002-dependencies.md).

| package | licence |
|---|---|
"""


def licence_of(name: str) -> str:
    """Return a package's licence in one line, "" where its metadata does not say."""
    if name in KNOWN:
        return KNOWN[name]
    facts = metadata(name)
    if said := facts.get("License-Expression"):
        return str(said)
    prefix = "License :: "
    listed = [
        line.rsplit(" :: ", 1)[1]
        for line in facts.get_all("Classifier") or []
        if line.startswith(prefix) and line != f"{prefix}OSI Approved"
    ]
    short = (facts.get("License") or "").strip().splitlines()
    return "; ".join(listed) or (short[0][:80] if short else "")


def found() -> dict[str, str]:
    """Return the licence of every package of the lock that is installed here."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    licences: dict[str, str] = {}
    for name in sorted(set(_NAME.findall(lock)), key=str.lower):
        try:
            licences[name] = licence_of(name)
        except PackageNotFoundError:
            continue  # for another platform
    return licences


def problems(licences: dict[str, str]) -> list[str]:
    """Return the packages whose licence is not known to be permissive."""
    return [
        f"{name}: {licence or 'no licence named'}; look at its files, then leave it or add it to "
        "KNOWN in tools/licences.py"
        for name, licence in licences.items()
        if not PERMISSIVE.search(licence) or COPYLEFT.search(licence)
    ]


def page(licences: dict[str, str]) -> str:
    """Return the page."""
    return HEAD + "".join(f"| {name} | {licence} |\n" for name, licence in licences.items())


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, change nothing")
    licences = found()
    wrong = problems(licences)
    if parser.parse_args().check:
        listed = PAGE.read_text(encoding="utf-8")
        wrong += [
            f"{name} is not in docs/licences.md as {licence!r}: make lock"
            for name, licence in licences.items()
            if f"| {name} | {licence} |\n" not in listed
        ]
    else:
        PAGE.write_text(page(licences), encoding="utf-8")
    for one in wrong:
        sys.stderr.write(f"{one}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
