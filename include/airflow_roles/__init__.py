"""The roles of people in Airflow, as policy/airflow_roles.toml has them. It knows Airflow and neither zone."""
