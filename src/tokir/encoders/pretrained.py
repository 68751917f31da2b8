"""Pretrained baselines: MiniLM as a sentence encoder; CANINE, RoBERTa and ByT5 mean-pooled, as they come.

Weights are looked for in this order: a folder the user names, the installed package that carries them (MiniLM),
the local cache of the Hugging Face hub, and the hub itself only when the user asks for the download.
"""

from __future__ import annotations

import importlib.util
import os
import threading
from collections.abc import Sequence
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import digest, file_digest
from tokir.encoders.hub import snapshot
from tokir.encoders.plain import require_plain
from tokir.encoders.registry import PRETRAINED
from tokir.errors import TokirError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

CANINE_PADDING = 16  # its strided convolutions reach this far beyond a text, into zeros as in its pre-training


def load_pretrained(
    name: str,
    *,
    folder: str | None = None,
    download: bool = False,
    device: torch.device | str = "cpu",
) -> PretrainedEncoder:
    """The encoder of a baseline.

    Raises:
        Unavailable: its weights, or the library that reads them, are not on this machine; says how to get them.
        TokirError: a folder was named and no model can be read from it, or the weights are not the official ones.
    """
    baseline = PRETRAINED[name]
    weights = find_weights(name, folder, download)
    try:
        with quiet():
            encoder = PretrainedEncoder(*_load(weights, device), baseline.longest, device, checksum(weights))
            encoder.embed(encoder.tokenize(["a"]))  # a tokenizer that cannot pad shows it here, not hours later
            return encoder
    except Exception as error:  # the libraries raise whatever they like where a model is not whole
        reason = str(error).strip().partition("\n")[0]
        sentence = f"{weights}: no {baseline.title} can be read from it: {type(error).__name__}: {reason}"
        # A cache that another program left half filled is not the user's mistake.
        raise (TokirError if folder is not None else Unavailable)(sentence) from None


def find_weights(name: str, folder: str | None = None, download: bool = False) -> Path:
    """The folder that holds the weights of a baseline; raises as :func:`load_pretrained` does."""
    baseline = PRETRAINED[name]
    if importlib.util.find_spec("transformers") is None:
        raise Unavailable(f"{baseline.title} needs the package transformers: pip install 'tokir[pretrained]'")
    if folder is not None:
        if not Path(folder).exists():  # a mistake when a run begins, and later it may have gone
            raise Unavailable(
                f"pretrained_folders.{name}: there is no folder {folder}: name the one it lies in now"
            )
        if not (Path(folder) / "config.json").is_file():
            raise TokirError(
                f"pretrained_folders.{name}: {folder} holds no config.json, so it is not a model folder"
            )
        try:
            require_plain(Path(folder))
        except Unavailable as error:
            raise TokirError(f"pretrained_folders.{name}: {error}") from None
        return Path(folder)
    if baseline.package and (spec := importlib.util.find_spec(baseline.package)) and spec.origin:
        inside = Path(spec.origin).parent / "model"
        weights = inside / "model.safetensors"
        if not weights.is_file() or file_digest(weights) != baseline.sha256:
            raise TokirError(
                f"{weights}: not the official weights of {baseline.hub} (sha256 {(baseline.sha256 or '')[:12]}...): "
                f"reinstall with pip install --force-reinstall {baseline.package.replace('_', '-')}"
            )
        return inside
    patterns = ["*.json", "*.txt", "*.safetensors", "*.model"]
    package = baseline.package and baseline.package.replace("_", "-")
    found = snapshot(baseline.hub, patterns, download, f"pretrained_folders.{name}=FOLDER", package)
    require_plain(found)
    return found


def checksum(folder: Path) -> str:
    """Hash of all that decides a vector: weights, configuration and tokenizer files."""
    kinds = (".safetensors", ".json", ".txt", ".model")
    return digest([file_digest(path) for path in sorted(folder.iterdir()) if path.suffix in kinds])


