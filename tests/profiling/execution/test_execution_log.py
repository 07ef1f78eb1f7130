"""The log of a run: every replica is waited for, and what it says is what was played."""

from __future__ import annotations

import numpy as np
import pytest

from executed_plans import TRANSFER, fleet
from rocoin_opt.estimation import write_request_log
from rocoin_opt.estimation.request_log import read_request_log
from rocoin_opt.profiling.execution.run import execute


@pytest.mark.slow
def test_whoever_is_merely_later_is_not_lost(tmp_path):
    instance, plan = fleet([[0.06, 0.16], [0.08]], failure_probability=0.3)
    found = execute(instance, plan, None, 6, 2, deadline=1.5, with_log=True)
    crashed = found.schedule.crashed
    assert crashed.any()
    log = found.log
    assert log is not None
    assert (log.devices, log.requests) == (("g0r0", "g0r1", "g1r0"), tuple("012345"))
    response = log.response.reshape(6, 3)
    assert np.array_equal(np.isnan(response), crashed)
    assert (np.nan_to_num(response, nan=9.0) >= np.array([0.06, 0.16, 0.08]) - 1e-9).all()
    # The response time stays that of each group's first answer.
    firsts = np.where(crashed, np.inf, response)
    assert np.stack([firsts[:, :2].min(axis=1), firsts[:, 2]], axis=1) == pytest.approx(found.first_answers)
    # Two filters of one bit each.
    assert set(log.num_bytes[~np.isnan(log.num_bytes)]) == {0.25}
    compute = log.compute.reshape(6, 3)
    assert np.array_equal(np.isnan(compute), crashed)
    due = np.broadcast_to(np.array([0.06, 0.16, 0.08]) - 2 * TRANSFER, compute.shape)
    late = compute[~crashed] - due[~crashed]
    assert (late >= -1e-3).all()
    # All of them would be this punctual on a host without other work.
    assert late.min() < 0.05
    write_request_log(tmp_path / "log.csv", log)
    again = read_request_log(tmp_path / "log.csv", log.devices)
    assert np.array_equal(again.answered, log.answered, equal_nan=True)


def test_nothing_is_logged_that_there_was_not():
    # Students without FLOP compute nothing, and a log could not hold that.
    instance, plan = fleet([[0.06]], overhead_seconds=0.02)
    idle = instance.model_copy(
        update={"students": tuple(student.model_copy(update={"flops": 0.0}) for student in instance.students)}
    )
    log = execute(idle, plan, None, 2, with_log=True).log
    assert log is not None
    assert np.isnan(log.compute).all()
    assert (log.num_bytes == 0.25).all()
