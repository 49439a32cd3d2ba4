# SPDX-License-Identifier: GPL-2.0-only
"""Scenes: functions that make calls and return what was observed of each. All scenes of a test
run with one load of the module; then all records are read, and each scene becomes a case that
compares its records with its observations."""

from guest import counters, module
from records import read_json
from tap import Skip, add_case

_scenes = []


def scene(name, **claims):
    """Registers a scene. claims: what its last record must hold for the scene to be what its
    name says; the test that compares the records decides how they are checked."""
    def register(function):
        _scenes.append((name, function, claims))
        return function
    return register


class Played:
    """The scenes after they have run: .results, the .records that were read, and the module's
    .totals at that time."""

    def __init__(self, ring_records):
        self.results = []
        with module(ring_records=ring_records):
            for name, function, claims in _scenes:
                try:
                    self.results.append((name, claims, function() or [], None))
                except (Exception, Skip) as problem:
                    self.results.append((name, claims, [], problem))
            self.totals = counters()
            self.records = read_json()

    def by_tid(self):
        """Returns the records of each thread, in their order."""
        threads = {}
        for record in self.records:
            threads.setdefault(record.get("tid"), []).append(record)
        return threads

    def observed(self):
        """Returns the number of calls that the scenes observed."""
        return sum(len(seen) for _, _, seen, _ in self.results)

    def add_cases(self, compare, title=lambda name, seen: name):
        """Adds a case for each scene: compare(check, claims, seen), or the problem it had."""
        for name, claims, seen, problem in self.results:
            def judge(check, claims=claims, seen=seen, problem=problem):
                if problem:
                    raise problem
                compare(check, claims, seen)
            add_case(title(name, seen), judge)


def play(ring_records=4096):
    """Runs all scenes with the module loaded, then reads all records."""
    return Played(ring_records)
