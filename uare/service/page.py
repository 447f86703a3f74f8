"""The description for people: one page without scripts, fonts or anything else from another machine."""

from __future__ import annotations

from html import escape
from typing import Any

Schema = dict[str, Any]
# The page needs nothing but its own style.
HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}

_STYLE = """
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .2rem .6rem .2rem 0;
vertical-align: top; border-bottom: 1px solid #8884 } code, pre { font-family: ui-monospace, monospace }
pre { overflow-x: auto; padding: .6rem; border: 1px solid #8886 }
"""


def page(schema: Schema) -> str:
    """The page of an OpenAPI description."""
    about = schema["info"]
    parts = [
        "<!doctype html>",
        f"<html lang='en'><head><meta charset='utf-8'><title>{escape(about['title'])}</title>",
        f"<meta name='viewport' content='width=device-width'><style>{_STYLE}</style></head><body><main>",
        f"<h1>{escape(about['title'])} {escape(about['version'])}</h1><p>{escape(about['description'])}</p>",
        "<p>For programs: <a href='openapi.json'>openapi.json</a></p>",
    ]
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            parts += _operation(path, method, operation)
    return "\n".join([*parts, "</main></body></html>"])


def _operation(path: str, method: str, operation: Schema) -> list[str]:
    parts = [f"<h2><code>{method.upper()} {escape(path)}</code></h2>"]
    parts += [f"<p>{escape(operation.get('description', ''))}</p>"]
    content = operation.get("requestBody", {}).get("content", {})
    if content:
        form, *_ = content.values()
        needed = form["schema"]["required"]
        files = " ".join(f"-F {name}=@photo.jpg" for name in needed)
        parts += [f"<pre>curl {files} http://127.0.0.1:8000{escape(path)}</pre>"]
        parts += [f"<p>Send {' or '.join(f'<code>{escape(name)}</code>' for name in content)}.</p>"]
        parts += ["<table><tr><th>field</th><th>values</th><th>meaning</th></tr>"]
        for name, field in form["schema"]["properties"].items():
            mark = " (needed)" if name in needed else ""
            row = (f"<code>{escape(name)}</code>{mark}", escape(_values(field)), escape(field["description"]))
            parts.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>")
        parts.append("</table>")
    parts += ["<table><tr><th>status</th><th>meaning</th><th>types</th></tr>"]
    for status, answer in operation["responses"].items():
        types = ", ".join(answer.get("content", {}))
        parts.append(
            f"<tr><td>{status}</td><td>{escape(answer['description'])}</td><td>{escape(types)}</td></tr>"
        )
    return [*parts, "</table>"]


def _values(field: Schema) -> str:
    """What a field may hold, in a few words."""
    if "anyOf" in field:
        return " or ".join(_values(one) for one in field["anyOf"])
    if "enum" in field:
        return ", ".join(str(value) for value in field["enum"])
    if field.get("format") == "binary":
        return "file"
    limits = (field.get("minimum"), field.get("maximum"))
    return str(field["type"]) if None in limits else f"{field['type']} {limits[0]}..{limits[1]}"
