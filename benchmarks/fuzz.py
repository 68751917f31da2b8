"""Fuzz everything that reads input from elsewhere: only tokir's own errors, and nothing of the machine's run out.

    python benchmarks/fuzz.py /dev/shm/fuzz --inputs 30000

For each parser valid samples are changed at random with their structure kept: a tenth of the inputs by hypothesis, the
rest by atheris, which keeps what reaches new code of tokir and changes that further (libFuzzer; Serebryany, 2016).
Each parser runs in a process of its own with a bound on its memory and, for each input, on time; one that dies is a
finding as well, and what killed it is kept in the folder. Findings are counted once per place.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fuzzing.targets import Target

MEMORY = 8 << 30  # bytes of address space; libraries map more than they use
SECONDS = 20  # of processor time that one input may take
ENGINES = {"hypothesis": 0.1, "atheris": 0.9}  # shares of the inputs
SEED = 18


def main() -> None:
    """Print a line for each parser."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where samples are made and inputs written; best in memory")
    parser.add_argument("--inputs", type=int, default=30_000, help="of each parser")
    parser.add_argument("--only", action="append", help="this parser, or this group of them; repeatable")
    parser.add_argument("--worker", nargs=3, metavar=("GROUP", "PARSER", "ENGINE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.getLogger("tokir").setLevel(logging.CRITICAL)
    if arguments.worker:
        Worker(arguments.folder, *arguments.worker).run(arguments.inputs)
        return
    if not (arguments.folder / "tokenizers").exists():
        from fuzzing.samples import prepare

        prepare(arguments.folder)
    from fuzzing.targets import GROUPS, targets

    known = [(group, target) for group in GROUPS for target in targets(arguments.folder, group).values()]
    if arguments.only:
        known = [(group, target) for group, target in known if {group, target.name} & set(arguments.only)]
    print(f"{'parser':<28}{'inputs':>10}{'seconds':>9}{'MB':>7}  findings", flush=True)
    total = [0, 0.0, 0]
    for group, target in known:
        name = target.name
        inputs, start, memory = 0, time.perf_counter(), 0
        findings: dict[str, str] = {}
        for engine, share in ENGINES.items():
            done = _run(
                arguments.folder, (group, name, engine), max(1, round(share * target.share * arguments.inputs))
            )
            inputs, memory = inputs + done["inputs"], max(memory, done["memory"])
            findings |= done["findings"]
        seconds = time.perf_counter() - start
        total = [total[0] + inputs, total[1] + seconds, total[2] + len(findings)]
        print(f"{name:<28}{inputs:>10,}{seconds:>9.0f}{memory >> 20:>7}  {len(findings)}", flush=True)
        for place, text in findings.items():
            print(f"    {place}: {text}", flush=True)
    print(f"{'all':<28}{total[0]:>10,}{total[1]:>9.0f}{'':>7}  {total[2]}")


def _run(folder: Path, worker: tuple[str, str, str], inputs: int) -> dict[str, Any]:
    """What a worker has found; one that died is started again for the rest."""
    report = folder / "report.json"
    done: dict[str, Any] = {"inputs": 0, "memory": 0, "findings": {}}
    for attempt in range(5):
        report.unlink(missing_ok=True)
        words = [
            sys.executable,
            __file__,
            str(folder),
            "--inputs",
            str(inputs - done["inputs"]),
            "--worker",
            *worker,
        ]
        environment = os.environ | {"FUZZ_SEED": str(SEED + attempt), "RUST_BACKTRACE": "0"}
        with (folder / "log.txt").open("wb") as log:
            code = subprocess.run(words, stdout=log, stderr=log, env=environment, check=False).returncode
        found = json.loads(report.read_text()) if report.exists() else {"inputs": 0, "memory": 0, "findings": {}}
        done["inputs"] += found["inputs"]
        done["memory"] = max(done["memory"], found["memory"])
        done["findings"] |= found["findings"]
        if found.get("finished"):
            return done
        kept = folder / f"died-{worker[1].replace('/', '_')}-{attempt}"
        (folder / "log.txt").replace(f"{kept}.txt")
        if (folder / "last").exists():
            kept.write_bytes((folder / "last").read_bytes())
        done["findings"][f"died with {code}"] = f"see {kept} and {kept}.txt"
        if done["inputs"] >= inputs:
            break
    return done


class Worker:
    """Feeds one parser, in a process of its own."""

    def __init__(self, folder: Path, group: str, name: str, engine: str) -> None:
        self.folder, self.group, self.name, self.engine = folder, group, name, engine
        self.inputs, self.seed = 0, int(os.environ.get("FUZZ_SEED", SEED))
        self.findings: dict[str, str] = {}

    def run(self, inputs: int) -> None:
        """Feed so many inputs."""
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        self.wanted = inputs
        if self.engine == "hypothesis":
            self._hypothesis(self._target(), inputs)
        else:
            import atheris

            with atheris.instrument_imports(include=["tokir"]):
                target = self._target()
            self._atheris(target)

    def _target(self) -> Target:
        from fuzzing.targets import targets

        return targets(self.folder, self.group)[self.name]

    def _hypothesis(self, target: Target, inputs: int) -> None:
        from hypothesis import HealthCheck, Phase, given, seed, settings
        from hypothesis import strategies as st

        @seed(self.seed)
        @settings(
            max_examples=inputs,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.randoms(use_true_random=True))
        def feed(random: Random) -> None:
            self._feed(target, target.mutated(random))

        feed()
        self._report(finished=True)

    def _atheris(self, target: Target) -> None:
        import atheris

        def mutator(data: bytes, most: int, seed: int) -> bytes:
            random = Random(seed)
            return (
                target.mutated(random) if len(data) < 2 or random.random() < 0.3 else target.mutate(data, random)
            )[:most]

        def feed(data: bytes) -> None:
            self._feed(target, data)
            if self.inputs >= self.wanted:
                self._report(finished=True)
                os._exit(0)

        longest = 4 * max(map(len, target.samples)) + 10_000
        atheris.Setup(
            [
                sys.argv[0],
                f"-seed={self.seed}",
                f"-max_len={longest}",
                "-rss_limit_mb=0",
                "-timeout=1000000",
                f"-artifact_prefix={self.folder}/",
            ],
            feed,
            custom_mutator=mutator,
        )
        atheris.Fuzz()

    def _feed(self, target: Target, data: bytes) -> None:
        self.inputs += 1
        (self.folder / "last").write_bytes(data)
        if self.inputs % 500 == 0:
            self._report()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # of processor time; its signal ends the process
        try:
            target.tried(data)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            self._note(error, data)
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _note(self, error: BaseException, data: bytes) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [frame for frame in frames if "/tokir/" in frame.filename] or frames
        frame = ours[-1]
        place = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
        if place not in self.findings:
            self.findings[place] = str(error)[:150]
            number = len(list(self.folder.glob("finding-*")))
            (self.folder / f"finding-{number}-{self.name.replace('/', '_')}").write_bytes(data)
            print("".join(traceback.format_exception(error)), file=sys.stderr)

    def _report(self, finished: bool = False) -> None:
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        memory = int(status["VmHWM"].split()[0]) << 10
        report = {"inputs": self.inputs, "memory": memory, "findings": self.findings, "finished": finished}
        (self.folder / "report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main()
