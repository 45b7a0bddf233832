"""The reader of HTML, which mail, Word files and all that comes through pandoc also use."""
