"""What Temporal's own pages and lists show of a dossier: where it stands, and nothing personal."""

from __future__ import annotations

from datetime import timedelta

from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client

from tests.running import NAME, PLAIN, Life, Running, count_events, submission
from tests.unit.office import STAFF, at
from tests.waiting import until
from workflows.dossier import DUE, OFFICE, SEARCH_ATTRIBUTES, STAGE, UNIT


async def codes(client: Client, query: str) -> set[str]:
    """The dossiers that a visibility query lists."""
    return {found.id async for found in client.list_workflows(query)}


async def test_dossiers_are_listed_by_stage_and_due(office: Running) -> None:
    """By office, unit, stage and due instant, each as it stands now."""
    soon = await Life.begin(office, *PLAIN[:3], opened="2026-06-01 08:00")
    later = await Life.begin(office, *PLAIN[:1], opened="2026-06-03 08:00")
    due = 'MotcuaOffice = "demo" AND MotcuaUnit = "demo" AND ExecutionStatus = "Running" AND MotcuaDue'
    june = f'{due} BETWEEN "2026-06-08T00:00:00Z" AND "2026-06-11T00:00:00Z"'

    mine = {soon.code, later.code}

    async def listed(query: str, expected: set[str]) -> None:
        async def as_expected() -> bool:
            return (await codes(office.client, query)) & mine == expected

        await until(as_expected)

    await listed(june, mine)
    await listed(f'{june} AND MotcuaStage = "process"', {soon.code})
    await listed(f'{june} AND MotcuaStage = "receive"', {later.code})
    await listed(f"{june} AND MotcuaDue < '2026-06-09T00:00:00Z'", {soon.code})


async def test_search_attributes_hold_nothing_personal(office: Running) -> None:
    """Exactly the four, typed, with ids and instants."""
    life = await Life.begin(office, *PLAIN[:3])
    description = await office.client.get_workflow_handle(life.code).describe()
    found = {pair.key.name: pair.value for pair in description.typed_search_attributes}
    ours = {key.name for key in SEARCH_ATTRIBUTES}
    assert {name for name in found if not name.startswith(("BuildIds", "Temporal"))} == ours
    assert found[STAGE.name] == "process"
    assert found[OFFICE.name] == found[UNIT.name] == "demo"
    moment = at("2026-03-09 08:00")
    assert moment <= found[DUE.name] < moment + timedelta(seconds=30)
    assert NAME not in str(description.raw_description)


async def test_a_hand_in_foresees_what_it_will_show(office: Running) -> None:
    """Accepted in the same breath, it starts with the stage and due instant that it then has."""
    answer = await office.desk.submit(submission("usual"), officer="receiver1", at=at("2026-03-02 08:00"))
    handle = office.client.get_workflow_handle(answer.code)
    found = {pair.key.name: pair.value for pair in (await handle.describe()).typed_search_attributes}
    assert found[STAGE.name] == answer.stage
    assert answer.due_at is not None
    assert abs(found[DUE.name] - answer.due_at) < timedelta(minutes=1)
    upserts = "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES"
    assert count_events(await office.history(answer.code))[upserts] == 0
    leader = await office.desk.act(answer.code, "complete", STAFF["receiver1"])
    assert (await handle.describe()).typed_search_attributes[STAGE] == leader.stage == "process"
    assert count_events(await office.history(answer.code))[upserts] == 1


async def test_summaries_say_what_is_awaited(office: Running) -> None:
    """The dossier says whose it is, each timer what it waits for, the page where the dossier stands."""
    life = await Life.begin(office, *PLAIN[:3])
    handle = office.client.get_workflow_handle(life.code)
    assert await (await handle.describe()).static_summary() == "usual · demo · demo"
    summaries = [
        event.user_metadata.summary.data.decode()
        for event in (await office.history(life.code)).events
        if event.event_type == EventType.EVENT_TYPE_TIMER_STARTED
    ]
    assert summaries == ['"intake intake: due"', '"step digitise: due"']
    metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    assert metadata.current_details == "**processing** · process · 5 facts"
