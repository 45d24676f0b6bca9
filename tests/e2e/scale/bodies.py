"""bodies: random JSON texts of requests, written by hand so that every byte is chosen.

Each comes with what must arrive upstream: the same bytes, with the value of each top-level "model"
replaced by the new name, or, where there is none, by the last one's if it means another.
"""
import json

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789 _-.:/{}[],'"
ODD = ["\\n", "\\\"", "\\\\", "\\/", "\\u0000", "\\ud83d\\ude00", "\\u00e9", "\\uD834\\uDD1E",
       "\\ud800", "\\b\\f\\r\\t", "é", "日本", "😀", "\u2028", "\x7f", "ﷺ", "\\u006d", "\U0010ffff"]
NUMBERS = ["0", "-0", "-0.0", "1e3", "1E+2", "1.0", "1e-7", "123456789012345678901234567890",
           "0.1000000000000000055511151231257827", "1E400", "-1e-400", "1.5E+05", "9007199254740993",
           "18446744073709551616"]
BLANKS = ["", "", "", "", " ", " ", "\n", "\t", "\r\n", "  \n\t "]
KEYS = ["messages", "temperature", "tools", "stop", "user", "n", "metadata", "max_tokens", "seed",
        "models", "Model", "mode", "model ", "", "logit_bias", "response_format", "mod\\u0065ls"]


class Writer:
    def __init__(self, rng):
        self.rng = rng

    def blank(self):
        return self.rng.choice(BLANKS)

    def string(self, large=False):
        rng = self.rng
        if large:
            return '"' + rng.choice(LETTERS) * rng.randrange(20_000, 200_000) + '"'
        parts = rng.choices(LETTERS, k=rng.randrange(12)) + rng.choices(ODD, k=rng.randrange(3))
        rng.shuffle(parts)
        return '"' + "".join(parts) + '"'

    def value(self, depth=0):
        rng = self.rng
        kind = rng.randrange(10 if depth < 4 else 6)
        if kind < 3:
            return self.string()
        if kind < 5:
            number = rng.choice(NUMBERS)
            return number if rng.random() < 0.7 else str(rng.randrange(-10**9, 10**9))
        if kind == 5:
            return rng.choice(("true", "false", "null"))
        count = rng.randrange(4)
        if kind < 8:
            inner = [self.blank() + self.value(depth + 1) + self.blank() for _ in range(count)]
            return "[" + (",".join(inner) if inner else self.blank()) + "]"
        inner = [self.member(self.key(depth + 1), self.value(depth + 1)) for _ in range(count)]
        return "{" + (",".join(inner) if inner else self.blank()) + "}"

    def key(self, depth):
        # Below the top a "model" is nobody's business.
        if depth and self.rng.random() < 0.2:
            return '"model"'
        return '"' + self.rng.choice(KEYS) + '"' if self.rng.random() < 0.7 else self.safe_key()

    def safe_key(self):
        while True:
            key = self.string()
            if json.loads(key) not in ("model", "stream"):
                return key

    def member(self, key, value):
        return self.blank() + key + self.blank() + ":" + self.blank() + value + self.blank()

    def spelled(self, word):
        """The word in quotes, some of its letters as escapes."""
        rng = self.rng
        if rng.random() < 0.7:
            return f'"{word}"'
        how = rng.choice(("\\u%04x", "\\u%04X"))
        return '"' + "".join(how % ord(c) if rng.random() < 0.4 else c for c in word) + '"'

    def deep(self):
        depth = self.rng.randrange(50, 400)
        return "[" * depth + self.value(4) + "]" * depth

    def body(self, model, renamed):
        """The body as sent and as it must arrive, for a client that asks for `model`."""
        rng = self.rng
        members = [(self.key(0), self.value()) for _ in range(rng.randrange(6))]
        if rng.random() < 0.02:
            members.append(('"messages"', self.string(large=True)))
        if rng.random() < 0.02:
            members.append(('"deep"', self.deep()))
        if rng.random() < 0.2:
            members.append((self.spelled("stream"), rng.choice(("false", "null"))))
        rng.shuffle(members)
        sent, wanted = [], []
        count = rng.choice((1, 1, 1, 1, 1, 1, 2, 3, 4))
        places = sorted(rng.randrange(len(members) + 1) for _ in range(count))
        for i, place in enumerate(places):
            # Of several the last counts; the others may name anything.
            value = self.spelled(model) if i == count - 1 or rng.random() < 0.5 else self.string()
            members.insert(place + i, (self.spelled("model"), value, True))
        last = [value for _, value, *is_model in members if is_model][-1]
        for key, value, *is_model in members:
            text = self.member(key, "\0")
            sent.append(text.replace("\0", value))
            if is_model:
                value = f'"{renamed}"' if renamed else value if json.loads(value) == model else last
            wanted.append(text.replace("\0", value))
        before, after = self.blank() + "{", "}" + self.blank()
        return tuple((before + ",".join(part) + after).encode("utf-8", "surrogatepass")
                     for part in (sent, wanted))
