"""What is wrong with text that is not YAML? Told without a word of the text: it may stand beside a password."""

from __future__ import annotations

import yaml

from riverkeeper.config.problem import Problem

# Part of PyYAML's sentence -> what is wrong, what to do. The first that fits wins.
_SENTENCES = (
    (r"'\t' that cannot start", "a tab where only spaces may stand", "indent with spaces"),
    ("that cannot start any token", "a value begins with a character reserved by YAML", "put it in quotes"),
    ("mapping values are not allowed", "a `:` that fits no key", "put values that hold `: ` in quotes; indent alike"),
    ("could not find expected ':'", "a line that is no `key: value`", "write a colon and a space after the key"),
    ("undefined alias", "an alias (`*name`) without its anchor", "put the value in quotes if it is meant as text"),
    ("duplicate anchor", "an anchor (`&name`) is defined twice", "rename one"),
    ("another document", "a second document begins here", "keep one document: remove the `---` before it"),
    ("unknown escape", "an escape that YAML does not know", "use single quotes, or double the backslash"),
    ("unexpected end of stream", "a quote or bracket is never closed", "close it"),
    ("expected ',' or", "a bracket is never closed, or a comma is missing", "close it; put addresses in quotes"),
    ("expected <block end>", "the indent fits no key above", "indent the keys of a section alike"),
)


def explain_broken(error: yaml.YAMLError, name: str, text: str) -> Problem:
    """The problem behind PyYAML's error about a text; `name` is the file's."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Problem(f"{name}:{line}", "a control character", "remove it, or write it as an escape", line)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else 1
    where = f"{name}:{line}:{mark.column + 1}" if mark else f"{name}:{line}"
    said = f"{getattr(error, 'context', '')} {getattr(error, 'problem', '')}"
    for part, what, cure in _SENTENCES:
        if part in said:
            return Problem(where, what, cure, line)
    return Problem(where, "this is not YAML", "compare with the example in docs/configuration.md", line)
