"""The loop itself: it learns, it trains what it should, it judges as it is used."""

import os
import platform
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tiny_models import make_examples

from trainer.base_model import find_base_model
from trainer.batching import pad, training_batches
from trainer.callbacks import NullCallbacks
from trainer.checkpoints import Checkpoints
from trainer.errors import DivergedError
from trainer.families import FAMILIES, load_encoder, load_tokenizer
from trainer.finetune import training_set
from trainer.loop import TIDY_EVERY, Loop
from trainer.memory import give_back
from trainer.network import build_classifier
from trainer.train import train

LABELS = ["-1", "0", "1", "2"]


def make_loop(config, examples, tmp_path, *, validate=lambda: None, callbacks=None):
    """A loop on the tiny model, ready to step."""
    base = find_base_model(config.base_model)
    encoder = load_encoder(base.directory, base.config, dropout=config.dropout)
    network = build_classifier(encoder, config, len(LABELS))
    tokenizer = load_tokenizer(base.directory, base.config)
    data = training_set(examples, LABELS, config, tokenizer=tokenizer, max_length=32)
    return Loop(
        network,
        data,
        config,
        validate=validate,
        checkpoints=Checkpoints(tmp_path / "checkpoints", "any"),
        callbacks=callbacks or NullCallbacks(),
    )


def test_it_overfits_32_tweets(quick, tmp_path, recorder):
    examples = [replace(example, split="train") for example in make_examples(32)]
    watch = recorder()
    loop = make_loop(replace(quick, epochs=30), examples, tmp_path, callbacks=watch)
    loop.run()
    loop.network.eval()
    with torch.no_grad():
        logits = loop.network(pad(list(loop.data.ids), loop.data.pad_id))
    assert logits.argmax(1).tolist() == loop.data.targets.tolist()
    assert watch.steps[0].loss > 1.0
    assert watch.steps[-1].loss < 0.05


