# SPDX-License-Identifier: GPL-2.0-only
"""Programs that print TAP themselves: each of their results becomes a case of the test."""

from guest import PROGS, counters, module, run
from tap import add_case


def add_program(program, *arguments, directory=PROGS, least=1, timeout=120, **parameters):
    """Runs a program at once, with the module loaded with these parameters."""
    with module(**parameters):
        done = run(f"{directory}/{program}", *arguments, timeout=timeout)
        counts = counters()
    lines = done.stdout.splitlines()
    results = [i for i, line in enumerate(lines) if line.startswith(("ok ", "not ok "))]
    for start, end in zip(results, results[1:] + [len(lines)]):
        def result(check, text=lines[start:end]):
            check(text[0].startswith("ok "), "\n".join(line.lstrip("# ") for line in text[1:]))
        add_case(f"{program}: {lines[start].split(' - ', 1)[1]}", result)

    def kept(check):
        check.eq(lines[0] if lines else done.stderr, f"1..{len(results)}", "plan")
        check.eq(done.returncode in (0, 1), True, f"status {done.returncode}, {done.stderr}")
        check(len(results) >= least, f"few cases: {len(results)}")
        check.eq(counts["entered"], counts["recorded"] + counts["missed"], "entered")
        check.eq(counts["readers"], 0, "readers")
    add_case(f"{program}: ran to its end", kept)
