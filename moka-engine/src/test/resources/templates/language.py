#!/usr/bin/env python3
"""Renews language.json: what Jinja2 makes of small templates, one for each rule of the language.

It takes the templates from the file and puts in what Jinja2 3.1.6 makes of them; add a case with its template alone.
The environment is that of Hugging Face transformers. A template that fails in Python has "error": true; its message
says more of Python than of the template, so only that it fails counts.
"""

import datetime
import json
import pathlib

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension
from jinja2.sandbox import ImmutableSandboxedEnvironment

VARIABLES = {
    "s": "Hello World",
    "empty": "",
    "n": 7,
    "zero": 0,
    "neg": -7,
    "f": 2.5,
    "one": 1,
    "onef": 1.0,
    "t": True,
    "no": False,
    "nothing": None,
    "list": [3, 1, 2],
    "words": ["pear", "Apple", "fig"],
    "d": {"b": 1, "a": [1, 2], "items": "x"},
    "people": [
        {"name": "Ann", "age": 30, "tags": ["x"]},
        {"name": "bob", "age": 25.5, "tags": []},
        {"name": "Cid", "age": 30, "tags": ["y", "z"]},
    ],
    "uni": "a\U0001f600b\u00e9",
    "html": "<a href=\"x\">'&'</a>",
    "lines": "one\n two\n\nthree",
    "big": 123456789012345678901234567890,
}

PATH = pathlib.Path(__file__).with_name("language.json")


class Generation(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("run"), [], [], body).set_lineno(line)

    def run(self, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = datetime.datetime(2026, 1, 15, 12, 34, 56).strftime
    return env


def main():
    cases = []
    for known in json.loads(PATH.read_text("utf-8"))["cases"]:
        template = known["template"]
        case = {"template": template}
        try:
            case["expected"] = environment().from_string(template).render(**VARIABLES)
        except Exception:
            case["error"] = True
        cases.append(case)
    document = {"variables": VARIABLES, "cases": cases}
    PATH.write_text(json.dumps(document, ensure_ascii=True, indent=1) + "\n", "utf-8")


main()
