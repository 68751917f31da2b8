"""Changes to valid input that keep its structure, so that a parser gets past its first line.

Each takes a sample and a source of chance, and gives the changed sample.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from random import Random
from typing import Any

Mutation = Callable[[bytes, Random], bytes]

TEXTS = (
    "",
    " ",
    "\0",
    "\x1b[2J",
    "\x85",
    "\u202e",
    "\u2028",
    "\ufeff",
    "\ud800",
    "é",
    "東京",
    "🙂",
    "a" * 5_000,
    "9" * 5_000,
    "../../x",
    "/etc/passwd",
    "..",
    "a/b",
    "-1",
    "1e400",
    "nan",
    "null",
    "<script>",
    "{{1}}",
    "*",
    '"',
    "\\",
    "\t",
    "\r\n",
    "word",
)
NUMBERS = (
    0,
    1,
    -1,
    2,
    3,
    255,
    2**31,
    -(2**31) - 1,
    2**53 + 1,
    2**63,
    -(2**63) - 1,
    10**30,
    0.5,
    -0.0,
    1e308,
    1e-320,
)
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": None}, float("nan"), float("inf"))
TAGS = ("!!python/object/apply:os.system", "!!binary", "!a", "!!set", "!!map")
BYTES = (
    b"\0",
    b"\xff",
    b"\x1b",
    b"\xed\xa0\x80",
    b"\xc0\x80",
    b"\xef\xbb\xbf",
    b"\n",
    b"\r",
    b"\t",
    b'"',
    b"{",
    b"[",
    b"%00",
)


def hostile(random: Random) -> Any:
    """A value that few expect."""
    return random.choice(random.choice((TEXTS, NUMBERS, OTHERS)))


def in_bytes(data: bytes, random: Random) -> bytes:
    """Flip, overwrite, insert, repeat, drop or cut off bytes."""
    made, at = bytearray(data), random.randrange(len(data) + 1)
    size = random.choice((1, 1, 2, 4, 8, 64))
    match random.randrange(7):
        case 0:
            if at < len(made):
                made[at] ^= 1 << random.randrange(8)
        case 1:
            made[at : at + size] = random.randbytes(size)
        case 2:
            number = random.choice((0, 1, 0x7F, 0xFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1))
            width = random.choice((1, 2, 4, 8))
            made[at : at + width] = (number % 256**width).to_bytes(width, "little")
        case 3:
            made[at:at] = random.choice(BYTES) * random.choice((1, 1, 100))
        case 4:
            made[at:at] = made[at : at + size * 8] * random.choice((1, 2))
        case 5:
            del made[at : at + size]
        case 6:
            del made[at:]
    return bytes(made)


def in_json(data: bytes, random: Random) -> bytes:
    """Change values of a JSON document, its keys, or its text."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return in_bytes(data, random)
    try:
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            value = _changed(value, random)
        text = json.dumps(value, ensure_ascii=random.random() < 0.5)
    except RecursionError:
        return in_bytes(data, random)
    if random.random() < 0.03:
        at, depth = random.randrange(len(text) + 1), random.choice((50, 2_000, 100_000))
        text = text[:at] + random.choice(("[", '{"a":')) * depth + text[at:]
    changed = text.encode("utf-8", "surrogatepass")
    return in_bytes(changed, random) if random.random() < 0.1 else changed


def _changed(value: Any, random: Random) -> Any:
    """``value`` with one of its parts, at whatever depth, replaced, dropped, doubled or renamed."""
    if not isinstance(value, dict | list) or not value or random.random() < 0.05:
        return _other(value, random)
    keys = list(value) if isinstance(value, dict) else range(len(value))
    key = random.choice(keys)
    made: Any = dict(value) if isinstance(value, dict) else list(value)
    if isinstance(made[key], dict | list) and made[key] and random.random() < 0.7:
        made[key] = _changed(made[key], random)
        return made
    match random.randrange(6):
        case 0:
            del made[key]
        case 1 if isinstance(made, dict):
            made[random.choice((*TEXTS, *keys))] = made.pop(key)
        case 1:
            made.insert(key, made[key])
        case 2:
            made[key] = made[random.choice(keys)]
        case _:
            made[key] = _other(made[key], random)
    return made


