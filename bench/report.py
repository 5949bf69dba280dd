#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: MIT
"""From what `latchkey-bench --json` wrote to one HTML page that needs nothing else.

usage: bench/report.py IN.json [MORE.json...] -o OUT.html

With several files, in the order of time, the page shows the last one, and the ratio of its medians
to those of the first.  A file that cannot be read, is no JSON or has another shape ends it with
status 1 and one line that says what is wrong; OUT.html is then left as it was."""

import argparse
import os
import sys

sys.dont_write_bytecode = True  # nothing is written beside the sources

from page import page, shape  # noqa: E402


def arguments(argv):
    about, _, usage = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(description=about, epilog=usage.partition("\n\n")[2],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("json", nargs="+", metavar="IN.json")
    parser.add_argument("-o", dest="out", required=True, metavar="OUT.html")
    return parser.parse_args(argv)


def write(path, text):
    """All of it or nothing: first beside it, then in its place; devices are just written to."""
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return
    beside = f"{os.path.realpath(path)}.{os.getpid()}.tmp"
    try:
        with open(beside, "w", encoding="utf-8", newline="\n") as f:
            f.write(text)
        os.replace(beside, os.path.realpath(path))
    except OSError as e:
        if os.path.exists(beside):
            os.remove(beside)
        raise OSError(e.errno, e.strerror, path) from e


def main(argv):
    args = arguments(argv)
    try:
        runs = []
        for where in args.json:
            runs.append(shape.read(where))
        write(args.out, page.make(runs))
    except shape.Broken as e:
        print(f"report.py: {where}: {e}", file=sys.stderr)
        return 1
    except OSError as e:
        print(f"report.py: {e.filename or args.out}: {e.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
