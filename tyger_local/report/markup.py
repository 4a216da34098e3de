"""Elements of a page.

Built with the standard library's ElementTree, which escapes every text and attribute when it writes them:
what comes from a codespec cannot become markup by being forgotten.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, tostring

from tyger_local.outcome.words import printable


def element(kind: str, /, *children: Element | str, **attributes: str) -> Element:
    """Return an element.

    Args:
        kind: Its name.
        children: Elements and texts in order; empty texts are left out.
        attributes: ``class_`` is ``class``, and ``aria_label`` is ``aria-label``. One that is empty is left
            out.
    """
    made = Element(
        kind,
        {key.rstrip("_").replace("_", "-"): printable(v) for key, v in attributes.items() if v},
    )
    last: Element | None = None
    for child in children:
        if isinstance(child, Element):
            made.append(child)
            last = child
        elif last is None:
            made.text = (made.text or "") + _readable(child)
        else:
            last.tail = (last.tail or "") + _readable(child)
    return made


def _readable(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))


def page_text(root: Element) -> str:
    """Return a whole page of its ``html`` element."""
    return f"<!doctype html>\n{tostring(root, encoding='unicode', method='html')}\n"
