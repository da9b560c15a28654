"""The demonstration: two nights of synthetic practices through a real Airflow, all in .demo/ of the checkout.

One machine plays both zones here, so the tasks share an environment that holds both zones' settings. In
docker-compose.yaml, as in life, each zone has its own worker, keys and networks.
"""
