"""What mkdocstrings has to know of docstrings here: an extension of griffe, which reads them."""

import ast
import re
from typing import Any

import griffe

# An entry of Args or Attributes for several names at once, `coords, rgb: ...`, and the lines that continue it.
_SHARED = re.compile(r"^    (\w+(?:, \w+)+): (.*(?:\n {8}.*)*)", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Gives each name its own row, and settings of training runs the explanation that stands in their default."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Split the entries that several names share."""
        if obj.docstring is not None:
            obj.docstring.value = _SHARED.sub(_one_each, obj.docstring.value)

    def on_attribute_instance(self, *, attr: griffe.Attribute, **kwargs: Any) -> None:
        """Read `name: type = setting(default, "explanation")` as a default and a docstring."""
        call = attr.value
        if isinstance(call, griffe.ExprCall) and str(call.function) == "setting":
            default, explanation, *_ = call.arguments
            attr.value = default
            attr.docstring = griffe.Docstring(ast.literal_eval(f"({explanation})"), parent=attr)


def _one_each(entry: re.Match[str]) -> str:
    return "\n".join(f"    {name}: {entry[2]}" for name in entry[1].split(", "))
