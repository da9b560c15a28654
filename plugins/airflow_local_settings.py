"""What a worker imports once, before it forks for each task: every task then begins a second sooner.

GP_WORKER_IMPORTS names the modules, with spaces between; each zone's worker names its own zone's. Airflow imports this
file in every process, and nothing happens in those that name none.
"""

import os
from importlib import import_module

for name in os.environ.get("GP_WORKER_IMPORTS", "").split():
    import_module(name)
