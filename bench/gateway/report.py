"""Medians, ratios, the printed table and the machine it is true of."""
import json
import os
import platform
import statistics
import subprocess

REFERENCES = ["nginx", "nginx-log", "haproxy"]


def _first_line(*argv):
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "not there"
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else "says nothing"


def _cpu_model():
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return platform.machine()


def machine(sluice, root):
    return {
        "cpu": _cpu_model(), "cores": os.cpu_count(), "kernel": platform.release(),
        "nginx": _first_line("nginx", "-v"), "haproxy": _first_line("haproxy", "-v"),
        "sluice": _first_line(sluice, "version"),
        "commit": _first_line("git", "-C", root, "describe", "--always", "--dirty"),
        "compiler": _first_line("cc", "--version"),
        "load_average": [round(v, 2) for v in os.getloadavg()],
    }


def _is_valid(rows):
    return all(not r["problems"] for r in rows)


def _values(rows, key):
    """By round; rounds in which it wasn't measured are left out."""
    return {r["round"]: r["figures"][key] for r in rows if key in r["figures"]}


def _ratio(mine, theirs):
    """The median of the ratios of each round, which drift between rounds doesn't touch."""
    ratios = [mine[r] / theirs[r] for r in mine if r in theirs and theirs[r] > 0]
    return statistics.median(ratios) if ratios else None


def _spread(values):
    """How far apart the rounds are, in percent of their median; None for a single round."""
    middle = statistics.median(values) if len(values) > 1 else 0
    return 100 * (max(values) - min(values)) / middle if middle > 0 else None


class Summary:
    """All rows of a run, by scenario and candidate."""

    def __init__(self, scenarios, names, rows):
        self.scenarios, self.names, self.rows = scenarios, names, rows

    def of(self, scenario, name):
        return [r for r in self.rows
                if r["scenario"] == scenario.name and r["candidate"] == name]

    def median(self, scenario, name, key):
        rows = self.of(scenario, name)
        values = _values(rows, key)
        return statistics.median(values.values()) if values and _is_valid(rows) else None

    def ratio(self, scenario, name, reference, key):
        mine, theirs = self.of(scenario, name), self.of(scenario, reference)
        if not (_is_valid(mine) and _is_valid(theirs)):
            return None
        return _ratio(_values(mine, key), _values(theirs, key))

    def spread(self, scenario, name, key):
        return _spread(_values(self.of(scenario, name), key).values())

    def problems(self):
        return [f"{r['scenario']}, {r['candidate']}, round {r['round']}: {p}"
                for r in self.rows for p in r["problems"]]

    def columns(self, scenario):
        return [n for n in self.names if self.of(scenario, n)]

    def references(self, scenario):
        known = scenario.candidates[:1] if scenario.candidates else REFERENCES
        return [r for r in known if r in self.columns(scenario)]

    def as_json(self):
        return [{"scenario": s.name, "metric": m.key, "candidate": n,
                 "median": self.median(s, n, m.key),
                 "ratios": {r: self.ratio(s, n, r, m.key) for r in self.references(s)}
                 if m.has_ratio else {}}
                for s in self.scenarios for m in s.metrics for n in self.columns(s)]


def _cell(value, digits):
    return f"{'-' if value is None else format(value, f'.{digits}f'):>11}"


def _scenario_lines(summary, scenario):
    names = summary.columns(scenario)
    valid = {n: _is_valid(summary.of(scenario, n)) for n in names}
    yield f"{scenario.name}: {scenario.title}"
    yield " " * 26 + "".join(f"{n:>11}" for n in names)
    if not all(valid.values()):
        yield " " * 26 + "".join(f"{'' if valid[n] else 'INVALID':>11}" for n in names)
    for metric in scenario.metrics:
        medians = [summary.median(scenario, n, metric.key) for n in names]
        if all(m is None for m in medians):
            continue
        yield f"  {metric.title:<24}" + "".join(_cell(m, metric.digits) for m in medians)
        if not metric.has_ratio or metric.title.startswith(" "):
            continue
        for reference in summary.references(scenario):
            ratios = [summary.ratio(scenario, n, reference, metric.key) for n in names]
            if any(r is not None for r in ratios):
                yield f"      / {reference:<18}" + "".join(_cell(r, 2) for r in ratios)
    spreads = [summary.spread(scenario, n, scenario.metrics[0].key) for n in names]
    if any(s is not None for s in spreads):
        yield f"  {'spread of first row, %':<24}" + "".join(_cell(s, 0) for s in spreads)


def text(about, settings, summary):
    lines = [f"{key}: {value}" for key, value in about.items()]
    lines += [f"{key}: {value}" for key, value in settings.items()]
    for scenario in summary.scenarios:
        lines += ["", *_scenario_lines(summary, scenario)]
    problems = summary.problems()
    if problems:
        lines += ["", "INVALID, because:", *(f"  {p}" for p in problems)]
    return "\n".join(lines) + "\n"


def write_json(path, about, settings, summary):
    with open(path, "w") as f:
        json.dump({"machine": about, "settings": settings, "summary": summary.as_json(),
                   "rows": summary.rows}, f, indent=1)
        f.write("\n")
