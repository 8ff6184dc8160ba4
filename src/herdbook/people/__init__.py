"""Who people and robots are, which groups they are in, and what their roles let them do."""
