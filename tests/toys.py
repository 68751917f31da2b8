"""One small entry for every registry, as a user of the package would write it; nothing in the package knows them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from tokir.artifacts import read_array
from tokir.evaluation.perturbations import Perturbation
from tokir.evaluation.registry import Measure
from tokir.models.network import Network
from tokir.models.registry import Architecture
from tokir.results.records import System
from tokir.retrieval.exact import ExactIndex
from tokir.retrieval.index import Hits, normalize, rows_of
from tokir.tokenizers import Span, TokenizerKind
from tokir.training.pairs import Pairs, same
from tokir.training.registry import ObjectivePart
from tokir.training.texts import Texts


class Letters:
    """Words as the set of their first and last letter: two tokens a word."""

    vocabulary_size, separator_id, unknown_id = 28, 0, 1

    def encode(self, texts):
        return [
            [i for word in self.normalize(text).split() for i in map(self._id, (word[0], word[-1]))]
            for text in texts
        ]

    def _id(self, letter):
        return ord(letter) - ord("a") + 2 if "a" <= letter <= "z" else 1

    def decode(self, ids):
        return "".join(chr(i + ord("a") - 2) for i in ids)

    def normalize(self, text):
        return text.lower()

    def pieces(self, text):
        return [letter for word in self.normalize(text).split() for letter in (word[0], word[-1])]

    def spans(self, text):
        spans, end = [], 0
        for word in (normal := self.normalize(text)).split():
            start = normal.index(word, end)
            end = start + len(word)
            spans += [Span(i, i + 1, self._id(normal[i]) > 1, False) for i in (start, end - 1)]
        return spans

    def word_lengths(self, words):
        return [2 for _ in words]

    def save(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"type": "letters"}')


class LettersKind(TokenizerKind):
    label = "first and last letters"
    takes = frozenset()

    @classmethod
    def train(cls, texts, settings):
        list(texts)
        return Letters()

    @classmethod
    def load(cls, path):
        return Letters()


@dataclass(frozen=True)
class ConvolutionConfig:
    vocabulary_size: int
    width: int

    @classmethod
    def of(cls, shape):
        return cls(shape.vocabulary_size, shape.width)

    def build(self, predicts=True):
        return Convolution(self, predicts)


class Convolution(Network):
    """Each state sees its token and the one before it."""

    def __init__(self, config, predicts):
        super().__init__()
        self.config, self.dimensions = config, config.width
        self.embedding = nn.Embedding(config.vocabulary_size, config.width)
        self.mix_two = nn.Conv1d(config.width, config.width, 2, padding=1)
        self.output = nn.Linear(config.width, config.vocabulary_size) if predicts else None

    def states(self, tokens, mask=None):
        return self.mix_two(self.embedding(tokens).transpose(1, 2))[:, :, :-1].transpose(1, 2)

    def forward(self, tokens):
        return self.output(self.states(tokens))


CAUSAL = Architecture(
    label="Causal convolution",
    network="toys:ConvolutionConfig",
    steps=3,
    batch_size=16,
    learning_rate=1e-3,
    retrieval_learning_rate=1e-3,
    objectives=("lm", "halves"),
)


class Halves:
    """The two halves of a passage."""

    def __init__(self, passages):
        self.passages = passages

    def draw(self, rng, count):
        drawn = rng.choice(len(self.passages), min(count, len(self.passages)), replace=False)
        texts = [self.passages.whole(int(i)) for i in drawn]
        left, right = (Texts.of(half) for half in zip(*(np.split(t, [len(t) // 2]) for t in texts), strict=True))
        return Pairs(left, right, same(drawn))


def halves(inputs):
    return Halves(inputs.passages)


HALVES = ObjectivePart(label="halves", source="toys:halves")


class ReversedIndex(ExactIndex):
    """Exact search whose file has another name."""

    @classmethod
    def write(cls, folder, vectors):
        with rows_of(folder / "backwards.npy", np.float32, vectors.dimensions) as append:
            for block in vectors.blocks():
                append(normalize(block)[:, ::-1])

    @classmethod
    def load(cls, folder, tie_order):
        return cls(read_array(folder / "backwards.npy")[:, ::-1], tie_order)


@dataclass(frozen=True)
class OverlapFiles:
    """Passages that share most words with the query."""

    words: str

    def weight(self, opener):
        return 0

    def open(self, opener):
        return OverlapSearcher(
            [set(line.split()) for line in opener.file(self.words).read_text("utf-8").split("\n")]
        )

    def grown(self, growth):
        def fill(folder):
            (folder / "words.txt").write_text(words_of(growth.corpus))

        return lambda: OverlapFiles(growth.index("overlap", fill) + "/words.txt")


def words_of(corpus):
    return "\n".join(document.passage.lower().replace("\n", " ") for document in corpus.records())


class OverlapSearcher:
    def __init__(self, passages):
        self.passages = passages

    def search(self, queries, depth):
        found = []
        for query in queries:
            asked = set(query.lower().split())
            shared = Counter({i: len(asked & words) for i, words in enumerate(self.passages)}).most_common(depth)
            found.append(
                Hits(np.array([i for i, _ in shared]), np.array([n for _, n in shared], dtype=np.float32))
            )
        return found

    def stages(self):
        return {"search": lambda query: self.search([query], 10)}


class Overlap:
    dense = False

    def missing(self, embeddings):
        return None

    def make(self, embeddings, index):
        context, name = embeddings.context, "overlap/words.txt"
        path: Path = context.folder.file(name)

        def write():
            path.parent.mkdir(exist_ok=True)
            path.write_text(words_of(context.dataset.corpus))

        context.keep_passages()
        context.folder.ensure([name], {"corpus": context.dataset.corpus.checksum}, write)
        return OverlapFiles(name)

    def row(self, name, folder):
        return System(id=name, kind="lexical", title="Words shared", architecture=name)


SUCCESS = Measure("Success@5", "Success", "@5")
SHOUTED = Perturbation("shouted", lambda text, rng: text.upper() + "!")
