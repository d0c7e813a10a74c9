"""One of several processes that train together: python process_group.py BASE OUT."""

import os
import sys
from pathlib import Path

from safetensors.torch import save_file

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

from tiny_models import make_examples  # noqa: E402

from trainer.callbacks import NullCallbacks  # noqa: E402
from trainer.config import TrainConfig  # noqa: E402
from trainer.finetune import fine_tune  # noqa: E402


def main(base: str, out: Path) -> None:
    config = TrainConfig(
        base_model=base,
        epochs=2,
        learning_rate=0.1,
        optimizer="sgd",
        batch_size=8,
        max_length=32,
        threads=1,
        precision="fp32",
    )
    trained = fine_tune(
        make_examples(81),
        ["-1", "0", "1", "2"],
        config,
        work=out / "work",
        cache=out / "cache",
        callbacks=NullCallbacks(),
    )
    place = int(os.environ.get("RANK", "0"))
    save_file(trained.network.state_dict(), out / f"weights-{place}.safetensors")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
