from .descent import Within, descend

__all__ = ["Within", "descend"]