@pytest.mark.parametrize(
    ("trained_layers", "pooling", "moving"),
    [
        ("all", "mean", {"embeddings", "layer.0", "layer.1", "head"}),
        ("no_embeddings", "mean", {"layer.0", "layer.1", "head"}),
        ("no_embeddings", "cls", {"layer.0", "layer.1", "pooler", "head"}),
        ("last_k", "mean", {"layer.1", "head"}),
        ("head", "mean", {"head"}),
        ("head", "cls", {"pooler", "head"}),
    ],
)
def test_gradients_reach_what_is_to_be_trained_and_nothing_else(
    trained_layers, pooling, moving, quick, examples, tmp_path
):
    config = replace(quick, trained_layers=trained_layers, pooling=pooling, last_k=1)
    loop = make_loop(config, examples, tmp_path)
    before = {name: value.clone() for name, value in loop.network.state_dict().items()}
    loop.weights.add_gradients(loop._gradients(np.arange(8), examples=8)[1])
    trained = zip(loop.weights.live, loop.weights, strict=True)
    with_gradient = {id(live) for live, master in trained if master.grad is not None}

    def part(name):
        known = ("embeddings", "layer.0", "layer.1", "pooler", "head")
        return next(known_part for known_part in known if known_part in name)

    reached = {part(n) for n, p in loop.network.named_parameters() if id(p) in with_gradient}
    assert reached == moving
    loop.run()
    changed = {
        part(name)
        for name, value in loop.network.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert changed == moving


def test_validation_is_in_evaluation_mode_and_always_the_same(quick, examples, tmp_path):
    config = replace(quick, dropout=0.5, epochs=1, evaluations_per_epoch=2)
    seen = []

    def validate():
        network = loop.network
        assert not any(module.training for module in network.modules())
        with torch.no_grad():
            batch = pad(list(loop.data.ids[:8]), loop.data.pad_id)
            seen.append((network(batch), network(batch)))

    loop = make_loop(config, examples, tmp_path, validate=validate)
    loop.run()
    assert len(seen) == 2
    assert all(torch.equal(first, second) for first, second in seen)
    assert not torch.equal(seen[0][0], seen[1][0])  # it had learnt in between


def stepped(config, examples, place):
    """The loss of a training's first step, the weights after it, and who learnt its shares."""
    loop = make_loop(config, examples, place)
    learners = []
    learn = loop._gradients

    def watched(batch, **settings):
        learners.append(threading.get_ident())
        return learn(batch, **settings)

    loop._gradients = watched
    step, batches = next(loop._steps(0))
    return loop._step(step, batches), loop.weights.state(), learners


def test_a_step_in_pieces_is_the_step_at_once(quick, examples, tmp_path, monkeypatch, two_threads):
    loss, weights, learners = stepped(quick, examples, tmp_path / "whole")
    assert len(learners) == 1
    monkeypatch.setattr("trainer.batching.TOKENS_LEARNT", 1)
    found, others, learners = stepped(quick, examples, tmp_path / "cut")
    assert len(learners) > 1
    assert found == pytest.approx(loss, rel=1e-5)
    assert all(torch.allclose(others[name], weights[name], atol=1e-4) for name in weights)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU learns from a batch at once")
def test_threads_learn_a_step_side_by_side(quick, examples, tmp_path, two_threads):
    config = replace(quick, batch_size=32)
    found, weights, learners = stepped(config, examples, tmp_path / "two")
    assert len(learners) == 2
    assert threading.get_ident() not in learners
    again = stepped(config, examples, tmp_path / "again")
    assert again[0] == found
    assert all(torch.equal(again[1][name], weights[name]) for name in weights)
    torch.set_num_threads(1)
    loss, others, learners = stepped(config, examples, tmp_path / "one")
    assert learners == [threading.get_ident()]
    assert found == pytest.approx(loss, rel=1e-5)
    assert all(torch.allclose(others[name], weights[name], atol=1e-4) for name in weights)


def test_with_dropout_a_step_draws_its_random_numbers_in_order(
    quick, examples, tmp_path, two_threads
):
    learners = stepped(replace(quick, batch_size=32, dropout=0.1), examples, tmp_path)[2]
    assert learners == [threading.get_ident()]


def test_memory_is_given_back_now_and_then(quick, examples, tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr("trainer.loop.give_back", lambda: given.append(loop.progress.step))
    loop = make_loop(replace(quick, epochs=5), examples, tmp_path)
    steps = loop.run().steps
    assert given == list(range(TIDY_EVERY, steps + 1, TIDY_EVERY)) != []


def test_freed_memory_leaves_the_process():
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        pytest.skip("glibc's heap")
    blocks = [bytes([1]) * 100_000 for _ in range(2000)]  # 200 MB, each below mmap's threshold
    kept = blocks[::100]
    held = resident()
    del blocks
    give_back()
    assert held - resident() > 100e6
    assert len(kept) == 20


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_its_first_losses_are_those_of_transformers_trainer(quick, examples, tmp_path, recorder):
    """Same weights, same batches, AdamW, linear schedule: the same losses, step by step."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    config = replace(
        quick,
        pooling="cls",
        trained_layers="all",
        warmup=0.0,
        weight_decay=0.0,
        class_weights="none",
        epochs=1,
        learning_rate=1e-3,
    )
    training = [example for example in examples if example.split == "train"]
    watch = recorder()
    loop = make_loop(config, training, tmp_path, callbacks=watch)
    base = find_base_model(config.base_model)
    theirs = FAMILIES["bert"].classifier.from_pretrained(
        base.directory, num_labels=4, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
    )
    theirs.bert.load_state_dict(loop.network.encoder.state_dict())
    theirs.classifier.load_state_dict(loop.network.head[-1].state_dict())
    rows = [
        {"input_ids": ids, "label": int(target)}
        for ids, target in zip(loop.data.ids, loop.data.targets, strict=True)
    ]
    batches = training_batches(
        [len(ids) for ids in loop.data.ids], config.batch_size, seed=config.seed, epoch=0
    )
    losses = []

    class Watch(TrainerCallback):
        def on_log(self, args, state, control, logs=None, **_):
            if "loss" in (logs or {}):
                losses.append(logs["loss"])

    class InOurOrder(Trainer):
        def get_train_dataloader(self):
            tokenizer = load_tokenizer(base.directory, base.config)
            return [
                {
                    "labels": torch.tensor([rows[place]["label"] for place in batch]),
                    **tokenizer.pad(
                        {"input_ids": [rows[place]["input_ids"] for place in batch]},
                        return_tensors="pt",
                    ),
                }
                for batch in batches
            ]

    InOurOrder(
        model=theirs,
        args=TrainingArguments(
            output_dir=str(tmp_path / "trainer"),
            learning_rate=config.learning_rate,
            max_steps=len(batches),
            max_grad_norm=config.gradient_clip,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
        ),
        callbacks=[Watch()],
        train_dataset=rows,
    ).train()
    loop.run()
    ours = [report.loss for report in watch.steps]
    assert len(ours) == len(batches) >= 8
    assert np.allclose(ours, losses[: len(ours)], atol=2e-3)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_two_processes_train_the_same_weights_as_one(tiny_bert, tmp_path):
    script = Path(__file__).parent / "process_group.py"
    port = str(free_port())

    def start(out, **variables):
        out.mkdir(exist_ok=True)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
        return subprocess.Popen(
            [sys.executable, str(script), str(tiny_bert), str(out)],
            env=environment,
            stderr=subprocess.PIPE,
        )

    alone = start(tmp_path / "alone")
    group = [
        start(
            tmp_path / "together",
            RANK=str(place),
            LOCAL_RANK=str(place),
            WORLD_SIZE="2",
            LOCAL_WORLD_SIZE="2",
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=port,
            ACCELERATE_USE_CPU="true",
        )
        for place in range(2)
    ]
    for process in (alone, *group):
        _, told = process.communicate(timeout=200)
        assert process.returncode == 0, told.decode()[-2000:]
    one = load_file(tmp_path / "alone" / "weights-0.safetensors")
    for place in range(2):
        two = load_file(tmp_path / "together" / f"weights-{place}.safetensors")
        for name, value in one.items():
            assert torch.allclose(value, two[name], atol=1e-4), name


def test_a_stop_keeps_the_best_epoch_of_a_training(quick, examples, labels, tmp_path, recorder):
    watch = recorder(stop_after=16)
    trained = train(
        examples, labels, quick, work=tmp_path / "w", cache=tmp_path / "c", callbacks=watch
    )
    assert trained.cancelled
    assert trained.best_epoch == 1


@pytest.fixture
def diverging(monkeypatch):
    """Return a function that makes trainings break at a step: their loss, or their weights."""
    learn = Loop._step

    def from_step(place, what):
        def step(self, number, batches):
            loss = learn(self, number, batches)
            if number < place:
                return loss
            if what == "weights":
                next(iter(self.weights)).data.fill_(float("nan"))
                return loss
            return float("nan")

        monkeypatch.setattr(Loop, "_step", step)

    return from_step


@pytest.mark.parametrize("what", ["loss", "weights"])
def test_a_training_that_diverges_keeps_what_was_validated_before(
    what, diverging, quick, examples, labels, tmp_path, recorder
):
    config = replace(quick, epochs=1, decay="none", warmup=0.0)
    watch = recorder()
    one = train(examples, labels, config, work=tmp_path / "1", cache=tmp_path, callbacks=watch)
    diverging(watch.epochs[-1].step + 2, what)
    config = replace(quick, epochs=3, decay="none", warmup=0.0)
    watch = recorder()
    kept = train(examples, labels, config, work=tmp_path / "3", cache=tmp_path, callbacks=watch)
    assert len(watch.epochs) == 1
    assert np.array_equal(
        kept.predictions["test"].probabilities, one.predictions["test"].probabilities
    )


@pytest.mark.parametrize("what", ["loss", "weights"])
def test_a_training_that_diverges_at_once_says_so(
    what, diverging, quick, examples, labels, tmp_path
):
    diverging(2, what)
    with pytest.raises(DivergedError, match="lower the learning rate"):
        train(examples, labels, quick, work=tmp_path, cache=tmp_path)
