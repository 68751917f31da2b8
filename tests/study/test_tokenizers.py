"""The tokenizers of a study."""

from types import SimpleNamespace

import pytest

from tokir.artifacts import RunFolder
from tokir.config import TokenizerSettings
from tokir.errors import TokirError
from tokir.study.tokenizers import Tokenizers
from tokir.tokenizers import train_tokenizer


def test_a_file_of_letter_ngrams_is_refused_since_no_setting_says_that_they_overlap(tmp_path):
    file = tmp_path / "grams.json"
    train_tokenizer(["a text"], TokenizerSettings(type="ngram")).save(file)
    context = SimpleNamespace(folder=RunFolder(tmp_path / "run"))
    tokenizers = Tokenizers(context, SimpleNamespace(inputs={}))
    with pytest.raises(TokirError, match=r"grams.json: letter n-grams .* type ngram"):
        tokenizers.get(TokenizerSettings(type="file", file=str(file)))
