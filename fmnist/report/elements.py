"""HTML that is escaped by construction: what is not an element is text."""

from collections.abc import Sequence
from html import escape


class Html(str):
    """Markup; any other string put into an element is escaped."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: object) -> Html:
    """``<name …>children</name>``; ``class_`` stands for ``class``, ``stroke_width`` for ``stroke-width``."""
    return Html(f"<{name}{_attributes(attributes)}>{join(children)}</{name}>")


def void(name: str, /, **attributes: object) -> Html:
    """An element without content, such as ``img``."""
    return Html(f"<{name}{_attributes(attributes)}>")


def join(parts: tuple[str, ...] | list[str]) -> Html:
    """The parts one after the other, each escaped unless it is markup."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))


def table(header: tuple[str, ...], rows: Sequence[tuple[Html, ...]], kind: str) -> Html:
    """A table that scrolls by itself where the page is narrow; ``rows`` hold whole cells."""
    head = element("tr", *(element("th", name, scope="col") for name in header))
    body = element("tbody", *(element("tr", *cells) for cells in rows))
    return element("div", element("table", element("thead", head), body, class_=kind), class_="wide")


def cell(*content: str, kind: str | None = None) -> Html:
    """One cell; ``kind`` is its class."""
    return element("td", *content, **({"class_": kind} if kind else {}))


def number(text: str) -> Html:
    """A cell aligned to the right, with figures of equal width."""
    return cell(text, kind="n")


def heading(text: str) -> Html:
    """The cell that names its row."""
    return element("th", text, scope="row")


def _attributes(attributes: dict[str, object]) -> str:
    return "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for name, value in attributes.items()
    )
