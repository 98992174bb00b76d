#!/usr/bin/env python3
"""Measures the language of this repository: documents, comments, messages and type names. Prints one figure in each line.

    python3 tests/language.py [folder] [--list FIGURE]

The goals are the figures of crates.io: 2 % of doc comments open with What, Whose, Of or So; 4 % have three words or fewer; the
pronouns stand three times; 0.7 semicolons in 100 words. `--list` prints the places that a figure counts.
"""
import collections
import pathlib
import re
import sys

OPENINGS = re.compile(r"(What|Whose|Of|So)\b")
PRONOUNS = re.compile(r"\b(nobody|somebody|whoever)\b", re.I)
TYPE = re.compile(r"^pub(?:\([^)]*\))? (?:struct|enum|trait|type) (\w+)", re.M)
# names that a convention gives to one type of a module: of a library's traits, or of every command
CONVENTIONAL = {"ActiveModel", "Arguments", "Column", "Entity", "Error", "Model", "PrimaryKey", "Relation"}
LONGEST_SENTENCE, WIDTH = 30, 120
# words with a plainer term, which each line names
OLD_WORDS = re.compile(
    r"""\b(
    tells | told                                                           # reports, shows
    | ha[sd]\ had\ its\ time | have\ had\ their\ time | past\ its\ time     # expired
    | goes | gone | stays | stayed | is\ taken                              # is deleted, is kept, is accepted
    | (?:is|are|was|were)\ there(?!\ (?:a|an|any|no)\b)                    # exists
    | (?<!there\ )(?:is|are)\ none                                         # is not valid, does not exist
    | from\ where\ on | not\ got                                           # above which, timed out waiting for
    | rehears\w* | prove[dn]?\ by\ restoring                               # verified by a test restore
    | nobody | somebody | anybody | everybody | whoever | strangers?       # the client, no account, another process
    | put\ in\ place | put\ into | made\ anew                              # swapped in, inserted, recreated
    | passed\ over | left\ out | leaves\ out                               # skipped, excluded
    | hangs?\ on                                                           # depends on
    | (?:the|these|other|such|\d+)\ signs                                  # characters
    | of\ a\ command:                                                      # for a command
    | (?:keys|indexes)\ (?:down|up)                                        # drop, rebuild
    | as\ long\ as\ (?:it|they)\ (?:will|takes?)                           # about as long as
    | earlier\ manager                                                     # legacy manager
    | carries                                                              # contains
    )\b""",
    re.I | re.X,
)
# text that is code, a value or a placeholder
CODE = re.compile(r"`[^`]*`|\{[^{}]*\}|nobody@[\w.]+")


def files(folder, *patterns):
    return sorted({file for pattern in patterns for file in folder.glob(pattern)})


def doc_comments(text):
    """The doc comments of a file, each as one line, with its line number."""
    block, first = [], 0
    for number, line in enumerate([*text.splitlines(), ""], 1):
        found = re.match(r"\s*//[/!](?!/) ?(.*)", line)
        if found:
            first = first if block else number
            block.append(found[1])
        elif block:
            yield first, "\n".join(block)
            block = []


def paragraphs(markdown):
    """The prose of a document: without code, tables, headings and links' targets."""
    markdown = re.sub(r"```.*?```", "", markdown, flags=re.S)
    markdown = re.sub(r"<!--.*?-->", "", markdown, flags=re.S)
    markdown = re.sub(r"\]\([^)]*\)", "]", markdown)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )", markdown):
        if not block.lstrip().startswith(("|", "#", "!")):
            yield " ".join(block.split())


def sentences(prose):
    prose = re.sub(r"`[^`]*`", "Code", prose)
    return re.split(r"(?<=[.!?])\**\s+(?=[A-Z(*]|authsvc)", prose)


def old_words(texts):
    return [f"{place}: {found[0]}: {text}" for place, text in texts for found in OLD_WORDS.finditer(CODE.sub("code", text))]


