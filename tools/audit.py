"""Ask OSV (osv.dev) whether anything in the locks has a known weakness; `make check` does.

One request with all names and versions, as pip-audit makes them, but without its twenty
dependencies. Where OSV cannot be reached the answer is a note, not a failure: a network that is
down says nothing about the code.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-cuda.lock")
TIMEOUT = 10
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)
# Advisories that do not concern us: the id, and why. An entry that nothing needs any more fails.
IGNORED: dict[str, str] = {}


def pins() -> list[tuple[str, str]]:
    """Return every package of the locks with its version."""
    return [pin for name in LOCKS for pin in _PIN.findall((ROOT / name).read_text("utf-8"))]


def ask(packages: list[tuple[str, str]], service: str) -> dict[str, list[str]]:
    """Return the advisories of each "name==version" that has any. Raises OSError, ValueError."""
    queries = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version}
        for name, version in packages
    ]
    request = urllib.request.Request(  # noqa: S310 - https, or a test's own server
        f"{service}/v1/querybatch",
        json.dumps({"queries": queries}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT) as reply:  # noqa: S310
        results = json.load(reply)["results"]
    if len(results) != len(packages):
        raise ValueError(f"{len(results)} answers to {len(packages)} questions")
    return {
        f"{name}=={version}": [one["id"] for one in result["vulns"]]
        for (name, version), result in zip(packages, results, strict=True)
        if result.get("vulns")
    }


def main() -> int:
    """Print what was found; 1 for a weakness that nobody has looked at."""
    packages = pins()
    try:
        found = ask(packages, os.environ.get("RELABEL_OSV", "https://api.osv.dev"))
    except (OSError, ValueError, KeyError) as error:
        reason = getattr(error, "reason", error)
        print(f"not audited: the advisories cannot be reached from here ({reason})")
        return 0
    known = {one for ids in found.values() for one in ids}
    open_ = {name: [one for one in ids if one not in IGNORED] for name, ids in found.items()}
    for name, ids in open_.items():
        if ids:
            sys.stderr.write(f"{name} has known weaknesses: {', '.join(ids)}; update it\n")
    for one in sorted(set(IGNORED) - known):
        sys.stderr.write(f"{one} concerns nothing here any more; take it out of IGNORED\n")
    print(f"audited {len(packages)} packages: {len(known)} advisories, {len(IGNORED)} ignored")
    return 1 if any(open_.values()) or set(IGNORED) - known else 0


if __name__ == "__main__":
    sys.exit(main())
