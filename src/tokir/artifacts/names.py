"""The names of the files of a run folder."""

from __future__ import annotations


class Names:
    """Every file of a run folder by its name inside of it, with ``/``; nobody else spells one out."""

    STUDY = "study.yaml"
    OMISSIONS = "omissions.json"
    MANIFEST = "manifest.jsonl"
    CORPUS = "corpus/passages.arrow"
    CORPUS_FACTS = "corpus/passages.json"
    ID_ORDER = "corpus/id_order.npy"
    SOURCE = "corpus/source.json"
    SYSTEMS, ADDITIONS, GENERATIONS = "systems.json", "additions.json", "additions"
    QUERIES, QRELS = "queries.tsv", "qrels.trec"
    RESULTS = "results.json"
    EXAMPLES = "examples.json"
    EXPLORER = "explorer.json"
    REPORT = ("results.csv", "report.md", "report.html")
    TOKENIZERS, MODELS = "tokenizers/", "models"
    COMPARISON = "tokenizers.json"

    @staticmethod
    def tokenizer(tokenizer: str, suffix: str = ".json") -> str:
        """The tokenizer itself."""
        return f"tokenizers/{tokenizer}/tokenizer{suffix}"

    @staticmethod
    def tokenizer_facts(tokenizer: str) -> tuple[str, str]:
        """What was measured of a tokenizer, and how often each of its entries occurs."""
        return f"tokenizers/{tokenizer}/training.json", f"tokenizers/{tokenizer}/counts.npy"

    # In the folder of a training: what the model is, its losses, and how many steps its budget gives it.
    MODEL_CONFIG, HISTORY, BUDGET = "config.json", "history.jsonl", "budget.json"
    STATE = "resume/state.safetensors"  # to resume from, and on no record

    @staticmethod
    def weights(checkpoint: str) -> str:
        """In the folder of a training: the weights of its ``best`` validation, or of its ``final`` step."""
        return f"{checkpoint}.safetensors"

    @staticmethod
    def model(training: str, file: str = "") -> str:
        """The folder of a training, or a file in it."""
        return f"models/{training}/{file}" if file else f"models/{training}"

    # Beside the vectors of the corpus: which pretrained model made them, and what is known of it; what whitens them; of
    # a static system its table, of one with weighted tokens their weights.
    VECTORS, MODEL_FACTS, ENCODER_FACTS = "corpus.npy", "model.json", "encoder.json"
    WHITENING, TABLE, TOKEN_WEIGHTS = "whitening.safetensors", "table.npy", "token_weights.npy"

    @staticmethod
    def embedding(system: str, file: str = VECTORS) -> str:
        """The vectors of the corpus, or what lies beside them."""
        return f"embeddings/{system}/{file}"

    @staticmethod
    def index(system: str) -> str:
        """The folder of an index."""
        return f"indexes/{system}"

    @staticmethod
    def teacher(teacher: str, texts: str) -> str:
        """A teacher's vectors of crops or of train queries."""
        return f"teachers/{teacher}/{texts}.npy"

    @staticmethod
    def chosen(system: str) -> str:
        """What was chosen for a system on the validation queries."""
        return f"chosen/{system}.json"

    @staticmethod
    def ranking(system: str, queries: str = "") -> str:
        """The ranked lists of a system, of the evaluated queries or of others: ``validation``, a perturbation."""
        return f"rankings/{queries}/{system}.trec" if queries else f"rankings/{system}.trec"

    @staticmethod
    def latency(system: str) -> str:
        """What one query costs."""
        return f"latency/{system}.json"
