"""Reads a YAML mapping key by key and collects every mistake with its line, rather than stop at the first."""

from __future__ import annotations

from typing import TypeVar

import yaml

T = TypeVar("T")
Mistakes = list[tuple[int, str]]  # line, sentence

TRUE = frozenset({"true", "yes", "on"})  # YAML 1.1, which the Go programs reading this file speak too


class YamlSection:
    """A mapping. The reader reads each key that it knows; `finish` reports every key that was not read."""

    def __init__(self, node: yaml.Node | None, path: str, mistakes: Mistakes) -> None:
        self.path = path
        self.line = _line(node) if node is not None else 1
        self._mistakes = mistakes
        self._read: list[str] = []
        self._entries: dict[str, tuple[int, yaml.Node]] = {}
        if isinstance(node, yaml.MappingNode):
            self._take(node)
        elif node is not None and not _is_null(node):
            self.wrong(self.line, "", "must be a mapping (key: value)")

    def __bool__(self) -> bool:
        return bool(self._entries)

    def _take(self, node: yaml.MappingNode) -> None:
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.wrong(_line(key), "", "a key must be a plain word")
            elif key.value in self._entries:
                self.wrong(_line(key), key.value, "is given twice")
            else:
                self._entries[key.value] = (_line(key), value)

    def wrong(self, line: int, key: str, what: str) -> None:
        """Report a mistake at `key` of this section ("" means the section itself)."""
        name = ".".join(part for part in (self.path, key) if part)
        self._mistakes.append((line, f"{name}: {what}" if name else what))

    def at(self, key: str) -> int:
        """The line of a key, or of the section where the key is missing."""
        return self._entries[key][0] if key in self._entries else self.line

    def names(self) -> tuple[str, ...]:
        """Every key of the mapping, in the file's order."""
        return tuple(self._entries)

    def section(self, key: str) -> YamlSection:
        """The mapping below `key`; an empty one where it is absent or null."""
        return YamlSection(self._node(key), f"{self.path}.{key}" if self.path else key, self._mistakes)

    def text(self, key: str) -> str | None:
        """A scalar as it is written; None where it is absent, null or empty."""
        node = self._node(key)
        if node is None or _is_null(node):
            return None
        if isinstance(node, yaml.ScalarNode):
            return str(node.value) or None
        self.wrong(_line(node), key, "must be a single value")
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of scalars; empty where it is absent or null."""
        node = self._node(key)
        if node is None or _is_null(node):
            return ()
        if isinstance(node, yaml.SequenceNode) and all(isinstance(item, yaml.ScalarNode) for item in node.value):
            return tuple(item.value for item in node.value)
        self.wrong(_line(node), key, "must be a list of words")
        return ()

    def flag(self, key: str, otherwise: bool) -> bool:
        """A boolean, or `otherwise` where it is absent or null."""
        node = self._node(key)
        if node is None or _is_null(node):
            return otherwise
        if node.tag == "tag:yaml.org,2002:bool":
            return node.value.lower() in TRUE
        self.wrong(_line(node), key, "must be true or false")
        return otherwise

    def choice(self, key: str, choices: dict[str, T], otherwise: T, refused: dict[str, str]) -> T:
        """One of `choices`; a word of `refused` is a mistake that has a sentence of its own."""
        word = self.text(key)
        if word is None:
            return otherwise
        if word not in choices:
            known = f"{word!r} is not known; write one of {', '.join(choices)}"
            self.wrong(self.at(key), key, refused.get(word, known))
        return choices.get(word, otherwise)

    def finish(self) -> None:
        """Report every key that was not read."""
        for key, (line, _) in self._entries.items():
            if key not in self._read:
                self.wrong(line, key, f"unknown key; known keys: {', '.join(self._read)}")

    def _node(self, key: str) -> yaml.Node | None:
        self._read.append(key)
        return self._entries[key][1] if key in self._entries else None


def read_document(text: str, mistakes: Mistakes) -> YamlSection:
    """The document's top mapping; an empty file is an empty mapping."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        mistakes.append((line, f"not YAML: {error.problem}"))
        node = None
    except yaml.YAMLError:
        mistakes.append((1, "not YAML: the file holds characters that a text file cannot hold"))
        node = None
    return YamlSection(node, "", mistakes)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")
