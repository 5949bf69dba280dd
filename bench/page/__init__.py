# SPDX-License-Identifier: MIT
"""The parts of bench/report.py: from the benchmark's JSON to one page."""
