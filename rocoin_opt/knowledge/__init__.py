"""The teacher's knowledge as a filter graph, and its partition into parts."""
