from pathlib import Path

import pytest

from tokir.container import memory_limit, processor_limit


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize(
    ("own", "files", "memory", "processors"),
    [
        ("0::/\n", {"memory.max": "2147483648\n", "cpu.max": "150000 100000\n"}, 2 << 30, 1.5),  # Docker
        ("0::/\n", {"memory.max": "max\n", "cpu.max": "max 100000\n"}, None, None),
        ("0::/slice/job\n", {"slice/cpu.max": "400000 100000\n", "slice/job/cpu.max": "max 100000\n"}, None, 4),
        (
            "0::/slice/job\n",
            {"memory.max": "4000", "slice/job/memory.max": "3000"},
            3000,
            None,
        ),  # the smallest counts
        (
            "3:cpu,cpuacct:/docker/1a\n2:memory:/docker/1a\n1:name=systemd:/x\n",  # named as outside the container
            {
                "cpu/cpu.cfs_quota_us": "50000\n",
                "cpu/cpu.cfs_period_us": "100000\n",
                "memory/memory.limit_in_bytes": "7",
            },
            7,
            0.5,
        ),
        ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None, None),
        ("1:cpuset:/\n", {"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, None, None),
    ],
)
def test_the_tightest_limit_of_the_own_groups_counts(tmp_path, own, files, memory, processors):
    write(tmp_path, {"own": own, **{f"groups/{name}": text for name, text in files.items()}})
    asked = tmp_path / "groups", tmp_path / "own"
    assert (memory_limit(*asked), processor_limit(*asked)) == (memory, processors)


def test_where_there_are_no_groups_nothing_is_limited(tmp_path):
    assert memory_limit(tmp_path, tmp_path / "own") is processor_limit(tmp_path, tmp_path / "own") is None
