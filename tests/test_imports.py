"""The tree is the architecture: which module may import which."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import tokir

ROOT = Path(tokir.__file__).parent
# From the bottom to the top; a module imports from its own layer and from those below it.
LAYERS = [
    {"container", "errors", "memory", "progress", "registry", "threads", "untrusted", "words"},
    {
        f"{package}.registry"
        for package in (
            "tokenizers",
            "models",
            "training",
            "encoders",
            "retrieval",
            "evaluation",
            "export",
            "study",
        )
    },
    {"artifacts", "config"},
    {"systems", "data", "tokenizers", "models", "environment"},
    {"training"},
    {"encoders"},
    {"retrieval"},
    {"evaluation"},
    {"results"},
    {"additions"},
    {"report"},
    {"export", "database"},
    {"run"},
    {"study", "serve"},
    {"cli"},
]
LIGHT = ("torch", "numpy", "scipy", "pydantic", "pyarrow", "tokenizers", "rich")


def modules() -> dict[str, Path]:
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


def layer(module: str) -> int | None:
    """The layer of a module: that of its longest name that stands in one."""
    names = module.split(".")
    for length in range(len(names), 0, -1):
        for number, members in enumerate(LAYERS):
            if ".".join(names[:length]) in members:
                return number
    return None


def imported(path: Path) -> set[str]:
    """Modules of the package that a module imports, wherever in it, but for the sake of types alone."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "tokir":
            base = node.module.removeprefix("tokir").lstrip(".")
            names = {f"{base}.{alias.name}".lstrip(".") for alias in node.names}
            found |= {name if name in modules() else base for name in names}
    return found - {""}


def test_every_module_has_a_layer():
    assert [name for name in modules() if name not in ("", "__main__") and layer(name) is None] == []


def test_imports_run_downwards_only():
    wrong = []
    for name, path in modules().items():
        if name in ("", "__main__"):  # the package's face, which loads what is asked for
            continue
        for other in imported(path):
            mine, theirs = layer(name), layer(other)
            assert mine is not None and theirs is not None, (name, other)
            if theirs > mine or (theirs == mine and name.split(".")[0] != other.split(".")[0] and mine > 3):
                wrong.append(f"{name} imports {other}")
    assert wrong == []


def test_modules_and_functions_are_short():
    for name, path in modules().items():
        text = path.read_text("utf-8")
        assert text.count("\n") <= 400, name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{name}.{node.name}"


def loaded(code: str) -> set[str]:
    shown = f"import sys; {code}; print(*(name for name in {LIGHT} if name in sys.modules))"
    return set(
        subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True).stdout.split()
    )


def test_importing_the_package_loads_no_heavy_library():
    assert loaded("import tokir, tokir.cli") == set()


def test_registries_and_an_opened_run_load_neither_torch_nor_pydantic():
    registries = ", ".join(f"tokir.{name}" for name in sorted(LAYERS[1]))
    assert loaded(f"import {registries}") == set()
    assert not loaded("import tokir; tokir.open_run") & {"torch", "scipy", "pydantic"}
