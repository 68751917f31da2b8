"""Passages that were added to a finished run, or deleted from it, without training: a layer beside what a study made.

``state`` is what is written down of them and how an opened run reads it, ``transaction`` how they are changed.
"""
