import os
import subprocess
import sys

import pytest
import torch

from tokir.threads import (
    COUNTS,
    SHORTLY,
    WAITING,
    compute_alone,
    computing,
    computing_on,
    cores,
    keep_to_quota,
    training_threads,
    wait_shortly,
)


def test_waiting_threads_soon_sleep_unless_the_user_has_said_how_they_wait():
    environment = {}
    wait_shortly(environment)
    assert environment == SHORTLY
    for name in WAITING:
        environment = {name: "1"}
        wait_shortly(environment)
        assert environment == {name: "1"}


def test_importing_the_package_sets_it_for_torch_and_for_worker_processes(monkeypatch):
    for name in WAITING:
        monkeypatch.delenv(name, raising=False)
    code = (
        "import os, subprocess, sys, tokir; assert 'torch' not in sys.modules; "
        "print(os.environ['GOMP_SPINCOUNT'], subprocess.run(['sh', '-c', 'echo $GOMP_SPINCOUNT'], "
        "capture_output=True, text=True).stdout.strip())"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["1000", "1000"]


def test_as_many_threads_compute_as_the_user_has_said(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert computing({"OMP_NUM_THREADS": "3"}) == computing({"OMP_NUM_THREADS": "3,2"}) == 3
    assert 1 <= computing({}) <= (os.cpu_count() or 1)


def test_a_container_with_few_processors_has_few_threads_unless_the_user_has_said_how_many():
    for quota, threads in ((0.5, "1"), (cores() - 0.5, str(cores()))):
        environment = {}
        keep_to_quota(environment, quota)
        assert environment["OMP_NUM_THREADS"] == threads
    for unchanged, quota in (({}, float(cores())), ({"OMP_NUM_THREADS": "3"}, 0.5)):
        environment = dict(unchanged)
        keep_to_quota(environment, quota)
        assert environment == unchanged


def test_a_server_computes_on_one_thread_unless_the_user_has_said_how_many():
    of_quota, said = {}, {"OMP_NUM_THREADS": "2"}
    keep_to_quota(of_quota, cores() - 0.5)
    for environment, threads in (({}, "1"), (of_quota, "1"), (said, "2")):
        compute_alone(environment)
        assert environment == dict.fromkeys(COUNTS, threads)


def test_static_models_train_on_one_thread_and_networks_on_all():
    assert training_threads(static=True, cores=16) == 1
    assert training_threads(static=False, cores=16) == 16


def test_the_number_of_threads_is_as_before_once_a_training_ends_or_fails():
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="stop"), computing_on(before + 1):
        assert torch.get_num_threads() == before + 1
        raise ValueError("stop")
    assert torch.get_num_threads() == before
