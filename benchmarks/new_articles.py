"""Articles that no model was trained on, added to a run: is a training anew, with them, worth its time?

    python benchmarks/new_articles.py /tmp/new-articles

Half of the test articles of ``wiki`` are left out, with their passages and queries; a tokenizer and a static model are
trained without them; `tokir add` brings the passages in. Beside it the same training with all articles. Both runs then
search the same passages, and are asked the same test queries. Called again it trains nothing that is there.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from tokir import Dataset, Study, add_passages, load_config, load_dataset, open_run
from tokir.data import beir
from tokir.evaluation.judgements import Judgements
from tokir.evaluation.measures import score_queries
from tokir.evaluation.significance import bootstrap_means, percentile_interval
from tokir.retrieval.fusion import fuse, join
from tokir.retrieval.ranking import Ranking

STEPS = 400
SETTINGS = [
    "architectures=[static]", "tokenizers=[{type: bpe, vocabulary_size: 2000, lowercase: true, prefix_space: true}]",
    f"models.static.steps={STEPS}", "baselines=[bm25]", "fusions=[]",
]  # fmt: skip


def main() -> None:
    """Print recall@10 of both runs, by kind of query, and seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="an empty folder for data sets and runs")
    folder = parser.parse_args().folder
    wiki = load_dataset("wiki")
    title = {document.id: document.title for document in wiki.corpus.records()}
    of = {query: title[next(iter(judged))] for query, judged in wiki.qrels["test"].items()}
    articles = sorted(set(of.values()))
    new = set(np.random.default_rng(0).permutation(articles)[: len(articles) // 2].tolist())

    documents = list(wiki.corpus.records())
    known = [document for document in documents if document.title not in new]
    added = [document for document in documents if document.title in new]
    runs = {}
    for name, passages in (("all", documents), ("without", known)):
        data = folder / f"{name}-data"
        if not data.exists():
            data.mkdir(parents=True)
            test = {
                query: row for query, row in wiki.qrels["test"].items() if name == "all" or of[query] not in new
            }
            beir.write(data, passages, wiki.queries, {**wiki.qrels, "test": test})
        start = time.process_time()
        Study(
            load_config("quickstart", [f"data.source={json.dumps(str(data))}", *SETTINGS]), folder / name
        ).embed()
        print(
            f"trained on {len(passages):,} passages: {time.process_time() - start:.0f} s of processor time",
            flush=True,
        )
        runs[name] = folder / name
    (folder / "new").mkdir(exist_ok=True)
    beir.write_documents(folder / "new", added)
    start = time.process_time()
    made = add_passages(runs["without"], folder / "new" / "corpus.jsonl")
    print(
        f"{made.added:,} passages of {len(new)} articles added: {time.process_time() - start:.1f} s of processor time"
    )

    recalls = {name: recall(path, wiki) for name, path in runs.items()}
    for kind, asked in (("new articles", True), ("other articles", False)):
        queries = [query for query in of if (of[query] in new) == asked]
        for system in recalls["all"]:
            whole, late = (np.array([recalls[name][system][query] for query in queries]) for name in runs)
            low, high = percentile_interval(bootstrap_means([whole - late], 10_000, 0))
            print(
                f"{kind}, {len(queries)} queries, {system}: trained on all {whole.mean():.3f}, added "
                f"{late.mean():.3f}, all minus added {(whole - late).mean():+.3f} [{low:+.3f}, {high:+.3f}]"
            )


def recall(path: Path, wiki: Dataset) -> dict[str, dict[str, float]]:
    """Recall@10 of every test query, by system, and of all systems fused by reciprocal ranks."""
    run, qrels = open_run(path), wiki.qrels["test"]
    ids = run.passages.ids
    assert len(ids) == len(wiki.corpus)
    judgements = Judgements.of(qrels, ids)
    texts, ties = [wiki.queries[query] for query in qrels], run._opener.tie_order
    lists = {system: run._opener.searcher(system).search(texts, 1000) for system in run.systems}
    joined = (join(found, "rrf") for found in zip(*lists.values(), strict=True))
    lists["fused"] = [fuse(found, [1.0] * len(run.systems), 10, ties) for found in joined]
    return {
        system: dict(zip(qrels, score_queries(Ranking.of(qrels, hits), judgements)["recall@10"], strict=True))
        for system, hits in lists.items()
    }


if __name__ == "__main__":
    main()
