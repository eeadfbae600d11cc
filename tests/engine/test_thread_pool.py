from __future__ import annotations

import threading
import time

import pytest
import torch

from rafair.engine.shards import SerialExecutor, cut
from rafair.engine.thread_pool import CHUNKS_AHEAD, Workers


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_come_in_order(threads):
    def slow(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return number

    with Workers(threads) as workers:
        assert list(workers.map(slow, range(50))) == list(range(50))


def test_only_a_bounded_number_is_ahead():
    started = []
    with Workers(2) as workers:
        results = workers.map(lambda n: started.append(n) or n, range(1000))
        next(results)
        time.sleep(0.05)
        assert len(started) <= 2 * CHUNKS_AHEAD + 2
        results.close()


def test_every_thread_computes_on_one_core_and_the_setting_comes_back():
    before = torch.get_num_threads()
    with Workers(3) as workers:
        seen = list(
            workers.map(lambda _: (torch.get_num_threads(), threading.get_ident()), range(30))
        )
        assert {threads for threads, _ in seen} == {1}
    assert torch.get_num_threads() == before


def test_a_lone_item_stays_in_the_thread_that_asks():
    with Workers(2) as workers:
        found = [list(workers.map(lambda _: threading.get_ident(), range(n))) for n in (0, 1)]
    assert found == [[], [threading.get_ident()]]


def test_an_error_in_a_chunk_reaches_the_caller():
    def broken(number: int) -> int:
        if number == 7:
            raise ValueError("seven")
        return number

    with Workers(2) as workers, pytest.raises(ValueError, match="seven"):
        list(workers.map(broken, range(100)))


def test_shards_cover_every_instance_once():
    for n in (1, 99, 100, 101, 1000):
        shards = cut(n)
        covered = [i for shard in shards for i in range(shard.start, shard.stop)]
        assert covered == list(range(n))


def test_one_shard_after_the_other_and_none_before_the_last_result_is_taken():
    events = []
    shards = cut(250)

    def parts():
        for shard in shards:
            events.append(("part", shard.number))
            yield shard, len(shard)

    def work(part, workers, advance):
        advance(part)
        return -part

    with Workers(1) as workers:
        advanced = []
        for shard, result in SerialExecutor().map(work, parts(), workers, advanced.append):
            assert result == -len(shard)
            events.append(("taken", shard.number))
    assert events == [(what, shard.number) for shard in shards for what in ("part", "taken")]
    assert advanced == [100, 100, 50]
