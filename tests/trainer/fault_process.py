"""Trains in forked children, each killed at one named point and then resumed; prints JSON.

Imports once and forks, because importing torch takes longer than the training itself.
"""

import hashlib
import json
import os
import sys
import traceback
from pathlib import Path

from tiny_models import make_examples

from trainer.artifacts import publish
from trainer.config import TrainConfig
from trainer.data import LabelInfo
from trainer.predict import load_classifier
from trainer.train import train


def work(root: Path, config: TrainConfig) -> None:
    labels = [LabelInfo(value, value) for value in ("-1", "0", "1", "2")]
    trained = train(make_examples(80), labels, config, work=root / "work", cache=root / "cache")
    published = publish(root / "models", trained.write, {})
    (root / "published").write_text(f"{published.directory}\n{published.manifest_sha256}")


def check(root: Path) -> None:
    """Whatever has a final name must be complete; the digest of a published model is kept."""
    for directory in (root / "models").glob("[!.]*"):
        load_classifier(directory)
    if (root / "published").exists():
        directory, manifest = (root / "published").read_text().split("\n")
        load_classifier(Path(directory), manifest_sha256=manifest)
        digest = hashlib.sha256()
        for name in ("model.safetensors", "head.safetensors"):
            digest.update((Path(directory) / name).read_bytes())
        (root / "digest").write_text(digest.hexdigest())


def forked(function, *arguments, fault=""):
    """Run in a child; returns its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        os.environ["RELABEL_FAULT"] = fault
        try:
            function(*arguments)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    root, config = Path(sys.argv[1]), TrainConfig.from_json(json.loads(sys.argv[2]))
    results = {}
    for fault in ["", *sys.argv[3:]]:
        place = root / (fault or "uninterrupted")
        (place / "models").mkdir(parents=True)
        codes = [forked(work, place, config, fault=fault)] if fault else []
        codes.append(forked(check, place))
        codes.append(forked(work, place, config))
        codes.append(forked(check, place))
        results[fault] = {"codes": codes, "digest": (place / "digest").read_text()}
    print(json.dumps(results))


if __name__ == "__main__":
    main()
