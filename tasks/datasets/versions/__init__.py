"""What becomes of a finished build: the gate, the version and its exports, and what people ask about versions."""
