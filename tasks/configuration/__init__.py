"""Behind tasks/settings.py and tasks/settings_file.py: kinds of value, YAML with lines, plain words, checks."""
