"""Fine-tuning speed and macro-F1: ours, the course notebook's loop, transformers.Trainer.

    python -m benchmarks.training DATA.csv [--limit 2000] [--threads 2] [--out FILE]
    python -m benchmarks.training DATA.csv --enough 1500     # speeds on the whole file, no scores
    python -m benchmarks.training DATA.csv --seed 1          # another draw of splits and weights
    python -m benchmarks.training DATA.csv --train-limit 1600 --epochs 3     # scores, in minutes

The arms take turns within one run, each in a process of its own. Prints one JSON object. Wanted on
two cores with bfloat16 instructions: 4 times the notebook's tweets a second, 2.5 times the
Trainer's, no lower macro-F1.
DATA has a text and a label column; splits are drawn per duplicate group.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.arithmetic import flops_of_a_text, matrix_rates, mean_rates
from benchmarks.corpus import learn_from_fewer, read_examples
from benchmarks.turns import Arm, serve, take_turns
from trainer.base_model import find_base_model
from trainer.callbacks import NullCallbacks, StepReport
from trainer.config import CHOICES, TrainConfig
from trainer.data import Example, label_indices, of_split
from trainer.families import FAMILIES, load_tokenizer
from trainer.metrics import evaluate
from trainer.precision import gains_from_bf16
from trainer.quiet import quiet_transformers
from trainer.train import train

NOTEBOOK_LENGTH, NOTEBOOK_BATCH, NOTEBOOK_RATE, NOTEBOOK_EPOCHS = 64, 64, 5e-4, 7


class Bench:
    """The data, and what all arms need of it."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.examples, self.labels = read_examples(
            arguments.data,
            text_column=arguments.text_column,
            label_column=arguments.label_column,
            limit=arguments.limit,
            seed=arguments.seed,
        )
        if arguments.train_limit:
            self.examples = learn_from_fewer(
                self.examples, arguments.train_limit, seed=arguments.seed
            )
        self.seed: int = arguments.seed
        self.label_map = [label.value for label in self.labels]
        self.epochs: int | None = arguments.epochs
        self.base = find_base_model(TrainConfig().base_model)
        self.links: str = arguments.links  # as ours reads them
        self.tokenizer = load_tokenizer(self.base.directory, self.base.config, links="whole")

    def split(self, name: str) -> tuple[list[str], list[int]]:
        """Texts and label positions of one split."""
        chosen = of_split(self.examples, name)
        return [example.text for example in chosen], label_indices(chosen, self.label_map)

    def fresh_model(self) -> Any:
        """The base model with a new head, as transformers makes it."""
        torch.manual_seed(self.seed)
        with quiet_transformers():
            return FAMILIES["bert"].classifier.from_pretrained(
                self.base.directory, num_labels=len(self.label_map), dtype=torch.float32
            )

    def scores(self, model: Any) -> dict[str, float]:
        """Test scores of a transformers model, judged alike for every arm."""
        chosen = of_split(self.examples, "test")
        model.eval()
        rows = []
        with torch.no_grad():
            for start in range(0, len(chosen), 64):
                texts = [example.text for example in chosen[start : start + 64]]
                batch = self.tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
                rows.append(model(**batch).logits.softmax(-1).numpy())
        return judged(np.concatenate(rows), chosen, self.label_map)


def judged(
    probabilities: np.ndarray[Any, Any], chosen: list[Example], label_map: list[str]
) -> dict[str, float]:
    """Macro-F1 and accuracy of probabilities on examples."""
    truth, groups = [e.label for e in chosen], [e.group for e in chosen]
    found = evaluate(probabilities, truth, label_map, groups=groups, resamples=0)
    return {"macro_f1": round(found.macro_f1, 4), "accuracy": round(found.accuracy, 4)}


def ours(bench: Bench) -> Callable[[Arm], dict[str, float]]:
    """This program's defaults."""

    def work(arm: Arm) -> dict[str, float]:
        size = len(of_split(bench.examples, "train"))
        config = TrainConfig(seed=bench.seed, links=bench.links)
        if bench.epochs is not None:
            config = replace(config, epochs=bench.epochs)

        class Measured(NullCallbacks):
            def on_start(self, total_steps: int) -> None:
                self.per_epoch = total_steps // config.epochs
                arm.start_clock()

            def on_step(self, report: StepReport) -> None:
                place = (report.step - 1) % self.per_epoch + 1
                share = size / self.per_epoch  # identical texts are merged: steps differ in tweets
                arm.step(round(place * share) - round((place - 1) * share))
                if place == self.per_epoch:
                    arm.stop_clock()

            def on_epoch(self, report: object) -> None:
                arm.start_clock()

            def should_stop(self) -> bool:
                return False

        with tempfile.TemporaryDirectory() as folder:
            trained = train(
                bench.examples,
                bench.labels,
                config,
                work=Path(folder),
                cache=Path(folder),
                callbacks=Measured(),
            )
        test = of_split(bench.examples, "test")
        return judged(trained.predictions["test"].probabilities, test, bench.label_map)

    return work


