from tokir.artifacts import Names, RunFolder, write_json, write_text
from tokir.study.baselines import baseline
from tokir.study.rows import unavailable


def test_a_pretrained_row_says_how_much_it_could_not_read(tmp_path):
    folder = RunFolder(tmp_path)
    names = [Names.embedding("minilm", file) for file in ("corpus.npy", "encoder.json")]
    row = baseline("minilm").row("minilm", folder)
    assert (row.parameters, row.could_read) == (None, True)  # nothing was made of it yet
    assert unavailable(row, "no weights").reason == "no weights"
    for rate, read in ((0.02, True), (0.63, False)):
        facts = {"parameters": 22_000_000, "dimensions": 384, "longest": 256, "truncated": 0, "unknown_rate": rate}

        def make(facts=facts):
            write_text(folder.file(names[0]), "")
            write_json(folder.file(names[1]), facts)

        folder.ensure(names, rate, make)
        row = baseline("minilm").row("minilm", folder)
        assert (row.could_read, row.unknown_rate, row.dimensions) == (read, rate, 384)


def test_a_row_of_bm25_says_how_it_cuts(tmp_path):
    row = baseline("bm25").row("bm25", RunFolder(tmp_path))
    assert row.title == "BM25, k1 1.5, b 0.75" and "words by Unicode, character bigrams" in row.architecture_label
