"""The comparison study, step by step: cases, plans, stages of the sequential pipeline, redundancy, tables, figures."""
