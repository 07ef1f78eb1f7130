"""Other ways to solve the same problem, each in a process of its own, and what they found."""
