"""Files → checked text with typed elements, in child processes that a bad document cannot harm.

`pool.ParserPool` is what callers use. Everything that touches an untrusted byte runs in `worker`, a
process of its own; the parsers themselves are listed in `registry`.
"""
