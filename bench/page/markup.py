# SPDX-License-Identifier: MIT
"""HTML and SVG out of nested calls.  All text is escaped here, and only here: what is not made by
`h()` cannot become a tag."""

import html
import re

VOID = {"meta", "br", "link", "col"}
# What no document may contain: control characters, and halves of surrogate pairs.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Markup(str):
    """Text that is HTML already."""


def escape(text):
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(FORBIDDEN.sub("\ufffd", str(text)), quote=True))


def join(children):
    """Children may be lists of children; None and False are nothing."""
    out = []
    for child in children:
        if child is None or child is False:
            continue
        out.append(join(child) if isinstance(child, (list, tuple)) else escape(child))
    return Markup("".join(out))


def _value(value):
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)


def _attributes(attributes):
    """`class_` is class, `data_x` is data-x; None and False are left out, True has no value."""
    for name, value in attributes.items():
        if value is None or value is False:
            continue
        name = name.rstrip("_").replace("_", "-")
        yield f" {name}" if value is True else f' {name}="{escape(_value(value))}"'


def h(tag, *children, **attributes):
    head = tag + "".join(_attributes(attributes))
    if tag in VOID:
        return Markup(f"<{head}>")
    return Markup(f"<{head}>{join(children)}</{tag}>")


def raw(text):
    """Our own style and script: no escaping inside these two elements."""
    if re.search("</(style|script)", text, re.I):
        raise ValueError("would end its element")
    return Markup(text)
