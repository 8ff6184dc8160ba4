"""Which keys have to sign what a channel gets, as The Update Framework (TUF) writes it down."""
