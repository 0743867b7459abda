"""Layers and losses as functions."""
