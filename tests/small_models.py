"""Folders of small random weights, of exactly the model classes of the baselines."""

import pytest

from tokir.encoders.pretrained import quiet

transformers = pytest.importorskip("transformers")
TEXTS = ["who painted the chapel", "a", "naïve café words that make a longer text than the other ones here"]


def make_canine(folder):
    config = transformers.CanineConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, num_hash_buckets=512
    )
    transformers.CanineModel(config).save_pretrained(folder)
    transformers.CanineTokenizer().save_pretrained(folder)


def make_byt5(folder):
    config = transformers.T5Config(
        vocab_size=384, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu"
    )
    transformers.T5ForConditionalGeneration(config).save_pretrained(folder)  # as google/byt5-small is
    transformers.ByT5Tokenizer().save_pretrained(folder)


def make_roberta(folder):
    from tokenizers import ByteLevelBPETokenizer

    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(TEXTS, vocab_size=300, special_tokens=special)
    folder.mkdir(exist_ok=True)
    bpe.save_model(str(folder))
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    with quiet():
        tokenizer = transformers.RobertaTokenizerFast.from_pretrained(
            str(folder), vocab_file=str(vocabulary), merges_file=str(merges)
        )
    config = transformers.RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=130,
        type_vocab_size=1,
    )
    transformers.RobertaModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def make_sentence_encoder(folder, prompts=None, pooling="cls", seed=0):
    """A BERT of letters with a pooling and a normalisation, as sentence-transformers saves them."""
    import torch

    library = pytest.importorskip("sentence_transformers")
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    entries = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *letters,
        *",.:'-",
        *(f"##{letter}" for letter in letters),
    ]
    bert = folder.parent / f"{folder.name}-bert"
    bert.mkdir(exist_ok=True)
    (bert / "vocab.txt").write_text("\n".join(entries))
    transformers.BertTokenizerFast(vocab=str(bert / "vocab.txt")).save_pretrained(bert)
    config = transformers.BertConfig(
        vocab_size=len(entries),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.3,  # so that texts differ
    )
    torch.manual_seed(seed)
    transformers.BertModel(config).save_pretrained(bert)
    modules = [Transformer(str(bert)), Pooling(32, pooling), Normalize()]
    library.SentenceTransformer(modules=modules, prompts=prompts, device="cpu").save(
        str(folder), create_model_card=False
    )
