"""What stewards and responders see in the Airflow UI: one module a page. Pages render; questions are asked in the zone."""
