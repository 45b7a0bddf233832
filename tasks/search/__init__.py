"""The read side: a service loads it without any writer."""
