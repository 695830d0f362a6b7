from __future__ import annotations

# A project of its own, with modules that only it can import; `test_example_project` runs it.
collect_ignore = ["example_project"]
