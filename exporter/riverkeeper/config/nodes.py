"""YAML's nodes as values: plain scalars by the rules of YAML 1.2, where `no` is a word and `1:30` no number."""

from __future__ import annotations

import re

import yaml

from riverkeeper.config.problem import KeyPath, Problem, dotted

_PREFIX = "tag:yaml.org,2002:"
_DIGITS = r"(?:0|[1-9][0-9]{0,17})"  # no leading zeros, which YAML 1.1 reads as octal; few enough to convert safely
_SCALARS = {
    "null": re.compile(r"(?:~|null|Null|NULL)?\Z"),
    "bool": re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"),
    "int": re.compile(rf"-?{_DIGITS}\Z"),
    "float": re.compile(rf"-?(?:{_DIGITS}(?:\.[0-9]{{0,18}})?|\.[0-9]{{1,18}})(?:[eE][-+]?[0-9]{{1,2}})?\Z"),
}
_KNOWN_TAGS = frozenset(_PREFIX + word for word in (*_SCALARS, "str", "seq", "map"))


class Loader(yaml.SafeLoader):
    """SafeLoader with our rules for plain scalars. Only its nodes are used: their values are read here."""


class Dumper(yaml.SafeDumper):
    """SafeDumper that quotes text which YAML 1.1 or our rules would read as something else."""


Loader.yaml_implicit_resolvers = {}
for _word, _pattern in _SCALARS.items():
    Loader.add_implicit_resolver(_PREFIX + _word, _pattern, None)
    Dumper.add_implicit_resolver(_PREFIX + _word, _pattern, None)


class Reader:
    """Turns nodes into values, a shared node once, and collects what has no place in a configuration."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._values: dict[int, object] = {}
        self._open: set[int] = set()
        self.problems: list[Problem] = []

    def value(self, node: yaml.Node, path: KeyPath) -> object:
        """The node as dict, list, str, int, float, bool or None."""
        known = id(node)
        if known in self._open:
            self._report(node, path, "an anchor that contains itself", "write the value out")
            return None
        if known not in self._values:
            self._open.add(known)
            self._values[known] = self._build(node, path)
            self._open.discard(known)
        return self._values[known]

    def _build(self, node: yaml.Node, path: KeyPath) -> object:
        if node.tag not in _KNOWN_TAGS:
            self._report(node, path, "a YAML tag", "remove the word that begins with `!`, or put the value in quotes")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return _scalar(node.tag.removeprefix(_PREFIX), node.value)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        found: dict[str, object] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._report(key, path, "a list or mapping as a key", "put text that holds brackets in quotes")
                continue
            if _has_no_colon(key, value):
                self._report(key, path, "a key without `:`", "put values that hold a comma in quotes")
                continue
            inner = (*path, key.value)
            if key.value in lines:
                self._report(key, inner, f"given twice, first on line {lines[key.value]}", "remove one")
            lines.setdefault(key.value, key.start_mark.line + 1)
            found[key.value] = self.value(value, inner)
        return found

    def _report(self, node: yaml.Node, path: KeyPath, what: str, cure: str) -> None:
        line = node.start_mark.line + 1
        where = f"{self._name}:{line}"
        self.problems.append(Problem(f"{where}: {dotted(path)}" if path else where, what, cure, line))


def _has_no_colon(key: yaml.Node, value: yaml.Node) -> bool:
    """Whether a key is but a word between commas: often the rest of a value, and so not to be repeated."""
    start, end = key.end_mark, value.start_mark
    if not isinstance(value, yaml.ScalarNode) or value.value or start.index > end.index:
        return False
    return start.buffer is not None and ":" not in start.buffer[start.index : end.index]


def _scalar(word: str, text: str) -> object:
    """The value of a scalar with a tag; text where the tag promises what the text is not."""
    if word not in _SCALARS or not _SCALARS[word].match(text):
        return text
    if word == "null":
        return None
    if word == "bool":
        return text.lower() == "true"
    return int(text) if word == "int" else float(text)
