"""What ``benchmarks/fuzz.py`` and ``tests/test_fuzzing.py`` share: valid samples, changes to them, who reads them."""
