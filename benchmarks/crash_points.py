"""Every durable step of a study, with each of the faults that can meet it, and whether the same command mends all.

    OMP_NUM_THREADS=1 python benchmarks/crash_points.py [--every N [--from K]]

A tiny study (two models, BM25, a fusion, the report without its figures) runs once. At its n-th step, for every n:

* ``kill``: the process is killed before the step. What is on the disk then is copied; that is what SIGKILL leaves.
* ``torn``: it is killed after half of the bytes of a write.
* ``full``: the disk is full from then on (ENOSPC).
* ``error``: the step alone fails (EIO).

The last two happen in a fork of the study, which must end with exit code 2 and one line. Then the same command runs in
a fresh process, over each folder that is left; equal folders once, and those that differ in unfinished files alone are
swept and must then be equal. It must end well, leave nothing unfinished behind,
and every file must be as in the unbroken run. Times, and hashes of what holds them, are left out of that comparison;
a report must be the one made from its results.
"""

from __future__ import annotations

import argparse
import errno
import gc
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokir.artifacts import Names, RunFolder, durable, file_digest
from tokir.artifacts.durable import Step

FAULTS = ("kill", "torn", "full", "error")
RUN = "run"  # the folder of the study, in the present folder
TIMES = re.compile(
    r"seconds|created|peak_memory|latency_ms|.*_per_second|total_seconds|search|encode|tokenize|total|memory|cpu|stages"
)
"""Fields that hold a time, or what else differs from one run to the next."""
TIMED = re.compile(
    r"latency/.*|results\.json|results\.csv|report\..*|.*history\.jsonl|tokenizers/.*/training\.json"
)
"""Files that hold such fields."""
RESTS_ON_TIMES = re.compile(r"results\.|report\.|examples\.|explorer\.")
"""Files that are made from such files."""
STUDY = {
    "name": "tiny",
    "tokenizers": [{"type": "bpe", "vocabulary_size": 270}],
    "architectures": ["lstm", "static"],
    "objectives": {"lstm": ["lm"], "static": ["contrastive+queries"]},
    "poolings": ["mean-white", "learned"],
    "baselines": ["bm25"],
    "fusions": [{"method": "weighted", "systems": ["best", "bm25"]}],
    "training": {"documents": 12, "epochs": 1, "batch_size": 16, "sequence_length": 16},
    "models": {"static": {"steps": 3, "batch_size": 8}},
    "retrieval": {"validations": 1},
    "evaluation": {"bootstrap": 100, "latency_queries": 1},
}


# -- a tiny study, in this process ------------------------------------------------------------------------


def prepare(folder: Path) -> None:
    """A data set and the configuration of a study in ``folder``, and this process made ready to run it."""
    import torch

    from tokir.data import beir
    from tokir.data.corpus import Document
    from tokir.encoders import store
    from tokir.report import page
    from tokir.training import loop

    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # its threads do not outlive a fork either
    vars(page)["drawings"] = lambda results: []  # figures take most of the time, and write nothing
    loop.SECONDS_BETWEEN_SAVES = store.SECONDS_BETWEEN_NOTES = (
        0.0  # a save after each step, a note after each block
    )
    store.BLOCK = 16
    vars(store)["ThreadPoolExecutor"] = AtOnce
    words = ("birch", "grove", "moss", "fern", "river", "stone", "heron", "otter", "lantern", "harbour", "island")
    documents = [
        Document(f"d{i}", words[i % 11].title(), " ".join(words[(i * k + k) % 11] for k in range(1, 9)))
        for i in range(40)
    ]
    queries = {f"q{i}": f"{words[i % 11]} {words[(3 * i + 2) % 11]}" for i in range(18)}
    of = {"test": range(8), "dev": range(8, 12), "train": range(12, 18)}
    qrels = {split: {f"q{i}": {f"d{2 * i}": 1} for i in numbers} for split, numbers in of.items()}
    beir.write(folder / "data", documents, queries, qrels)
    (folder / "study.yaml").write_text(json.dumps({**STUDY, "data": {"source": str(folder / "data")}}))


class AtOnce(Executor):
    """Does at once what it is asked: a fork has no threads but its own."""

    def __init__(self, workers: int) -> None:
        """For any number of workers."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Work that is done."""
        done: Future[Any] = Future()
        done.set_result(work(*arguments, **named))
        return done


def tokir(*words: object) -> int:
    """The exit code of a command, done in this process."""
    from tokir import cli

    sys.argv = ["tokir", *map(str, words)]
    try:
        cli.main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def forked(folder: Path, work: Callable[[], int]) -> tuple[int, str]:
    """Exit code and stderr of ``work`` in a fork of this process, in ``folder``; -9 where it was killed.

    What it prints lies in the file ``shown`` there.
    """
    said = folder / "said"
    if (child := os.fork()) == 0:
        code = 70
        try:
            os.chdir(folder)
            with said.open("w") as file:
                os.dup2(file.fileno(), 2)
            with (folder / "shown").open("w") as file:
                os.dup2(file.fileno(), 1)
            code = work()
            sys.stdout.flush()
        except BaseException:  # a harness that fails is to say so
            import traceback

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, said.read_text(errors="replace") if said.exists() else ""


