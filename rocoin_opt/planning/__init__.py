"""From an instance to a checked result: the methods by name, and every question that is answered by solving."""
