"""What psycopg2 says to bad input, and whether the module under test says the same.

A file ``*.cases`` holds one snippet of Python a line; `situation` says which names it may use. What
psycopg2 made of each snippet is in ``expected.tsv``, which ``python -m bad_input --record`` writes
(see `__main__`), so that the tests need no psycopg2. Where we differ on purpose, `differences` says
how and why.
"""
