"""A frontal chest radiograph drawn from parts: each adds or takes away attenuation, and the sum is shown like a film.

No patient is behind it: everything comes from the seed. PHANTOM is burnt in, as plainly as an L marker.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from .sheet import Field, Points, Sheet

Disease = Literal["normal", "pneumonia", "covid"]
_RIBS = 10


def draw(
    seed: int,
    *,
    disease: Disease = "normal",
    sex: Literal["F", "M"] = "F",
    size: tuple[int, int] = (1000, 920),
    bits: Literal[8, 12] = 8,
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """A drawn radiograph, (height, width) uint8 or, for ``bits=12``, uint16 up to 4095; bright = dense.

    The same arguments give the same picture. ``pneumonia`` is a consolidation in one lobe, ``covid`` ground-glass
    patches at the edges of both lungs. Raises ValueError for a size under 300 x 300 or another disease.
    """
    if disease not in ("normal", "pneumonia", "covid") or min(size) < 300 or bits not in (8, 12):
        raise ValueError("unknown disease, size under 300 x 300, or bits other than 8 and 12")
    sheet = Sheet(seed, *size)
    chest = _Chest(sheet, sex)
    film = chest.film(disease)
    top = (1 << bits) - 1
    film = film + sheet.random.standard_normal(film.shape, dtype=np.float32) * np.float32(0.009)
    film = np.clip(np.maximum(film, _print(sheet)), 0, 1)
    levels: Field = np.rint(film * np.float32(top))
    if bits == 8:
        return np.asarray(levels, dtype=np.uint8)
    return np.asarray(levels, dtype=np.uint16)


def draw_lungs(seed: int, *, sex: Literal["F", "M"] = "F", size: tuple[int, int] = (1000, 920)) -> NDArray[np.bool_]:
    """The lungs of the radiograph that ``draw`` makes of the same arguments, (height, width), true inside."""
    return np.asarray(_Chest(Sheet(seed, *size), sex).both > 0.5)


class _Chest:
    """The anatomy of one person, varied by the sheet's randomness."""

    def __init__(self, sheet: Sheet, sex: str) -> None:
        self.sheet, self.sex = sheet, sex
        vary = sheet.vary
        self.wide = min(vary(0.81, 0.03), 0.87)  # half width of the thorax at its widest
        self.apex = vary(0.125, 0.12)
        self.base = {-1: vary(0.72, 0.03), 1: vary(0.745, 0.03)}  # top of each diaphragm dome
        self.heart = vary(0.40 if sex == "F" else 0.43, 0.10)  # how far it reaches to the left
        self.tilt = sheet.random.normal(0, 0.008)
        self.lungs = {side: sheet.fill(self._lung(side)) for side in (-1, 1)}
        self.both = np.clip(self.lungs[-1] + self.lungs[1], 0, 1)
        self.vessels = self._vessels()
        self.heart_shadow = self._heart()

    def film(self, disease: Disease) -> Field:
        """Attenuation of all parts, shown: 0..1 float32."""
        sheet = self.sheet
        body = self._body()
        depth = np.sqrt(np.clip(1 - (sheet.x / 1.02) ** 2, 0.08, 1))
        total = body * (0.42 + 0.34 * depth + 0.10 * np.clip((sheet.y - 0.55) / 0.45, 0, 1))
        air = np.clip(sheet.blur(self.both, 26) * 1.25 - 0.12, 0, 1) * self.both
        total = total - (0.22 * self.both + 0.20 * air) * (1 - 0.62 * self.heart_shadow)
        total += self._middle() + self._below() + self._bones() * body
        total += self.both * (0.085 * self.vessels + 0.010 * sheet.clouds(60) + 0.012 * sheet.clouds(14))
        total += self._soft_tissue() + 0.006 * sheet.clouds(9)
        if disease == "pneumonia":
            total += self._consolidation()
        elif disease == "covid":
            total += self._ground_glass()
        shown = np.clip((total - 0.06) / 0.98, 0, 1.2)
        return np.asarray(shown / (1 + 0.18 * shown**3), dtype=np.float32)  # the film's shoulder

    def _lung(self, side: int) -> Points:
        """The outline of the right (-1) or left (1) lung, apex first, outer edge downwards, inner edge upwards."""
        outer, apex, base = self.wide, self.apex, self.base[side]
        angle = base + self.sheet.vary(0.115, 0.12)
        inner = 0.13 if side < 0 else 0.12
        points = [
            (0.28, apex), (0.43, apex + 0.04), (outer * 0.74, apex + 0.15), (outer * 0.88, apex + 0.29),
            (outer * 0.955, apex + 0.43), (outer * 0.975, angle - 0.07), (outer * 0.955, angle),
            (outer * 0.88, angle - 0.045), (outer * 0.68, base + 0.012), (outer * 0.48, base),
            (outer * 0.32, base + 0.018), (inner, base + 0.05), (inner - 0.02, base - 0.10), (inner, 0.42),
            (inner - 0.01, 0.30), (inner, apex + 0.09), (0.18, apex + 0.02),
        ]  # fmt: skip
        return [(side * x, y + side * self.tilt) for x, y in points]

    def _body(self) -> Field:
        """Neck, shoulders, trunk and upper arms against the black of the air."""
        neck, drop = self.sheet.vary(0.30), self.sheet.vary(0.115, 0.1)
        right = [(neck, -0.2), (neck + 0.02, 0.0), (neck + 0.14, drop * 0.55), (0.80, drop), (1.15, drop * 1.5)]
        trunk = [(1.3, 0.4), (1.12, 0.75), (1.1, 1.1), (1.0, 1.3)]
        half = right + trunk
        return self.sheet.fill([*half, *((-x, y) for x, y in reversed(half))], soft=5)

    def _middle(self) -> Field:
        """Mediastinum, spine, trachea, heart, aortic knob and hila."""
        sheet, x, y = self.sheet, self.sheet.x, self.sheet.y
        column = np.exp(-((x / 0.15) ** 4))
        spine = 0.10 * column * np.ones_like(y) + 0.035 * column * np.sin(
            2 * np.pi * y * 21 + sheet.random.uniform(0, 6)
        )
        spine += 0.05 * (np.exp(-(((abs(x) - 0.085) / 0.02) ** 2)) * (0.5 + 0.5 * np.sin(2 * np.pi * y * 21)))
        upper = sheet.fill(
            [(-0.13, -0.1), (0.13, -0.1), (0.14, 0.25), (0.12, 0.5), (-0.12, 0.5), (-0.15, 0.25)], soft=7
        )
        knob = sheet.blob(0.16, sheet.vary(0.315, 0.03), 0.085, 0.045)
        windpipe = sheet.strokes(
            [
                ([(0.0, -0.05), (-0.005, 0.2), (-0.01, 0.36)], 38, 255), ([(-0.01, 0.35), (-0.10, 0.41)], 24, 200),
                ([(-0.01, 0.35), (0.12, 0.42)], 22, 200),
            ],
            soft=5,
        )  # fmt: skip
        hila = sheet.blob(-0.235, 0.455, 0.07, 0.06) + sheet.blob(0.25, 0.435, 0.06, 0.055)
        parts = spine * (1 - 0.5 * self.heart_shadow) + 0.12 * sheet.blur(self.heart_shadow, 18)
        parts += 0.09 * upper * (1 - self.heart_shadow)
        parts += 0.10 * knob * self.both - 0.09 * windpipe + 0.07 * hila * self.both
        return np.asarray(parts, dtype=np.float32)

    def _heart(self) -> Field:
        """The heart's silhouette with the great vessels' roots, 0..1."""
        reach, base = self.heart, self.base[1]
        outline = [
            (0.10, 0.36), (0.20, 0.42), (0.26 + reach * 0.1, 0.50), (reach + 0.03, 0.62), (reach + 0.06, base - 0.02),
            (reach - 0.05, base + 0.05), (0.05, base + 0.07), (-0.20, base), (-0.245, base - 0.07),
            (-0.225, 0.54), (-0.15, 0.45), (-0.10, 0.36),
        ]  # fmt: skip
        return self.sheet.fill(outline, soft=5)

    def _below(self) -> Field:
        """Liver, spleen and the air in the stomach under the left dome."""
        sheet = self.sheet
        inside = np.clip(1 - ((np.abs(sheet.x) - self.wide) / 0.05).clip(0, 1), 0, 1)
        belly = np.clip((sheet.y - 0.70) / 0.10, 0, 1) * (1 - self.both) * inside
        gas = sheet.blob(sheet.vary(0.38), self.base[1] + 0.075, sheet.vary(0.14, 0.2), 0.032) * (1 - self.both)
        return np.asarray(0.10 * belly - 0.15 * gas * sheet.random.uniform(0.3, 1), dtype=np.float32)

    def _bones(self) -> Field:
        """Ribs behind and in front, collar bones, shoulder blades."""
        sheet = self.sheet
        behind, front = self._ribs()
        inside = sheet.fill(
            [
                (0, 0.02),
                (0.5, 0.10),
                (self.wide * 1.06, 0.4),
                (self.wide * 1.07, 0.9),
                (0, 1.1),
                (-self.wide * 1.07, 0.9),
                (-self.wide * 1.06, 0.4),
                (-0.5, 0.10),
            ],
            soft=8,
        )
        bones = 0.085 * sheet.strokes(behind, soft=1.2) * inside + 0.055 * sheet.strokes(front, soft=2.5) * inside * (
            0.3 + 0.7 * self.both
        )
        lift, bow = sheet.vary(0.165, 0.06), sheet.vary(0.055, 0.2)
        collar, blades = [], []
        for side in (-1, 1):
            line = [(side * x, lift + y) for x, y in ((0.09, 0.04), (0.30, 0.012), (0.58, -0.5 * bow), (0.86, -0.025))]
            collar += [(line, 26.0, 255), (line, 17.0, 165)]
            blades.append(
                sheet.fill(
                    [(side * x, y) for x, y in ((0.76, 0.15), (0.98, 0.17), (0.93, 0.35), (0.85, 0.50), (0.74, 0.33))],
                    soft=9,
                )
            )
        bones += 0.14 * sheet.strokes(collar, soft=1.5) + 0.05 * (blades[0] + blades[1])
        arms = sheet.strokes([([(side * 1.0, 0.14), (side * 1.06, 0.3)], 85, 255) for side in (-1, 1)], soft=8)
        return np.asarray(bones + 0.10 * arms, dtype=np.float32)

    def _ribs(self) -> tuple[list[tuple[Points, float, int]], list[tuple[Points, float, int]]]:
        sheet, behind, front = self.sheet, [], []
        step, slope = sheet.vary(0.073, 0.03), sheet.vary(0.085, 0.1)
        for index in range(_RIBS):
            start = 0.095 + index * step
            outer = min(self.wide * 1.03, 0.40 + 0.14 * index**0.8)
            thick = 21 - 0.4 * index
            for side in (-1, 1):
                high = start + sheet.random.normal(0, 0.003)
                edge = min(outer, self.wide * 1.03)
                arch: Points = [
                    (side * 0.10, high + 0.012), (side * edge * 0.45, high - 0.008),
                    (side * edge * 0.80, high + slope * 0.45), (side * edge * 0.98, high + slope * 1.35),
                    (side * edge, high + slope * 1.9),
                ]  # fmt: skip
                behind += [(arch, thick, 235), (arch, thick - 7, 150)]
                if 0 < index < 8:
                    fall = high + slope * 1.9
                    bow: Points = [
                        (side * edge, fall), (side * edge * 0.85, fall + 0.055), (side * edge * 0.62, fall + 0.10),
                        (side * (edge * 0.36 + 0.04), fall + 0.125),
                    ]  # fmt: skip
                    front.append((bow, thick + 4, 200))
        return behind, front

    def _vessels(self) -> Field:
        """Branching vessels from each hilum outwards, thinner with every branching."""
        random, lines = self.sheet.random, []
        for side, x0, y0 in ((-1, -0.22, 0.45), (1, 0.24, 0.43)):
            for angle in np.linspace(-1.25, 1.35, 9) + random.normal(0, 0.09, 9):
                stack = [(x0, y0, float(angle), 9.0, 0.13)]
                while stack:
                    x, y, turn, wide, length = stack.pop()
                    end = (x + side * length * np.cos(turn), y + 0.55 * length * np.sin(turn))
                    bend = ((x + end[0]) / 2 + random.normal(0, 0.006), (y + end[1]) / 2 + random.normal(0, 0.006))
                    lines.append(([(x, y), bend, end], wide, int(min(255, 110 + wide * 16))))
                    if wide > 2.2:
                        for fork in (-1, 1):
                            spread = fork * abs(random.normal(0.32, 0.12))
                            stack.append((*end, turn + spread, wide * 0.66, length * random.uniform(0.72, 0.95)))
        lines.sort(key=lambda line: line[1])
        return self.sheet.strokes(lines, soft=1.6)

    def _soft_tissue(self) -> Field:
        """Breasts, or the chest muscles."""
        sheet, parts = self.sheet, np.zeros((self.sheet.height, self.sheet.width), dtype=np.float32)
        for side in (-1, 1):
            if self.sex == "F":
                low = sheet.vary(0.70, 0.04)
                shape = [(0.25, low - 0.16), (0.55, low - 0.26), (0.86, low - 0.16), (0.80, low), (0.50, low + 0.035)]
            else:
                shape = [(0.35, 0.24), (0.80, 0.24), (0.84, 0.42), (0.60, 0.50), (0.38, 0.42)]
            parts += sheet.fill([(side * x, y) for x, y in shape], soft=9)
        return parts * np.float32(0.055 if self.sex == "F" else 0.03)

    def _consolidation(self) -> Field:
        """A dense, patchy shadow that fills a part of one lobe, with air in its bronchi."""
        sheet, random = self.sheet, self.sheet.random
        side = int(random.choice((-1, 1)))
        x, y = side * random.uniform(0.36, 0.52), random.choice((0.30, 0.62)) + random.normal(0, 0.02)
        core = sheet.blob(x, y, random.uniform(0.20, 0.28), random.uniform(0.085, 0.125))
        patchy = np.clip(core * 1.7 + 0.20 * sheet.clouds(22) + 0.12 * sheet.clouds(45) - 0.45, 0, 1)
        patchy = sheet.blur(np.asarray(patchy, dtype=np.float32), 5)
        return np.asarray(0.30 * patchy * self.lungs[side] * (1 - 0.35 * self.vessels), dtype=np.float32)

    def _ground_glass(self) -> Field:
        """Hazy patches at the edges of both lungs, more of them low down."""
        sheet, random = self.sheet, self.sheet.random
        haze = np.zeros((sheet.height, sheet.width), dtype=np.float32)
        for side in (-1, 1):
            for _ in range(int(random.integers(3, 6))):
                y = random.uniform(0.40, 0.74)
                edge = self.wide * (0.72 + 0.22 * min(1, (y - 0.2) / 0.4))
                haze += sheet.blob(
                    side * edge * random.uniform(0.80, 0.98), y, random.uniform(0.10, 0.17), random.uniform(0.05, 0.09)
                )
        fine = 0.18 * sheet.clouds(30) + 0.12 * sheet.clouds(80)
        glass = sheet.blur(
            np.asarray(np.clip(np.minimum(haze, 1) + fine * np.minimum(haze, 1) - 0.1, 0, 1), dtype=np.float32), 3
        )
        return np.asarray(0.17 * glass * self.both, dtype=np.float32)


def _print(sheet: Sheet) -> Field:
    """PHANTOM in the lower right corner, L in the upper right one (the patient's left), 0..1."""
    canvas = Image.new("L", (sheet.width, sheet.height))
    pen = ImageDraw.Draw(canvas)
    pen.text((sheet.width * 0.985, sheet.height * 0.985), "PHANTOM", fill=250, anchor="rs", font=_font(sheet, 0.042))
    pen.text((sheet.width * 0.94, sheet.height * 0.075), "L", fill=250, anchor="ms", font=_font(sheet, 0.055))
    return np.asarray(canvas, dtype=np.float32) / np.float32(255)


def _font(sheet: Sheet, high: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=sheet.height * high)
