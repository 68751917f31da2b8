"""Input from elsewhere is data: nothing of it is run, leaves its folder, takes all memory, or commands a terminal."""

from __future__ import annotations

import ast
import json
import os
import pickle
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import tokir as package
from command import tokir
from small_models import make_roberta, make_sentence_encoder
from small_runs import SYSTEM, static_run
from tokir import open_run
from tokir.artifacts import Names, RunFolder, read_array, read_tensors
from tokir.config import load_config
from tokir.data import beir, files, tables
from tokir.data.corpus import Corpus
from tokir.data.files import Folder
from tokir.encoders.model2vec import Model2VecEncoder
from tokir.encoders.named import load as load_model
from tokir.errors import TokirError
from tokir.report.templates import environment
from tokir.results.reading import read_results
from tokir.tokenizers import load as load_tokenizer
from tokir.untrusted import printable, within

ESCAPE = "\x1b]0;owned\x07\x1b[2J"


class Payload:
    """What would run when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def marker(tmp_path):
    return tmp_path / "it-was-run"


@pytest.fixture
def small(tmp_path, wiki, tokenizer):
    """A run of one static model, to be changed."""
    from tokir.data import corpus

    made = corpus.write(tmp_path / "c.arrow", lambda: enumerate(wiki.corpus.records(0, 20)), str)
    static_run(tmp_path / "run", made, tokenizer)
    return tmp_path / "run"


# -- nothing is run ---------------------------------------------------------------------------------------


def test_a_pickle_in_the_place_of_any_file_is_refused_and_not_run(small, tmp_path, marker):
    pickled = pickle.dumps(Payload(marker))
    readers = {
        Names.tokenizer("t"): lambda path: load_tokenizer(path),
        Names.embedding(SYSTEM, "table.npy"): read_array,
        Names.CORPUS: lambda path: Corpus.open(path, verify=False),
        Names.CORPUS_FACTS: lambda path: Corpus.open(path.with_suffix(".arrow"), verify=False),
        Names.SYSTEMS: lambda path: open_run(small),
        Names.STUDY: lambda path: load_config(str(path)),
        Names.ADDITIONS: lambda path: open_run(small),
        Names.RESULTS: lambda path: read_results(RunFolder(small)),
        "models/a/best.safetensors": read_tensors,
        "tokenizers/a/tokenizer.model": load_tokenizer,
        "a.npy": read_array,
        "a.npz.npy": read_array,
    }
    for name, read in readers.items():
        path = small / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_bytes() if path.exists() else None
        if "npz" in name:
            np.savez(small / "a.npz", np.array([Payload(marker)], dtype=object))
            (small / "a.npz").rename(path)
        else:
            path.write_bytes(pickled)
        with pytest.raises(TokirError, match=re.escape(path.name.replace("passages.json", "passages"))) as refusal:
            read(path)
        assert "\n" not in str(refusal.value), name
        path.unlink() if before is None else path.write_bytes(before)
    np.save(small / "objects.npy", np.array([Payload(marker)], dtype=object))
    with pytest.raises(TokirError, match=r"objects\.npy: damaged"):
        read_array(small / "objects.npy")
    (small / Names.MANIFEST).write_bytes(pickled)
    assert not RunFolder(small).recorded("anything")
    for name in ("d.jsonl", "d.parquet", "d.zip"):
        (tmp_path / name).write_bytes(pickled)
        with pytest.raises(TokirError, match=re.escape(name)):
            beir.read(tmp_path / name, tmp_path / "cache")
    assert not marker.exists()


def test_a_pickle_among_the_weights_of_a_model_is_refused_and_not_run(tmp_path, marker):
    pytest.importorskip("sentence_transformers")
    pytest.importorskip("model2vec")
    make_sentence_encoder(tmp_path / "sentence")
    make_roberta(tmp_path / "roberta")
    (tmp_path / "static").mkdir()
    (tmp_path / "static/config.json").write_text("{}")
    for folder, read in {
        "sentence": lambda path: load_model(str(path)),
        "roberta": lambda path: load_model("roberta", folder=str(path)),
        "static": Model2VecEncoder,
    }.items():
        path = tmp_path / folder
        for weights in path.rglob("*.safetensors"):
            weights.unlink()
        for name in ("pytorch_model.bin", "model.pt", "weights.pkl"):
            (path / name).write_bytes(pickle.dumps(Payload(marker)))
            with pytest.raises(TokirError, match=f"{name}: pickled weights are not read") as refusal:
                read(path)
            assert "\n" not in str(refusal.value)
            (path / name).unlink()
    assert not marker.exists()


def test_no_code_of_a_model_folder_is_run_and_nothing_is_asked(tmp_path, marker, monkeypatch):
    make_roberta(tmp_path / "model")
    (tmp_path / "model/own.py").write_text(f"import os\nos.mkdir({str(marker)!r})\nclass Own:\n    pass\n")
    config = json.loads((tmp_path / "model/config.json").read_text())
    own = {name: "own.Own" for name in ("AutoConfig", "AutoModel", "AutoTokenizer")}
    (tmp_path / "model/config.json").write_text(json.dumps({**config, "model_type": "own", "auto_map": own}))
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    with pytest.raises(TokirError, match="no RoBERTa base can be read from it"):
        load_model("roberta", folder=str(tmp_path / "model"))
    assert not marker.exists()


def test_a_module_of_the_library_is_a_class_of_its_own_and_nothing_that_it_imports(tmp_path, marker):
    pytest.importorskip("sentence_transformers")
    make_sentence_encoder(tmp_path / "model")
    modules = json.loads((tmp_path / "model/modules.json").read_text())
    for kind in ("sentence_transformers.util.torch", "sentence_transformers.os.Path.x", "os.System", None, 3):
        (tmp_path / "model/modules.json").write_text(json.dumps([{**modules[0], "type": kind}]))
        with pytest.raises(TokirError, match="needs code of its own"):
            load_model(str(tmp_path / "model"))
    (tmp_path / "model/modules.json").write_text(json.dumps([{**modules[0], "path": "../elsewhere"}]))
    with pytest.raises(TokirError, match="lies outside of"):
        load_model(str(tmp_path / "model"))


def test_the_package_reads_no_pickle_and_runs_no_text():
    """Whatever unpickles or evaluates is not called, nor is what does so unless it is told not to."""
    found = []
    for path in Path(package.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            forbidden = ("pickle.", "torch.load", "np.load", "yaml.load", "joblib.", "marshal.", "shelve.")
            if name in ("eval", "exec", "compile") or name.startswith(forbidden):
                found.append(f"{path.name}:{node.lineno} {name}")
    assert found == []


# -- nothing leaves its folder ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "link/x", "a\0b", "\ud800", 5, None])
def test_a_name_cannot_leave_its_folder(tmp_path, name):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link").symlink_to(tmp_path)
    with pytest.raises(TokirError, match=r"lies outside of|cannot be the name"):
        within(tmp_path / "in", name)
    (tmp_path / "here").symlink_to(tmp_path / "in")
    (tmp_path / "in/inner").symlink_to(tmp_path / "in/x")
    assert within(tmp_path / "here", "inner/y").name == "y"  # a link to the folder, and one that stays in it


def test_a_run_folder_names_and_removes_nothing_outside(small, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "a.npy").write_bytes(b"mine")
    systems = json.loads((small / Names.SYSTEMS).read_text())
    for name in ("../secret/a.npy", str(secret / "a.npy")):
        systems["files"][SYSTEM]["encoder"]["table"] = name
        (small / Names.SYSTEMS).write_text(json.dumps(systems))
        RunFolder(small).ensure([Names.SYSTEMS], name, lambda: None)  # whoever writes the one can write the other
        with pytest.raises(TokirError, match=r"lies outside of .*run .*links and names that leave a folder"):
            open_run(small).search("history")
    entries = [
        {"path": "indexes/../../secret/a.npy", "sha256": "", "inputs": ""},
        {"path": "indexes/link/a.npy", "sha256": "", "inputs": ""},
    ]
    (small / Names.MANIFEST).write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    (small / "indexes/link").symlink_to(secret)
    folder = RunFolder(small)
    assert not folder.recorded(entries[0]["path"])
    with pytest.raises(
        TokirError, match="lies outside of"
    ):  # an artefact that is made again removes its old files
        folder.ensure_folder("indexes/link", 1, lambda path: None)
    (small / Names.MANIFEST).unlink()
    names = [file.relative_to(small).as_posix() for file in small.rglob("*") if file.is_file()]
    RunFolder(small).ensure([name for name in names if not name.startswith(".")], "as it is", lambda: None)
    (small / "additions").symlink_to(secret)
    (secret / "1").mkdir()
    with pytest.raises(TokirError, match="lies outside of"):
        package.delete_passages(small, [open_run(small).passages.record(0).id])
    assert (secret / "a.npy").read_bytes() == b"mine" and (secret / "1").is_dir()


def test_a_data_folder_and_a_zip_name_nothing_outside(tmp_path):
    secret = tmp_path / "secret.jsonl"
    secret.write_text('{"_id": "a", "text": "a secret"}\n')
    (tmp_path / "data").mkdir()
    (tmp_path / "data/corpus.jsonl").symlink_to(secret)
    with pytest.raises(TokirError, match=r"corpus\.jsonl lies outside of"):
        beir.read(tmp_path / "data", tmp_path / "cache")
    assert len(beir.read(secret, tmp_path / "cache").corpus) == 1
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as archive:
        for top in ("", "../../", "/"):
            archive.writestr(f"{top}corpus.jsonl", '{"_id": "a", "text": "b"}\n')
            archive.writestr(f"{top}qrels/../../../slipped.tsv", "a")
    before = set(tmp_path.parent.rglob("*"))
    beir.read(tmp_path / "slip.zip", tmp_path / "cache")
    made = {path.relative_to(tmp_path).parts[0] for path in set(tmp_path.parent.rglob("*")) - before}
    assert made <= {"cache"}


def test_an_export_over_links_leaves_what_they_lead_to(run, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("mine")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/inner").symlink_to(tmp_path / "mine")
    (tmp_path / "linked").symlink_to(tmp_path / "mine")
    opened = open_run(run)
    system = next(name for name in opened.embedders if ".static." in name)
    with pytest.raises(TokirError, match="is not of an earlier export"):
        opened.export(system, "model2vec", tmp_path / "linked")
    try:
        opened.export(system, "model2vec", tmp_path / "out")
    except TokirError as refusal:  # of a system that this form cannot hold, or of the link
        assert "\n" not in str(refusal)
    assert (tmp_path / "mine/file").read_text() == "mine"


# -- sizes ------------------------------------------------------------------------------------------------


def in_little_memory(code: str, *arguments: object) -> str:
    """The error that a process of its own ends with, which may take half a gigabyte for what it reads."""
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_DATA, ({1 << 29}, {1 << 29}))\n"
    words = [sys.executable, "-c", limit + code, *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=100)
    return done.stderr.strip().splitlines()[-1]


READ = """
import sys
from pathlib import Path
from tokir.data import beir
beir.read(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="bounds on memory")
def test_a_bomb_in_a_data_set_ends_in_a_sentence_before_memory_or_disk_is_gone(tmp_path):
    """A zip of a long line and one of many lines, and a table that stores a text once for many rows."""
    for name, block in (("line", b" " * (1 << 20)), ("lines", b'{"_id": "a", "text": "b"}\n' * 40_000)):
        with (
            zipfile.ZipFile(tmp_path / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("corpus.jsonl", "w", force_zip64=True) as member,
        ):
            for _ in range(300):
                member.write(block)
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 4_000, pa.int32()), pa.array(["x" * (1 << 20)]))
    pq.write_table(pa.table({"_id": [f"d{i}" for i in range(4_000)], "text": text}), tmp_path / "rows.parquet")
    for name in ("line.zip", "lines.zip", "rows.parquet"):
        assert (tmp_path / name).stat().st_size < 2_000_000
        said = in_little_memory(READ, tmp_path / name, tmp_path / "cache")
        assert said.startswith("tokir.errors.TokirError") and "over 200 times as many" in said, said
    assert sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*") if path.is_file()) < 1 << 20


