"""The tokenizers of a study: trained where they are missing, measured, and loaded once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tokir.artifacts import Names, atomic, file_digest, write_array, write_json
from tokir.config import TokenizerSettings
from tokir.errors import TokirError
from tokir.study.context import Context
from tokir.study.documents import Documents

if TYPE_CHECKING:
    from tokir.tokenizers import Tokenizer
    from tokir.tokenizers.measures import TrainedTokenizerRecord


class Tokenizers:
    """Tokenizers by their settings."""

    def __init__(self, context: Context, documents: Documents) -> None:
        self.context, self.documents = context, documents
        self._loaded: dict[str, Tokenizer] = {}

    def get(self, settings: TokenizerSettings) -> Tokenizer:
        """The tokenizer of these settings, trained and measured if it is missing."""
        if settings.id not in self._loaded:
            self._make(settings)
            self._loaded[settings.id] = self.context.opener.tokenizer(self.file(settings))
        return self._loaded[settings.id]

    def record(self, settings: TokenizerSettings) -> TrainedTokenizerRecord:
        """What was measured of a tokenizer, and what its training took: seconds, bytes of memory."""
        from tokir.tokenizers.measures import TrainedTokenizerRecord

        self.get(settings)
        entry = self.context.folder.entry(self.file(settings))
        measured = self.context.folder.read_json(Names.tokenizer_facts(settings.id)[0])
        return TrainedTokenizerRecord(**measured, seconds=entry.seconds, peak_memory=entry.peak_memory)

    def characters_per_token(self, settings: TokenizerSettings) -> float:
        """On held-out documents."""
        return self.record(settings).characters_per_token

    def key(self, settings: TokenizerSettings) -> str:
        """The hash of a tokenizer's file."""
        self.get(settings)
        return self.context.folder.key(self.file(settings))

    @staticmethod
    def file(settings: TokenizerSettings) -> str:
        """The name of a tokenizer's file in the run folder."""
        return Names.tokenizer(settings.id, Path(settings.file).suffix if settings.file else ".json")

    def _make(self, settings: TokenizerSettings) -> None:
        from tokir.tokenizers import load
        from tokir.tokenizers.protocol import overlaps

        folder, name = self.context.folder, self.file(settings)
        inputs = {**self.documents.inputs, **settings.model_dump(exclude={"file"})}
        if settings.file is not None:
            own, copy = Path(settings.file), folder.file(name)
            own = own if own.exists() or not copy.exists() else copy  # a run outlives the file it was given
            if overlaps(load(own)):  # which says at once what is wrong with it
                raise TokirError(
                    f"{own}: letter n-grams are named by their settings, with the type ngram in place of file: only "
                    "so is it known that they are a bag, without an order to read or to predict"
                )
            inputs["file"] = file_digest(own)
        if not folder.holds([name], inputs):
            documents = len(self.documents.training)  # read here, since that is not a part of training's time
            self.context.progress.say(f"{settings.id}: training on {documents:,} documents")
        folder.ensure([name], inputs, lambda: self._train(settings))
        measured = {**inputs, "tokenizer": folder.key(name)}
        folder.ensure(Names.tokenizer_facts(settings.id), measured, lambda: self._measure(settings))

    def _train(self, settings: TokenizerSettings) -> None:
        from tokir.tokenizers import train_tokenizer
        from tokir.tokenizers.vocabulary import TooSmall

        path = self.context.folder.file(self.file(settings))
        if settings.file is None:
            try:
                train_tokenizer(self.documents.training, settings).save(path)
            except TooSmall as error:
                key = f"tokenizers.{self.context.config.tokenizers.index(settings)}.vocabulary_size"
                raise TokirError(f"{error} (--set {key}={error.entries})") from None
            return
        with atomic(path, "wb") as copy:  # byte for byte, so that it stands in for the file when that is gone
            copy.write(Path(settings.file).read_bytes())

    def _measure(self, settings: TokenizerSettings) -> None:
        import numpy as np

        from tokir.tokenizers import load
        from tokir.tokenizers.intrinsic import intrinsic_measures
        from tokir.tokenizers.measures import TokenizerRecord
        from tokir.training.texts import encoded

        folder, training = self.context.folder, self.documents.training
        tokenizer = load(folder.file(self.file(settings)), settings.type)
        occurrences = np.bincount(encoded(tokenizer, training)[0], minlength=tokenizer.vocabulary_size)
        record, counts = Names.tokenizer_facts(settings.id)
        write_array(folder.file(counts), occurrences)
        measured = TokenizerRecord(
            **settings.model_dump(exclude={"vocabulary_size"}),
            id=settings.id,
            vocabulary_size=tokenizer.vocabulary_size,
            entries_asked=settings.vocabulary_size,
            documents=len(training),
            **intrinsic_measures(tokenizer, self.documents.held_out).model_dump(),
        )
        write_json(folder.file(record), measured.model_dump())
