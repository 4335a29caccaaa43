"""Makes every process of the suite take the module under test for psycopg2.

Python runs this file when it starts, if this folder is on its path; the tests start processes of
their own, so that nothing done in the first process alone would do.
"""

import importlib
import os

_module = os.environ.get("AYA_SUITE_MODULE", "psycopg2")
if _module != "psycopg2":
    importlib.import_module(_module).install_as_psycopg2()
