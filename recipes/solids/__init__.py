"""Composed solids, and training with them among the clouds of a dataset."""
