"""The main job: from a plan to a frozen result."""
