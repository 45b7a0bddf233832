"""Behind tasks/settings/project.py and tasks/settings/file.py: kinds of value, YAML with lines, plain words, checks."""
