"""Ask a data steward about parcels that broke too many rules, and carry out what the steward decides.

Woken when a load holds a parcel; nothing of it is in the store meanwhile, and other practices load undisturbed.
The question stands under Required Actions until it is answered. The answer goes into the ledger and the audit chain
with the steward's name and reason, and the next load is woken. Where policy wants two people, another is asked.
"""

from datetime import timedelta

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Asset, dag, task, task_group

from ask_the_steward import APPROVE, REASON, REFUSE, ask_another, decision_in, questions
from crossing.policy import Collection, Policy
from stop_for_a_person import stop_for_a_person


def decide(collection: Collection) -> None:
    @dag(
        dag_id=f"decide__{collection.id}",
        schedule=[Asset(f"held__{collection.id}")],
        doc_md=__doc__,
        tags=["zone:central", collection.id],
        default_args={"owner": "central zone", "queue": "central", "retries": 2, "retry_delay": timedelta(minutes=2)},
    )
    def decide_on_held_parcels():
        @task(outlets=[Asset(f"parcels__{collection.id}")])
        @stop_for_a_person
        def record_decision(parcel_id: str, answer: dict) -> dict:
            from central_zone import load_parcel, settings

            return load_parcel.decide(parcel_id, **decision_in(answer), settings=settings.load())

        @task_group
        def each_parcel(parcel_id: str, subject: str, body: str):
            steward_decides = HITLOperator(
                task_id="steward_decides", subject=subject, body=body, options=[APPROVE, REFUSE], params=REASON
            )
            decided = record_decision(parcel_id, steward_decides.output)
            task(outlets=[Asset(f"held__{collection.id}")])(ask_another)(decided)

        each_parcel.expand_kwargs(task(questions)(collection.id))

    decide_on_held_parcels()


for name in Policy().collections():
    decide(Policy().collection(name))
