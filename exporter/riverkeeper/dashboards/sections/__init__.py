"""Sections of the overview board, one file for each question. Pure."""
