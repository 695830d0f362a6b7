"""All commands: what each is called, what it does in a line, and where it is.

The command of an operation has the operation's name, with a space for the dot, wherever nothing
speaks against it. Those without a place are made from the operation's declaration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cubicasa_async.cli.late import Branch, Leaf

_ASSETS = {
    "download": Leaf("Fetch the delivered files of orders.", "assets:download"),
    "list": Leaf("List what was delivered for an order.", "assets:list_"),
}
_CHANGE_REQUESTS = {
    "create": Leaf(
        "Ask for a change of a delivered order.",
        operation="change_requests.create",
        details="The order becomes Fixing; it usually takes 2 to 24 hours.",
        examples=("ORDER_ID --product products_2d --text 'The bathroom lacks its door.'",),
    ),
    "get": Leaf("Show a change request.", operation="change_requests.get"),
    "list": Leaf(
        "List the change requests of an order.",
        operation="change_requests.list",
        examples=("ORDER_ID", "ORDER_ID --json | jq -r .id"),
    ),
}
_COMPANY = {
    "info": Leaf("Show the company that the key belongs to.", operation="company.info"),
    "package": Leaf("Show what the company orders by default.", operation="company.package"),
    "send-merge-request": Leaf(
        "Ask another company to merge with this one.",
        operation="company.send_merge_request",
        examples=("--email manager@other.example --message 'As agreed by telephone.'",),
    ),
}
_DRAFTS = {
    "create": Leaf(
        "Make a draft order.",
        operation="drafts.create",
        details="It is sent once. If its answer is lost, look for it among the orders before you "
        "make it again; `drafts import` does that by itself.",
        examples=(
            "--street '1 Main St' --city Springfield --country US --owner-email a@example.com",
            "--from draft.json --dry-run",
        ),
    ),
    "delete": Leaf(
        "Delete a draft order.",
        operation="drafts.delete",
        examples=("ORDER_ID", "ORDER_ID --yes"),
        question="This deletes the draft order",
        done="The draft order is deleted.",
    ),
    "import": Leaf("Make a draft order of every row of a file.", "drafts:import_"),
    "status": Leaf("Show how an import stands.", "drafts:status"),
    "update": Leaf(
        "Change a draft order.",
        operation="drafts.update",
        details="Street, city, country and owner must be given here too. Whether the service keeps "
        "or clears what is left out is not known.",
        examples=("ORDER_ID --from draft.json --info 'Key at the neighbours.'",),
    ),
}
_GOTOSCAN = {
    "create": Leaf(
        "Order a scan by somebody at the property.",
        operation="gotoscan.create",
        details="It is sent once, whatever comes back.",
        examples=(
            "--street '1 Main St' --city Springfield --country US --client-email b@example.com",
        ),
    ),
}
_OFFICES = {
    "create": Leaf("Add an office.", operation="offices.create", examples=("--name North",)),
    "list": Leaf("List the offices.", operation="offices.list"),
}
_ORDERS = {
    "combined-pdf": Leaf(
        "Fetch all plans of an order in one PDF.",
        "combined_pdf:combined_pdf",
        operation="orders.combined_pdf",
    ),
    "create-redraw": Leaf(
        "Order a drawing from existing plans.",
        operation="orders.create_redraw",
        details="It is sent once, whatever comes back.",
        examples=(
            "--street '1 Main St' --city Springfield --country US --source https://a.example/1.pdf",
        ),
    ),
    "find": Leaf("Find orders by address or external_id.", "orders_find:find"),
    "get": Leaf("Show an order with its files.", "orders:get", operation="orders.get"),
    "list": Leaf(
        "List orders, newest first, with proof that none is skipped.",
        "orders:list_",
        operation="orders.list",
    ),
    "mirror": Leaf("Keep a local copy of all orders.", "orders_mirror:mirror"),
    "redeliver": Leaf(
        "Have an order delivered again in another style.",
        operation="orders.redeliver",
        examples=("ORDER_ID --style-2d-style-template-id TEMPLATE",),
    ),
    "stats": Leaf("Show turnaround at a glance, from a local copy.", "stats:stats"),
    "twins": Leaf(
        "Find drafts beside which the app made an order of the same property.", "orders_find:twins"
    ),
    "upgrade": Leaf(
        "Buy another package or add-ons for a delivered order.",
        operation="orders.upgrade",
        details="It is sent once, whatever comes back. `orders get` shows what can be bought, and "
        "what was.",
        examples=("ORDER_ID --add-on gla", "ORDER_ID --package-type plus --dry-run"),
    ),
    "wait": Leaf("Wait until orders are Ready, for hours if need be.", "waits:wait"),
}
_PROFILES = {
    "list": Leaf("List the profiles.", "profiles:list_"),
    "remove": Leaf("Remove a profile.", "profiles:remove"),
    "set": Leaf("Write a profile down, or change it.", "profiles:set_"),
    "show": Leaf("Show a profile, without its key.", "profiles:show"),
}
_USERS = {
    "change-password": Leaf(
        "Change a user's password.",
        operation="users.change_password",
        details="Both passwords are asked for, or read from --from.",
        examples=("--email a@example.com", "--from - < passwords.json"),
    ),
    "create": Leaf(
        "Add a user.",
        operation="users.create",
        details="Without a password an invitation is mailed, which has to be completed.",
        examples=("--email a@example.com --role User --office-id OFFICE_ID",),
    ),
    "delete": Leaf(
        "Delete a user.",
        operation="users.delete",
        details="Their orders stay and lose their assignee.",
        examples=("USER_ID", "USER_ID --yes"),
        question="This deletes the user",
        done="The user is deleted.",
    ),
    "get": Leaf("Show a user.", operation="users.get", examples=("a@example.com",)),
    "list": Leaf("List the users.", operation="users.list"),
    "send-password-reset": Leaf(
        "Mail a user a link to reset the password.",
        operation="users.send_password_reset",
        examples=("a@example.com",),
    ),
    "update": Leaf(
        "Change a user.",
        operation="users.update",
        details="What is left out is not sent.",
        examples=("USER_ID --role Manager",),
    ),
}
_WEBHOOKS = {
    "dead": Leaf("List events that were given up.", "webhook_inbox:dead"),
    "delete": Leaf(
        "Have no URL called any more.",
        operation="webhooks.delete",
        question="This deletes all webhooks of the company",
        done="All webhooks of the company are deleted.",
    ),
    "handle": Leaf(
        "Run a command for each event that something else receives.", "webhook_inbox:handle"
    ),
    "listen": Leaf("Receive webhooks and run a command for each event.", "webhook_inbox:listen"),
    "requeue": Leaf("Have events that were given up handled again.", "webhook_inbox:requeue"),
    "secret": Leaf("Make a new secret for the URLs.", "webhooks:secret"),
    "set": Leaf(
        "Set which URLs are called, and when.", "webhooks:set_", operation="webhooks.update"
    ),
    "show": Leaf("Show which URLs are called, as far as can be known.", "webhooks:show"),
}

COMMANDS: Final[Mapping[str, Leaf | Branch]] = {
    "assets": Branch("See and fetch the delivered files of orders.", _ASSETS),
    "change-requests": Branch("Ask for changes of delivered plans.", _CHANGE_REQUESTS),
    "company": Branch("See the company that the key belongs to.", _COMPANY),
    "completion": Leaf("Write what completes this command in a shell.", "completion:completion"),
    "demo": Leaf("Show the main job, against a sandbox of its own.", "demo:demo"),
    "doctor": Leaf("Say what is in force, what is wrong, and what to do.", "doctor:doctor"),
    "drafts": Branch("Make, change and delete draft orders.", _DRAFTS),
    "endpoints": Leaf("List all operations of the API.", "endpoints:endpoints"),
    "gotoscan": Branch("Order scans by somebody at the property.", _GOTOSCAN),
    "offices": Branch("See and add offices.", _OFFICES),
    "orders": Branch("Read orders, and buy more for them.", _ORDERS),
    "profiles": Branch("Keep the settings of several companies side by side.", _PROFILES),
    "request": Leaf("Call any path of the API.", "request:request"),
    "sandbox": Leaf("Serve the API from this machine.", "sandbox:sandbox"),
    "users": Branch("See and manage the people of the company.", _USERS),
    "webhooks": Branch("Set which URLs CubiCasa calls, and receive the calls.", _WEBHOOKS),
}


def command_of(operation: str) -> tuple[str, ...]:
    """What has to be typed behind `cubicasa` to call an operation of the API.

    Raises:
        KeyError: There is no such operation.
    """
    for group, branch in COMMANDS.items():
        if isinstance(branch, Branch):
            for name, leaf in branch.leaves.items():
                if leaf.operation == operation:
                    return group, name
    raise KeyError(operation)
