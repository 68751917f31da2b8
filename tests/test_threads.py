import os
import subprocess
import sys

from tokir.threads import WAITING, computing, wait_without_spinning


def test_waiting_threads_sleep_unless_the_user_has_said_how_they_wait():
    environment = {}
    wait_without_spinning(environment)
    assert environment == {"OMP_WAIT_POLICY": "PASSIVE"}
    for name in WAITING:
        environment = {name: "1"}
        wait_without_spinning(environment)
        assert environment == {name: "1"}


def test_importing_the_package_sets_it_for_torch_and_for_worker_processes(monkeypatch):
    for name in WAITING:
        monkeypatch.delenv(name, raising=False)
    code = (
        "import os, subprocess, sys, tokir; assert 'torch' not in sys.modules; "
        "print(os.environ['OMP_WAIT_POLICY'], subprocess.run(['sh', '-c', 'echo $OMP_WAIT_POLICY'], "
        "capture_output=True, text=True).stdout.strip())"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["PASSIVE", "PASSIVE"]


def test_as_many_threads_compute_as_the_user_has_said(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert computing({"OMP_NUM_THREADS": "3"}) == computing({"OMP_NUM_THREADS": "3,2"}) == 3
    assert 1 <= computing({}) <= (os.cpu_count() or 1)
