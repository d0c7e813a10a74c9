"""Reads a safetensors header and checks it against a configuration, before memory is taken.

A hostile or damaged directory can state a vocabulary of billions or a header of gigabytes;
comparing shapes costs a few milliseconds and no memory.
"""

import json
import struct
from pathlib import Path
from typing import Any

from trainer.architectures import Architecture, architecture_of
from trainer.errors import BaseModelError

LARGEST_HEADER = 16 * 2**20
LARGEST_SIZES = {
    "vocab_size": 1_000_000,
    "max_position_embeddings": 65_536,
}
LARGEST_WIDTH, LARGEST_DEPTH, LARGEST_HEADS, LARGEST_INNER = 8192, 100, 256, 65_536
LARGEST_TYPES = 64


def check_weights(path: Path, config: dict[str, Any], *, what: str) -> None:
    """Check that the weights' shapes are those that `config` states. Raises BaseModelError."""
    kind = architecture_of(config)
    for name, largest in _largest_sizes(kind).items():
        value = config.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= largest:
            raise BaseModelError(
                f"config.json of {what} has {name} = {value!r}; expected 1 to {largest}"
            )
    shapes = read_shapes(path, what=what)
    width = config[kind.width]
    narrow = config[kind.narrow or kind.width]
    _expect(shapes, kind.words, [config["vocab_size"], narrow], what)
    if kind.positions:
        _expect(shapes, kind.positions, [config["max_position_embeddings"], narrow], what)
    inner = config[kind.inner] * (2 if kind.gated else 1)
    _expect(shapes, kind.top.format(config[kind.depth] - 1), [inner, width], what)


def _largest_sizes(kind: Architecture) -> dict[str, int]:
    sizes = {
        **LARGEST_SIZES,
        kind.width: LARGEST_WIDTH,
        kind.depth: LARGEST_DEPTH,
        kind.heads: LARGEST_HEADS,
        kind.inner: LARGEST_INNER,
    }
    if kind.narrow:
        sizes[kind.narrow] = LARGEST_WIDTH
    if kind.type_rows:
        sizes[kind.type_rows] = LARGEST_TYPES
    return sizes


def read_shapes(path: Path, *, what: str) -> dict[str, list[int]]:
    """Shape of each tensor in a safetensors file. Raises BaseModelError if it is not whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(LARGEST_HEADER, size - 8):
            raise BaseModelError(f"{path.name} of {what} is damaged: its header cannot be read")
        raw = file.read(length)
    try:
        header = json.loads(raw)
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = max(entry["data_offsets"][1] for entry in tensors.values())
        shapes = {name: [int(side) for side in entry["shape"]] for name, entry in tensors.items()}
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise BaseModelError(f"{path.name} of {what} is damaged: its header is no index") from None
    if 8 + length + end != size:
        raise BaseModelError(
            f"{path.name} of {what} holds {size} bytes and should hold {8 + length + end}; "
            "copy it again"
        )
    return shapes


def _expect(shapes: dict[str, list[int]], ending: str, shape: list[int], what: str) -> None:
    found = [value for name, value in shapes.items() if name.endswith(ending)]
    if shape not in found:
        stated = found[0] if found else "no such tensor"
        raise BaseModelError(
            f"the weights of {what} do not fit its config.json: {ending} should be {shape}, "
            f"the file has {stated}"
        )
