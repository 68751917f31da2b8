"""Every kind of file in a finished run, with every kind of damage: is it noticed, named, and mended or refused?

    OMP_NUM_THREADS=1 python benchmarks/damage.py [--only PATTERN]

A tiny study is made, with passages added to it, and another one of another seed. Then each file in turn is cut in half,
changed by one bit, emptied, swapped with the other run's, and deleted. Of each damaged copy the table says what reading
does (`tokir search` and `tokir report`) and what making does (`tokir run`, the command that made it):

* ``refused``: exit code 2 and one line that names the file;
* ``noted``: the answer is given without the file, and a warning names it;
* ``again``: the file is made again, and the whole run is as before;
* ``not read``: the command does not need the file, and its output is that of the undamaged run.

Everything else is a fault: exit code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from crash_points import RUN, faults_of, fingerprint, forked, prepare, tokir

from tokir.artifacts import Names

NEITHER = (".lock",)  # empty, or about nobody
READERS = {"search": ("search", RUN, "birch grove"), "report": ("report", RUN)}


def cut(path: Path, other: Path) -> None:
    """Half of the bytes."""
    os.truncate(path, path.stat().st_size // 2)


def flip(path: Path, other: Path) -> None:
    """One bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def empty(path: Path, other: Path) -> None:
    """No bytes."""
    path.write_bytes(b"")


def swap(path: Path, other: Path) -> None:
    """That of another run."""
    shutil.copyfile(other, path)


def delete(path: Path, other: Path) -> None:
    """No file."""
    path.unlink()


DAMAGES = (cut, flip, empty, swap, delete)


def kind_of(name: str) -> str:
    """A file without the ids in its path."""
    top = name.partition("/")[0]
    kinds = {"rankings": "<id>.trec", "latency": "<id>.json", "chosen": "<id>.json"}
    if top in kinds:
        return f"{top}/{kinds[top]}"
    return (
        re.sub(r"^(\w+)/[^/]+/", r"\1/<id>/", name)
        if top != "additions"
        else re.sub(r"/[^/]*\.s0/", "/<id>/", name)
    )


def outcome(folder: Path, words: tuple[str, ...], name: str, expected: str) -> str:
    """What a reading command does."""
    code, said = forked(folder, lambda: tokir(*words))
    named = Path(name).name in said or name == Names.MANIFEST  # then what cannot be held against it is named
    if code == 2 and said.count("\n") <= 2 and named and "Traceback" not in said:
        return "refused"
    if code == 0 and "warning: " in said and f"/{RUN}/{name}: missing" in said:
        return "noted"
    shown = (folder / "shown").read_text()
    return "not read" if (code, shown) == (0, expected) else f"FAULT ({code}: {said.strip()[-200:]})"


def mended(folder: Path, words: tuple[str, ...], name: str, right: dict[str, str]) -> str:
    """What the command that made the run does."""
    code, said = forked(folder, lambda: tokir(*words))
    if code == 2:
        return "refused" if Path(name).name in said else f"FAULT ({said.strip()[-200:]})"
    wrong = faults_of(folder / RUN, right)
    if name.startswith("additions") and all(name in file for file in wrong):
        return "not read"  # a study knows nothing of what was added
    return f"FAULT ({code}, {wrong[:3]}, {said.strip()[-200:]})" if code or wrong else "again"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=re.compile, default=re.compile(""), help="files whose names hold this")
    only = parser.parse_args().only
    base = Path(tempfile.mkdtemp(prefix="tokir-damage-"))
    prepare(base)
    words = ("run", str(base / "study.yaml"), "--out", RUN, "--threads", "1", "--quiet")
    added = base / "added.jsonl"
    added.write_text(json.dumps({"_id": "n1", "text": "quince zephyr"}) + "\n")
    for place, more in (("first", ()), ("second", ("--set", "seeds=[1]"))):
        (base / place).mkdir()
        os.chdir(base / place)
        if tokir(*words, *more) or tokir("add", RUN, str(added), "--quiet"):
            raise SystemExit("the study failed")
    first, second = base / "first", base / "second"
    right = fingerprint(first / RUN)
    expected = {}
    for reader, asked in READERS.items():
        forked(first, lambda asked=asked: tokir(*asked))  # type: ignore[misc]
        expected[reader] = (first / "shown").read_text()
    table: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for path in sorted((first / RUN).rglob("*")):
        name = path.relative_to(first / RUN).as_posix()
        if path.is_dir() or name in NEITHER or not only.search(name):
            continue
        for damage in DAMAGES:
            theirs = second / RUN / name.replace(".s0", ".s1")
            if damage is swap and (not theirs.exists() or theirs.read_bytes() == path.read_bytes()):
                continue
            if damage is not delete and not path.stat().st_size:
                continue
            damaged = base / "damaged"
            for reader in (*READERS, "run"):
                shutil.rmtree(damaged, ignore_errors=True)
                shutil.copytree(first, damaged, copy_function=shutil.copy2)
                damage(damaged / RUN / name, theirs)
                if reader == "run":
                    found = mended(damaged, words, name, right)
                else:
                    found = outcome(damaged, READERS[reader], name, expected[reader])
                table[kind_of(name), damage.__name__][reader].add(found)
    shutil.rmtree(base)
    print(f"{'file':44} {'damage':8} {'search':14} {'report':14} run")
    for (kind, damage_name), found_by in table.items():
        cells = [", ".join(sorted(found_by[reader])) for reader in (*READERS, "run")]
        print(f"{kind:44} {damage_name:8} {cells[0]:14} {cells[1]:14} {cells[2]}", flush=True)
    wrong = sum("FAULT" in found for cells in table.values() for said in cells.values() for found in said)
    print(f"{len(table)} kinds of damage, {wrong} faults")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
