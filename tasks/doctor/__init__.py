"""The doctor: reconciles sources, ledger, tables, indices, releases and exports, and mends what can be mended."""
