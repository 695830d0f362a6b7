from __future__ import annotations

# They are run in processes of their own, with the plugin.
collect_ignore = ["example_project", "suite"]
