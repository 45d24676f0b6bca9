"""Reads C sources as the checks need them: which files, code without comments, exemptions."""
import pathlib
import re
import sys

SKIPPED_FOLDERS = {".git", "build", "node_modules", "__pycache__", "sluice-data", ".venv"}
C_FOLDERS = ("src", "tests", "fuzz", "bench")
SIBLINGS = {"provider", "retrieval", "state", "plugin"}

# A comment, a string or a character. A quote behind a hexadecimal digit separates digits.
TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])\'(?:\\.|[^\'\\\n])*\'', re.S)
ATTRIBUTE = re.compile(r"\[\[.*?\]\]|__attribute__\s*\(\(.*?\)\)", re.S)
EXEMPTION = re.compile(r"\btidy: ([a-z]+)\b[ \t]*(.*?)\s*(?:-->|\*/)?$")


def root_argument(position=1):
    """The tree to check: the argument at `position`, else the one this script is in."""
    if len(sys.argv) > position:
        return pathlib.Path(sys.argv[position]).resolve()
    return pathlib.Path(__file__).resolve().parent.parent


def walk(root, *folders):
    """Every file below the folders of `root` (all of it without any), in a stable order."""
    for start in [root / folder for folder in folders] or [root]:
        for path in sorted(start.rglob("*")) if start.is_dir() else []:
            inside = path.relative_to(root).parts
            if path.is_file() and not path.is_symlink() and not SKIPPED_FOLDERS & set(inside):
                yield path


def c_files(root, *folders, suffixes=(".c", ".h")):
    """The C sources below the folders; fuzz corpora hold inputs, not sources."""
    for path in walk(root, *(folders or C_FOLDERS)):
        if path.suffix in suffixes and "corpus" not in path.parts:
            yield path


def floors(root):
    """src/FLOORS as {floor: floors it names}, in its order."""
    table = {}
    for line in (root / "src/FLOORS").read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, lower = line.partition(":")
            table[name.strip()] = lower.split()
    return table


class Report:
    """Prints findings as `file:line: what (hint)` and remembers whether there were any."""

    def __init__(self, root):
        self.root = root
        self.count = 0

    def say(self, path, line, what, hint):
        where = path.relative_to(self.root) if path.is_absolute() else path
        print(f"{where}:{line}: {what} ({hint})")

    def fail(self, path, line, what, hint):
        self.say(path, line, what, hint)
        self.count += 1

    def end(self):
        sys.exit(1 if self.count else 0)


def exemptions(lines):
    """{line number: {rule: reason}} of the `tidy: rule reason` comments."""
    found = {}
    for number, line in enumerate(lines, 1):
        match = EXEMPTION.search(line)
        if match:
            found[number] = {match[1]: match[2]}
    return found


class Function:
    """A definition (body_lines counts what is between its braces) or a declaration (None)."""

    def __init__(self, head, first_line, last_line, body_lines):
        head = ATTRIBUTE.sub(" ", head)
        name = re.search(r"(\w+)\s*\(", head)
        self.name = name[1] if name else ""
        self.is_static = bool(re.search(r"\bstatic\b", head))
        self.param_count = count_params(head[name.end():]) if name else 0
        self.first_line = first_line
        self.last_line = last_line
        self.body_lines = body_lines


def count_params(text):
    """Of a parameter list, from behind its opening parenthesis."""
    depth, commas, inside = 0, 0, ""
    for char in text:
        if char == ")" and depth == 0:
            break
        depth += (char in "([{") - (char in ")]}")
        commas += char == "," and depth == 0
        inside += char
    return 0 if inside.strip() in ("", "void") else commas + 1


class Source:
    """One C file: `lines` as written, `code` with comments and the insides of strings blanked."""

    def __init__(self, path):
        self.path = path
        text = path.read_text(encoding="utf-8", errors="replace")
        self.lines = text.split("\n")
        self.code = TOKEN.sub(blank, text).split("\n")
        self.exemptions = exemptions(self.lines)

    def is_exempt(self, rule, first_line, last_line=None):
        """Does a comment in these lines, or on the line before them, exempt the place?"""
        return any(self.exemptions.get(number, {}).get(rule)
                   for number in range(first_line - 1, (last_line or first_line) + 1))

    def functions(self):
        """Definitions, found by the format: braces of a function stand alone in column 0."""
        found = []
        for at, line in enumerate(self.code):
            if line.rstrip() != "{":
                continue
            start = at
            while start and is_head(self.code[start - 1]):
                start -= 1
            end = at + 1
            while end < len(self.code) and not self.code[end].startswith("}"):
                end += 1
            head = "\n".join(self.code[start:at])
            found.append(Function(head, start + 1, at + 1, end - at - 1))
        return found

    def declarations(self):
        """Function declarations at file scope."""
        found, chunk, first, depth = [], "", 0, 0
        for number, line in enumerate(without_directives(self.code), 1):
            for char in line + "\n":
                if char in "{}":
                    depth += 1 if char == "{" else -1
                    chunk = ""
                elif char == ";":
                    is_function = "(" in chunk and not re.match("typedef|static_assert", chunk)
                    if depth == 0 and is_function:
                        found.append(Function(chunk, first, number, None))
                    chunk = ""
                elif depth == 0 and (chunk or not char.isspace()):
                    first = first if chunk else number
                    chunk += char
        return found


def blank(match):
    """A token replaced by as many spaces; newlines stay, and so do the quotes of a string."""
    text = match[0]
    spaces = re.sub(r"[^\n]", " ", text)
    return spaces if text[0] == "/" else text[0] + spaces[1:-1] + text[-1]


def is_head(line):
    """Can this line precede `{` in a function's head?"""
    return bool(line.strip()) and line[0] not in "}#" and not line.rstrip().endswith(";")


def without_directives(lines):
    """The lines with preprocessor directives, continued ones too, emptied."""
    inside = False
    for line in lines:
        inside = inside or line.lstrip().startswith("#")
        yield "" if inside else line
        inside = inside and line.endswith("\\")
