"""Reads a safetensors header and checks it against a configuration, before memory is taken.

A hostile or damaged directory can state a vocabulary of billions or a header of gigabytes;
comparing shapes costs a few milliseconds and no memory.
"""

import json
import struct
from pathlib import Path
from typing import Any

from trainer.errors import BaseModelError

LARGEST_HEADER = 16 * 2**20
LARGEST_SIZES = {
    "vocab_size": 1_000_000,
    "hidden_size": 8192,
    "num_hidden_layers": 100,
    "num_attention_heads": 256,
    "intermediate_size": 65_536,
    "max_position_embeddings": 65_536,
    "type_vocab_size": 64,
}


def check_weights(path: Path, config: dict[str, Any], *, what: str) -> None:
    """Check that the weights' shapes are those that `config` states. Raises BaseModelError."""
    for name, largest in LARGEST_SIZES.items():
        value = config.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= largest:
            raise BaseModelError(
                f"config.json of {what} has {name} = {value!r}; expected 1 to {largest}"
            )
    shapes = read_shapes(path, what=what)
    hidden = config["hidden_size"]
    _expect(shapes, "embeddings.word_embeddings.weight", [config["vocab_size"], hidden], what)
    positions = [config["max_position_embeddings"], hidden]
    _expect(shapes, "embeddings.position_embeddings.weight", positions, what)
    top = config["num_hidden_layers"] - 1
    inner = [config["intermediate_size"], hidden]
    _expect(shapes, f"encoder.layer.{top}.intermediate.dense.weight", inner, what)


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
