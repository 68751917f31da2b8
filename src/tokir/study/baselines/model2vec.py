"""model2vec: a static table distilled from the teacher by its library."""

from __future__ import annotations

from tokir.artifacts import Names, RunFolder, write_json
from tokir.encoders.files import Model2VecFiles
from tokir.errors import Unavailable
from tokir.results.records import System
from tokir.results.systems import Seconds
from tokir.retrieval.files import SystemFiles
from tokir.study.embeddings import Embeddings

NAME = "model2vec"


class Model2Vec:
    """What a user of small static models would pick instead of training one: no text of the corpus is seen."""

    def missing(self, embeddings: Embeddings) -> str | None:
        """Its library, or the encoder that it distils."""
        from tokir.encoders.model2vec import check_installed

        try:
            check_installed()
            embeddings.pretrained_files(embeddings.context.config.retrieval.teacher)
        except Unavailable as error:
            return str(error)
        return None

    def make(self, embeddings: Embeddings) -> SystemFiles:
        """Distil the table and embed the passages."""
        from tokir.encoders.model2vec import Model2VecEncoder, distil
        from tokir.encoders.pretrained import find_weights

        context, model = embeddings.context, Names.model(NAME)
        teacher, folder = context.config.retrieval.teacher, context.folder
        weights = find_weights(teacher, context.config.pretrained_folders.get(teacher), context.machine.download)
        context.progress.say(f"{NAME}: distilling from {teacher}, unless that is done")
        inputs = {"teacher": embeddings.pretrained_files(teacher).checksum}
        folder.ensure_folder(model, inputs, lambda path: distil(weights, path))
        vectors, facts = (Names.embedding(NAME, file) for file in ("corpus.npy", "encoder.json"))
        weighted = {**embeddings.inputs, "weights": folder.folder_key(model)}

        def make() -> None:
            encoder = Model2VecEncoder(folder.file(model))
            embeddings.embed(encoder, context.dataset.corpus, vectors, weighted, NAME)
            write_json(
                folder.file(facts), {"parameters": encoder.num_parameters(), "dimensions": encoder.dimensions}
            )

        folder.ensure([vectors, facts], weighted, make)
        return embeddings.indexed(NAME, vectors, Model2VecFiles(model))

    def row(self, name: str, folder: RunFolder) -> System:
        """What it is."""
        training = "distilled from a pretrained encoder's token vectors"
        row = System(
            id=name,
            kind="pretrained",
            title="model2vec (distilled here)",
            architecture=name,
            objective=training,
            objective_label=training,
            pooling="mean",
            pooling_label="mean pooling",
        )
        facts = Names.embedding(name, "encoder.json")
        if not folder.recorded(facts):
            return row
        encoder = folder.read_json(facts)
        return row.model_copy(
            update={
                "parameters": encoder["parameters"],
                "dimensions": encoder["dimensions"],
                "seconds": Seconds(embed=folder.seconds(Names.embedding(name))),
            }
        )


MODEL2VEC = Model2Vec()
