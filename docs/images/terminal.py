#!/usr/bin/env python3
"""Records commands at a terminal as an SVG picture: docs/images/terminal.py OUTPUT.svg [+N|-N] COMMAND...

Each command runs in a shell whose stdout is a terminal of 104 columns. The picture shows the real output with its colours.
`+N` before a command keeps the first N lines of its output, `-N` the last N lines. The picture says how many lines are
missing. Progress is not recorded, because stderr is not a terminal.
"""
import html
import os
import pathlib
import pty
import re
import subprocess
import sys

COLUMNS = 104
LINE, CHARACTER, MARGIN = 18, 8.0, 16  # pixels
COLOURS = {"10": "#7ee787", "11": "#e3b341", "9": "#ff7b72", "31": "#ff7b72", "32": "#7ee787", "33": "#e3b341"}
STYLE = re.compile(r"\x1b\[([0-9;]*)m")


def record(command: str) -> list[str]:
    """The lines that a command prints, its errors last."""
    terminal, stdout = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color"}
    subprocess.run(["stty", "cols", str(COLUMNS)], stdin=stdout, check=True)
    process = subprocess.Popen(
        ["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, env=environment
    )
    os.close(stdout)
    printed = b""
    while True:
        try:
            block = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        printed += block
    errors = process.communicate()[1]
    if process.returncode:
        sys.exit(f"{command}: exit code {process.returncode}\n{errors.decode()}")
    return printed.decode().replace("\r", "").splitlines()


def spans(line: str) -> str:
    """A line as `tspan` elements, one for each colour."""
    parts = STYLE.split(line.rstrip())
    fill, bold, found = "", False, []
    for at, part in enumerate(parts):
        if at % 2:
            codes = part.split(";")
            bold = "1" in codes and codes[0] != "38" or bold and codes != ["0"]
            fill = next((COLOURS[code] for code in reversed(codes) if code in COLOURS), "")
        elif part:
            style = (f' fill="{fill}"' if fill else "") + (' font-weight="bold"' if bold else "")
            found.append(f"<tspan{style}>{html.escape(part)}</tspan>")
    return "".join(found)


def picture(lines: list[str]) -> str:
    """An SVG document: one `text` element for each line."""
    width, height = int(COLUMNS * CHARACTER) + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN
    rows = [
        f'<text x="{MARGIN}" y="{MARGIN + LINE * (number + 1) - 5}" xml:space="preserve">{line}</text>'
        for number, line in enumerate(lines)
    ]
    font = "ui-monospace, 'DejaVu Sans Mono', 'Liberation Mono', Menlo, Consolas, monospace"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
            f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>',
            f'<g font-family="{font}" font-size="13" fill="#e6edf3">',
            *rows,
            "</g>",
            "</svg>",
            "",
        ]
    )


def excerpt(lines: list[str], limit: str) -> list[str]:
    """The first (`+N`) or last (`-N`) lines, with a note in place of the others."""
    count, missing = int(limit[1:]), len(lines) - int(limit[1:])
    if missing <= 0:
        return lines
    note = f'<tspan fill="#8b949e">[{missing} more lines]</tspan>'
    return lines[:count] + [note] if limit[0] == "+" else [note] + lines[-count:]


def main() -> None:
    """Records every command and writes the picture."""
    output, lines, limit = sys.argv[1], [], "+1000"
    for argument in sys.argv[2:]:
        if re.fullmatch(r"[+-]\d+", argument):
            limit = argument
            continue
        lines += [""] * bool(lines)
        prompt = '<tspan fill="#79c0ff">$</tspan>'
        lines.append(f'{prompt} <tspan font-weight="bold">{html.escape(argument)}</tspan>')
        lines += excerpt([spans(line) for line in record(argument)], limit)
        limit = "+1000"
    pathlib.Path(output).write_text(picture(lines), encoding="utf-8")


main()
