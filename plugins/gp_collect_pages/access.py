"""Who may see our pages. Airflow adds no check of its own to a plugin's routes, so each of ours names one of these.

They are Airflow's own dependencies: 401 where nobody is signed in, 403 where the person's role lacks the permission.
A page of a new kind gets a new line here, and in docs/pages.md.
"""

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag

# Whoever may read what became of tasks may read what became of practices: codes, counts, states, and our own sentences.
may_look = requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE)

# What the test of all routes accepts as a check.
CHECKS = (may_look,)
