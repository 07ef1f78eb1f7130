from .descent import descend

__all__ = ["descend"]
