"""What a document's file says, read a second time without its parser, and how much of that the parser gave."""
