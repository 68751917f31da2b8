"""Vectors or terms to ranked lists."""