def messages(folder):
    """Comments of all files, and texts that the program shows, each with its place."""
    code = ("*.rs", *(f"{part}/**/*.rs" for part in ("build", "src", "entity", "tests", "benches", "examples", "fuzz/*targets")))
    scripts = ("*.sh", "benches/*.py", "tests/*.sh", "docs/**/*.sh", "deploy/**/*.sh", "deploy/**/*.y*ml", "deploy/systemd/*")
    for file in files(folder, *code, *scripts, "src/**/*.sql", "src/**/*.html", "deploy/grafana/*.json"):
        comment = {".rs": "//[/!]?", ".sql": "--"}.get(file.suffix, "#")
        text = "(.*)" if file.suffix == ".html" else rf"(?:^|\s){comment} (.*)"
        if file.suffix in (".rs", ".yml", ".json") and "tests" not in file.parts:
            text += r'|"((?:[^"\\]|\\.)*\s(?:[^"\\]|\\.)*)"'
        for number, line in enumerate(file.read_text().splitlines(), 1):
            for found in re.finditer(text, line):
                yield f"{file.relative_to(folder)}:{number}", found[found.lastindex]


def measure(folder):
    """Each figure with the places that it counts."""
    places = collections.defaultdict(list)
    words = comments = marks = 0
    names = collections.Counter()
    for file in files(folder, "src/**/*.rs", "entity/src/**/*.rs", "migration/src/**/*.rs"):
        text, name = file.read_text(), file.relative_to(folder)
        names.update(TYPE.findall(text))
        for line, comment in doc_comments(text):
            comments += 1
            opening = comment.split("\n\n")[0]
            plain = re.sub(r"`[^`]*`", "code", comment)
            words += len(plain.split())
            marks += len(re.findall(r"[;:](?=\s|$)", plain))
            place = f"{name}:{line}: {opening.splitlines()[0]}"
            if OPENINGS.match(opening):
                places["openings"].append(place)
            if len(opening.split()) <= 3 and "\n" not in comment:
                places["short"].append(place)
            places["pronouns"] += [place] * len(PRONOUNS.findall(comment))
    for file in files(folder, "*.md", "*/README.md", "docs/**/*.md"):
        text, name = file.read_text(), file.relative_to(folder)
        if name.name == "CHANGELOG.md":
            continue
        prose = re.sub(r"```.*?```|`[^`]*`", "code", text, flags=re.S)
        places["pronouns"] += [f"{name}: {found}" for found in PRONOUNS.findall(prose)]
        rows = [line for line in text.splitlines() if line.startswith("|")]
        places["old words"] += old_words([(name, prose) for prose in [*paragraphs(text), *rows]])
        for prose in paragraphs(text):
            places["long"] += [f"{name}: {found}" for found in sentences(prose) if len(found.split()) > LONGEST_SENTENCE]
        for number, line in enumerate(re.sub(r"```.*?```", lambda code: "\n" * code[0].count("\n"), text, flags=re.S).splitlines(), 1):
            if len(line) > WIDTH and not line.startswith(("|", "[", "![", "<")):
                places["wide"].append(f"{name}:{number}: {len(line)}")
            if line.startswith("|") and "| … |" in line:
                places["bare"].append(f"{name}:{number}: {line}")
    places["old words"] += old_words(messages(folder))
    places["duplicates"] = sorted(name for name, count in names.items() if count > 1 and name not in CONVENTIONAL)
    readme = (folder / "README.md").read_text()
    share = lambda figure: round(100 * len(places[figure]) / comments, 1)
    return places, {
        "words of README": len(readme.split()),
        "lines of README": len(readme.splitlines()),
        "doc comments": comments,
        "openings": share("openings"),
        "short": share("short"),
        "pronouns": len(places["pronouns"]),
        "marks": round(100 * marks / words, 1),
        "duplicates": len(places["duplicates"]),
        "long": len(places["long"]),
        "wide": len(places["wide"]),
        "bare": len(places["bare"]),
        "old words": len(places["old words"]),
    }


def main():
    arguments = sys.argv[1:]
    listed = arguments.pop(arguments.index("--list") + 1) if "--list" in arguments else None
    folders = [argument for argument in arguments if argument != "--list"]
    places, figures = measure(pathlib.Path(folders[0] if folders else ".").resolve())
    print("\n".join(places[listed]) if listed else "\n".join(f"{name}: {figure}" for name, figure in figures.items()))


main()