def notebook(bench: Bench) -> Callable[[Arm], dict[str, float]]:
    """The notebook's loop: float32, every tweet padded to 64 tokens and cut there, SGD."""

    def work(arm: Arm) -> dict[str, float]:
        texts, targets = bench.split("train")
        rows = np.zeros((len(texts), NOTEBOOK_LENGTH), dtype=np.int64)
        for row, ids in zip(rows, bench.tokenizer(texts)["input_ids"], strict=True):
            row[: len(ids)] = ids[:NOTEBOOK_LENGTH]  # cuts [SEP] off, as it stands
        ids, wanted = torch.from_numpy(rows), torch.tensor(targets)
        model = bench.fresh_model().train()
        optimizer = torch.optim.SGD(model.parameters(), lr=NOTEBOOK_RATE)
        for _ in range(bench.epochs or NOTEBOOK_EPOCHS):
            order = torch.randperm(len(texts))
            arm.start_clock()
            for batch in order.split(NOTEBOOK_BATCH):
                optimizer.zero_grad()
                inputs = ids[batch]
                mask = (inputs != 0).long()
                model(input_ids=inputs, attention_mask=mask, labels=wanted[batch]).loss.backward()
                optimizer.step()
                arm.step(len(batch))
            arm.stop_clock()
        return bench.scores(model)

    return work


def hugging_face(bench: Bench) -> Callable[[Arm], dict[str, float]]:
    """transformers.Trainer as it comes: float32, batches of 8, padded per batch, AdamW."""

    def work(arm: Arm) -> dict[str, float]:
        from transformers import Trainer, TrainerCallback, TrainingArguments

        texts, targets = bench.split("train")
        encoded = bench.tokenizer(texts, truncation=True)["input_ids"]
        data = [
            {"input_ids": ids, "label": target}
            for ids, target in zip(encoded, targets, strict=True)
        ]

        class Measured(TrainerCallback):  # type: ignore[misc]
            def on_train_begin(self, *_: Any, **__: Any) -> None:
                arm.start_clock()

            def on_step_end(self, *_: Any, **__: Any) -> None:
                arm.step(8)

            def on_train_end(self, *_: Any, **__: Any) -> None:
                arm.stop_clock()

        with tempfile.TemporaryDirectory() as folder:
            settings = TrainingArguments(
                output_dir=folder,
                num_train_epochs=bench.epochs or 3,
                save_strategy="no",
                disable_tqdm=True,
                logging_strategy="no",
                seed=bench.seed,
                use_cpu=not torch.cuda.is_available(),
            )
            trainer = Trainer(
                model=bench.fresh_model(),
                args=settings,
                train_dataset=data,
                processing_class=bench.tokenizer,
                callbacks=[Measured()],
            )
            trainer.train()
        return bench.scores(trainer.model)

    return work


def summary(bench: Bench, arms: dict[str, Any], rates: dict[str, float]) -> dict[str, Any]:
    """The report. share_of_bf16_gemm: of the rate of a bare matrix product on this machine."""
    texts, _ = bench.split("train")
    own = load_tokenizer(bench.base.directory, bench.base.config, links=bench.links)
    work = {
        name: 3 * flops_of_a_text(bench.base.config, tokenizer, texts) / 1e9
        for name, tokenizer in {**dict.fromkeys(arms, bench.tokenizer), "ours": own}.items()
    }
    wall = {name: arm["tweets"] / arm["wall"] for name, arm in arms.items()}
    cpu = {name: arm["tweets"] / arm["cpu"] for name, arm in arms.items()}
    return {
        "splits": {
            name: len(of_split(bench.examples, name)) for name in ("train", "validation", "test")
        },
        "threads": torch.get_num_threads(),
        "gains_from_bf16": gains_from_bf16(),
        "gemm_gflops": rates,
        "arms": {
            name: {
                "test": arm.pop("result"),
                **arm,
                "share_of_bf16_gemm": round(work[name] * wall[name] / rates["bf16"], 3),
            }
            for name, arm in arms.items()
        },
        "speedup": {
            name: {
                "wall": round(wall["ours"] / wall[name], 2),
                "cpu": round(cpu["ours"] / cpu[name], 2),
            }
            for name in arms
            if name != "ours" and "ours" in arms
        },
    }


def main() -> None:
    """Run the arms by turns and print what they did."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--text-column", default="message")
    parser.add_argument("--label-column", default="sentiment")
    parser.add_argument("--limit", type=int, help="about so many tweets, all splits together")
    parser.add_argument("--train-limit", type=int, help="about so many to learn from, test whole")
    parser.add_argument("--epochs", type=int, help="of every arm; default: each arm's own")
    parser.add_argument("--seed", type=int, default=0, help="of splits, heads and batches")
    parser.add_argument("--links", choices=CHOICES["links"], default=TrainConfig().links)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--turn", type=int, default=256, help="tweets an arm holds the turn for")
    parser.add_argument("--enough", type=int, help="stop each arm after so many tweets")
    parser.add_argument("--arms", nargs="+", choices=sorted(ARMS), default=list(ARMS))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", choices=sorted(ARMS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    bench = Bench(arguments)
    if arguments.only:
        arm = Arm(arguments.only, ARMS[arguments.only](bench))
        serve(arm, turn=arguments.turn, enough=arguments.enough)
        return
    before = matrix_rates(bench.base.config)
    mine = {name: name == "ours" for name in arguments.arms}
    arms = take_turns("benchmarks.training", mine, sys.argv[1:])
    rates = mean_rates(before, matrix_rates(bench.base.config))
    text = json.dumps(summary(bench, arms, rates), indent=1)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")
    print(text)


ARMS = {"ours": ours, "notebook": notebook, "trainer": hugging_face}

if __name__ == "__main__":
    main()
