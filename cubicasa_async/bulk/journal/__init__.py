"""The durable record of a job: what is said of it, and what keeps it."""
