"""Pin everything that runs, with hashes: `python tools/lock.py` writes, `--check` compares.

requirements.txt names what Relabel uses. requirements.lock holds that and all it needs, for every
platform, each file by its SHA-256; `make run` installs nothing else. requirements-cuda.lock holds
the libraries that PyPI's build of torch for Linux needs and its CPU build does not.
"""

import argparse
import hashlib
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "requirements.txt"
LOCK = ROOT / "requirements.lock"
CUDA = ROOT / "requirements-cuda.lock"
_CUDA = re.compile(r"(nvidia|cuda)-|triton=")
# PyTorch's own index has builds without CUDA, which PyPI does not know: their hashes stand in
# requirements-cpu.lock, by hand. `make` takes such a build where pip finds it.
CPU = ROOT / "requirements-cpu.lock"


def digest() -> str:
    """Return what ties a lock to the requirements it was made from."""
    lines = [line.strip() for line in SOURCE.read_text(encoding="utf-8").splitlines()]
    wanted = sorted(line for line in lines if line and not line.startswith("#"))
    return hashlib.sha256("\n".join(wanted).encode()).hexdigest()


def blocks(text: str) -> list[str]:
    """Cut a lock into its requirements, each with its hashes."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found: list[str] = []
    for line in lines:
        if line.startswith(" "):
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


def write() -> None:
    """Resolve anew, with uv (pip install uv), and write both locks."""
    command = [sys.executable, "-m", "uv", "pip", "compile", str(SOURCE), "--quiet"]
    command += ["--universal", "--generate-hashes", "--python-version", "3.11"]
    command += ["--no-header", "--no-annotate"]
    resolved = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    runtime, cuda = [], []
    for block in blocks(resolved):
        (cuda if _CUDA.match(block) else runtime).append(block)
    head = f"# Made by tools/lock.py; do not edit.\n# requirements.txt: {digest()}\n"
    for file, kept in ((LOCK, runtime), (CUDA, cuda)):
        file.write_text(head + "\n".join(kept) + "\n", encoding="utf-8")


def problems() -> list[str]:
    """Return what is wrong with the locks as they stand, each with the next step."""
    found = []
    for file in (LOCK, CUDA):
        text = file.read_text(encoding="utf-8")
        if digest() not in text:
            found.append(f"{file.name} was not made from this requirements.txt: make lock")
        for block in blocks(text):
            name = block.split(" ", 1)[0]
            if "==" not in name:
                found.append(f"{file.name}: {name} is not pinned: make lock")
            if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", block):
                found.append(f"{file.name}: {name} has no hash: make lock")
    torch = re.search(r"^torch==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if torch is None or f"torch=={torch[1]}+cpu " not in CPU.read_text(encoding="utf-8"):
        found.append(f"{CPU.name} is not of the locked version of torch; write its hashes there")
    return found


def main() -> int:
    """Write the locks, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, change nothing")
    if not parser.parse_args().check:
        write()
    found = problems()
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
