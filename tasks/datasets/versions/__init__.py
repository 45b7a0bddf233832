"""What becomes of a finished build: the gate, the version, and what people ask of versions."""
