"""What the pages call things: commands, roles, stages and the like, as texts to be translated."""

from __future__ import annotations

from models.procedure import Role, Stage
from motcua.store.screens import State
from motcua.web.language import marked as _

COMMANDS: dict[str, str] = {
    "claim": _("Claim"),
    "release": _("Give back"),
    "accept": _("Accept as complete"),
    "refuse": _("Refuse to receive"),
    "complete": _("Complete this step"),
    "approve": _("Approve"),
    "reject": _("Reject"),
    "return": _("Hand the result over"),
    "send-back": _("Send back"),
    "request-supplement": _("Ask for missing papers"),
    "supply": _("Record what was handed in"),
    "request-payment": _("Ask for payment"),
    "pay": _("Record a payment"),
    "consult": _("Ask another agency"),
    "answer": _("Record the answer"),
    "note": _("Leave a note"),
    "attach": _("Add a document"),
    "assign": _("Assign"),
    "transfer": _("Pass to another unit"),
    "apologise": _("Send the apology"),
    "dismiss-apology": _("No apology needed"),
    "extend": _("Promise a new date"),
    "acknowledge": _("Acknowledge the alarms"),
    "stop": _("Stop processing"),
    "resume": _("Resume processing"),
    "correct": _("Correct the last step"),
    "withdraw": _("Withdraw for the applicant"),
}
"""In the order in which they are shown."""
OTHER_COMMANDS: dict[str, str] = {
    "file": _("Hand in"),
    "rate": _("Rate"),
    "outage": _("Count an outage"),
    "amend-calendar": _("Count by another calendar"),
    "observe": _("Take down an observation"),
    "hear": _("Hear of a linked dossier"),
    "free": _("Open a task to colleagues"),
    "tick": _("Let the clock act"),
}
"""Commands that have no button: they are named in refusals only."""

