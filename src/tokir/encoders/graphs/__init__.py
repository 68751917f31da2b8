"""Trained models as ONNX graphs, written from their weights without torch: what exports hold, and what onnxruntime
computes when a run is used.
"""
