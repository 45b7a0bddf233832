"""Several documents that answer one and the same question: knowledge poisoning, as in PoisonedRAG."""
