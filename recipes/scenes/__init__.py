"""Labelled scenes composed of labelled objects."""
