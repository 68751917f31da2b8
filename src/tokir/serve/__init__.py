"""An opened run behind an address: embeddings as OpenAI's API has them, search, and a page to search from.

Using only: nothing is trained, and nothing is written into the run folder.
"""

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client reads it when it is imported
