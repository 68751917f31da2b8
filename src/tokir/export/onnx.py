"""ONNX, in float32 and with weights in 8 bits: for onnxruntime, in Python and in JavaScript."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tokir.artifacts import atomic, write_json
from tokir.encoders.runtime import library
from tokir.errors import TokirError
from tokir.export.exporter import QUERIES, Check, Encode, fenced, require
from tokir.tokenizers.protocol import SEPARATOR, UNKNOWN

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HFTokenizer
    from tokir.export.source import Source

MODELS = {"model.onnx": False, "model_int8.onnx": True}  # file: in 8 bits?
LIMIT = 1e-4  # of float32: sums over thousands of tokens are rounded in another order
LEAST_COSINE = 0.9999  # of whitened vectors in float32
TEXTS_AT_ONCE = 16


class Onnx:
    """Any model trained here: a static one, an LSTM, a Transformer or a convolution, with its pooling and whitening."""

    library = "onnx"

    def check(self, source: Source) -> None:
        """A tokenizer that others can read, and a network that there is a form of."""
        require("onnx", ["onnx", "onnxruntime"], "export")
        _ = source.tokenizer
        if source.table is None:
            from tokir.encoders.graphs.model import form_of

            if form_of(source.network.model) is None:
                raise TokirError(
                    f"the network of {source.system} has no form in ONNX here: see tokir.encoders.graphs.networks"
                )

    def write(self, source: Source, folder: Path) -> None:
        """Two models of the same inputs and output, and the tokenizer."""
        for name, int8 in MODELS.items():
            with atomic(folder / name, "wb") as file:
                file.write(_model(source, int8).SerializeToString())
        source.tokenizer.save(str(folder / "tokenizer.json"))
        unknown = getattr(source.tokenizer.model, "unk_token", None)
        # Readers in JavaScript look for the unknown entry here.
        about = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
        write_json(folder / "tokenizer_config.json", about | ({"unk_token": unknown} if unknown else {}))

    def checks(self, source: Source, folder: Path) -> list[Check]:
        """Both models, by onnxruntime."""
        from tokenizers import Tokenizer as HFTokenizer

        tokenizer = HFTokenizer.from_file(str(folder / "tokenizer.json"))
        # Whitening stretches what hardly varies, up to a thousandfold, and with it how float32 was rounded.
        limit, least = (LIMIT, -1.0) if source.whitening is None else (None, LEAST_COSINE)
        return [
            Check(
                name,
                _encode(folder / name, tokenizer),
                source.texts,
                source.vectors,
                None if int8 else limit,
                -1.0 if int8 else least,
            )
            for name, int8 in MODELS.items()
        ]

    def usage(self, source: Source, name: str) -> list[str]:
        """From Python, and from JavaScript where the tokenizer is read there as it is here."""
        python = f"""
import numpy as np, onnxruntime, tokenizers

tokenizer = tokenizers.Tokenizer.from_file("{name}/tokenizer.json")
tokenizer.enable_padding()
texts = tokenizer.encode_batch({QUERIES})
inputs = {{"input_ids": [text.ids for text in texts], "attention_mask": [text.attention_mask for text in texts]}}
session = onnxruntime.InferenceSession("{name}/model.onnx")
vectors = session.run(None, {{key: np.array(value, dtype=np.int64) for key, value in inputs.items()}})[0]
"""
        script = f"""
import fs from "node:fs";
import * as ort from "onnxruntime-node";
import {{ Tokenizer }} from "@huggingface/tokenizers";

const read = (file) => JSON.parse(fs.readFileSync(`{name}/${{file}}`));
const tokenizer = new Tokenizer(read("tokenizer.json"), read("tokenizer_config.json"));
const ids = BigInt64Array.from(tokenizer.encode({QUERIES[1:-1]}).ids, BigInt);
const tensor = (values) => new ort.Tensor("int64", values, [1, values.length]);
const session = await ort.InferenceSession.create("{name}/model.onnx");
const found = await session.run({{ input_ids: tensor(ids), attention_mask: tensor(ids.map(() => 1n)) }});
console.log(found.sentence_embedding.data);
"""
        other = ["No reader in JavaScript is known to cut exactly as this tokenizer does."]
        if _exact_in_javascript(source.tokenizer):
            other = fenced("js", script)
        return [*fenced("python", python), "", *other, "", *_about(source)]


EXPORTER = Onnx()


def _about(source: Source) -> list[str]:
    return [
        "`input_ids` and `attention_mask` are (texts, tokens), filled up behind with 0; `sentence_embedding` is "
        f"(texts, {source.dimensions}), of unit length. `model_int8.onnx` has its weights in 8 bits, about a "
        "quarter of the bytes, and computes in float32."
    ]


def _exact_in_javascript(tokenizer: HFTokenizer) -> bool:
    """Does ``@huggingface/tokenizers`` 0.2.0 give the same ids? See ``docs/export.md``: of pairs, bytes, characters."""
    listed = (entry for entry in tokenizer.get_vocab() if entry not in (SEPARATOR, UNKNOWN))
    kind = type(tokenizer.model).__name__
    return kind == "BPE" or (kind == "WordLevel" and all(len(entry) == 1 for entry in listed))


def _model(source: Source, int8: bool) -> Any:
    from tokir.encoders.graphs.model import network_model, static_model

    if source.table is not None:
        return static_model(source.table, source.whitening, int8)
    return network_model(*source.network, source.whitening, int8)


def _encode(path: Path, tokenizer: HFTokenizer) -> Encode:
    """Texts to vectors, as a user of the files would."""
    session = library().InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def encode(texts: Any) -> NDArray[np.float32]:
        found = [text.ids for text in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
        order = sorted(range(len(found)), key=lambda i: len(found[i]))
        vectors: dict[int, NDArray[np.float32]] = {}
        for start in range(0, len(order), TEXTS_AT_ONCE):
            chosen = order[start : start + TEXTS_AT_ONCE]
            batch = [found[i] for i in chosen]
            width = max(map(len, batch))
            ids = np.array([row + [0] * (width - len(row)) for row in batch], dtype=np.int64).reshape(
                len(batch), width
            )
            mask = np.arange(width) < np.array([[len(row)] for row in batch])
            given = {"input_ids": ids, "attention_mask": mask.astype(np.int64)}
            vectors |= zip(chosen, session.run(None, given)[0], strict=True)
        return np.array([vectors[i] for i in range(len(found))])

    return encode
