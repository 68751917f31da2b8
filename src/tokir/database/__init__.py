"""The passages and vectors of a run in a vector database, which searches them beside or in place of the run's index."""