_quiet = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the progress bars and advice of the model libraries off the terminal, and them off the network.

    Models lie in folders when they are read; even so the libraries ask the hub for one thing or another. What was
    taken from them is given back afterwards; it belongs to the process, so that one thread at a time has it.
    """
    with _quiet:
        yield from _silenced()


def _silenced() -> Iterator[None]:
    from huggingface_hub import constants

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    from transformers.utils import logging as transformers_logging

    level, bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    offline, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
    try:
        with redirect_stderr(StringIO()):
            yield
    finally:
        constants.HF_HUB_OFFLINE = offline
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()


def _load(folder: Path, device: torch.device | str) -> tuple[Any, Any]:
    import transformers
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    config = AutoConfig.from_pretrained(folder, **options)
    # An encoder needs no decoder; the class is loaded where it is needed alone.
    kind = transformers.T5EncoderModel if config.model_type == "t5" else AutoModel
    model = kind.from_pretrained(folder, config=config, use_safetensors=True, **options)
    # Text that looks like a special token is text.
    return model.to(device), AutoTokenizer.from_pretrained(folder, split_special_tokens=True, **options)


def counted(ids: list[list[int]], longest: int | None, unknown: int | None) -> tuple[int, int, int]:
    """Texts longer than ``longest``, tokens of all texts, and those that are ``unknown``."""
    return (
        0 if longest is None else sum(len(tokens) > longest for tokens in ids),
        sum(map(len, ids)),
        0 if unknown is None else sum(tokens.count(unknown) for tokens in ids),
    )


class PretrainedEncoder:
    """Mean of the last states over a text's tokens, its special tokens among them, as MiniLM was trained.

    A text is read up to ``longest`` tokens, or fewer where the model has fewer positions.
    """

    def __init__(
        self, model: Any, tokenizer: Any, longest: int, device: torch.device | str, checksum: str = ""
    ) -> None:
        self.checksum = checksum  # of weights, configuration and tokenizer
        self.model, self.tokenizer, self.device = model.eval(), tokenizer, device
        self._kind = str(device).partition(":")[0]
        positions = getattr(model.config, "max_position_embeddings", None) or longest
        # RoBERTa counts its positions from the padding index on, so two of its 514 are never used.
        offset = (model.config.pad_token_id or 0) + 1 if model.config.model_type == "roberta" else 0
        self.longest = min(longest, positions - offset)
        # Without it a CANINE vector depends on the other texts of its batch, and a text of one letter fails.
        self.padding = CANINE_PADDING if model.config.model_type == "canine" else 0
        self.dimensions = int(getattr(model.config, "hidden_size", None) or model.config.d_model)

    @property
    def of_passages(self) -> PretrainedEncoder:
        """Itself: it reads queries and passages alike."""
        return self

    def num_parameters(self) -> int:
        """All parameters of the encoder."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def facts(self) -> dict[str, Any]:
        """What the row of a result table says of it, as JSON."""
        return {"parameters": self.num_parameters(), "dimensions": self.dimensions, "longest": self.longest}

    def count(self, texts: Sequence[str]) -> tuple[int, int, int]:
        """Texts longer than what is read of them, tokens of all texts, and those that stand for what has no entry."""
        return counted(self.tokenize(texts), self.longest, self.tokenizer.unk_token_id)

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special tokens included."""
        ids: list[list[int]] = self.tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]
        return ids

    def embed(self, tokens: list[list[int]]) -> NDArray[np.float32]:
        """Mean-pooled states, (texts, dimensions)."""
        from tokir.encoders.batches import computed, tokens_per_batch

        out = np.zeros((len(tokens), self.dimensions), dtype=np.float32)
        ending = self._ending()
        cut = [ids if len(ids) <= self.longest else ids[: self.longest - len(ending)] + ending for ids in tokens]
        batches = list(self._batches([len(ids) for ids in cut], tokens_per_batch(self._kind)))
        found = computed(self._compute, [[cut[i] for i in batch] for batch in batches], self._kind)
        for chosen, vectors in zip(batches, found, strict=True):
            out[chosen] = vectors
        return out

    def _batches(self, lengths: list[int], most: int) -> Iterator[list[int]]:
        """Indices of texts of like length, of at most ``most`` tokens in all, padded."""
        order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
        first = 0
        for last, index in enumerate(order[1:], start=1):
            if (last + 1 - first) * lengths[index] > most:
                yield order[first:last]
                first = last
        if order:
            yield order[first:]

    def _compute(self, batch: list[list[int]]) -> NDArray[np.float32]:
        import torch

        padded = self.tokenizer.pad(
            {"input_ids": batch},
            padding="max_length",
            max_length=len(batch[-1]) + self.padding,
            return_tensors="pt",
            verbose=False,
        )
        mask = padded["attention_mask"].to(self.device)
        with torch.inference_mode():
            found = self.model(input_ids=padded["input_ids"].to(self.device), attention_mask=mask)
            states = found.last_hidden_state.float()  # sums over many tokens need it where the model ran in bf16
            weights = mask[..., None].to(states.dtype)  # (batch, time, 1)
            pooled = (states * weights).sum(1) / weights.sum(1).clamp(min=1)
            vectors: NDArray[np.float32] = pooled.float().cpu().numpy()
        return vectors

    def _ending(self) -> list[int]:
        """The special token that ends a text, kept when a text is cut."""
        ending = self.tokenizer.sep_token_id
        ending = self.tokenizer.eos_token_id if ending is None else ending
        return [] if ending is None else [ending]
