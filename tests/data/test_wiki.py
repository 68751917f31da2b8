"""The embedded Wikipedia excerpt, built from scratch, and the rendering of wiki markup."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from tokir.data import load, wiki, wikitext

MARKUP = r"\[\[|\]\]|\{\{|\}\}|\||''|</?[a-z]|&\w+;|\(\s*[),;:]|[,;]\s*\)|\[\s*\]|\s,|thumb\||==|https?:|\s\s"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


LOAD = "import sys, pathlib, tokir.data as d; print(d.load('wiki', cache=pathlib.Path(sys.argv[1])).checksum)"


@pytest.fixture(scope="module")
def dataset(cache):
    """Built by several processes at once, each of which needs it first."""
    words = [sys.executable, "-c", LOAD, str(cache)]
    processes = [
        subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = [(*process.communicate(), process.returncode) for process in processes]
    assert said == [(f"{wiki.CHECKSUM}\n", "", 0)] * 3
    assert not list(cache.rglob(".tokir-*"))
    return load("wiki", cache=cache)


def test_checksum(dataset):
    assert dataset.checksum == wiki.CHECKSUM
    assert (len(dataset.corpus), dataset.corpus.characters, len(dataset.queries)) == (5627, 2780647, 1700)
    assert (dataset.notes, dataset.files) == ((), ())
    splits = dataset.evaluation_splits()
    assert [len(split.queries) for split in (splits.train, splits.validation, splits.scored())] == [844, 203, 653]
    assert (splits.note, splits.notes) == ("Choices are made on the 203 validation queries of dev.", ())


def test_passages_are_short_and_plain(dataset):
    records = list(dataset.corpus.records())
    assert len({record.title for record in records}) == 106
    assert max(len(record.text.split()) for record in records) <= 120
    assert [record for record in records if re.search(MARKUP, record.text)] == []


def test_queries_are_split_by_article(dataset):
    articles = {name: {query.split("-")[0] for query in dataset.split(name).queries} for name in dataset.qrels}
    assert len(articles["test"]) == 40 and len(articles["dev"]) == 14
    assert not articles["test"] & articles["train"] | articles["test"] & articles["dev"]
    assert len(dataset.split("test").queries) >= 500
    relevant = [passage for rows in dataset.qrels.values() for row in rows.values() for passage in row]
    assert len(relevant) == len(set(relevant))  # a passage lies in one section


def test_damaged_build_is_built_again(dataset, cache, caplog, monkeypatch, tmp_path):
    [queries] = cache.glob("wiki-*/queries.jsonl")
    whole = shutil.copytree(queries.parent, tmp_path / "whole")  # built once is slow enough
    monkeypatch.setattr(wiki, "build", lambda folder: shutil.copytree(whole, folder, dirs_exist_ok=True))
    queries.write_text("{", encoding="utf-8")
    assert load("wiki", cache=cache).checksum == dataset.checksum
    assert re.search(r"wiki-\w+ is damaged .*queries\.jsonl:1 is not JSON", caplog.text)


ARTICLE = """{{Infobox|x={{y}}}}
[[File:a.jpg|thumb|A [[cat]].]]
'''Cats''' ({{IPA|kat}}, {{lang|de|x}}) are [[felid|small]] [[animal]]s.<ref name=a>Ref ''t''</ref><!-- no -->
They&nbsp;purr [http://a.b loudly] {{cn}}.

== Life ==
* ''wild
* tame <b>cats</b> [[fr:Chat]]
{| class="wikitable"
| cell
|}
=== Food ===
Mice <math>x_1</math>.
== References ==
{{reflist}} dropped
=== Books ===
dropped
== End ==
Last.[[Category:Cats]]
"""


def test_markup_becomes_text():
    found = [(section.heading, section.paragraphs) for section in wikitext.sections(ARTICLE)]
    assert found == [
        ("", ["Cats (x) are small animals. They purr loudly."]),
        ("Life", ["wild", "tame cats"]),
        ("Food", ["Mice."]),
        ("End", ["Last."]),
    ]


def test_templates_that_stand_for_words_keep_them():
    markup = (
        "It is {{convert|55|to|80|cm|in|abbr=on}} long, {{Convert|1|-|4|km2}} wide, of {{cvt|5|e6acre|ha}}, "
        "{{As of|2015|5|lc=y}} {{nowrap|ten of them}} and {{lang-de|Katze}}{{citation needed|date=May 2016}}."
    )
    [section] = wikitext.sections(markup)
    assert section.paragraphs == [
        "It is 55 to 80 cm long, 1–4 km2 wide, of 5 million acres, as of May 2015 ten of them and Katze."
    ]


def test_cuts_at_paragraphs_then_sentences_then_words():
    def words(count):
        return " ".join(["word"] * count)

    def lengths(*paragraphs):
        return [len(passage.split()) for passage in wiki.passages(list(paragraphs))]

    assert lengths(words(50), words(70), words(1)) == [120, 1]
    assert lengths(words(10), f"{words(100)}. {'Word ' + words(49)}.", words(10)) == [10, 100, 50, 10]
    assert lengths(words(250)) == [120, 120, 10]
