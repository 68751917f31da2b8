"""Any other pretrained encoder: a folder or a model of the Hugging Face hub, as sentence-transformers reads it.

Pooling, normalisation and prompts are the model's own. No code that comes with a model is run, and no pickle is read.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import digest, file_digest
from tokir.encoders.hub import snapshot
from tokir.encoders.plain import NO_CODE, NO_PICKLES, model_files, require_plain
from tokir.encoders.pretrained import counted, quiet
from tokir.encoders.registry import is_folder
from tokir.errors import Unavailable
from tokir.untrusted import MOST_OF_A_MODEL, read_json, within

if TYPE_CHECKING:
    import torch

TEXTS_PER_BATCH = 32
SIZE_PER_BATCH = (
    32_768  # bounds memory: texts times the length of the longest, in characters or what is read of it
)
UNBOUNDED = 10**6  # tokens: what is said of a model that reads texts whole
PASSAGE_PROMPTS = ("document", "passage", "corpus")
_LIBRARY = "sentence_transformers"
_KINDS = (".safetensors", ".json", ".txt", ".model", ".jinja", ".tiktoken")  # of files that decide a vector
# A class of the library, by its capital; a module that it imports would be loaded from as well.
_MODULE = re.compile(rf"{_LIBRARY}(\.[a-z_]\w*)*\.[A-Z]\w*", re.ASCII)


def find_model(name: str, folder: str | None = None, download: bool = False) -> Path:
    """The folder that holds a model.

    Args:
        name: the whole path of a folder, or an id of the hub.
        folder: where the user said that it lies instead.
        download: fetch a model of the hub that is not in the local cache.

    Raises:
        Unavailable: it is not on this machine, or it is not a model that is read here.
    """
    if importlib.util.find_spec(_LIBRARY) is None:
        raise Unavailable(f"{name} needs the package sentence-transformers: pip install 'tokir[pretrained]'")
    setting = f"'pretrained_folders={{{name}: FOLDER}}'"
    if folder is None and not is_folder(name):
        path = snapshot(name, [f"*{kind}" for kind in _KINDS], download, setting)
        if not (
            path / "modules.json"
        ).is_file():  # a cache that another library filled would be pooled as it is not
            raise Unavailable(
                f"{path} holds no modules.json: run again with --download to fetch all of {name}; if the model has "
                f"none, put it into a folder, which is then mean-pooled, and name that with --set {setting}"
            )
    else:
        path = Path(folder or name)
        if not path.is_dir():
            raise Unavailable(
                f"there is no folder {path}: put the model there, or name the folder in which it lies now: "
                f"tokir run ... --set {setting}"
            )
    require_plain(path)
    _refuse(path)
    return path


def checksum(path: Path) -> str:
    """Hash of all files of a model that decide a vector: modules, weights, configuration, prompts, tokenizer."""
    files = [file for file in model_files(path, "*") if file.suffix in _KINDS]
    return digest([[file.relative_to(path).as_posix(), file_digest(file)] for file in files])


def load_sentence_encoder(
    name: str, *, folder: str | None = None, download: bool = False, device: torch.device | str = "cpu"
) -> SentenceEncoder:
    """The encoder, as it reads queries; raises as :func:`find_model` does, and Unavailable where it is not whole."""
    path = find_model(name, folder, download)
    try:
        with quiet():
            from sentence_transformers import SentenceTransformer

            model = SentenceTransformer(
                str(path),
                device=str(device),
                trust_remote_code=False,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
            # Queries are embedded in fp32, whatever weights are kept in; conversion up is exact.
            return SentenceEncoder(model.float().eval(), checksum(path))
    except Exception as error:  # the libraries raise whatever they like where a model is not whole
        said = str(error).strip()
        if "trust_remote_code" in said:
            raise Unavailable(f"{path} needs code of its own, {NO_CODE}") from None
        if "safetensors" in said:
            reason = f"not all of its weights can be read from safetensors, and {NO_PICKLES}"
        else:
            first = said.partition("\n")[0]
            reason = f"sentence-transformers cannot read it: {type(error).__name__}: {first}"
        raise Unavailable(f"{path}: {reason}") from None


class SentenceEncoder:
    """One side of a model: it reads queries, or passages, each after their prompt where the model has one.

    Args:
        model: a ``SentenceTransformer``.
        checksum: of its files.
        side: which of the two it reads.
    """

    def __init__(self, model: Any, checksum: str, side: Literal["query", "passage"] = "query") -> None:
        self.model, self.checksum, self.side = model, checksum, side
        longest = model.max_seq_length
        self.longest = int(longest) if longest is not None and longest < UNBOUNDED else None
        self._prompt_name = _prompt_name(model.prompts, side)
        self.dimensions = int(self._encode(["a"]).shape[1])

    @property
    def of_passages(self) -> SentenceEncoder:
        """The same model as it reads passages."""
        return SentenceEncoder(self.model, self.checksum, "passage")

    @property
    def prompt(self) -> str:
        """What is put before each text."""
        return self.model.prompts[self._prompt_name] if self._prompt_name else ""

    def num_parameters(self) -> int:
        """All parameters, of every module."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def facts(self) -> dict[str, Any]:
        """What the row of a result table says of it, as JSON."""
        modes = [module.pooling_mode for module in self.model.modules() if hasattr(module, "pooling_mode")]
        pooling = [mode if isinstance(mode, str) else "+".join(mode) for mode in modes]
        return {
            "parameters": self.num_parameters(),
            "dimensions": self.dimensions,
            "longest": self.longest,
            "pooling": pooling[0] if pooling else None,
            "prompts": {"query": self.prompt, "passage": self.of_passages.prompt},
        }

    def count(self, texts: Sequence[str]) -> tuple[int, int, int] | None:
        """As that of other encoders, each text after its prompt; None where its tokenizer does not say."""
        from transformers import PreTrainedTokenizerBase

        tokenizer = self.model.tokenizer
        if not isinstance(tokenizer, PreTrainedTokenizerBase):
            return None
        ids: list[list[int]] = tokenizer([self.prompt + text for text in texts], truncation=False, verbose=False)[
            "input_ids"
        ]
        return counted(ids, self.longest, tokenizer.unk_token_id)

    def tokenize(self, texts: Sequence[str]) -> list[str]:
        """The texts as they are: the library cuts them while it encodes."""
        return list(texts)

    def embed(self, tokens: list[str]) -> NDArray[np.float32]:
        """Vectors of shape (texts, dimensions), as the model pools and normalises them."""
        out = np.zeros((len(tokens), self.dimensions), dtype=np.float32)
        for chosen in self._batches(tokens):
            out[chosen] = self._encode([tokens[i] for i in chosen])
        return out

    def _batches(self, texts: Sequence[str]) -> Iterator[list[int]]:
        """Indices of texts of like length; batches depend on the texts alone."""
        order = sorted(range(len(texts)), key=lambda i: (len(texts[i]), i))
        batch: list[int] = []
        for index in order:
            size = len(self.prompt) + len(texts[index])
            size = size if self.longest is None else min(size, self.longest)
            if batch and (len(batch) == TEXTS_PER_BATCH or (len(batch) + 1) * size > SIZE_PER_BATCH):
                yield batch
                batch = []
            batch.append(index)
        if batch:
            yield batch

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        encode = self.model.encode_query if self.side == "query" else self.model.encode_document
        vectors = encode(
            texts,
            prompt_name=self._prompt_name,
            batch_size=len(texts),
            show_progress_bar=False,
            convert_to_tensor=True,
        )
        found: NDArray[np.float32] = vectors.float().cpu().numpy()
        return found