def test_a_zip_that_lies_about_its_sizes_gives_no_more_than_it_says(tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("corpus.jsonl", b" " * 100_000_000)
    lying = path.read_bytes()
    says, less = ((size).to_bytes(4, "little") for size in (100_000_000, 30))
    path.write_bytes(lying.replace(says, less))
    with pytest.raises(TokirError, match="broken or encrypted zip"):
        list(tables.documents(tables.Table(files.Archive(path), "corpus.jsonl")))
    packed = zipfile.ZipFile(path).infolist()[0].compress_size.to_bytes(4, "little")
    path.write_bytes(lying.replace(packed, (1 << 30).to_bytes(4, "little")))  # so that the ratio looks small
    with pytest.raises(TokirError, match="over 200 times as many"):
        list(tables.documents(tables.Table(files.Archive(path), "corpus.jsonl")))


def test_a_line_a_method_and_a_file_have_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LONGEST_LINE", 1_000)
    (tmp_path / "corpus.jsonl").write_text('{"_id": "a", "text": "b"}\n' + " " * 2_000)
    with pytest.raises(TokirError, match=r"corpus\.jsonl:2 is longer than 1,000 bytes"):
        list(tables.documents(tables.Table(Folder(tmp_path), "corpus.jsonl")))
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("corpus.jsonl", '{"_id": "a", "text": "b"}\n')
    with pytest.raises(TokirError, match="packed by another method than deflate"):
        beir.read(tmp_path / "set.zip", tmp_path / "cache")
    for name in ("tokenizer.json", "a.model"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(1 << 30)
        with pytest.raises(TokirError, match=r"holds 1,073,741,824 bytes, and at most 134,217,728 are read"):
            load_tokenizer(tmp_path / name)
    (tmp_path / "b.safetensors").write_bytes((2**40).to_bytes(8, "little") + b"{}")
    with pytest.raises(TokirError, match="damaged"):
        read_tensors(tmp_path / "b.safetensors")


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(?:\w*\s?)*!", r"((x{1,})y?){2,}"])
def test_a_pattern_that_backtracks_for_ever_is_refused_before_it_is_run(tmp_path, tokenizer, pattern):
    described = tokenizer.described()
    described["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
        ],
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(described))
    with pytest.raises(TokirError, match="repeats a repetition, which can take for ever"):
        load_tokenizer(tmp_path / "tokenizer.json")


def test_settings_hold_values_alone_and_no_more_than_settings_do(tmp_path, marker):
    path = tmp_path / "study.yaml"
    laughs = ["a0: &a0 [x]", *(f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]" for i in range(30))]
    for text, said in {
        "\n".join(laughs): "aliases stand for more than 100,000 values",
        "name: &a [*a]": "an alias stands for what holds it",
        "name: " + "[" * 5_000: "nests deeper than 50 levels",
        "name: " + "x" * 300_000: "has 300,006 characters",
        "name: " + "x" * 3_000_000: "bytes, and at most",
        f"name: !!python/object/apply:os.mkdir [{str(marker)!r}]": "could not determine a constructor",
    }.items():
        path.write_text(text)
        with pytest.raises(TokirError, match=said) as refusal:
            load_config(str(path))
        assert "\n" not in str(refusal.value)
    assert not marker.exists()


# -- text stays text --------------------------------------------------------------------------------------


def test_what_a_terminal_would_obey_is_shown_as_its_number():
    assert printable(f"a{ESCAPE}b\r\n\x9bc\u202etxt.exe é 東京") == (
        "a\\x1b]0;owned\\x07\\x1b[2Jb\\x0d \\x9bc\\u202etxt.exe é 東京"
    )


def test_the_command_line_prints_through_one_place():
    """Else somebody forgets that a title may command a terminal."""
    direct = re.compile(r"typer\.s?echo\(|(?<![\w.])print\(|sys\.std(out|err)\.write")
    for path in (Path(package.__file__).parent / "cli").glob("*.py"):
        if path.name != "terminal.py":
            assert not direct.search(path.read_text("utf-8")), path.name


def test_titles_ids_queries_and_errors_command_no_terminal(small, tmp_path, capfd, wiki, tokenizer):
    from tokir.data import corpus
    from tokir.data.corpus import Document

    hostile = [Document("../../x", f"t{ESCAPE}", f"text{ESCAPE}\u202e <script>"), *wiki.corpus.records(0, 3)]
    static_run(
        tmp_path / "hostile", corpus.write(tmp_path / "h.arrow", lambda: enumerate(hostile), str), tokenizer
    )
    tokir("search", tmp_path / "hostile", f"text {ESCAPE}", "--top", 4)
    tokir("search", tmp_path / f"none{ESCAPE}", "a", code=2)
    tokir("search", tmp_path / "hostile", "a", "--system", f"b{ESCAPE}", code=2)
    (tmp_path / "data").mkdir()
    beir.write(tmp_path / "data", hostile[1:], {"q1": f"question{ESCAPE}"}, {"test": {"q1": {hostile[1].id: 1}}})
    tokir("data", "show", tmp_path / "data")
    tokir("run", f"x{ESCAPE}", code=2)
    (tmp_path / "bad.jsonl").write_text(json.dumps({"_id": f"a{ESCAPE}", "text": "b"}))
    tokir("data", "show", tmp_path / "bad.jsonl", code=2)
    shown = "".join(capfd.readouterr())
    assert "\\x1b]0;owned\\x07" in shown
    plain = re.sub("\x1b\\[[01]m", "", shown)  # bold, which tokir itself asks for
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", plain)


def test_pages_show_text_as_text():
    made = environment("report").from_string("<p title='{{ text }}'>{{ text }}</p>")
    shown = made.render(text="<script>alert('\"&')</script>")
    assert "<script" not in shown and shown.count("'") == 2


def test_hashes_of_others_hide_no_code():
    """Neither data nor settings name a module to import: registries know what there is."""
    for name in ("os:system", "tokir.run:Run", "../x"):
        with pytest.raises(TokirError, match="unknown tokenizer"):
            load_config("quickstart", [f"tokenizers=[{{type: '{name}'}}]"])
