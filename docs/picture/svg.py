#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Draws what a terminal showed: svg.py [OPTION]... RECORDING OUTPUT

RECORDING is the text that a program wrote to a terminal, escape sequences included. OUTPUT is two files, one for light
pages and one for dark ones: OUTPUT-light.svg and OUTPUT-dark.svg. Colour, bold, dim, carriage return and "erase line"
are understood; all other escape sequences are ignored.
"""
import argparse
import re
import sys
import unicodedata
from xml.sax.saxutils import escape

# Each character takes one cell of this size; every piece of text is stretched to its cells, whatever the font.
CELL, LINE, FONT_SIZE = 8.0, 18, 13.3
MARGIN, TITLE_BAR = 16, 34

THEMES = {
    "light": {"page": "#ffffff", "bar": "#f6f8fa", "edge": "#d1d9e0", "text": "#1f2328", "dim": "#59636e",
              "30": "#24292f", "31": "#cf222e", "32": "#116329", "33": "#7d4e00", "34": "#0550ae", "35": "#8250df",
              "36": "#1b7c83", "37": "#59636e"},
    "dark": {"page": "#0d1117", "bar": "#151b23", "edge": "#3d444d", "text": "#e6edf3", "dim": "#9198a1",
             "30": "#848d97", "31": "#ff7b72", "32": "#3fb950", "33": "#d29922", "34": "#58a6ff", "35": "#bc8cff",
             "36": "#39c5cf", "37": "#b1bac4"},
}

# A control sequence, a string such as a window title, another escape sequence, or a single character
TOKEN = re.compile(r"\x1b\[(?P<args>[0-9;:?<=>]*)[ -/]*(?P<final>[@-~])"
                   r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\)|\x1b[ -/]*[0-~]|(?P<char>.)", re.DOTALL)


class Style:
    """How the next character looks"""

    def __init__(self):
        self.reset()

    def reset(self):
        self.colour, self.bold, self.dim = None, False, False

    def apply(self, args):
        """Follows the arguments of a "select graphic rendition" sequence"""
        codes = [int(code or 0) for code in re.split("[;:]", args)]
        while codes:
            code = codes.pop(0)
            if code == 0:
                self.reset()
            elif code == 1:
                self.bold = True
            elif code == 2:
                self.dim = True
            elif code == 22:
                self.bold = self.dim = False
            elif code in (38, 48):
                # A colour out of 256, or of any kind: shown as plain text
                codes = codes[2:] if codes[:1] == [5] else codes[4:]
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self.colour = str(30 + code % 10)
            elif code == 39:
                self.colour = None

    def key(self):
        return self.colour, self.bold, self.dim


def width(char):
    """Returns how many cells a character takes"""
    if unicodedata.combining(char) or unicodedata.category(char) in ("Cc", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def lines_of(text):
    """Returns the lines that a terminal would show, each a list of cells (character, style)"""
    lines, at, style = [[]], 0, Style()
    for token in TOKEN.finditer(text):
        char = token["char"]
        if token["final"] == "m":
            style.apply(token["args"])
        elif token["final"] == "K":
            del lines[-1][at:]
        elif char == "\n":
            lines.append([])
            at = 0
        elif char == "\r":
            at = 0
        elif char == "\t":
            at += 8 - at % 8
        elif char and width(char):
            line = lines[-1]
            line.extend([(" ", (None, False, False))] * (at + width(char) - len(line)))
            line[at] = (char, style.key())
            for i in range(1, width(char)):
                line[at + i] = ("", style.key())
            at += width(char)
    return lines


def plain(line):
    return "".join(char for char, _ in line).rstrip()


def cut(lines, first, last):
    """Returns the lines from the first that matches one pattern to the last that matches the other"""
    texts = [plain(line) for line in lines]
    begin = next((i for i, text in enumerate(texts) if first and re.search(first, text)), 0)
    ends = [i for i, text in enumerate(texts) if last and re.search(last, text)]
    lines = lines[begin:ends[-1] + 1 if ends else None]
    while lines and not plain(lines[-1]):
        lines.pop()
    return lines


def runs(line):
    """Yields (first cell, cells, text, style) of each piece of a line that looks the same; blanks are left out"""
    at = 0
    while at < len(line):
        style = line[at][1]
        end = at
        while end < len(line) and line[end][1] == style:
            end += 1
        for word in re.finditer(r"[^ ]+(?: [^ ]+)*", "".join(char or "\0" for char, _ in line[at:end])):
            yield at + word.start(), len(word.group()), word.group().replace("\0", ""), style
        at = end


def attributes(style, theme):
    colour, bold, dim = style
    fill = theme["dim"] if dim else theme.get(colour, theme["text"])
    return f'fill="{fill}"' + (' font-weight="600"' if bold else "")


def draw(lines, columns, title, theme):
    wide, high = 2 * MARGIN + columns * CELL, TITLE_BAR + 2 * MARGIN + len(lines) * LINE - 6
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high}" width="{wide:g}" height="{high}" '
           f'role="img" aria-label="{escape(title)}" font-size="{FONT_SIZE}" font-family="ui-monospace, '
           "SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace\">",
           f'<rect x="0.5" y="0.5" width="{wide - 1:g}" height="{high - 1}" rx="8" fill="{theme["page"]}" '
           f'stroke="{theme["edge"]}"/>',
           f'<path d="M1 {TITLE_BAR}V8.5Q1 1 8.5 1H{wide - 8.5:g}Q{wide - 1:g} 1 {wide - 1:g} 8.5V{TITLE_BAR}Z" '
           f'fill="{theme["bar"]}"/>']
    out += [f'<circle cx="{20 + 18 * i}" cy="17" r="5" fill="{theme["edge"]}"/>' for i in range(3)]
    out.append(f'<text x="{wide / 2:g}" y="21.5" text-anchor="middle" fill="{theme["dim"]}">{escape(title)}</text>')
    for row, line in enumerate(lines):
        y = TITLE_BAR + MARGIN + row * LINE + 8
        for at, cells, text, style in runs(line):
            out.append(f'<text x="{MARGIN + at * CELL:g}" y="{y}" textLength="{cells * CELL:g}" '
                       f'lengthAdjust="spacingAndGlyphs" xml:space="preserve" {attributes(style, theme)}>'
                       f"{escape(text)}</text>")
    out.append("</svg>")
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--first", metavar="REGEX", help="begin with the first line that matches")
    parser.add_argument("--last", metavar="REGEX", help="end with the last line that matches")
    parser.add_argument("--columns", type=int, default=80, help="least width of the picture [80]")
    parser.add_argument("--title", default="setnsmon", help="what stands in the title bar [setnsmon]")
    parser.add_argument("recording")
    parser.add_argument("output")
    options = parser.parse_args()

    with open(options.recording, encoding="utf-8", errors="replace", newline="") as file:
        lines = cut(lines_of(file.read()), options.first, options.last)
    if not lines:
        sys.exit(f"svg.py: {options.recording} has nothing to draw")
    columns = max(options.columns, max(len(plain(line)) for line in lines))
    for name, theme in THEMES.items():
        with open(f"{options.output}-{name}.svg", "w", encoding="utf-8") as file:
            file.write(draw(lines, columns, options.title, theme))


if __name__ == "__main__":
    main()