def _other(value: Any, random: Random) -> Any:
    """Another value in the place of one, often of the same type."""
    if isinstance(value, str) and random.random() < 0.4:
        at = random.randrange(len(value) + 1)
        return value[:at] + random.choice(TEXTS) + value[at + random.randrange(2) :]
    if isinstance(value, int | float) and random.random() < 0.5:
        return random.choice((value + 1, -value, *NUMBERS))
    return [value] if random.random() < 0.1 else hostile(random)


def in_lines(of_line: Mutation) -> Mutation:
    """Change one line, or the order and number of lines."""

    def mutate(data: bytes, random: Random) -> bytes:
        lines = data.split(b"\n")
        at = random.randrange(len(lines))
        match random.randrange(8):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[random.randrange(len(lines))])
            case 2:
                return in_bytes(data, random)
            case _:
                lines[at] = of_line(lines[at], random)
        return random.choice((b"\n", b"\n", b"\n", b"\r\n")).join(lines)

    return mutate


def in_cells(separator: str) -> Mutation:
    """Change one cell of a line of a table, or their number."""

    def mutate(line: bytes, random: Random) -> bytes:
        cells = line.decode("utf-8", "replace").split(separator)
        at = random.randrange(len(cells))
        match random.randrange(5):
            case 0:
                del cells[at]
            case 1:
                cells.insert(at, cells[at])
            case 2:
                cells[at] = f'"{cells[at]}' + random.choice(("", '"'))
            case _:
                cells[at] = str(hostile(random))
        return separator.join(cells).encode("utf-8", "surrogatepass")

    return mutate


def in_yaml(data: bytes, random: Random) -> bytes:
    """Change a line of YAML: its key, its value, its depth; or give it anchors, aliases and tags."""
    lines = data.decode("utf-8", "replace").split("\n")
    at = random.randrange(len(lines))
    key, colon, value = lines[at].partition(":")
    text = json.dumps(hostile(random)) if random.random() < 0.5 else str(hostile(random))
    match random.randrange(8):
        case 0:
            lines[at] = f"{key}: {text}"
        case 1:
            lines[at] = f"{key}: [{text}, {value}]"
        case 2:
            lines[at] = random.choice((" ", "  ", "\t", "- ")) + lines[at]
        case 3:
            lines[at] = f"{key}: &a {value or text}"
            lines.append(f"more: [{', '.join(['*a'] * random.choice((1, 9)))}]")
        case 4:
            lines[at] = f"{key}{colon} {random.choice(TAGS)} {value}"
        case 5:
            lines[at] = f"{key}{text}{colon}{value}"
        case 6:
            lines[at] = f"{key}: {random.choice('[{') * random.choice((3, 2_000))}{value}"
        case 7:
            del lines[at]
    changed = "\n".join(lines).encode("utf-8", "surrogatepass")
    return in_bytes(changed, random) if random.random() < 0.1 else changed


def in_npy(data: bytes, random: Random) -> bytes:
    """Change the description in front of an array, or bytes."""
    if len(data) < 10 or random.random() < 0.3:
        return in_bytes(data, random)
    (size,) = struct.unpack("<H", data[8:10])
    header = data[10 : 10 + size].decode("latin-1")
    old, new = random.choice(
        (
            ("<f4", "|O"),
            ("<f4", "<f8"),
            ("<f4", "|S9999999"),
            ("<f4", "<U3"),
            ("<f4", "[('a', '<f4')]"),
            ("False", "True"),
            ("False", "None"),
            ("(", "(-"),
            ("(", "(99999999999,"),
            ("(", "(0, "),
            (",)", ")"),
            (", ", ", 10000000000000000000, "),
            ("descr", "descrs"),
            ("{", "{{"),
            ("'", ""),
            ("(", "(" * 300),
            ("<f4", ">f4"),
            ("<f4", "<i8"),
            ("}", "}\0"),
        )
    )
    changed = header.replace(old, new, random.choice((1, -1))).encode("latin-1")
    length = len(changed) if random.random() < 0.9 else random.randrange(1 << 16)
    return data[:8] + struct.pack("<H", length % (1 << 16)) + changed + data[10 + size :]


def in_safetensors(data: bytes, random: Random) -> bytes:
    """Change the JSON in front of tensors, or bytes."""
    if len(data) < 8 or random.random() < 0.3:
        return in_bytes(data, random)
    (size,) = struct.unpack("<Q", data[:8])
    changed = in_json(data[8 : 8 + size], random)
    length = len(changed) if random.random() < 0.9 else random.choice((0, 1, 2**40, 2**63, 2**64 - 1))
    return struct.pack("<Q", length) + changed + data[8 + size :]
