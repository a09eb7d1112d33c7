"""The colours of the boards stay apart for the colour-blind too, and can be read on both themes."""

from __future__ import annotations

import math
import re
from itertools import combinations

from dashboards.boards import FILES, FOLDER
from fixtures.offenders import for_each
from riverkeeper.dashboards.parts import palette

PALETTE = {name: color for name, color in vars(palette).items() if name.isupper() and color != palette.PLAIN}
Triple = tuple[float, float, float]
Matrix = tuple[Triple, Triple, Triple]

# Linear RGB as it is seen without the medium or the long cones: Machado, Oliveira, Fernandes 2009, severity 1.
SIGHTS: dict[str, Matrix] = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
}
APART = 20  # distance in CIELAB; 2.3 is just noticed side by side, and names of a legend are not side by side
BACKGROUNDS = {"light": "#FFFFFF", "dark": "#181B1F"}  # of Grafana's panels
READABLE = 2.4  # contrast of large text and lines; amber on white is the lowest
PAIRS = tuple(f"{first} {second}" for first, second in combinations(PALETTE, 2))

# Grafana's own names for "text colour", and the colour scheme of its heatmaps.
NOT_OURS = {"text"}


@for_each("pair", PAIRS)
def test_colors_stay_apart(pair: str) -> None:
    """Two colours that say two things are never taken for each other."""
    first, second = (PALETTE[name] for name in pair.split())
    for sight, matrix in SIGHTS.items():
        assert math.dist(lab(seen(first, matrix)), lab(seen(second, matrix))) >= APART, sight


@for_each("name", tuple(PALETTE))
def test_colors_can_be_read(name: str) -> None:
    """On the light and on the dark theme."""
    for theme, background in BACKGROUNDS.items():
        low, high = sorted((luminance(PALETTE[name]), luminance(background)))
        assert (high + 0.05) / (low + 0.05) >= READABLE, theme


@for_each("file", FILES)
def test_boards_use_only_the_palette(file: str) -> None:
    """No board has a colour of its own: near-equal reds came from Grafana's names."""
    text = (FOLDER / file).read_text(encoding="utf-8")
    used = set(re.findall(r'"(?:color|fixedColor|iconColor)": "([^"]+)"', text))

    assert used <= {*PALETTE.values(), *NOT_OURS, "rgba(0, 211, 255, 1)", "rgba(255,0,255,0.7)"}


def test_the_distance_finds_what_is_confused() -> None:
    """Red and green of equal lightness are far apart for most people and near for some."""
    red, green = "#B04030", "#607020"

    assert math.dist(lab(seen(red, SIGHTS["normal"])), lab(seen(green, SIGHTS["normal"]))) > 2 * APART
    assert math.dist(lab(seen(red, SIGHTS["deuteranopia"])), lab(seen(green, SIGHTS["deuteranopia"]))) < APART


def linear(color: str) -> Triple:
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return _linear(red), _linear(green), _linear(blue)


def _linear(value: float) -> float:
    return float(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)


def seen(color: str, matrix: Matrix) -> Triple:
    """Linear RGB of a colour as somebody sees it."""
    light = linear(color)
    red, green, blue = (min(1.0, max(0.0, sum(a * b for a, b in zip(row, light, strict=True)))) for row in matrix)
    return red, green, blue


def luminance(color: str) -> float:
    red, green, blue = linear(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def lab(light: Triple) -> Triple:
    """CIELAB of linear sRGB, D65."""
    red, green, blue = light
    x = _cube((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047)
    y = _cube(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    z = _cube((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _cube(value: float) -> float:
    return float(value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116)
