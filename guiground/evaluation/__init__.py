"""Measuring: benchmarks (tasks, annotations), the resumable run (run, journal, fingerprint), its numbers (summary)."""
