"""Sections of the overview board, one file a question. Pure."""
