"""Many instances by many methods: a run that loses nothing, whatever ends it.

``items`` says what there is to do, ``store`` keeps what was found, ``executors`` and ``worker`` do the work in
processes that ``limits`` can end, and ``runner`` brings them together.
"""