ROLES: dict[Role, str] = {
    Role.RECEIVER: _("receiver"),
    Role.HANDLER: _("handler"),
    Role.UNIT_LEADER: _("unit leader"),
    Role.APPROVER: _("approver"),
    Role.CLERK: _("clerk"),
    Role.RETURNER: _("returner"),
    Role.OFFICE_LEADER: _("office leader"),
    Role.AUDITOR: _("auditor"),
    Role.ADMINISTRATOR: _("administrator"),
    Role.CITIZEN: _("applicant"),
    Role.CLOCK: _("the clock"),
}
STAGES: dict[Stage, str] = {
    Stage.RECEIVE: _("Receive"),
    Stage.PROCESS: _("Process"),
    Stage.APPROVE: _("Approve"),
    Stage.RETURN: _("Return"),
    Stage.CLOSED: _("Closed"),
}
CHANNELS: dict[str, str] = {"counter": _("at the counter"), "online": _("online"), "post": _("by post")}
TIMELINESS: dict[str, str] = {"early": _("early"), "on_time": _("on time"), "overdue": _("overdue")}
VACANCIES: dict[str, str] = {
    "left": _("does not work at this office any more"),
    "not-begun": _("does not work at this office yet"),
    "unknown": _("does not work at this office any more"),
    "unit": _("works for another unit"),
    "role": _("does not have the role for it any more"),
}
WAITS: dict[str, str] = {
    "supplement": _("missing papers"),
    "payment": _("payment"),
    "consultation": _("another agency's answer"),
    "linked": _("a linked dossier"),
    "stop": _("a stop"),
    "outage": _("an announced outage"),
}
TERMS: dict[str, str] = {
    "intake": _("Answer at intake"),
    "dossier": _("Whole dossier"),
    "step": _("Step: {name}"),
    "supplement": _("Missing papers from the applicant"),
    "payment": _("Payment by the applicant"),
    "consultation": _("Answer of {name}"),
    "link": _("Acknowledgement by {name}"),
}
ALARMS: dict[str, str] = {
    "reminder": _("reminder"),
    "due": _("due now"),
    "overdue": _("overdue"),
    "escalation": _("escalation"),
    "apology-drafted": _("an apology waits for you"),
    "task-freed": _("a task waits to be assigned"),
    "accepted": _("dossier received"),
    "supplement-requested": _("missing papers requested"),
    "refused": _("dossier refused"),
    "extended": _("new date promised"),
    "stopped": _("processing stopped"),
    "resumed": _("processing resumed"),
    "withdrawn": _("dossier withdrawn"),
    "ready": _("result ready"),
    "digest": _("morning mail"),
}
"""What a notice tells: alarms, and letters to applicants and staff."""
MEDIA: dict[str, str] = {"desk": _("bell"), "email": _("e-mail")}
"""The channels of every office; those of its webhooks keep their ids."""
NEWS: dict[str, str] = {
    "opened": _("it has been opened"),
    "acknowledged": _("it has been received"),
    "late": _("it is late"),
    "promised": _("a new date was promised"),
    "ready": _("its result is ready"),
    "refused": _("it was refused"),
    "withdrawn": _("it was withdrawn"),
    "stopped": _("it was stopped"),
}
PAPERS: dict[str, str] = {
    "receipt": _("Receipt with appointment"),
    "supplement": _("Request for missing papers"),
    "refusal": _("Refusal"),
    "apology": _("Apology with a new date"),
    "stop": _("Notice of stopping"),
    "control-slip": _("Control slip"),
}
PAPER_KINDS: dict[str, str] = {**PAPERS, "register": _("Register")}
FATES: dict[str, str] = {
    "waiting": _("waits for its time"),
    "sending": _("being sent"),
    "trying": _("tried again"),
    "again": _("sent again"),
    "sent": _("sent"),
    "void": _("not needed any more"),
    "passed": _("passed on"),
    "refused": _("could not be delivered"),
    "shown": _("on the bell"),
}
STATES: dict[State, str] = {
    "late": _("late"),
    "today": _("due today"),
    "soon": _("due soon"),
    "comfortable": _("in time"),
    "paused": _("paused"),
    "waiting": _("no deadline"),
}
ACTS: dict[str, str] = {
    "apply": _("ordered"),
    "applied": _("applied to all dossiers"),
    "undo": _("taken back"),
    "undone": _("taken back from all dossiers"),
}
BOOK: dict[str, str] = {
    "signed-in": _("signed in"),
    "signed-out": _("signed out"),
    "refused": _("sign-in refused"),
    "locked": _("account locked"),
    "password-changed": _("password changed"),
    "password-set": _("new password made"),
    "unlock": _("account unlocked"),
    "disable": _("account closed"),
    "enable": _("account opened"),
    "sign-out": _("signed out by an administrator"),
    "forbidden": _("page or act refused"),
}
PLACES: dict[str, str] = {
    "work": _("Inbox, search, dossiers"),
    "counter": _("Counter"),
    "board": _("Board"),
    "calendar": _("Calendar"),
    "change-calendar": _("Change the calendar"),
    "announce-outage": _("Announce an outage"),
    "absences": _("Absences of others"),
    "accounts": _("Accounts"),
    "sign-ins": _("Sign-ins and refusals"),
    "audit": _("Audit: who did and saw what"),
    "hold": _("Keep a dossier from being erased"),
    "erase": _("Erase personal data"),
    "seal-keys": _("Change the keys of the seals"),
    "restart": _("Restart the processing of a dossier"),
}
SIGHTS: dict[str, str] = {
    "dossier": _("Dossier opened"),
    "document": _("Document opened"),
    "paper": _("Paper printed"),
    "search": _("Searched"),
    "list": _("List looked at"),
    "history": _("Audit of the dossier opened"),
    "traces": _("Audit searched"),
}
KINDS: dict[str, str] = {
    "filed": _("Handed in"),
    "accepted": _("Received"),
    "refused": _("Not received"),
    "step-opened": _("Step begun"),
    "claimed": _("Task claimed"),
    "released": _("Task given back"),
    "assigned": _("Task assigned"),
    "step-completed": _("Step completed"),
    "decided": _("Decided"),
    "issued": _("Result issued"),
    "ready": _("Result ready"),
    "sent-back": _("Sent back"),
    "supplement-requested": _("Missing papers asked for"),
    "supplied": _("Missing papers handed in"),
    "payment-requested": _("Payment asked for"),
    "paid": _("Paid"),
    "consulted": _("Another agency asked"),
    "answered": _("Another agency answered"),
    "extended": _("Deadline extended"),
    "apology-dismissed": _("Apology dismissed"),
    "returned": _("Result handed over"),
    "withdrawn": _("Withdrawn by the applicant"),
    "stopped": _("Stopped"),
    "transferred": _("Passed on"),
    "corrected": _("Completion corrected"),
    "noted": _("Note"),
    "attached": _("Document added"),
    "rated": _("Rated"),
    "acknowledged": _("Alarms acknowledged"),
    "calendar-amended": _("Deadlines counted anew"),
    "outage-counted": _("Outage counted"),
    "observed": _("Observed by another system"),
    "rung-reached": _("Alarm"),
    "became-overdue": _("Overdue"),
    "apology-drafted": _("Apology drafted"),
    "clock-paused": _("Clock stopped"),
    "clock-resumed": _("Clock runs again"),
    "task-freed": _("Task open to colleagues again"),
    "rating-lapsed": _("Time to rate is over"),
    "link-requested": _("Linked dossier asked for"),
    "linked-to": _("Opened for another dossier"),
    "heard": _("News of a linked dossier"),
}
"""Every kind of fact, in short."""
JOURNAL: dict[str, str] = {
    "erased": _("personal data erased"),
    "hold-placed": _("hold placed: nothing may be erased"),
    "hold-lifted": _("hold lifted"),
    "restart-asked": _("restart of the workflow requested"),
    "dossier-restarted": _("workflow restarted from the facts"),
}
BASES: dict[str, str] = {
    "retention": _("its period is over"),
    "request": _("the person asked for it"),
    "order": _("a court or an authority ordered it"),
}
KEPT: dict[str, str] = {
    "hold": _("The hold is placed."),
    "lift": _("The hold is lifted."),
    "erase": _("It is erased; that it was is in the journal."),
}
PATTERNS: dict[str, tuple[str, str]] = {
    "hasty": (_("Decided within a minute"), _("decided {n} seconds after the step began")),
    "both-sides": (
        _("One person on both sides"),
        _("decided on what they had worked on themselves (fact {n})"),
    ),
    "at-night": (_("Work at night"), _("{n} acts between nine in the evening and six in the morning")),
    "back-and-forth": (_("Sent back and forth"), _("sent back {n} times")),
    "extended-together": (
        _("Deadlines extended in batches"),
        _("{n} deadlines extended within a quarter of an hour"),
    ),
    "curious": (
        _("Many opened, none worked on"),
        _("{n} dossiers opened in one day that they never did anything with"),
    ),
}
"""What an auditor may want to look at: its name, and the reason with its number."""
LIMITS: dict[str, tuple[str, str]] = {
    "days": (_("{n} working day"), _("{n} working days")),
    "hours": (_("{n} working hour"), _("{n} working hours")),
    "calendar days": (_("{n} calendar day"), _("{n} calendar days")),
    "clock hours": (_("{n} hour"), _("{n} hours")),
}
WHY: dict[str, str] = {
    "weekend": _("weekend"),
    "closed": _("closed"),
    "starting day": _("starting day, not counted"),
    "counted": _("counted"),
    "due at the opening": _("due at the opening"),
    "counted around the clock": _("counted around the clock"),
    "the same day, until its closing": _("the same day, until its closing"),
    "ends at a fixed instant": _("ends at a fixed instant"),
    "rolls forward to the next opening": _("moves on to the next opening"),
    "holiday": _("holiday"),
    "swap": _("day off in exchange"),
    "make-up": _("working day"),
    "half-day": _("half a day"),
    "paused": _("clock stopped"),
    "not counted": _("not counted, the term began anew"),
    "extended": _("extended"),
}
WORKING_DAY = _("working day {which} of {total}")
CALENDAR_DAY = _("calendar day {which} of {total}")
OUTSIDE: dict[str, str] = {
    **dict.fromkeys(("citizen", "applicant"), _("the applicant")),
    "clock": _("the clock"),
    "messenger": _("a linked dossier"),
}
SENTENCES: dict[str, str] = {
    "RequestReused": _(
        "This form was sent before with other content. See whether that has been done; if not, send it again."
    ),
}
"""What pages say instead of a refusal's own sentence, which names what only programs know."""
FIELDS: dict[str, str] = {
    "name": _("Full name"),
    "id_number": _("Identity number"),
    "phone": _("Telephone"),
    "email": _("E-mail"),
    "address": _("Address"),
    "owner": _("On behalf of (if for somebody else)"),
    "reason": _("Reason"),
    "text": _("Note"),
    "note": _("Note"),
    "number": _("Number of the result"),
    "date": _("Date of the result"),
    "until": _("New date"),
    "legal_basis": _("Legal basis"),
    "agency": _("Agency"),
    "amount": _("Amount in đồng"),
    "receipt": _("Receipt number"),
    "limit": _("Working days for it"),
    "papers": _("Papers"),
    "originals": _("Originals"),
    "copies": _("Copies"),
    "unit": _("Unit"),
    "to": _("To"),
    "step": _("Step"),
    "score": _("Your opinion"),
    "procedure": _("Procedure"),
    "due_at": _("Due at"),
    "file": _("File"),
    "document": _("File"),
    "id": _("Short name (letters, digits, hyphens)"),
    "decree": _("Decree"),
    "title": _("What it is about"),
    "BadCatalogue.name": _("Name"),
    "issued": _("Issued on"),
    "day": _("Day"),
    "hours": _("Hours"),
    "acknowledge.until": _("Rest until"),
    "request-supplement.reason": _("Reason"),
    "request-supplement.text": _("Reason"),
    "certified": _("Certified copies"),
    "channel": _("How"),
    "fee": _("Kind of fee"),
    "question": _("Question"),
    "reply": _("Answer"),
    "due": _("Due at"),
    "submitted_at": _("Handed in"),
    "since": _("First day"),
    "notice": _("Announcement"),
    "language": _("Language"),
    "paper": _("Paper"),
    "result_by": _("Result wanted"),
    "person": _("Who"),
    "substitute": _("Substitute"),
    "days": _("Working days"),
    "kind": _("Kind of day"),
    "half": _("Open half"),
    "basis": _("Legal basis"),
    "sure": _("The dossier's code, once more"),
    "task": _("Dossier"),
    "code": _("Dossier"),
}
OTHER_FIELD = _("Other field")
MACHINE_FIELDS = frozenset(
    ("csrf", "request_id", "batch", "seen", "back", "whose", "looked_at", "k", "act", "how")
)
"""Fields that pages fill in themselves; every other one holds words of the person who sends the form."""
PASSWORD_FIELDS = frozenset(("password", "old", "new", "again"))
BOOK_REASONS: tuple[str, ...] = (
    _("wrong password"),
    _("wrong password at a change"),
    _("no such account"),
    _("{n} wrong passwords"),
    _("locked"),
    _("disabled"),
    _("outside their time"),
)
"""Reasons in the book of sign-ins, as it keeps them; {n} stands for a number."""
