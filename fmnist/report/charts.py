"""Charts as inline SVG; colours come from the page, so that they follow light and dark."""

from collections.abc import Sequence

from fmnist.gate.evidence import ReliabilityBin
from fmnist.report.elements import Html, element, join

_CELL = 30
_LEFT = 92
_TOP = 82


def confusion_matrix(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> Html:
    """Rows the truth, columns the answer; the shade is the share of the row."""
    parts: list[str] = []
    for row, (name, counts) in enumerate(zip(classes, confusion, strict=False)):
        y = _TOP + row * _CELL
        parts.append(_text(name, _LEFT - 8, y + 19, text_anchor="end"))
        parts.append(_slanted(name, _LEFT + row * _CELL + 18, _TOP - 8))
        images = sum(counts) or 1
        parts.extend(
            _square(count, images, _LEFT + column * _CELL, y, right=row == column)
            for column, count in enumerate(counts)
        )
    size = len(classes) * _CELL
    return _svg(
        _LEFT + size + 50, _TOP + size + 4, "Confusion matrix: rows the truth, columns the answer", parts
    )


def _square(count: int, images: int, x: int, y: int, *, right: bool) -> Html:
    share = count / images
    # The root makes few errors visible beside the many right answers.
    shade = element(
        "rect", x=x + 1, y=y + 1, width=_CELL - 2, height=_CELL - 2, rx=3,
        class_="right" if right else "wrong", fill_opacity=f"{0.05 + 0.9 * share**0.5:.3f}",
    )  # fmt: skip
    strong = "on" if share > 0.25 else "off"
    return join(
        [
            shade,
            _text(str(count), x + _CELL / 2, y + 19, text_anchor="middle", class_=strong) if count else "",
        ]
    )


def reliability_diagram(bins: Sequence[ReliabilityBin]) -> Html:
    """How often answers were right (bars) by how sure they were; on the diagonal both agree."""
    left, top, side = 40, 12, 260
    parts: list[str] = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = left + share * side, top + side - share * side
        parts.append(element("line", x1=left, x2=left + side, y1=_round(y), y2=_round(y), class_="grid"))
        parts.append(_text(f"{share:.2f}".rstrip("0").rstrip("."), left - 7, y + 4, text_anchor="end"))
        parts.append(_text(f"{share:.2f}".rstrip("0").rstrip("."), x, top + side + 17, text_anchor="middle"))
    for bin_ in bins:
        if bin_.images:
            parts.append(_bar(bin_, left, top, side))
    parts.append(element("line", x1=left, y1=top + side, x2=left + side, y2=top, class_="ideal"))
    parts.append(_text("probability of the answer", left + side / 2, top + side + 36, text_anchor="middle"))
    return _svg(
        left + side + 16, top + side + 44, "Reliability: share right by probability of the answer", parts
    )


def _bar(bin_: ReliabilityBin, left: int, top: int, side: int) -> Html:
    tip = f"{bin_.images:,} answers with {bin_.low:.2f} to {bin_.high:.2f}: {bin_.accuracy:.3f} right"
    height = bin_.accuracy * side
    bar = element(
        "rect", element("title", tip), x=_round(left + bin_.low * side + 1), y=_round(top + side - height),
        width=_round((bin_.high - bin_.low) * side - 2), height=_round(height), rx=2, class_="bar",
    )  # fmt: skip
    dot = element(
        "circle",
        cx=_round(left + bin_.confidence * side),
        cy=_round(top + side - height),
        r=3.5,
        class_="dot",
    )
    return join([bar, dot])


def _text(text: str, x: float, y: float, **attributes: object) -> Html:
    return element("text", text, x=_round(x), y=_round(y), **attributes)


def _slanted(text: str, x: float, y: float) -> Html:
    return _text(text, x, y, transform=f"rotate(-50 {_round(x)} {_round(y)})")


def _round(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _svg(width: int, height: int, label: str, parts: list[str]) -> Html:
    return element("svg", *parts, viewBox=f"0 0 {width} {height}", role="img", aria_label=label, width=width)
