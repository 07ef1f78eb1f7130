"""What results show of themselves to people in Python: as text, data, a frame, a drawing, or in a notebook.

Results load these modules by name, see ``showing.py``.
"""