def _prompt_name(prompts: dict[str, str], side: str) -> str | None:
    """The name of a side's prompt; None where it has none.

    Left to itself the library takes ``document`` for passages even where that is empty and ``passage`` is not, since
    it puts an empty ``document`` into every model.
    """
    names = ("query",) if side == "query" else PASSAGE_PROMPTS
    return next((name for name in names if prompts.get(name)), None)


def _refuse(path: Path) -> None:
    """Unavailable where the files of a folder show that it is not a model that is read here."""
    about = _json(path / "config_sentence_transformers.json", {})
    if (kind := about.get("model_type", "SentenceTransformer")) != "SentenceTransformer":
        raise Unavailable(f"{path} holds a {kind}, not a model with one vector for each text: name another model")
    for module in _json(path / "modules.json", []):
        kind, place = (module.get(name) if isinstance(module, dict) else None for name in ("type", "path"))
        if not _MODULE.fullmatch(str(kind)):
            raise Unavailable(f"{path} needs code of its own ({kind}), {NO_CODE}")
        within(path, place if place is not None else "")


def _json(path: Path, missing: Any) -> Any:
    """A JSON file of the kind of ``missing``, which stands in for it where it is not there."""
    if not path.is_file():
        return missing
    try:
        value = read_json(path, MOST_OF_A_MODEL)
    except (OSError, ValueError) as error:
        raise Unavailable(f"{path}: damaged ({error}): get the model again") from None
    if not isinstance(value, type(missing)):
        raise Unavailable(f"{path}: damaged (not what sentence-transformers writes): get the model again")
    return value
