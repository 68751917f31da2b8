"""model2vec: a static table distilled from the teacher by its library."""

from __future__ import annotations

from tokir.artifacts import Names, RunFolder, write_json
from tokir.config import IndexForm
from tokir.encoders.files import Model2VecFiles
from tokir.encoders.model2vec import DIMENSIONS
from tokir.errors import Unavailable
from tokir.results.records import System
from tokir.retrieval.files import SystemFiles
from tokir.study.baselines.rows import encoder_row
from tokir.study.embeddings import Embeddings
from tokir.systems import BaselineSystem

NAME = "model2vec"


class Model2Vec:
    """What a user of small static models would pick instead of training one: no text of the corpus is seen."""

    dense = True

    def width(self, embeddings: Embeddings) -> int:
        """Of the distilled vectors."""
        return DIMENSIONS

    def missing(self, embeddings: Embeddings) -> str | None:
        """Its library, or the encoder that it distils."""
        from tokir.encoders.model2vec import check_installed

        try:
            check_installed()
            embeddings.weights(embeddings.context.config.retrieval.teacher)
        except Unavailable as error:
            return str(error)
        return None

    def make(self, embeddings: Embeddings, index: IndexForm) -> SystemFiles:
        """Distil the table and embed the passages."""
        from tokir.encoders.model2vec import Model2VecEncoder, distil

        context, model = embeddings.context, Names.model(NAME)
        teacher, folder = context.config.retrieval.teacher, context.folder
        context.progress.say(f"{NAME}: distilling from {teacher}, unless that is done")
        inputs = {"teacher": embeddings.pretrained_files(teacher).checksum}
        folder.ensure_folder(model, inputs, lambda path: distil(embeddings.weights(teacher), path))
        vectors, facts = (Names.embedding(NAME, file) for file in (Names.VECTORS, Names.ENCODER_FACTS))
        weighted = {**embeddings.inputs, "weights": folder.folder_key(model)}

        def make() -> None:
            encoder = Model2VecEncoder(folder.file(model))
            embeddings.embed(Model2VecFiles(model), context.dataset.corpus, vectors, weighted, NAME)
            write_json(
                folder.file(facts), {"parameters": encoder.num_parameters(), "dimensions": encoder.dimensions}
            )

        folder.ensure([vectors, facts], weighted, make)
        return embeddings.indexed(BaselineSystem(NAME, index).id, vectors, Model2VecFiles(model), index)

    def row(self, name: str, folder: RunFolder) -> System:
        """What it is."""
        training = "distilled from a pretrained encoder's token vectors"
        return encoder_row(name, "model2vec (distilled here)", training, folder)


MODEL2VEC = Model2Vec()
