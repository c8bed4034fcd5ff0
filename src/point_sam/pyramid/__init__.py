"""Clicks that find their own scale: a cloud looked at in balls of several sizes."""

from point_sam.pyramid.pyramid import Pyramid, Reading

__all__ = ["Pyramid", "Reading"]
