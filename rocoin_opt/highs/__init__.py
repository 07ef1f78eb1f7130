"""The only package that talks to HiGHS: models go in, checked solutions come out."""
