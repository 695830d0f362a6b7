from __future__ import annotations

from typing import Any

import pytest

from cubicasa_async.sandbox import (
    Fault,
    FaultPlan,
    Kind,
    Phase,
    StatusChange,
    WebhookFault,
    WebhookPlan,
)


def struck(plan: FaultPlan, count: int, operation: str = "drafts.create") -> list[int]:
    """Which of `count` requests are hit, counted from 1."""
    numbers = range(1, count + 1)
    return [n for n in numbers if plan.choose(operation, "POST", "/orders/draft", n)]


@pytest.mark.parametrize(
    ("rule", "hit"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"times": 2}, [1, 2]),
        ({"skip": 2}, [3, 4, 5, 6]),
        ({"skip": 2, "times": 1}, [3]),
        ({"every": 3}, [3, 6]),
        ({"skip": 1, "every": 2, "times": 2}, [3, 5]),
        ({"share": 0.0}, []),
        ({"operation": "drafts.create"}, [1, 2, 3, 4, 5, 6]),
        ({"operation": "drafts.*"}, [1, 2, 3, 4, 5, 6]),
        ({"operation": "orders.*"}, []),
        ({"method": "post", "path": "/orders/*"}, [1, 2, 3, 4, 5, 6]),
        ({"method": "GET"}, []),
        ({"path": "/users*"}, []),
    ],
)
def test_a_rule_hits_what_it_says(rule: dict[str, Any], hit: list[int]) -> None:
    plan = FaultPlan()
    plan.add(Fault("drop", **rule))
    assert struck(plan, 6) == hit
    assert [one.number for one in plan.hits] == hit


def test_a_share_is_drawn_from_the_seed() -> None:
    plans = [FaultPlan(seed=1), FaultPlan(seed=1), FaultPlan(seed=2)]
    for plan in plans:
        plan.add(Fault("drop", share=0.3))
    one, two, other = (struck(plan, 1_000) for plan in plans)
    assert one == two != other
    assert 200 < len(one) < 400
    plans[0].clear()
    plans[0].add(Fault("drop", share=0.3))
    assert struck(plans[0], 1_000) == one


def test_the_first_that_is_due_hits_and_all_that_match_count() -> None:
    plan = FaultPlan()
    first, second = Fault("drop", times=1), Fault("reset", skip=1, times=1)
    plan.add(first, second)
    assert list(plan) == [first, second]
    chosen = [plan.choose("orders.get", "GET", "/orders/1", number) for number in (1, 2, 3)]
    assert chosen == [first, second, None]


def test_clear_takes_the_faults_out_and_keeps_the_hits() -> None:
    plan = FaultPlan()
    plan.add(Fault("drop"))
    assert struck(plan, 2) == [1, 2]
    plan.clear()
    assert struck(plan, 2) == []
    assert len(plan) == 0
    assert len(plan.hits) == 2


def test_one_is_taken_out_by_its_number_and_the_others_count_on() -> None:
    plan = FaultPlan()
    same = Fault("drop", operation="orders.get", times=1)
    plan.add(same, same, Fault("reset", skip=1, times=1))
    assert struck(plan, 1, "orders.get") == [1]
    assert (plan.in_force, plan.hit) == (dict(enumerate(plan, 1)), {1: 1, 2: 0, 3: 0})
    plan.remove(1)
    assert list(plan.in_force) == [2, 3]
    chosen = [plan.choose("orders.get", "GET", "/orders/1", number) for number in (2, 3, 4)]
    assert [fault and fault.kind for fault in chosen] == ["drop", "reset", None]
    with pytest.raises(LookupError, match="No fault in force has the number 1"):
        plan.remove(1)
    plan.add(Fault("stall"))
    assert list(plan.in_force) == [2, 3, 4]
    plan.clear()
    plan.add(Fault("stall"))
    assert list(plan.in_force) == [1]


def test_webhooks_have_a_plan_of_the_same_kind() -> None:
    plan = WebhookPlan()
    plan.add(WebhookFault("lose", every=2), WebhookFault("duplicate"))
    change = StatusChange("o", "Ready", "Pending", None)
    chosen = [plan.choose(change, attempt=False) for _ in range(3)]
    assert [fault and fault.kind for fault in chosen] == ["duplicate", "lose", "duplicate"]
    plan.remove(1)
    assert [fault.kind for fault in plan] == ["duplicate"]
    with pytest.raises(ValueError, match="no kind of webhook fault; choose one of lose"):
        WebhookFault("explode")


def test_an_operation_that_is_none_matches_only_a_fault_for_all() -> None:
    assert Fault("drop").matches(None, "GET", "/x")
    assert not Fault("drop", operation="orders.*").matches(None, "GET", "/x")


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_a_phase_by_default_and_survives_json(kind: Kind) -> None:
    given: dict[str, Any] = {"seconds": 0.5, "location": "https://example.test/"}
    fault = Fault(kind, **given)
    assert fault.phase in Phase
    assert Fault.from_json(fault.to_json()) == fault


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "explode"}, "no kind of fault; choose one of status"),
        ({"kind": "drop", "phase": "later"}, "no phase of a request; choose one of before_read"),
        ({"kind": "cut", "phase": "after_read"}, "cannot strike at after_read; .* mid_body"),
        ({"kind": "drop", "skip": -1}, "skip is a whole number of at least 0"),
        ({"kind": "drop", "every": 0}, "every is a whole number of at least 1"),
        ({"kind": "drop", "times": 0}, "times is a whole number of at least 1"),
        ({"kind": "drop", "times": "2"}, "times is a whole number"),
        ({"kind": "drop", "times": True}, "times is a whole number"),
        ({"kind": "drop", "share": 1.5}, "share is a probability"),
        ({"kind": "drop", "share": float("nan")}, "share is a probability"),
        ({"kind": "stall", "seconds": -1}, "seconds is a number of at least 0"),
        ({"kind": "delay"}, "A delay fault needs seconds"),
        ({"kind": "refuse"}, "A refuse fault needs seconds"),
        ({"kind": "drip"}, "A drip fault needs seconds"),
        ({"kind": "redirect"}, "needs a location"),
        ({"kind": "redirect", "location": "/", "status": 200}, "between 300 and 399"),
        ({"kind": "status", "status": 99}, "status is a whole number of at least 200"),
        ({"kind": "status", "status": 600}, "between 200 and 599"),
        ({"kind": "status", "retry_after": 3}, "retry_after is a text"),
        ({"kind": "status", "retry_after": "1\r\nx: y"}, "cannot contain a line break"),
        ({"kind": "status", "headers": {"x": "1\n2"}}, "cannot contain a line break"),
        ({"kind": "status", "headers": []}, "headers is an object"),
        ({"kind": "bomb", "size": 0}, "size is a whole number of at least 1"),
        ({"kind": "drop", "when": "now"}, "has no 'when'; it knows kind, phase"),
        ({}, "needs a kind"),
    ],
)
def test_what_does_not_fit_together_is_refused_plainly(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Fault.from_json(arguments)
