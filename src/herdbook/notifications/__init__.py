"""Who is told of what is written down: subscriptions, and what is sent to whom."""
