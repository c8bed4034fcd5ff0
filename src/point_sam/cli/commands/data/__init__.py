"""Labelled clouds to train and to evaluate on: check them."""