# -- faults -----------------------------------------------------------------------------------------------


@dataclass
class Case:
    """A fault at a step, and the folder it left."""

    number: int
    step: str
    fault: str
    state: str  # hash of what was left
    code: int = -9
    said: str = ""


class Faults:
    """Watches a study: at each of its steps the faults happen, and what they leave is kept below ``base``."""

    def __init__(self, base: Path, chosen: Callable[[int], bool] = lambda number: True) -> None:
        self.base, self.chosen = base, chosen
        self.number, self.failing = 0, 0
        self.cases: list[Case] = []

    def __call__(self, step: Step) -> Any:
        """A step of the study, or of a fork of it in which the disk fails."""
        if self.failing:
            if self.failing == errno.ENOSPC and step.kind in ("create", "write", "make folder"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return step.do()
        self.number += 1
        if not self.chosen(self.number):
            return step.do()
        self._keep(step, "kill", copied())
        for fault, number in (("full", errno.ENOSPC), ("error", errno.EIO)):
            if fault == "error" or step.kind != "remove":
                self._fail(step, fault, number)
        if step.kind != "write":
            return step.do()
        before = sizes(step.path)
        value = step.do()
        self._keep(step, "torn", torn(step.path, before))
        return value

    def _keep(self, step: Step, fault: str, left: Path, code: int = -9, said: str = "") -> None:
        state = contents(left / RUN)
        kept = self.base / state
        if kept.exists():
            shutil.rmtree(left)
        else:
            left.rename(kept)
        self.cases.append(Case(self.number, f"{step.kind} {named(step.path)}", fault, state, code, said))

    def _fail(self, step: Step, fault: str, number: int) -> None:
        """The fault in a fork of the study, which goes on in a copy of its folder."""
        left = copied()
        sys.stderr.flush()
        if (child := os.fork()) == 0:
            os.chdir(left)
            with Path("said").open("w") as file:
                os.dup2(file.fileno(), 2)
            self.failing = number
            raise OSError(number, os.strerror(number))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said = (left / "said").read_text()
        (left / "said").unlink()
        self._keep(step, fault, left, code, said)


def copied() -> Path:
    """A new folder with a copy of the study's."""
    left = Path(tempfile.mkdtemp(dir=Path.cwd().parent))
    if Path(RUN).exists():
        shutil.copytree(RUN, left / RUN, symlinks=True)
    return left


def sizes(path: Path) -> dict[Path, int]:
    """Bytes of a file, or of those in the folder that a library has filled, none of which were there before."""
    return (
        {file: 0 for file in path.rglob("*") if file.is_file()} if path.is_dir() else {path: path.stat().st_size}
    )


def torn(path: Path, before: dict[Path, int]) -> Path:
    """A copy of the study's folder in which half of what was written to ``path`` is missing."""
    left = copied()
    for file, size in before.items():
        os.truncate(left / file, size + (file.stat().st_size - size) // 2)
    return left


def named(path: Path) -> str:
    """A path without what differs from one run to the next."""
    return re.sub(r"\.tokir-\w{8}-", ".tokir-*-", str(path))


def contents(folder: Path) -> str:
    """A hash of all that a folder holds."""
    inside = {
        named(path.relative_to(folder)): file_digest(path) if path.is_file() else "" for path in folder.rglob("*")
    }
    return hashlib.sha256(json.dumps(inside, sort_keys=True).encode()).hexdigest()[:24]


# -- what a run must be -----------------------------------------------------------------------------------


def without_times(value: Any) -> Any:
    """A JSON value without the fields that hold times."""
    if isinstance(value, dict):
        if re.search(r"\bseconds\b|latency", str(value.get("evidence"))):  # a sentence on what something takes
            return None
        return {name: without_times(inner) for name, inner in value.items() if not TIMES.fullmatch(name)}
    return [without_times(inner) for inner in value] if isinstance(value, list) else value


def fingerprint(folder: Path) -> dict[str, str]:
    """Name to content of every file of a finished run, times left out."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            found[name + "/"] = ""
        elif name == Names.MANIFEST:
            entries = [json.loads(line) for line in path.read_text().splitlines()]
            for entry in sorted(entries, key=lambda entry: str(entry["path"])):
                timed, rests = (pattern.match(entry["path"]) for pattern in (TIMED, RESTS_ON_TIMES))
                left_out = {"seconds", "peak_memory", "mtime_ns", "check"}
                left_out |= ({"sha256", "size"} if timed else set()) | ({"inputs"} if rests else set())
                found[f"{name}: {entry['path']}"] = json.dumps(
                    {k: v for k, v in entry.items() if k not in left_out}
                )
        elif not TIMED.match(name):
            found[name] = file_digest(path)
        elif name.endswith((".json", ".jsonl")):
            text = path.read_text()
            values = [json.loads(text)] if name.endswith(".json") else list(map(json.loads, text.splitlines()))
            found[name] = json.dumps(without_times(values), sort_keys=True)
    return found


def faults_of(folder: Path, right: dict[str, str]) -> list[str]:
    """What is wrong with a run that should be as ``right`` says."""
    from tokir.report import report_inputs

    run, there = RunFolder(folder), fingerprint(folder)
    wrong = [name for name in {**right, **there} if right.get(name) != there.get(name)]
    if not run.whole():
        wrong.append("a file whose hash is not that of the manifest")
    if not run.holds(Names.REPORT, report_inputs(run)):
        wrong.append("a report of other results")
    return wrong


# -- all of it --------------------------------------------------------------------------------------------


def enumerate_faults(base: Path, words: tuple[str, ...], chosen: Callable[[int], bool]) -> tuple[int, list[Case]]:
    """Run a study with faults at the chosen steps: how many steps it has, and the cases, kept below ``base``."""
    place = base / "unbroken"
    place.mkdir()

    def study() -> int:
        faults = Faults(base, chosen)
        with durable.watched(faults):
            code = tokir(*words)
        if not faults.failing:  # else this is a fork in which the disk failed
            (base / "cases.json").write_text(json.dumps([faults.number, [vars(case) for case in faults.cases]]))
        return code

    code, said = forked(place, study)
    if code:
        raise SystemExit(f"the study ended with {code}: {said}")
    steps, cases = json.loads((base / "cases.json").read_text())
    return steps, [Case(**case) for case in cases]


def resumed(left: Path, words: tuple[str, ...], right: dict[str, str]) -> list[str]:
    """What is wrong after the same command over what a fault has left."""
    code, said = forked(left, lambda: tokir(*words))
    if code:
        return [f"exit code {code}: {said.strip()[-300:]}"]
    return faults_of(left / RUN, right)


def ended_badly(case: Case, left: Path, right: dict[str, str]) -> bool:
    """Did a study in which the disk failed end otherwise than with one line and exit code 2?

    Removing what is unfinished may fail without harm: the next command sweeps it.
    """
    if case.fault not in ("full", "error") or (case.code, case.said.count("\n")) == (2, 1):
        return False
    return bool(case.code or faults_of(left / RUN, right))


def swept(left: Path, base: Path) -> str:
    """The name of the folder that is the same without what is unfinished, which goes when the folder is locked."""
    if not (left / RUN).exists():
        return left.name
    with RunFolder(left / RUN).locked():
        pass
    state = contents(left / RUN)
    if not (base / state).exists():
        left.rename(base / state)
    elif state != left.name:
        shutil.rmtree(left)
    return state


def check(cases: list[Case], base: Path, words: tuple[str, ...], say: Callable[[str], None]) -> list[str]:
    """Resume every folder that was left; sentences on all that does not hold."""
    right = fingerprint(base / "unbroken" / RUN)
    names = {state: swept(base / state, base) for state in dict.fromkeys(case.state for case in cases)}
    bad = [case for case in cases if ended_badly(case, base / names[case.state], right)]
    wrong = [
        f"{case.number} {case.fault} at {case.step}: exit code {case.code}: {case.said[-300:]}" for case in bad
    ]
    by_state: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_state[names[case.state]].append(case)
    for number, (state, those) in enumerate(by_state.items(), 1):
        for fault in resumed(base / state, words, right):
            wrong.append(f"{those[0].number} {those[0].fault} at {those[0].step} ({len(those)} cases): {fault}")
        shutil.rmtree(base / state)
        say(f"{number} of {len(by_state)} folders resumed, {len(wrong)} wrong")
    return wrong


def main() -> None:
    """Print a table of the cases, and all that does not hold; exit code 1 then."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="only each n-th step")
    parser.add_argument("--from", dest="first", type=int, default=0, help="beginning with this one")
    chosen = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tokir-crash-points-") as folder:
        base = Path(folder)
        prepare(base)
        words = ("run", str(base / "study.yaml"), "--out", RUN, "--threads", "1", "--quiet")
        tokir(*words[:3], base / "warm", *words[4:])  # so that all libraries are loaded before this process forks
        gc.freeze()  # or every fork would copy what it looks at to collect
        steps, cases = enumerate_faults(base, words, lambda number: number % chosen.every == chosen.first)
        states = len({case.state for case in cases})
        print(
            f"{steps} steps, {len(cases)} cases, {states} different folders ({time.monotonic() - started:.0f} s)"
        )
        wrong = check(cases, base, words, lambda line: print(line, end="\r", file=sys.stderr))
    kinds = sorted({case.step.partition(" ")[0] for case in cases})
    counts = Counter((case.step.partition(" ")[0], case.fault) for case in cases)
    print(f"{'step':14}" + "".join(f"{fault:>8}" for fault in FAULTS))
    for kind in kinds:
        print(f"{kind:14}" + "".join(f"{counts[kind, fault]:8}" for fault in FAULTS))
    print(f"{'all':14}" + "".join(f"{sum(case.fault == fault for case in cases):8}" for fault in FAULTS))
    print(*wrong, f"{len(wrong)} wrong ({time.monotonic() - started:.0f} s)", sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
