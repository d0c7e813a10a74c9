"""Batches side by side: in their order, each by one thread, stopped between batches."""

import threading
from contextlib import closing

import pytest
import torch

from trainer.side_by_side import side_by_side

pytestmark = pytest.mark.usefixtures("two_threads")
on_a_processor = pytest.mark.skipif(torch.cuda.is_available(), reason="one after the other here")


@on_a_processor
def test_batches_are_computed_at_once_and_come_in_their_order():
    met = threading.Barrier(2, timeout=60)

    def compute(batch):
        if batch < 2:
            met.wait()  # fails unless both are under way together
        return batch, torch.get_num_threads(), threading.current_thread().name

    found = list(side_by_side(compute, range(10)))
    assert [batch for batch, _, _ in found] == list(range(10))
    assert {threads for _, threads, _ in found} == {1}
    assert threading.current_thread().name not in {name for _, _, name in found}
    assert torch.get_num_threads() == 2


def test_a_single_batch_is_computed_here_by_all_threads():
    found = side_by_side(lambda batch: (torch.get_num_threads(), threading.get_ident()), range(1))
    assert list(found) == [(2, threading.get_ident())]


@on_a_processor
def test_closed_early_it_begins_no_further_batch():
    begun = []
    with closing(side_by_side(lambda batch: begun.append(batch), range(10_000))) as results:
        next(results)
    assert 1 <= len(begun) < 10_000
    assert not [thread for thread in threading.enumerate() if "ThreadPool" in thread.name]
    assert torch.get_num_threads() == 2


@on_a_processor
def test_a_failure_reaches_who_reads():
    def compute(batch):
        if batch == 3:
            raise MemoryError("too little")
        return batch

    with pytest.raises(MemoryError, match="too little"):
        list(side_by_side(compute, range(10)))
    assert torch.get_num_threads() == 2
