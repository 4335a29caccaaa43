"""Django's database backend on this package: ``"ENGINE": "aya_db.django"``.

It is Django's own backend for psycopg2, which is given this package under that name.
"""
